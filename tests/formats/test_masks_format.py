"""masks: label maps straight from run lengths, against pycocotools' decoder and Pillow's reader."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from msgspec.structs import replace
from PIL import Image

from infgen.formats import masks
from infgen.formats.label_map import label_map
from infgen.records.errors import StorageError
from infgen.records.plan import BackgroundPlan
from infgen.records.sample import Entry
from tests.formats.scenes import instance, write_dataset
from tests.formats.scenes import label_map as expected_labels


def entry_of(numbers: np.ndarray) -> Entry:
    """A picture with one object for each number above 0 in (H, W) `numbers`."""
    ids = [int(number) for number in np.unique(numbers) if number]
    return Entry(
        index=0,
        split="train",
        size=numbers.shape[::-1],
        file="images/train/00000000.png",
        bytes=1,
        background=BackgroundPlan(number=0, row=0),
        objects=tuple(instance(number, 0, numbers == number) for number in ids),
    )


def test_every_mask_reads_back_as_recorded(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    for entry in entries:
        masks.convert(entry, dataset)
        with Image.open(tmp_path / f"masks/{entry.split}/{entry.stem}.png") as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), expected_labels(entry))
    assert len(list(tmp_path.glob("masks/*/*.png"))) == len(entries)


@pytest.mark.parametrize(("last_id", "mode"), [(255, "L"), (256, "I;16")])
def test_ids_beyond_8_bits_get_16(tmp_path, last_id, mode):
    dataset, entries = write_dataset(tmp_path)
    entry = next(entry for entry in entries if len(entry.objects) > 1)
    entry = replace(entry, objects=(*entry.objects[:-1], replace(entry.objects[-1], id=last_id)))
    masks.convert(entry, dataset)
    with Image.open(tmp_path / f"masks/{entry.split}/{entry.stem}.png") as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), expected_labels(entry))


@given(
    arrays.arrays(
        np.uint8,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 4),
    ),
    st.integers(1, 60),
)
def test_label_map_equals_the_painted_numbers(numbers, scale):
    """Scaling makes runs long: counts of several characters, differences of both signs."""
    numbers = numbers.repeat(scale, axis=0)
    entry = entry_of(numbers)
    labels = label_map(entry, [obj.id for obj in entry.objects])
    assert labels.flags.c_contiguous
    np.testing.assert_array_equal(labels, numbers)


def test_runs_of_a_million_pixels():
    numbers = np.zeros((2000, 1500), np.uint8)
    numbers[:, 400:1000] = 1  # one run
    numbers[1999, 1499] = 2  # after one gap that needs five characters
    np.testing.assert_array_equal(label_map(entry_of(numbers), [1, 2]), numbers)


def test_a_failure_in_a_worker_is_not_swallowed(tmp_path):
    def converted():
        yield None
        raise StorageError("the disk is full")

    dataset, _ = write_dataset(tmp_path)
    with pytest.raises(StorageError):
        masks.finish(converted(), dataset)
