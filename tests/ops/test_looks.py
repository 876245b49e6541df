"""Looks are drawn from what the settings name, and nothing else."""

from __future__ import annotations

import pytest

from infgen.ops.looks import LookSettings, check_looks, draw_look
from infgen.ops.mattes import FEATHERS
from infgen.ops.seeds import stream
from infgen.records.errors import InputError


def test_each_pasted_object_draws_one_of_the_named_blends():
    settings = LookSettings(blend=("soft", "choke"))
    drawn = {draw_look(stream(1, i, "t"), settings, "paste").blend for i in range(50)}
    assert drawn == {"soft", "choke"}


def test_inpainted_objects_draw_from_the_feathers_whatever_the_blends():
    settings = LookSettings(blend=("soft",))
    drawn = {draw_look(stream(1, i, "t"), settings, "inpaint").blend for i in range(90)}
    assert drawn == set(FEATHERS)


@pytest.mark.parametrize("names", [(), ("soft", "poison")])
def test_unknown_blends_are_refused_and_the_known_ones_named(names):
    with pytest.raises(InputError, match="soft"):
        check_looks(LookSettings(blend=names))
