"""Looks are drawn from what the settings name, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from infgen.ops.blends import BLENDS
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.looks import LookSettings, check_looks, draw_light, draw_look
from infgen.ops.mattes import FEATHERS
from infgen.ops.planning import Planner
from infgen.ops.seeds import stream
from infgen.ops.shadows import SHADOWS
from infgen.records.errors import InputError
from tests.asked import a_class, background, planner


def drawn(settings, method="paste", count=300, light=0.5):
    return [draw_look(stream(1, i, "t"), settings, method, light) for i in range(count)]


def test_each_pasted_object_draws_one_of_the_named_blends_and_ways_to_harmonize():
    looks = drawn(LookSettings(blend=("gaussian", "choke"), harmonize=("none", "lighting")))
    assert {look.blend for look in looks} == {"gaussian", "choke"}
    assert {look.harmonize for look in looks} == {"none", "lighting"}


def test_random_is_any_blend_and_what_is_drawn_is_recorded():
    assert {look.blend for look in drawn(LookSettings(blend=("random",)))} == set(BLENDS)
    assert {look.blend for look in drawn(LookSettings(blend=("alpha", "random")))} == set(BLENDS)


def test_left_alone_colours_stay_and_nothing_throws_a_shadow():
    looks = drawn(LookSettings())
    assert {look.harmonize for look in looks} == {"none"}
    assert {look.shadow for look in looks} == {None}


def test_the_share_asked_for_throws_shadows_of_every_kind():
    shadows = [look.shadow for look in drawn(LookSettings(shadow_frac=0.4), count=1000)]
    thrown = [shadow for shadow in shadows if shadow]
    assert 330 < len(thrown) < 470
    assert {shadow.kind for shadow in thrown} == set(SHADOWS)
    assert all(drawn(LookSettings(shadow_frac=1.0))[n].shadow for n in range(300))


def test_all_shadows_of_a_picture_lean_alike_and_fall_down():
    for light in (-0.8, 0.1, 0.9):
        for look in drawn(LookSettings(shadow_frac=1.0), light=light, count=40):
            dx, dy = look.shadow.offset
            assert dy > 0 and dx == pytest.approx(light * dy, abs=1e-4)
    lights = [draw_light(3, index) for index in range(200)]
    assert -1 <= min(lights) < -0.8 and 0.8 < max(lights) <= 1 and abs(np.mean(lights)) < 0.2


def test_what_is_drawn_for_one_thing_changes_no_other():
    plain, more = LookSettings(), LookSettings(harmonize=tuple(HARMONIZE), shadow_frac=0.5)
    assert [a.blend for a in drawn(plain)] == [b.blend for b in drawn(more)]


def test_inpainted_objects_draw_from_the_feathers_whatever_the_blends():
    settings = LookSettings(blend=("gaussian",), harmonize=("lighting",), shadow_frac=1.0)
    looks = drawn(settings, "inpaint")
    assert {look.blend for look in looks} == set(FEATHERS)
    assert all(look.harmonize == "none" and look.shadow is None for look in looks)


@pytest.mark.parametrize("names", [(), ("gaussian", "poison")])
def test_unknown_blends_are_refused_and_the_known_ones_named(names):
    with pytest.raises(InputError, match=r"poisson.*random"):
        check_looks(LookSettings(blend=names))


def test_all_that_is_unknown_is_told_at_once():
    with pytest.raises(InputError, match=r"(?s)soft.*mean"):
        check_looks(LookSettings(blend=("soft",), harmonize=("mean",)))
    check_looks(LookSettings(blend=("random",), harmonize=tuple(HARMONIZE)))


def test_decoys_throw_no_shadow_and_are_not_harmonized():
    looks = LookSettings(harmonize=("lighting",), shadow_frac=1.0)
    usual = planner(background(2, plain="plain"), a_class(), images=30, decoys=1.0)
    asked = Planner(usual.request, usual.settings, usual.methods, usual.canvas, looks)
    plans = [asked.plan(index) for index in asked.indices]
    decoys = [one.look for plan in plans for one in plan.decoys]
    objects = [one.look for plan in plans for one in plan.objects]
    assert decoys and {(one.shadow, one.harmonize) for one in decoys} == {(None, "none")}
    assert all(one.shadow and one.harmonize == "lighting" for one in objects)
