"""Bad pictures are marked: out of everything that is trained on, on disk still, and back again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

import infgen
from infgen.batch import preview
from infgen.batch.marks import JOURNAL, read_marks
from infgen.batch.store import Store, open_finished
from infgen.formats import EXPORTS
from infgen.records.errors import FolderError, InputError
from infgen.records.manifest import Manifest
from infgen.sources.datasets import open_dataset
from infgen.sources.marks import write_marks
from tests.making import ROOT, differing, infgen_here, make_tables, snapshot

pytestmark = pytest.mark.xdist_group("marks")

OWN = ("manifest.json", "marks.json", "samples-", "run.toml", "preview.png", "marked/", "classes.",
       "statistics.json")  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 12 pictures, three of them in val, with backgrounds, and in one format."""
    folder = tmp_path_factory.mktemp("marks")
    tables = make_tables(folder / "input")
    settings = tables.settings(val_frac=0.3, keep_backgrounds=True, format="coco", seed=3)
    infgen.run(**settings, statistics=True, out=folder / "dataset")
    return folder / "dataset"


@pytest.fixture
def dataset(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dataset"))


def of_split(dataset: Path, split: str) -> list[int]:
    return [one.index for one in Store(dataset).entries() if one.split == split]


def exported(dataset: Path) -> dict[str, bytes]:
    """The files of the formats, and the pictures in images/."""
    return {name: data for name, data in snapshot(dataset).items() if not name.startswith(OWN)}


def never_made(dataset: Path, indices: list[int], folder: Path, **settings: Any) -> Path:
    """The dataset in a fresh export, as if it never had had these pictures."""
    store, manifest = open_finished(dataset)
    for name in ("run.toml", "backgrounds"):
        source = dataset / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / name)
    entries = [one for one in store.entries() if one.index not in indices]
    lines = [msgspec.json.encode(one) + b"\n" for one in entries]
    (folder / "samples-00000.jsonl").write_bytes(b"".join(lines))
    for one in entries:
        (folder / one.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset / one.file, folder / one.file)
    splits = {name: sum(one.split == name for one in entries) for name in manifest.splits}
    left = msgspec.structs.replace(
        manifest, pictures=len(entries), splits=splits, formats=(), written={}
    )
    (folder / "manifest.json").write_bytes(msgspec.json.encode(left))
    infgen.export(folder, workers=1, **settings)
    return folder


@pytest.mark.parametrize("name", EXPORTS)
def test_marked_pictures_are_gone_from_every_format_and_come_back(
    dataset: Path, tmp_path: Path, name: str
) -> None:
    shutil.rmtree(dataset / "annotations")
    values = json.loads((dataset / "manifest.json").read_bytes())
    (dataset / "manifest.json").write_text(json.dumps(values | {"formats": []}))
    settings = {"format": name, "coco_masks": "rle", "first_label": 2}
    infgen.export(dataset, workers=1, **settings)
    before = snapshot(dataset)
    train, val = of_split(dataset, "train"), of_split(dataset, "val")
    for marked in ([train[1], val[0]], val):
        fresh = tmp_path / f"fresh {len(marked)} {marked[0]}"
        fresh.mkdir()
        expected = exported(never_made(dataset, marked, fresh, **settings))
        manifest = infgen.mark(dataset, marked, reason="blurred")
        assert manifest.formats == (name,) and manifest.marked == len(marked)
        assert not differing(exported(dataset), expected)
        assert any(name.startswith("images/") for name in expected) and len(expected) > 12
        infgen.mark(dataset, marked, undo=True)
        assert not differing(snapshot(dataset), before)


def test_marks_are_written_down_and_pictures_stay(dataset: Path) -> None:
    files = {one.index: one.file for one in Store(dataset).entries()}
    infgen.mark(dataset, [7, 2], reason="cut off")
    manifest = infgen.mark(dataset, [4], reason="mirrored\ntext")
    assert read_marks(dataset) == {2: "cut off", 4: "mirrored\ntext", 7: "cut off"}
    assert list(json.loads((dataset / "marks.json").read_bytes())) == ["2", "4", "7"]
    assert (manifest.marked, manifest.pictures) == (3, 12)
    for one in Store(dataset).entries():
        moved = f"marked/{files[one.index]}" if one.index in (2, 4, 7) else files[one.index]
        assert one.file == moved and cv2.imread(str(dataset / moved)) is not None
    assert not (dataset / JOURNAL).exists()


