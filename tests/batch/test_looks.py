"""Looks in whole runs: the same bytes for any number of workers, recorded, and refused in words."""

from __future__ import annotations

import msgspec
import pytest

import infgen
from infgen.ops.blends import BLENDS
from infgen.ops.harmonize import HARMONIZE
from infgen.ops.shadows import SHADOWS
from infgen.records.errors import FolderError, InputError
from infgen.records.sample import Entry
from tests.making import differing, snapshot

LOOKS = {"blend": "random", "harmonize": ",".join(HARMONIZE), "shadow_frac": 0.5, "images": 30}


def entries(folder):
    lines = b"".join(path.read_bytes() for path in sorted(folder.glob("samples-*.jsonl")))
    return [msgspec.json.decode(line, type=Entry) for line in lines.splitlines()]


def test_all_that_can_be_drawn_is_the_same_with_any_number_of_workers(tables, tmp_path):
    for workers in (1, 2):
        settings = tables.settings(out=tmp_path / str(workers), decoys=1.0, **LOOKS)
        infgen.run(**settings | {"workers": workers})
    one, two = snapshot(tmp_path / "1"), snapshot(tmp_path / "2")
    assert not differing(one, two) and len(one) > 30
    looks = [thing.look for entry in entries(tmp_path / "1") for thing in entry.objects]
    assert {look.blend for look in looks} == set(BLENDS)
    assert {look.harmonize for look in looks} == set(HARMONIZE)
    assert {look.shadow.kind for look in looks if look.shadow} == set(SHADOWS)
    assert 0.3 < sum(look.shadow is not None for look in looks) / len(looks) < 0.7


def test_other_looks_are_another_dataset(tables, tmp_path):
    settings = tables.settings(out=tmp_path / "out", images=3)
    infgen.run(**settings)
    with pytest.raises(FolderError, match="harmonize"):
        infgen.run(**settings, harmonize="lighting")


def test_names_that_are_unknown_are_told_with_those_that_are_not(tables, tmp_path):
    with pytest.raises(InputError, match=r"(?s)seamless.*poisson.*lab.*meanstd"):
        infgen.run(**tables.settings(out=tmp_path / "out"), blend="seamless", harmonize="lab")
    assert not (tmp_path / "out").exists()
