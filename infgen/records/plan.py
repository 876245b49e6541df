"""What was decided for one picture: every draw of the dice, no pixels. Plain JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from infgen.records.box import Box
from infgen.records.verdict import Verdict


class BackgroundPlan(msgspec.Struct, frozen=True):
    """The scene behind one picture.

    `number` counts the run's backgrounds from 0 (several layouts may share one); `row` is the
    position in the background table. A picture is scaled to `scaled_size` = (width, height), which
    covers the canvas, then the canvas is cut out at `offset` = (x, y) and mirrored if `flip`.
    Otherwise `plain` names what is drawn from `seed`, or `prompt` is what a diffusion model paints.
    """

    number: int
    row: int
    picture: str = ""
    scaled_size: tuple[int, int] = (0, 0)
    offset: tuple[int, int] = (0, 0)
    flip: bool = False
    plain: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0

    @property
    def kind(self) -> str:
        """Whence it comes, in words."""
        return "own pictures" if self.picture else "plain" if self.plain else "painted by a model"


class Shadow(msgspec.Struct, frozen=True):
    """What a pasted object throws: its `kind` (ops.shadows.SHADOWS), where it falls (`offset` = (x,
    y)) and its `blur` (standard deviation), in parts of the object's longer side, and its
    `darkness`, 0..1."""

    kind: str
    offset: tuple[float, float]
    blur: float
    darkness: float


class Change(msgspec.Struct, frozen=True):
    """An augmentation as it was drawn: a row of ops.augment.AUGMENTS and its values. `fill` is what
    appears beyond a picture's edges where it is moved (ops.augment.warp.FILLS)."""

    name: str
    values: dict[str, float] = {}
    fill: str = ""


class Look(msgspec.Struct, frozen=True):
    """How an object goes into its scene. `blend` names how it goes over into it (ops.blends.BLENDS
    for pasted ones, ops.mattes.FEATHERS for inpainted ones), `harmonize` how its colours are
    brought nearer (ops.harmonize.HARMONIZE); `changes` are made to its cutout before."""

    blend: str = "alpha"
    harmonize: str = "none"
    shadow: Shadow | None = None
    changes: tuple[Change, ...] = ()


class ObjectPlan(msgspec.Struct, frozen=True):
    """One object to paint: its class id, the box that it may fill (which sticks out of the canvas
    where a pasted object is to be cut off by its border), and what goes into it.

    A pasted one has a `cutout`, mirrored or not. An inpainted one has its prompts, the `seed` of
    its noise, and the drawn `shape` in which the model may paint (ops.shapes.draw_shape). `look`
    says how it goes into the scene.
    """

    class_id: int
    box: Box
    method: str
    cutout: str = ""
    mirror: bool = False
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = 0
    shape: dict[str, Any] = {}
    source: tuple[float, float] | None = None
    look: Look = Look()


class GivenPlan(msgspec.Struct, frozen=True):
    """An object that the background shows already, as its label says: its class id, and what the
    canvas shows of its `box`; `crowd` as in Instance."""

    class_id: int
    box: Box
    crowd: bool = False


class Dropped(msgspec.Struct, frozen=True):
    """An object that was wanted and isn't in the picture, and why. `box` is None when no place was
    found for it; `tries` are those of a diffusion model, all in vain."""

    class_id: int
    reason: str
    box: Box | None = None
    tries: tuple[Verdict, ...] = ()


class Finish(msgspec.Struct, frozen=True):
    """What a whole picture goes through once it is painted, so that all of it looks taken by one
    camera: a blur (standard deviation in pixels), then brightness noise (`grain` grey levels, from
    `grain_at` = (x, y) of the tile that there is of it), then JPEG at `quality_loss` less than the
    set quality."""

    blur: float
    grain: float
    grain_at: tuple[int, int]
    quality_loss: int


class ImagePlan(msgspec.Struct, frozen=True):
    """One picture: `objects` are in painting order (the last lies on top); `size` is the canvas's
    (width, height) in pixels.

    `decoys` are painted before them, as they are: places of objects' sizes (`class_id` says whose)
    in which there is nothing but background. An inpainted one has the scene's prompt; a pasted one
    has a cutout's outline, filled with the canvas from around `source` = (x, y), in fractions of
    the canvas. `given` are the labelled objects that the background brings along; they lie below
    all that is painted. `changes` are made to the whole picture once it is painted, and its labels
    follow. `finish` is for the whole picture, in the end (None: it stays as it is).
    """

    index: int
    split: str
    size: tuple[int, int]
    background: BackgroundPlan
    objects: tuple[ObjectPlan, ...]
    dropped: tuple[Dropped, ...] = ()
    decoys: tuple[ObjectPlan, ...] = ()
    finish: Finish | None = None
    given: tuple[GivenPlan, ...] = ()
    changes: tuple[Change, ...] = ()
