"""What is put into a picture: objects by its layout, and decoys beside them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from infgen.ops.balance import Odds, draw_counts
from infgen.ops.boxes import TRIES, Placed
from infgen.ops.dealing import share_cutouts
from infgen.ops.given import draw_source
from infgen.ops.looks import draw_light, draw_look
from infgen.ops.planning.asked import Asked
from infgen.ops.planning.scenes import Ground, Scenes
from infgen.ops.repetition import CutoutDeal
from infgen.ops.seeds import derive_seed, pick_by, shuffle, stream
from infgen.ops.shapes import draw_shape
from infgen.ops.truncation import draw_cut_off, place_cut_off
from infgen.records.box import Box
from infgen.records.errors import InputError
from infgen.records.plan import Dropped, Look, ObjectPlan
from infgen.records.specs import BackgroundSpec, ClassSpec


class Objects:
    """The objects and decoys of a run's pictures. `odds[c]` say how many of class c one gets, and
    `pools[c]` which of its cutouts each split may show.

    Raises:
        InputError: there are too few cutouts for what may be repeated.
    """

    def __init__(self, asked: Asked, scenes: Scenes, odds: Sequence[Odds | None]):
        self._asked, self._odds = asked, odds
        settings, past = asked.settings, asked.past
        val_frac = settings.val_frac if scenes.val or past.has_val else 0
        self.pools = [
            share_cutouts(spec.cutouts, val_frac, settings.seed, past.cutouts)
            for spec in asked.request.classes
        ]
        capped = settings.max_uses if "paste" in asked.methods else None
        self._deal = self._deal_cutouts(scenes.in_val, capped) if capped else None

    def plan(
        self, index: int, ground: Ground
    ) -> tuple[tuple[ObjectPlan, ...], tuple[Dropped, ...]]:
        """The objects of picture `index`, and those that there was no room for."""
        asked, settings = self._asked, self._asked.settings
        rng = stream(settings.seed, index, "layout")
        looks = stream(settings.seed, index, "blends")  # another table changes no layout
        light = draw_light(settings.seed, index)
        placed = Placed(settings.max_overlap)
        for there in ground.given:
            if not there.crowd:
                placed.put(there.box.xyxy)
        objects: list[ObjectPlan] = []
        dropped: list[Dropped] = []
        fraction = settings.cut_off_frac
        cuts = stream(settings.seed, index, "cut off") if fraction else None
        hand = self._deal.hand(index - asked.past.first_index, ground.split) if self._deal else None
        for class_id in self._draw_classes(rng):
            spec, method = asked.request.classes[class_id], asked.methods[class_id]
            cut = draw_cut_off(cuts, fraction, spec) if cuts and method == "paste" else None
            if cut:
                box = place_cut_off(rng, placed, spec, asked.canvas, cut, ground.near)
            else:
                box = placed.place(rng, spec, asked.canvas, ground.near)
            which, mirror = rng.random(2).tolist()
            if hand and method == "paste":
                which = hand.take(class_id)
            if box is None:
                dropped.append(Dropped(class_id, f"no room in {TRIES} tries"))
                continue
            look = draw_look(looks, asked.looks, method, light)
            if method == "paste":
                objects.append(self._pasted(class_id, box, ground.split, which, mirror, look))
            else:
                purpose = f"object {len(objects)}"
                objects.append(self._inpainted(class_id, box, spec, index, purpose, look))
        return tuple(objects), tuple(dropped)

    def decoys(
        self, index: int, ground: Ground, objects: Sequence[ObjectPlan]
    ) -> tuple[ObjectPlan, ...]:
        """For a share of the objects a place of the like, free of them all, with the background in
        it again (Tripathi et al., CVPR 2019: without them detectors learn the traces of painting).
        Their dice are their own: they change no layout."""
        asked, settings = self._asked, self._asked.settings
        rng = stream(settings.seed, index, "decoys")
        looks = stream(settings.seed, index, "blends of decoys")
        scene = asked.request.backgrounds[ground.background.row]
        placed = Placed(max_overlap=0)
        for box in [one.box for one in objects] + [one.box for one in ground.given]:
            placed.put(box.xyxy)
        decoys: list[ObjectPlan] = []
        for one in objects:
            die, which, mirror, x, y = rng.random(5).tolist()
            if die >= settings.decoys:
                continue
            place = placed.place(
                rng, asked.request.classes[one.class_id], asked.canvas, ground.near
            )
            source = draw_source(rng, (x, y), place, asked.canvas, ground.given) if place else None
            if place is None or source is None:
                continue
            # scenery throws no shadow, and is in its own light already
            look = Look(draw_look(looks, asked.looks, one.method).blend)
            if one.method == "paste":
                plan = self._pasted(one.class_id, place, ground.split, which, mirror, look)
                plan = msgspec.structs.replace(plan, source=source)
            else:
                purpose = f"decoy {len(decoys)}"
                plan = self._inpainted(one.class_id, place, scene, index, purpose, look)
            decoys.append(plan)
        return tuple(decoys)

    def _deal_cutouts(self, in_val: np.ndarray, max_uses: int) -> CutoutDeal:
        """Deal the cutouts evenly: for that all pictures' objects have to be counted."""
        asked, settings = self._asked, self._asked.settings
        wanted = np.zeros((len(in_val), len(asked.methods)), np.uint16)
        pasted = [method == "paste" for method in asked.methods]
        for rank in range(len(in_val)):
            index = asked.past.first_index + rank
            wanted[rank] = self._draw_counts(stream(settings.seed, index, "layout"))
        wanted[:, np.logical_not(pasted)] = 0
        deal = CutoutDeal(asked.request.classes, self.pools, wanted, in_val, settings.seed)
        if problems := list(deal.problems(max_uses, len(in_val))):
            raise InputError(problems)
        return deal

    def _pasted(
        self, class_id: int, box: Box, split: str, which: float, mirror: float, look: Look
    ) -> ObjectPlan:
        spec, pool = self._asked.request.classes[class_id], self.pools[class_id][split]
        cutout = spec.cutouts[pool[pick_by(which, len(pool))]].name
        mirrored = spec.mirror and mirror < self._asked.settings.flip_frac
        return ObjectPlan(class_id, box, "paste", cutout, mirrored, look=look)

    def _inpainted(
        self,
        class_id: int,
        box: Box,
        words: ClassSpec | BackgroundSpec,
        index: int,
        purpose: str,
        look: Look,
    ) -> ObjectPlan:
        """An object for the diffusion model. Its dice are its own: painting otherwise changes no
        layout."""
        seed = self._asked.settings.seed
        return ObjectPlan(
            class_id,
            box,
            "inpaint",
            prompt=words.prompt,
            negative_prompt=words.negative_prompt,
            seed=derive_seed(seed, index, purpose),
            shape=draw_shape(stream(seed, index, f"shape of {purpose}")),
            look=look,
        )

    def _draw_classes(self, rng: np.random.Generator) -> list[int]:
        """The class ids of a picture's objects in painting order, which no class leads."""
        class_ids: list[int] = []
        for class_id, count in enumerate(self._draw_counts(rng)):
            class_ids += [class_id] * count
        return shuffle(rng, class_ids)

    def _draw_counts(self, rng: np.random.Generator) -> list[int]:
        """How many objects of each class a picture is to hold: the first that its layout draws."""
        return draw_counts(rng, self._asked.request.classes, self._odds)
