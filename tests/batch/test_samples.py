"""Pictures made in memory, to look at before a run: the same as the run makes."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

import infgen
from infgen.batch.preview import spread
from infgen.batch.reporter import Silent
from infgen.batch.runner import plan_with_means
from infgen.batch.samples import Painted, paint_samples
from infgen.batch.settings import RunSettings, make_settings
from infgen.batch.store import Store
from tests.making import ROOT, Tables, snapshot

TINY = ROOT / "prompts/tiny"


def samples_of(settings: RunSettings, count: int) -> list[Painted]:
    """So many pictures of the run, spread evenly over it."""
    planner, means = plan_with_means(settings)
    indices = [planner.indices[rank] for rank in spread(planner.count, count)]
    return list(paint_samples(planner, means, settings, indices, Silent()))


@pytest.mark.parametrize(
    "more",
    [{}, {"image_format": "png", "degrade": 0}, {"augment": "strong", "keep_backgrounds": True},
     {"image_format": "png"}],
)  # fmt: skip
def test_samples_are_the_pictures_that_a_run_makes(
    tables: Tables, tmp_path: Path, more: dict[str, object]
) -> None:
    settings = make_settings(tables.settings(out=tmp_path / "dataset", **more))
    before = snapshot(tmp_path)
    samples = samples_of(settings, 5)
    assert snapshot(tmp_path) == before
    infgen.run(**tables.settings(out=tmp_path / "dataset", **more))
    entries = {one.index: one for one in Store(tmp_path / "dataset").entries()}
    assert [one.plan.index for one in samples] == [0, 2, 4, 7, 9]
    for sample in samples:
        entry = entries[sample.plan.index]
        file = tmp_path / "dataset" / entry.file
        assert np.array_equal(cv2.imread(str(file))[..., ::-1], sample.pixels)
        assert sample.entry == msgspec.structs.replace(entry, background_file="")
        assert sample.instances == entry.objects
        assert sample.seconds > 0 and not sample.failure


def test_picture_that_cannot_be_made_says_why(tables: Tables, tmp_path: Path) -> None:
    settings = make_settings(tables.settings(out=tmp_path / "dataset"))
    planner, means = plan_with_means(settings)
    gone = planner.plan(0).background.picture
    (tables.backgrounds.parent / gone).write_bytes(b"no picture")
    samples = list(paint_samples(planner, means, settings, range(12), Silent()))
    assert len(samples) == 12
    for sample in samples:
        lost = sample.plan.background.picture == gone
        assert (sample.pixels is None) == lost == ("scene_" in sample.failure)


def test_tiny_model_paints_samples(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    asked = {"model": "tiny", "backgrounds": TINY / "background.csv", "images": 2,
             "classes": TINY / "classes.csv", "device": "cpu", "steps": 2,
             "verify": "off"}  # fmt: skip
    samples = samples_of(make_settings(asked | {"out": tmp_path / "dataset"}), 2)
    assert [one.plan.index for one in samples] == [0, 1] and not any(tmp_path.iterdir())
    for sample in samples:
        assert sample.pixels is not None and sample.pixels.std() > 5, sample.failure
        assert sample.pixels.shape == (*sample.plan.size[::-1], 3)
