"""CIELAB against OpenCV's in floats, and there and back without a loss."""

from __future__ import annotations

import cv2
import numpy as np

from infgen.ops.lab import to_lab, to_rgb

LEVELS = np.array([0, 1, 2, 9, 10, 11, 40, 90, 128, 200, 254, 255], np.uint8)
COLOURS = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(-1, 1, 3)


def test_it_is_opencv_s_within_what_floats_lose():
    theirs = cv2.cvtColor(COLOURS.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    assert abs(to_lab(COLOURS) - theirs.transpose(2, 0, 1)).max() < 0.6


def test_known_colours():
    white, black, red = to_lab(np.array([[255] * 3, [0] * 3, [255, 0, 0]], np.uint8)).T
    assert abs(white - (100, 0, 0)).max() < 0.02 and abs(black).max() < 0.02
    assert abs(red - (53.24, 80.09, 67.20)).max() < 0.05


def test_there_and_back_is_every_bit():
    rng = np.random.default_rng(0)
    some = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert (to_rgb(to_lab(some)) == some).all() and (to_rgb(to_lab(COLOURS)) == COLOURS).all()


def test_colours_that_no_screen_has_are_cut_off():
    lab = np.array([[120.0, -20.0, 50.0], [0, 0, 150.0], [0, 0, -150.0]])
    assert to_rgb(lab)[:2].tolist() == [[255] * 3, [0] * 3]
    assert to_rgb(lab).dtype == np.uint8
