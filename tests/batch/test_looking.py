"""Pictures with their labels drawn, as the studio shows them while a run goes on and afterwards."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import infgen
from infgen.batch.looking import (
    class_names,
    count_pictures,
    drawn,
    newest,
    preview_samples,
    some,
)
from infgen.batch.reporter import Silent
from infgen.batch.settings import make_settings
from infgen.sources.packs import picture_bytes
from tests.making import Tables, make_tables


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures. Don't change it."""
    folder = tmp_path_factory.mktemp("looking")
    infgen.run(**make_tables(folder / "input").settings(out=folder / "dataset", degrade=0))
    return folder / "dataset"


def pixels_of(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return pixels.astype(int)


def test_pictures_by_rank_and_by_age(dataset: Path) -> None:
    assert count_pictures(dataset) == 12
    assert [entry.index for entry in some(dataset, 5, 4)] == [5, 6, 7, 8]
    assert [entry.index for entry in some(dataset, 10, 4)] == [10, 11]
    assert [entry.index for entry in newest(dataset, 3)] == [11, 10, 9]
    assert len(newest(dataset, 99)) == 12


def test_a_dataset_that_is_being_made(dataset: Path, tmp_path: Path) -> None:
    """Its last line is half there, and of the end only run.toml speaks."""
    (tmp_path / "run.toml").write_bytes((dataset / "run.toml").read_bytes())
    lines = (dataset / "samples-00000.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "samples-00000.jsonl").write_bytes(b"".join(lines[:6]) + lines[6][:50])
    assert [entry.index for entry in newest(tmp_path, 2)] == [5, 4]
    assert class_names(tmp_path) == class_names(dataset) == ["coin", "note"]


def test_labels_are_drawn_where_they_are(dataset: Path) -> None:
    entry = next(one for one in some(dataset, 0, 12) if one.objects)
    width, height = entry.size
    shown = pixels_of(drawn(dataset, entry, ["coin", "note"], 4 * max(entry.size)))
    assert shown.shape == (4 * height, 4 * width, 3)
    bare = cv2.resize(
        pixels_of(picture_bytes(dataset, entry)).astype(np.uint8),
        (4 * width, 4 * height),
        interpolation=cv2.INTER_CUBIC,
    ).astype(int)
    changed = np.abs(shown - bare).max(axis=2) > 60
    for one in entry.objects:
        x0, y0, x1, y1 = (int(4 * edge) for edge in one.box.xyxy)
        rim = np.concatenate(
            (changed[y0 : y0 + 3, x0:x1].ravel(), changed[y0:y1, x0 : x0 + 3].ravel())
        )
        assert rim.mean() > 0.2
    assert changed.mean() < 0.5


def test_a_class_that_nobody_has_named_is_shown_all_the_same(dataset: Path) -> None:
    entry = next(one for one in some(dataset, 0, 12) if any(o.class_id for o in one.objects))
    assert pixels_of(drawn(dataset, entry, [], 200)).any()


def test_a_picture_that_is_gone_is_a_grey_field(dataset: Path, tmp_path: Path) -> None:
    entry = some(dataset, 0, 1)[0]
    shown = pixels_of(drawn(tmp_path, entry, ["coin", "note"], 96))
    assert np.median(np.ptp(shown, axis=2)) <= 2  # JPEG keeps grey nearly so


@pytest.mark.usefixtures("whole_sheets")
def test_samples_are_drawn_before_a_run(tables: Tables, tmp_path: Path) -> None:
    settings = make_settings(tables.settings(out=tmp_path / "none"))
    file = preview_samples(settings, tmp_path / "samples.png", 2, Silent())
    assert pixels_of(file.read_bytes()).shape[1] == 1920
    assert not (tmp_path / "none").exists()
