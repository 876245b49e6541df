"""The audit as a whole: what it writes of clean and of faulty datasets, the same every time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

import infgen
from infgen.batch.audit import audit
from infgen.ops.rle import decode_rle
from infgen.records.box import Box
from infgen.records.errors import InputError, MissingExtra
from infgen.records.sample import Decoy, Entry
from infgen.report.audit.findings import Auc, Audit, Seams
from infgen.report.audit.seams import SeamProbe
from infgen.report.audit.settings import AuditSettings
from infgen.sources.datasets import open_dataset
from tests.labelled import scene, write_coco, write_yolo
from tests.making import make_tables, save, snapshot
from tests.sources.test_datasets import yolo_from_voc


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    tables = make_tables(folder / "input", scenes=12)
    settings = tables.settings(out=folder / "dataset", images=24, width=160, height=140)
    infgen.run(**settings, val_frac=0.25)
    return folder / "dataset"


def quick(folder: Path, **more: object) -> AuditSettings:
    return AuditSettings(**{"out": folder, "seams": False, "estimate": "none"} | more)  # type: ignore[arg-type]


def test_infgens_own_dataset_is_clean(made: Path, tmp_path: Path) -> None:
    before = snapshot(made)
    found = audit(made, quick(tmp_path, estimate="grabcut"))
    assert found.labels.faults == {}
    assert (found.leakage.leaked, found.leakage.compared, found.probed) == (0, 24, 24)
    assert found.agreement is not None and found.agreement.objects > 10
    assert found.seams is None
    assert snapshot(made) == before
    written = msgspec.json.decode((tmp_path / "audit.json").read_bytes(), type=Audit)
    assert msgspec.json.encode(written) == msgspec.json.encode(found)
    assert (tmp_path / "audit.md").read_text().startswith(f"# Audit of {made}")


def test_an_oracle_can_be_the_second_opinion(made: Path, tmp_path: Path) -> None:
    truth = {
        one.box.xyxy: decode_rle(one.rle, picture.size)
        for picture in open_dataset(made).pictures()
        for one in picture.objects
    }

    def oracle(pixels: np.ndarray, box: Box, name: str) -> np.ndarray | None:
        return truth.get(box.xyxy)

    found = infgen.audit(made, second_opinion=oracle, out=tmp_path, seams=False)
    assert found.agreement is not None and found.agreement.estimate == "oracle"
    assert (found.agreement.presence, found.agreement.iou_p50) == (1, 1)


def test_the_same_seed_finds_the_same(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    for name in ("a", "b"):
        audit(made, quick(tmp_path / name, seams=True, sample=9))
    [one, two] = (json.loads((tmp_path / n / "audit.json").read_text()) for n in ("a", "b"))
    assert one["probed"] == 9
    one.pop("settings"), two.pop("settings")
    assert one == two


def test_recorded_decoys_are_judged(made: Path, tmp_path: Path) -> None:
    """Objects that are recorded as decoys are seen: they were pasted without hiding it."""
    pytest.importorskip("sklearn")
    copy = tmp_path / "dataset"
    shutil.copytree(made, copy)
    path = copy / "samples-00000.jsonl"
    lines = []
    for line in path.read_bytes().splitlines():
        entry = msgspec.json.decode(line, type=Entry)
        decoys = tuple(Decoy(one.box, one.rle) for one in entry.objects)
        lines.append(msgspec.json.encode(msgspec.structs.replace(entry, objects=(), decoys=decoys)))
    path.write_bytes(b"\n".join(lines))
    found = audit(copy, quick(tmp_path / "out", seams=True, fail_on=("seam>0.6",)))
    assert found.labels.objects == 0
    assert found.seams and found.seams.decoys and found.seams.decoys.auc > 0.8
    assert [limit.crossed for limit in found.limits] == [True]
    assert any("too few pictures show objects" in note for note in found.notes)


def test_what_the_probe_could_not_tell_has_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    path = write_coco(tmp_path)
    settings = quick(tmp_path / "out", seams=True, reference=path)
    for contours, place in ((None, "in the sample"), (Auc(0.6, 0.5, 0.7, 9, 9), "in --reference")):
        seams = Seams("", contours=contours)
        monkeypatch.setattr(SeamProbe, "seams", lambda *_, seams=seams: seams)
        [note] = [note for note in audit(path, settings).notes if "too few" in note]
        assert note.startswith(f"too few pictures show objects with edges {place}: it takes 8")


FAULTS = {
    "empty box": {"bbox": [10, 20, 30, 0]},
    "unknown class": {"category_id": 5},
    "box leaves its picture": {"bbox": [150, 20, 30, 40], "segmentation": []},
    "box doesn't fit its mask": {"bbox": [20, 20, 30, 40]},
    "label of no picture": {"image_id": 77},
    "mask that can't be read": {"segmentation": [[1, 2]]},
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_faulty_coco_label_is_counted_and_named(kind: str, tmp_path: Path) -> None:
    found = audit(write_coco(tmp_path, **FAULTS[kind]), quick(tmp_path / "out"))
    assert found.labels.faults == {kind: 1}
    assert len(found.labels.examples[kind]) == 1


def test_pictures_are_looked_at_too(tmp_path: Path) -> None:
    path = write_coco(tmp_path, count=4)
    folder = tmp_path / "images/train"
    (folder / "train_1.png").write_bytes(b"not a picture")
    save(folder / "train_2.png", scene(5, (90, 90)))
    shutil.copy(folder / "train_3.png", folder / "train_4.png")
    found = audit(path, quick(tmp_path / "out"))
    assert found.labels.faults == {"picture that can't be read": 1, "wrong size": 1}
    assert (found.leakage.compared, found.leakage.duplicates, found.probed) == (3, 1, 2)


def test_a_val_picture_that_is_a_train_picture_leaks(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    assert audit(tmp_path, quick(tmp_path / "out")).leakage.leaked == 0
    train = cv2.imread(str(tmp_path / "images/train/b.png"))
    cv2.imwrite(str(tmp_path / "images/val/a.png"), cv2.resize(train, (140, 110)))
    found = audit(tmp_path, quick(tmp_path / "out", fail_on=("leakage>0", "faults>0")))
    assert found.leakage.examples == ["val/a.png is train/b.png"]
    assert [limit.crossed for limit in found.limits] == [True, False]


def test_nothing_is_written_when_the_request_is_wrong(tmp_path: Path) -> None:
    write_yolo(tmp_path / "d")
    out = tmp_path / "out"
    with pytest.raises(InputError, match="the figures are"):
        audit(tmp_path / "d", quick(out, fail_on=("seem>1",)))
    with pytest.raises(InputError, match="is not there"):
        audit(tmp_path / "nowhere", quick(out))
    with pytest.raises(InputError, match="is not there"):
        audit(tmp_path / "d", quick(out, reference=tmp_path / "nowhere"))
    assert not out.exists()


def test_without_scikit_learn_all_but_the_seams_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn", None)
    write_yolo(tmp_path)
    with pytest.raises(MissingExtra, match="--no-seams"):
        audit(tmp_path, AuditSettings(out=tmp_path / "out"))
    assert audit(tmp_path, quick(tmp_path / "out")).labels.objects == 4


def test_a_box_as_large_as_its_picture_can_be_judged(tmp_path: Path) -> None:
    write_yolo(tmp_path, "0 0.5 0.5 1 1\n")
    found = audit(tmp_path, quick(tmp_path / "out", estimate="grabcut"))
    assert found.labels.huge == 0.25 and found.labels.faults == {}
    assert found.agreement is not None and found.agreement.objects == 4


def test_bccd_has_the_faults_that_it_is_known_for(shared_data: Path, tmp_path: Path) -> None:
    count, empty = yolo_from_voc(shared_data / "bccd", tmp_path / "bccd")
    found = audit(tmp_path / "bccd", quick(tmp_path / "out", sample=8, estimate="grabcut"))
    assert sum(found.labels.pictures.values()) == 364
    assert found.labels.objects == count - empty
    assert found.labels.faults["empty box"] == empty
    assert found.labels.imbalance is not None and found.labels.imbalance > 5  # RBC are many
    assert found.agreement is not None and found.agreement.of == "boxes"
