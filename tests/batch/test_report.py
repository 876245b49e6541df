"""Reports as they are written: at the end of a run, of any dataset, again and again."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from pycocotools.coco import COCO

import infgen
from infgen.batch.again import commands_of
from infgen.batch.reporter import Silent
from infgen.batch.store import Store, open_finished
from infgen.records.box import Box
from infgen.records.errors import FolderBusy, FolderError, InputError, StorageError
from infgen.report import pages
from infgen.report.card import MARKER
from infgen.report.figures import Figures
from infgen.report.figures.bins import SIDES
from infgen.sources.disk import part_name
from tests.foreign import Label, Shot, masked, write_foreign
from tests.labelled import write_yolo
from tests.making import (
    Tables,
    differing,
    infgen_here,
    make_tables,
    snapshot,
)

pytestmark = pytest.mark.xdist_group("report")


class Listening(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tables, Path]:
    """A dataset with its report, and the tables that it was made of. Nobody changes it."""
    folder = tmp_path_factory.mktemp("made")
    tables = make_tables(folder / "input", scenes=9)
    settings = tables.settings(out=folder / "dataset", images=24, val_frac=0.3, report=True)
    infgen.run(**settings, format="coco,yolo")
    return tables, folder / "dataset"


@pytest.fixture
def dataset(made: tuple[Tables, Path], tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made[1], tmp_path / "dataset")


def figures_in(folder: Path) -> Figures:
    return msgspec.json.decode((folder / "figures.json").read_bytes(), type=Figures)


def card_of(dataset: Path) -> str:
    return (dataset / "README.md").read_text(encoding="utf-8")


# ---- the end of a run ----------------------------------------------------------------------------


def test_a_run_ends_with_a_report_and_a_card(made: tuple[Tables, Path]) -> None:
    _, dataset = made
    assert {"index.html", "gallery.html", "rejects.html", "figures.json"} <= {
        path.name for path in (dataset / "report").iterdir()
    }
    figures = figures_in(dataset / "report")
    assert figures.counted == 24 and figures.looks is not None and figures.looks.all
    assert [one.pictures for one in figures.rounds] == [24]
    assert figures.rounds[0].seconds
    assert card_of(dataset).startswith(MARKER)


def test_figures_are_those_of_the_coco_file(made: tuple[Tables, Path]) -> None:
    _, dataset = made
    figures = figures_in(dataset / "report")
    for split in ("train", "val"):
        coco = COCO(dataset / f"annotations/instances_{split}.json")
        assert figures.pictures[split] == len(coco.imgs)
        for class_id, one in enumerate(figures.classes):
            [category] = coco.getCatIds(catNms=[one.name])
            assert one.objects[split] == len(coco.getAnnIds(catIds=[category])), class_id
            assert one.images[split] == len(coco.getImgIds(catIds=[category]))
    both = [COCO(path) for path in sorted((dataset / "annotations").glob("*.json"))]
    labels = [label for coco in both for label in coco.anns.values()]
    widths = np.histogram([label["bbox"][2] for label in labels], SIDES)[0]
    assert np.sum([one.widths for one in figures.classes], axis=0).tolist() == widths.tolist()
    small = sum(label["area"] < 32**2 for label in labels)
    assert sum(one.sizes["small"] for one in figures.classes) == small
    per_picture = Counter(len(coco.getAnnIds(imgIds=[one])) for coco in both for one in coco.imgs)
    assert dict(enumerate(figures.per_picture)) == {n: per_picture[n] for n in range(52)}


def test_the_card_and_the_pages_tell_what_the_manifest_does(made: tuple[Tables, Path]) -> None:
    _, dataset = made
    manifest = Store(dataset).manifest()
    assert manifest is not None
    card, page = card_of(dataset), (dataset / "report/index.html").read_text(encoding="utf-8")
    objects = sum(one.objects for one in manifest.classes)
    assert f"24 pictures ({manifest.splits['train']} train, {manifest.splits['val']} val)" in card
    assert f"with {objects} labelled objects of 2 classes" in card
    for one in manifest.classes:
        assert f"| {one.name} | a thing | {one.images} |" in card
        assert one.name in page
        for reason, count in one.dropped.items():
            assert f"| {one.name} | object left out | {reason} | {count} |" in card
    for note in manifest.notes:
        assert note in card
    assert "- backgrounds: 9 files" in card and "- cutouts: 6 files" in card
    assert "- coco: " in card and "- yolo: " in card and "- voc: " not in card
    assert str(dataset.parent) not in card
    assert page.count("<svg") >= 10


def test_the_commands_of_the_card_make_the_dataset_again(
    made: tuple[Tables, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dataset = made
    [command] = [line for line in card_of(dataset).splitlines() if line.startswith("python")]
    words = command.split()[3:]
    words[words.index("again")] = str(tmp_path / "again")
    monkeypatch.chdir(dataset)
    done = infgen_here(*words)
    assert done.returncode == 0, done.stderr
    again = tmp_path / "again"
    assert done.stdout.splitlines()[-1].endswith(str(again / "report" / "index.html"))
    one, other = (snapshot(folder) for folder in (dataset, again))
    assert [name for name in differing(one, other) if not name.startswith("report/")] == []


@pytest.mark.parametrize(("first", "then"), [(12, None), (None, 12)])
def test_labels_of_the_same_again_begin_where_they_began(
    tables: Tables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int | None,
    then: int | None,
) -> None:
    """Of formats that two runs have written, each with a first label of its own."""
    out, again = tmp_path / "dataset", tmp_path / "again"
    settings = tables.settings(out=out, images=2, val_frac=0)
    infgen.run(**settings, format="voc,masks", first_label=first)
    manifest = infgen.run(**settings, format="coco,yolo,idg", first_label=then)
    commands = list(commands_of(Store(out), manifest, {}))
    monkeypatch.chdir(out)
    for command in commands:
        words = command.split()[3:]
        done = infgen_here(*(str(again) if word == "again" else word for word in words))
        assert done.returncode == 0, done.stderr
    one, other = (snapshot(folder, "manifest.json") for folder in (out, again))
    assert len(commands) == 4 and not differing(one, other)


def test_without_a_report_there_is_none_and_no_card(tables: Tables, tmp_path: Path) -> None:
    done = infgen_here("run", *tables.options(out=tmp_path / "dataset", images=4))
    assert done.returncode == 0 and "index.html" not in done.stdout
    assert not {"report", "README.md"} & {path.name for path in (tmp_path / "dataset").iterdir()}


def test_the_report_is_no_part_of_the_fingerprint(made: tuple[Tables, Path], dataset: Path) -> None:
    tables, _ = made
    before = snapshot(dataset, "manifest.json")
    heard = Listening()
    settings = tables.settings(out=dataset, images=24, val_frac=0.3, format="coco,yolo")
    infgen.run(**settings, gallery=3, reporter=heard)
    assert not differing(before, snapshot(dataset, "manifest.json"))
    assert [text for text in heard.warnings if "are of the dataset as it was before" in text]
    with pytest.raises(InputError, match="--gallery: '0' won't do"):
        infgen.run(**settings, gallery=0)


@pytest.mark.parametrize("error", [StorageError("the disk is full"), ZeroDivisionError("a bug")])
def test_a_run_whose_report_fails_says_so_and_is_finished(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(pages, "write_pages", fail)
    heard = Listening()
    out = tmp_path / "dataset"
    manifest = infgen.run(**tables.settings(out=out, images=4, report=True), reporter=heard)
    assert manifest.pictures == 4 and (out / "manifest.json").exists()
    [told] = [text for text in heard.warnings if "its report is not" in text]
    assert str(error) in told and f"infgen report {out} writes it" in told
    lines = [json.loads(line) for line in (out / "run.log").read_text().splitlines()]
    assert [line["event"] for line in lines][-1] == "report failed"
    assert "Traceback" in lines[-1]["traceback"]
    with pytest.raises(type(error)):
        infgen.report(out)
    monkeypatch.undo()
    assert infgen.report(out).exists()


@pytest.mark.parametrize("left", ["nothing", "figures.json", "half"])
def test_a_report_that_was_killed_is_written_again(dataset: Path, left: str) -> None:
    whole, folder = snapshot(dataset), dataset / "report"
    if left == "half":  # the pages that come last aren't there yet
        (folder / "index.html").unlink()
        (folder / "rejects.html").write_text("of before")
        part_name(folder / "index.html").write_text("<html>")
    else:
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.name != left:
                path.rmdir() if path.is_dir() else path.unlink()
        part_name(folder / "figures.json").write_text("{")
    infgen.report(dataset)
    assert not differing(whole, snapshot(dataset))


def test_a_report_again_is_the_same_but_for_what_changed(dataset: Path) -> None:
    before = snapshot(dataset)
    path = infgen.report(dataset)
    assert path == dataset / "report" / "index.html"
    assert not differing(before, snapshot(dataset))
    infgen.report(dataset, gallery=5)
    assert "5 of 24, spread evenly" in path.read_text(encoding="utf-8")
    assert figures_in(dataset / "report") == msgspec.json.decode(
        before["report/figures.json"], type=Figures
    )


# ---- somebody else's files -----------------------------------------------------------------------


def test_a_readme_of_somebodys_own_stays(dataset: Path) -> None:
    (dataset / "README.md").write_text("# My own words\n")
    heard = Listening()
    infgen.report(dataset, reporter=heard)
    assert card_of(dataset) == "# My own words\n"
    assert (dataset / "report/card.md").read_text().startswith(MARKER)
    assert len(heard.warnings) == 1 and "isn't infgen's and stays as it is" in heard.warnings[0]
    (dataset / "README.md").unlink()
    infgen.report(dataset)
    assert card_of(dataset).startswith(MARKER) and not (dataset / "report/card.md").exists()


def test_a_folder_with_other_files_is_refused(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("x")
    (tmp_path / "thesis/figures.json").write_text("[1, 2]")
    with pytest.raises(FolderError, match=r"holds files that infgen didn't make \(chapter.txt"):
        infgen.report(dataset, out=tmp_path / "thesis")
    with pytest.raises(FolderError, match="is not a folder"):
        infgen.report(dataset, out=tmp_path / "thesis/chapter.txt")
    assert sorted(path.name for path in (tmp_path / "thesis").iterdir()) == [
        "chapter.txt",
        "figures.json",
    ]


def test_elsewhere_nothing_in_the_dataset_is_touched(dataset: Path, tmp_path: Path) -> None:
    before = snapshot(dataset)
    infgen.report(dataset, out=tmp_path / "elsewhere")
    assert not differing(before, snapshot(dataset))
    assert (tmp_path / "elsewhere/card.md").read_text() == card_of(dataset)


def test_a_dataset_that_cannot_be_locked_is_reported_elsewhere_with_a_warning(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Store) -> None:
        raise FolderError("a read-only disk")

    monkeypatch.setattr(Store, "claimed", refuse)
    heard = Listening()
    infgen.report(dataset, out=tmp_path / "elsewhere", gallery=2, reporter=heard)
    assert len(heard.warnings) == 1 and "can't be locked" in heard.warnings[0]
    with pytest.raises(FolderError, match="a read-only disk"):
        infgen.report(dataset)


def test_a_run_at_work_is_left_alone(dataset: Path, tmp_path: Path) -> None:
    for out in (None, tmp_path / "elsewhere"):
        with Store(dataset).claimed(), pytest.raises(FolderBusy):
            infgen.report(dataset, out=out)
    (dataset / "manifest.json").unlink()
    with pytest.raises(InputError, match="its run hasn't finished"):
        infgen.report(dataset)


def test_what_is_no_dataset_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    tables = make_tables(tmp_path / "input")
    infgen.cutouts(tables.classes.parent / "cutouts", out=tmp_path / "cutouts", workers=1)
    for place, words in (
        (tmp_path / "cutouts", "a bank of cutouts, and no dataset"),
        (tmp_path / "nowhere", "is not there"),
        (tmp_path / "input", "no dataset here that infgen can read"),
    ):
        with pytest.raises(InputError, match=words):
            infgen.report(place)


# ---- whatever there is ---------------------------------------------------------------------------


def write_both(folder: Path) -> Path:
    mask = np.zeros((40, 60), bool)
    mask[5:25, 10:50] = True
    shots = [
        Shot("a.png", (60, 40), [masked(0, mask), Label(1, Box(1, 1, 11, 21))]),
        Shot("b.png", (60, 40), [masked(1, mask, crowd=True)], 1),
        Shot("c.png", (60, 40), (), 2),
    ]
    write_foreign(folder, shots)
    return write_foreign(folder, [Shot("d.png", (60, 40), [masked(1, mask)], 3)], "val")


def test_a_foreign_coco_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_both(tmp_path / "data")
    (tmp_path / "data/images/train/c.png").unlink()
    broken = tmp_path / "data/images/train/b.png"
    broken.write_bytes(broken.read_bytes()[:60])
    before = snapshot(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    path = infgen.report("data")
    assert path == Path("infgen-report/index.html")
    figures = figures_in(tmp_path / "infgen-report")
    assert (figures.kind, figures.pictures) == ("coco", {"train": 2, "val": 1})
    assert (figures.failed, figures.objects) == (1, 4)
    cat, dog = figures.classes
    assert (cat.objects, dog.objects) == ({"train": 1, "val": 0}, {"train": 2, "val": 1})
    assert (dog.crowds, dog.boxes_only, dog.told_apart) == (1, 1, 2)
    page = path.read_text(encoding="utf-8").replace("&#39;", "'")
    assert "1 of the pictures that are listed can't be found or read" in page
    assert "of 3 pictures whose pixels were looked at, 1 can't be read" in page
    assert not differing(before, snapshot(tmp_path / "data"))
    infgen.report("data/annotations/instances_val.json")  # over the other one, which is infgen's
    assert figures_in(tmp_path / "infgen-report").pictures == {"val": 1}


def test_labels_outside_their_pictures_are_faults_and_no_objects(tmp_path: Path) -> None:
    inside = np.ones((40, 60), bool)
    labels = [
        Label(0, Box(70, 5, 90, 20)),
        Label(1, Box(-9, -9, 0, 30)),
        Label(1, Box(59, 39, 80, 80)),
        Label(0, Box(80, 5, 99, 20), np.zeros((40, 60), bool)),
        Label(0, Box(80, 5, 99, 9), inside),
    ]
    shots = [Shot("a.png", (60, 40), labels[:2]), Shot("b.png", (60, 40), labels[2:], 1)]
    write_foreign(tmp_path / "data", shots)
    infgen.report(tmp_path / "data", out=tmp_path / "r")
    figures = figures_in(tmp_path / "r")
    assert [one.total for one in figures.classes] == [1, 1] and figures.negatives == 1
    page = (tmp_path / "r/rejects.html").read_text(encoding="utf-8")
    told = "label outside its picture (a.png: a box at 70, 5, 90, 20)</bdi></td>"
    assert f'{told}<td class="number">3</td>' in page


def test_a_foreign_yolo_dataset_from_the_shell(tmp_path: Path) -> None:
    write_yolo(tmp_path / "data", "0 0.5 0.5 0.25 0.5\n7 0 0 1 1\n")
    done = infgen_here("report", tmp_path / "data", "--out", tmp_path / "r", "--gallery", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'r' / 'index.html'}\n"
    figures = figures_in(tmp_path / "r")
    assert (figures.kind, figures.counted, figures.objects) == ("yolo", 4, 4)
    assert "unknown class (a.png: " in (tmp_path / "r/rejects.html").read_text(encoding="utf-8")
    wrong = infgen_here("report", tmp_path / "data", "--gallery", "-3")
    assert wrong.returncode == 2 and "--gallery: '-3' won't do" in wrong.stderr


def test_archives_and_statistics(tables: Tables, tmp_path: Path) -> None:
    out = tmp_path / "grid"
    settings = tables.settings(out=out, grid=True, images=None, placements=1, format="coco")
    infgen.run(**settings | {"pack": "zip", "width": 48, "height": 40, "report": True})
    figures = figures_in(out / "report")
    counted = json.loads((out / "statistics.json").read_text())
    assert figures.counted == counted["pictures"] == 72
    assert figures.looks is not None and figures.looks.all and figures.looks.pictures == 72
    assert {name: list(one.mean) for name, one in figures.channels.items()} == {
        name: one["mean"] for name, one in counted["folders"].items() if one.get("mean")
    }
    assert [len(one.mean) for one in figures.channels.values()] == [3, 1]


def test_a_grown_dataset_is_reported_as_a_whole(made: tuple[Tables, Path], dataset: Path) -> None:
    tables, _ = made
    infgen.run(**tables.settings(out=dataset, append=True, images=6, seed=5, report=True))
    figures = figures_in(dataset / "report")
    assert figures.counted == 30 and [one.pictures for one in figures.rounds] == [24, 6]
    card = card_of(dataset)
    assert "30 pictures (" in card and "- by 2 runs, each of which added" in card
    assert ": 24, 6 pictures" in card and "- seed: 0, 5, run by run" in card
    assert "- run 2: the backgrounds have run out" in card
    page = (dataset / "report/index.html").read_text(encoding="utf-8")
    assert "<bdi>run 2: the backgrounds have run out" in page
    commands = [line for line in card.splitlines() if line.startswith("python")]
    assert len(commands) == 2 and "append-0001.toml" in commands[1]
    recorded = tomllib.loads((dataset / "append-0001.toml").read_text())
    assert recorded["append"] is True


def test_marks_and_further_formats_change_report_and_card(dataset: Path) -> None:
    infgen.mark(dataset, [2, 3], reason="blurred")
    infgen.mark(dataset, [5])
    figures = figures_in(dataset / "report")
    assert (figures.counted, figures.marked) == (21, 3)
    assert "| (whole picture) | picture marked as bad | blurred | 2 |" in card_of(dataset)
    assert "21 pictures (" in card_of(dataset) and "no format: 3 pictures" in card_of(dataset)
    infgen.export(dataset, "voc")
    infgen.export(dataset, "yolo", yolo_labels="detect", crop_backgrounds=False)
    assert "- voc: " in card_of(dataset) and "`marked/`: these pictures" in card_of(dataset)
    told = [line for line in card_of(dataset).splitlines() if line.startswith("python")]
    assert told[1:] == [
        "python -m infgen export again --format yolo --yolo-labels detect --no-crop-backgrounds",
        "python -m infgen export again --format voc",
        "python -m infgen mark again 2-3 --reason=blurred",
        "python -m infgen mark again 5",
    ]
    store, manifest = open_finished(dataset)
    run_with = replace(manifest, settings=manifest.settings | {"coco_masks": "rle"}, written={})
    assert list(commands_of(store, run_with, {2: "-x"}))[-2:] == [
        "python -m infgen export again --format voc --coco-masks rle",
        "python -m infgen mark again 2 --reason=-x",
    ]
    many = list(commands_of(store, manifest, dict.fromkeys(range(0, 200, 2), "it's bad")))
    assert many[-1] == "# and infgen mark again with the 100 pictures in marks.json"
    grey = replace(
        manifest,
        settings=manifest.settings | {"crop_backgrounds": False, "first_label": 3},
        written={"yolo": {"crop_backgrounds": True}},
    )
    assert list(commands_of(store, grey, {}))[-2:] == [  # what isn't told is as of the first run
        "python -m infgen export again --format yolo --first-label 3",
        "python -m infgen export again --format voc --no-crop-backgrounds",
    ]
    (dataset / "run.toml").write_text((dataset / "run.toml").read_text().replace('"segment"', "7"))
    with pytest.raises(FolderError, match=r"run\.toml isn't as infgen wrote it .*`int`"):
        list(commands_of(store, manifest, {}))


def test_an_audit_in_the_dataset_is_told(dataset: Path) -> None:
    infgen.audit(dataset, out=dataset / "audit", seams=False, estimate="none", sample=8)
    infgen.report(dataset)
    assert "## Audit" in card_of(dataset) and "- faulty labels: none found" in card_of(dataset)


def test_real_blood_cells(shared_data: Path, tmp_path: Path) -> None:
    infgen.report(shared_data / "bccd", out=tmp_path / "report", gallery=20)
    figures = figures_in(tmp_path / "report")
    assert (figures.kind, figures.counted) == ("voc", 364)
    cells = {one.name: one.total for one in figures.classes}
    written = Counter(
        line.strip().removeprefix("<name>").removesuffix("</name>")
        for path in (shared_data / "bccd/Annotations").glob("*.xml")
        for line in path.read_text().splitlines()
        if "<name>" in line
    )
    assert sum(cells.values()) <= written.total() < sum(cells.values()) + 10  # three are empty
    assert cells["Platelets"] == written["Platelets"]
