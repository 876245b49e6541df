"""Throwing the dice: from what was asked to what every single picture will be. No pixels."""

from infgen.ops.planning.planner import Planner
from infgen.ops.planning.scenes import plan_scene, scene_key
from infgen.ops.planning.settings import MOST_PICTURES, PlanSettings

__all__ = ["MOST_PICTURES", "PlanSettings", "Planner", "plan_scene", "scene_key"]
