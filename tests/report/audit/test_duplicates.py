"""Twins: found whatever was done to the file, and not found where pictures only look alike."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from infgen.report.audit import duplicates
from infgen.report.audit.duplicates import SIDE, TwinSearch
from infgen.report.audit.findings import Leakage
from tests.labelled import picture_of, scene


def thumbnail(picture: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def search(*pictures: tuple[str, np.ndarray]) -> Leakage:
    """`pictures` are (split, pixels)."""
    twins = TwinSearch()
    for number, (split, pixels) in enumerate(pictures):
        twins.add(picture_of(f"{number}.png", split=split), thumbnail(pixels))
    return twins.leakage()


def recoded(picture: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


CHANGES = {
    "the same": lambda p: p,
    "recoded": recoded,
    "smaller": lambda p: cv2.resize(p, (91, 70), interpolation=cv2.INTER_AREA),
    "brighter": lambda p: cv2.convertScaleAbs(p, alpha=0.8, beta=30),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_twin_in_another_split_leaks(change: str) -> None:
    found = search(*(("train", scene(n)) for n in range(20)), ("val", CHANGES[change](scene(7))))
    assert (found.compared, found.duplicates, found.leaked) == (21, 1, 1)
    assert found.examples == ["val/20.png is train/7.png"]


def test_a_twin_in_the_same_split_is_a_duplicate_only() -> None:
    found = search(("train", scene(1)), ("train", recoded(scene(1))), ("val", scene(2)))
    assert (found.duplicates, found.leaked) == (1, 0)
    assert found.examples == ["train/1.png is train/0.png"]


def test_different_pictures_are_no_twins() -> None:
    found = search(*(("val" if n % 5 == 0 else "train", scene(n)) for n in range(150)))
    assert (found.duplicates, found.leaked, found.examples) == (0, 0, [])


def test_flat_pictures_are_like_nothing() -> None:
    grey = np.full((120, 160, 3), 90, np.uint8)
    assert search(("train", grey), ("val", grey + 60), ("val", scene(1))).duplicates == 0


def test_blocks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK", 4)
    pictures = [("train", scene(n)) for n in range(11)]
    found = search(*pictures, ("val", scene(0)), ("val", scene(5)), ("val", scene(10)))
    assert (found.duplicates, found.leaked) == (3, 3)


def test_a_shared_background_leaks_whatever_is_painted_over_it() -> None:
    twins = TwinSearch()
    for number, (split, place) in enumerate([("train", "a"), ("train", "b"), ("val", "b")]):
        picture = picture_of(f"{number}", split=split, scene=place, cutouts=("cat.png", split))
        twins.add(picture, thumbnail(scene(number)))
    found = twins.leakage()
    assert (found.leaked, found.shared_scenes, found.shared_cutouts) == (1, 1, 1)
    assert found.examples == ["val/2 has the background b, as train has"]
