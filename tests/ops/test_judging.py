"""The table by which painted objects are judged: each row fires on its fault, and only there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from infgen.ops.appearance import outline
from infgen.ops.judging import (
    GROUND_RULES,
    RULES,
    judge,
    likeness,
    measure,
    measure_ground,
    thumbnail,
)
from infgen.records.box import Box
from tests.ops.crops import SIDE, grain, scene

FINE = {
    "fill": 0.6,
    "overlap": 0.7,
    "contrast": 9.0,
    "cut_off": 0.0,
    "rival": 0.0,
    "one_colour": 0.1,
    "roughness": 0.05,
    "likeness": 0.4,
    "detection": 0.6,
    "detection_overlap": 0.7,
    "detections": 1,
    "lead": 0.2,
}
ASKED = Box(48, 48, 144, 144)


def room():
    denoise = np.zeros((SIDE, SIDE), bool)
    denoise[40:152, 40:152] = True
    return denoise


def shaded(mask, seed=0):
    """A scene, and the same with something of many colours where the mask is."""
    before = scene(seed, contrast=20)
    surface = cv2.GaussianBlur(
        np.random.default_rng(seed).uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 6
    )
    surface = ((surface - 127) * 8 + (200, 60, 60)).clip(0, 255).astype(np.uint8)
    after = before.copy()
    after[mask] = surface[mask]
    return before, after


def disc(x=96, y=96, radius=40):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (x, y), radius, 1, cv2.FILLED)
    return mask != 0


def test_a_fine_object_has_no_reason_against_it():
    assert judge(FINE) == ""
    assert judge({}) == ""  # what nobody measured speaks against nothing


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.measure)
def test_every_rule_fires_on_its_measure_alone(rule):
    beyond = rule.least - 0.01 if np.isfinite(rule.least) else rule.most + 0.01
    assert judge(FINE | {rule.measure: beyond}) == rule.reason
    assert [one.reason for one in RULES].count(rule.reason) == 1  # it is counted by its own words
    at_the_bar = rule.least if np.isfinite(rule.least) else rule.most
    assert judge(FINE | {rule.measure: at_the_bar}) == ""
    without = {name: value for name, value in FINE.items() if name != rule.measure}
    assert judge(without) == ""


def test_a_good_object_is_measured_as_one():
    thing = disc()
    before, after = shaded(thing)
    measures = measure(before, after, room(), thing, ASKED)
    assert judge(measures) == ""
    assert measures["fill"] == pytest.approx(thing.sum() / ASKED.area, abs=1e-3)
    assert measures["cut_off"] == measures["rival"] == 0


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (disc(radius=15), "too little appeared"),
        (disc(64, 64, 22), "in the wrong place"),
        (disc(128, 96, 40) & room(), "cut off"),
        (disc(70, 96, 20) | disc(122, 96, 20), "several, or in pieces"),
    ],
)
def test_shapes_and_places_that_are_wrong(thing, reason):
    before, after = shaded(thing)
    assert judge(measure(before, after, room(), thing, ASKED)) == reason


def test_an_object_at_the_canvas_s_border_is_not_cut_off():
    denoise, thing = room(), disc(96, 160, 40)
    denoise[40:] = denoise[60]
    before, after = shaded(thing)
    measures = measure(before, after, denoise, thing, Box(56, 120, 136, 192))
    assert thing[-1].any() and measures["cut_off"] == 0


def test_surfaces_that_no_object_has():
    thing, denoise = disc(), room()
    before, after = shaded(thing)
    flat, noise = after.copy(), after.copy()
    flat[thing] = (90, 160, 40)
    noise[thing] = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)[thing]
    assert judge(measure(before, flat, denoise, thing, ASKED)) == "one flat colour"
    assert judge(measure(before, noise, denoise, thing, ASKED)) == "nothing but noise"


@pytest.mark.parametrize("side", [256, 384, 512, 768, 1024])
@pytest.mark.parametrize("fault", ["", "cut off", "nothing but noise"])
def test_bars_hold_for_crops_of_every_size(side, fault):
    """768 and 384 aren't multiples of what outlines are drawn at: their cells end between pixels
    there."""
    scale = side / SIDE
    first, last = int(40 * scale) // 8 * 8, -(-int(152 * scale) // 8) * 8
    denoise, thing = np.zeros((side, side), bool), np.zeros((side, side), np.uint8)
    denoise[first:last, first:last] = True
    x = 128 if fault == "cut off" else 96
    cv2.circle(thing, (int(x * scale), int(96 * scale)), int(40 * scale), 1, cv2.FILLED)
    before, surface = (
        cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC)
        for one in shaded(np.ones((SIDE, SIDE), bool))
    )
    if fault == "nothing but noise":
        surface = np.random.default_rng(0).integers(0, 256, surface.shape, np.uint8)
    painted = np.where(((thing != 0) & denoise)[..., None], surface, before)
    after = cv2.GaussianBlur(painted, (0, 0), 0.6)
    found = outline(before, after, denoise, 8)
    asked = Box(*(edge * scale for edge in ASKED.xyxy))
    assert judge(measure(before, after, denoise, found, asked)) == fault


def test_what_changed_no_more_than_its_surroundings_is_no_object():
    thing, denoise = disc(), room()
    before, other = scene(0), scene(1)
    after = np.where(denoise[..., None], other, before)
    assert judge(measure(before, after, denoise, thing, ASKED)).startswith("hardly differs")


def test_likeness_knows_a_thing_again_and_mirrored():
    thing = disc()
    _, one = shaded(thing, 1)
    _, two = shaded(thing, 2)
    box = Box(56, 56, 136, 136)
    looks = [thumbnail(picture, box) for picture in (one, two)]
    assert likeness(looks[0], looks[:1]) == pytest.approx(1, abs=1e-4)
    mirrored = thumbnail(np.ascontiguousarray(one[:, ::-1]), Box(56, 56, 136, 136))
    assert likeness(mirrored, looks[:1]) > 0.99
    assert likeness(looks[0], looks[1:]) < 0.9
    assert likeness(looks[0], []) == -1


# ---- decoys --------------------------------------------------------------------------------------


def is_ground(before, after):
    return not judge(measure_ground(before, after, room()), GROUND_RULES)


@pytest.mark.parametrize("seed", range(4))
def test_ground_painted_anew_is_ground(seed):
    before = scene(seed)
    again = before[::-1, ::-1].copy()  # other shapes of the same colours
    again[~room()] = before[~room()]
    lighter = cv2.add(before, np.full(4, 20.0))
    for after in (before, again, lighter, grain(before, seed)):
        assert is_ground(before, after)


@pytest.mark.parametrize("colour", [(230, 20, 20), (20, 220, 40), (250, 210, 30)])
def test_a_thing_in_colours_of_its_own_is_none(colour):
    before = scene(1, contrast=10)
    after = before.copy()
    cv2.circle(after, (96, 96), 20, colour, cv2.FILLED)
    assert not is_ground(before, after)
    speck = before.copy()
    cv2.circle(speck, (96, 96), 4, colour, cv2.FILLED)
    assert is_ground(before, speck)
    outside = before.copy()
    cv2.circle(outside, (15, 15), 12, colour, cv2.FILLED)
    assert is_ground(before, outside)
    large = [cv2.resize(one, (4 * SIDE, 4 * SIDE)) for one in (before, after)]
    where = cv2.resize(room().astype(np.uint8), (4 * SIDE, 4 * SIDE)) != 0
    assert judge(measure_ground(*large, where), GROUND_RULES)
