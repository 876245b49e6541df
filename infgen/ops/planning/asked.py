"""All that a planner is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from infgen.ops.augment.recipe import Recipe
from infgen.ops.looks import LookSettings
from infgen.ops.planning.settings import PlanSettings
from infgen.records.past import Past
from infgen.records.specs import Request


class Asked(NamedTuple):
    """What Planner takes, as it is described there, with nothing left open."""

    request: Request
    settings: PlanSettings
    methods: tuple[str, ...]
    canvas: tuple[int, int]
    looks: LookSettings
    nearness: Mapping[str, np.ndarray]
    recipe: Recipe
    past: Past