def test_sheet_and_statistics_are_of_what_is_left(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That both are as before after an undo, and as marked after another run, is told by others."""
    sheets: list[tuple[str, list[str]]] = []

    def draw(tiles: Any, names: Any, title: str, subtitle: str) -> np.ndarray:
        sheets.append((f"{title}. {subtitle}", [tile.caption.split()[0] for tile in tiles]))
        return np.zeros((9, 9, 3), np.uint8)

    monkeypatch.setattr(preview, "draw_sheet", draw)
    infgen.mark(dataset, [2, 4])
    left = [one for one in Store(dataset).entries() if one.index not in (2, 4)]
    [(words, shown)] = sheets
    objects = sum(len(one.objects) for one in left)
    assert shown == [str(one.index) for one in left] and len(shown) == 10
    assert "10 pictures (" in words and f", {objects} objects," in words
    assert words.endswith("2 more marked as bad.")
    counted = json.loads((dataset / "statistics.json").read_bytes())
    assert counted["pictures"] == 10
    for split in ("train", "val"):
        own = [one for one in left if one.split == split]
        assert counted["folders"].pop(f"images/{split}")["bytes"] == sum(one.bytes for one in own)
    assert counted["folders"] == {}
    infgen.mark(dataset, [2], undo=True)
    assert len(sheets[-1][1]) == 11
    (dataset / "marks.json").unlink()
    infgen.export(dataset, "coco")
    assert len(sheets[-1][1]) == 12 and len(sheets) == 3
    assert json.loads((dataset / "statistics.json").read_bytes())["pictures"] == 12
    assert not (dataset / "marked").exists()


def test_who_reads_the_dataset_passes_marked_pictures_over(dataset: Path, tmp_path: Path) -> None:
    infgen.mark(dataset, [2, 4])
    opened = open_dataset(dataset)
    assert opened.count == len(list(opened.pictures())) == 10
    assert len(infgen.Dataset(dataset, split=None)) == 10
    found = infgen.audit(dataset, out=tmp_path / "audit")
    assert sum(found.labels.pictures.values()) == 10
    taken = infgen.merge(dataset, out=tmp_path / "merged", format="coco", workers=1, report=False)
    assert taken.pictures == 10


def test_later_runs_exports_and_parts_respect_marks(dataset: Path, tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    again = tables.settings(val_frac=0.3, keep_backgrounds=True, format="coco", seed=3)
    again["statistics"] = True
    infgen.mark(dataset, [2, 4], reason="bad")
    marked = snapshot(dataset, "manifest.json")  # it tells where the tables are
    assert infgen.run(**again, out=dataset).marked == 2
    assert not differing(snapshot(dataset, "manifest.json"), marked)
    infgen.export(dataset, "yolo", workers=1)
    assert not (dataset / "labels/train/00000002.txt").exists()
    grown = infgen.run(**again | {"append": True, "images": 3}, out=dataset)
    assert (grown.pictures, grown.marked) == (15, 2)
    assert len(list((dataset / "images").rglob("*.jpg"))) == 13
    assert len(list((dataset / "labels").rglob("*.txt"))) == 13
    (dataset / "marked/images/train/00000002.jpg").unlink()  # it is made again, and still marked
    infgen.run(**again, out=dataset)
    assert (dataset / "marked/images/train/00000002.jpg").exists()
    assert not (dataset / "images/train/00000002.jpg").exists()


@pytest.mark.parametrize(
    "pictures, words",
    [([3, 99, 12, 5], "12, 99"), ([], "no pictures"), (range(12), "no picture would be left"),
     ([-1], "-1"), (range(100, 120), "107 and 12 more"), (["4"], "list of whole numbers"),
     (4, "list of whole numbers")],
)  # fmt: skip
def test_wrong_numbers_are_one_sentence_and_change_nothing(
    dataset: Path, pictures: Any, words: str
) -> None:
    before = snapshot(dataset)
    with pytest.raises(InputError) as caught:
        infgen.mark(dataset, pictures)
    assert len(caught.value.problems) == 1 and words in str(caught.value)
    assert not differing(snapshot(dataset), before)


def test_a_reason_is_a_text_of_whole_letters(dataset: Path) -> None:
    wrong: Any = None
    with pytest.raises(InputError, match="reason: None"):
        infgen.mark(dataset, [4], reason=wrong)
    assert not (dataset / JOURNAL).exists()
    infgen.mark(dataset, [4], reason="half \udcff")
    assert read_marks(dataset) == {4: "half ?"}


def test_failed_pictures_are_refused(dataset: Path) -> None:
    file = dataset / "samples-00000.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    entry = next(one for one in Store(dataset).entries() if one.index == 5)
    failed = msgspec.structs.replace(entry, failure="no", file="", bytes=0, objects=())
    lines[5] = msgspec.json.encode(failed) + b"\n"
    file.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match="no picture 5:"):
        infgen.mark(dataset, [4, 5])


def test_command_line_takes_numbers_and_ranges(dataset: Path) -> None:
    val = of_split(dataset, "val")
    numbers = [str(index) for index in val]
    done = infgen_here("mark", dataset, *numbers, "0-1", "--reason", "odd", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "no picture of val is left" in done.stderr
    expected = dict.fromkeys(sorted({0, 1, *val}), "odd")
    assert read_marks(dataset) == expected
    assert f"{len(expected)} of 12 pictures are marked and kept out of coco" in done.stdout
    huge = f"1-{10**30}"
    wrong = infgen_here("mark", dataset, "5-3", "x", "7", "1-99999999999", "4-", huge)
    assert wrong.returncode == 2
    assert f"'5-3', 'x', '1-99999999999', '4-', '{huge}'" in wrong.stderr
    assert read_marks(dataset) == expected


def test_packed_pictures_stay_in_their_archives(tmp_path: Path) -> None:
    tables = make_tables(tmp_path / "input")
    out = tmp_path / "packed"
    infgen.run(**tables.settings(pack="zip", format="coco,masks"), out=out)
    before = snapshot(out)
    infgen.mark(out, [3])
    seen = json.loads((out / "annotations/instances_train.json").read_bytes())
    assert 4 not in {one["id"] for one in seen["images"]} and len(seen["images"]) == 10
    assert not (out / "masks/train/00000003.png").exists()
    assert {k: v for k, v in snapshot(out).items() if k.startswith("packs/")} == {
        k: v for k, v in before.items() if k.startswith("packs/")
    }
    infgen.mark(out, [3], undo=True)
    assert not differing(snapshot(out), before)


def test_pictures_whose_marks_were_deleted_come_back_to_every_format(dataset: Path) -> None:
    infgen.export(dataset, "yolo", yolo_labels="detect")
    before = snapshot(dataset)
    infgen.mark(dataset, [3, 4])
    (dataset / "marks.json").unlink()
    infgen.export(dataset, "coco")
    assert not differing(snapshot(dataset), before)


def test_marks_that_cannot_be_read_are_one_sentence(dataset: Path) -> None:
    (dataset / "marks.json").write_text("[1, 2]")
    with pytest.raises(FolderError, match=r"marks\.json isn't as infgen wrote it"):
        open_dataset(dataset)


def test_records_and_manifests_that_cannot_be_read_are_one_sentence(dataset: Path) -> None:
    write_marks(dataset, {1: ""})
    records, manifest = dataset / "samples-00000.jsonl", dataset / "manifest.json"
    whole = records.read_bytes()
    records.write_bytes(whole[:-20])
    with pytest.raises(FolderError, match=r"a record in its samples-\S+ isn't as infgen wrote it"):
        infgen.export(dataset, "yolo", workers=1)
    records.write_bytes(whole)
    manifest.write_text(manifest.read_text().replace('"polygon"', '"outline"'))
    with pytest.raises(FolderError, match=r"manifest\.json isn't as infgen wrote it .*'outline'"):
        infgen.mark(dataset, [2])


# ---- killed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("undo", [False, True])
def test_killed_anywhere_the_next_command_ends_it(made: Path, tmp_path: Path, undo: bool) -> None:
    """Before every fifth change to the disk; each death is followed by an export of one format,
    which mends the others, too."""
    begin = Path(shutil.copytree(made, tmp_path / "begin"))
    infgen.export(begin, "yolo,hf", workers=1, yolo_labels="detect")
    if undo:
        infgen.mark(begin, [2, 4], reason="bad")
    job = {"begin": str(begin), "work": str(tmp_path), "undo": undo, "step": 5}
    (tmp_path / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "tests.batch.die_marking", str(tmp_path / "job.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    deaths = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(deaths) > 7
    assert [one for one in deaths if one["differing"]] == []
    words = " ".join(one["operation"] for one in deaths)
    assert "images/" in words and "hf/" in words


def test_manifests_of_before_can_be_read() -> None:
    names = {field.name for field in msgspec.structs.fields(Manifest) if field.required}
    assert not names & {"marked", "written"}
