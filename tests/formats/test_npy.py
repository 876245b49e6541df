"""npy: read back with numpy and Pillow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from infgen.formats import npy
from infgen.ops.rle import decode_rle
from infgen.records.errors import InputError
from tests.formats.scenes import write_dataset


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_arrays_hold_the_union_of_each_class(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    for entry in entries:
        npy.convert(entry, dataset)
        masks = np.load(tmp_path / f"npy/{entry.index}_y.npy")
        assert masks.dtype == bool
        assert masks.shape == (*entry.size[::-1], len(dataset.classes))
        for class_id in range(len(dataset.classes)):
            union = np.zeros(entry.size[::-1], bool)
            for obj in entry.objects:
                if obj.class_id == class_id:
                    union |= decode_rle(obj.rle, entry.size)
            np.testing.assert_array_equal(masks[..., class_id], union)
    assert any(
        len(entry.objects) > len({obj.class_id for obj in entry.objects}) for entry in entries
    )


def test_png_pictures_are_linked(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    npy.convert(entries[0], dataset)
    assert (tmp_path / "npy/0_x.png").samefile(tmp_path / entries[0].file)
    assert (tmp_path / "npy/bg_0.png").samefile(tmp_path / entries[0].background_file)


def test_other_pictures_become_png_with_the_same_pixels(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    source = tmp_path / "images/train/00000000.jpg"
    cv2.imwrite(str(source), cv2.imread(str(tmp_path / entries[0].file)))
    npy.convert(replace(entries[0], file="images/train/00000000.jpg"), dataset)
    decoded = cv2.imread(str(source))[..., ::-1]
    np.testing.assert_array_equal(pixels(tmp_path / "npy/0_x.png"), decoded)


def test_lists(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    npy.finish(iter([npy.convert(entry, dataset) for entry in entries]), dataset)
    assert (tmp_path / "npy/classes.txt").read_text().splitlines() == list(dataset.classes)
    for split in dataset.splits:
        listed = (tmp_path / f"npy/{split}.txt").read_text().split()
        assert listed == [str(entry.index) for entry in entries if entry.split == split]
        assert len(listed) > 1


def test_without_background_the_option_is_named(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    with pytest.raises(InputError, match=r"picture 0: .*--keep-backgrounds"):
        npy.convert(replace(entries[0], background_file=""), dataset)


def test_an_unreadable_picture_is_named(tmp_path):
    dataset, entries = write_dataset(tmp_path)
    (tmp_path / "images/train/00000000.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"00000000\.jpg"):
        npy.convert(replace(entries[0], file="images/train/00000000.jpg"), dataset)
