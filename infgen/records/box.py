"""The one box of the house: xyxy, float pixels, edges between pixels, never empty."""

from __future__ import annotations

from math import inf

import msgspec


class Box(msgspec.Struct, frozen=True, array_like=True):
    """An axis-aligned rectangle: x grows to the right, y downwards.

    Coordinates lie on pixel *edges*: the box of the single pixel in row 0, column 0 is
    (0, 0, 1, 1). In JSON it is the list [x0, y0, x1, y1].

    Raises:
        ValueError: the box would be empty (x1 <= x0 or y1 <= y0), or a coordinate is not finite.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (-inf < self.x0 < self.x1 < inf and -inf < self.y0 < self.y1 < inf):
            raise ValueError(f"not a box: {self.xyxy}")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def shift(self, x: float, y: float) -> Box:
        """The box moved by (x, y) pixels."""
        return Box(self.x0 + x, self.y0 + y, self.x1 + x, self.y1 + y)

    def intersect(self, other: Box) -> Box | None:
        """The common part of two boxes; None when they share no area."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        common = self.intersect(other)
        if common is None:
            return 0.0
        return common.area / (self.area + other.area - common.area)

    def as_coco(self) -> tuple[float, float, float, float]:
        """(x, y, width, height) in pixels, as COCO's `bbox`."""
        return (self.x0, self.y0, self.width, self.height)

    def as_yolo(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """(x center, y center, width, height) as fractions of `size` = (width, height)."""
        (cx, cy), (width, height) = self.center, size
        return (cx / width, cy / height, self.width / width, self.height / height)

    def as_voc(self) -> tuple[int, int, int, int]:
        """(xmin, ymin, xmax, ymax) as Pascal VOC counts: whole pixels, from 1, ends inclusive.

        They are all pixels that the box touches, by more than what YOLO's six decimals lose.
        """
        x0, y0, x1, y1 = (round(edge, 2) for edge in self.xyxy)
        return (int(x0 // 1) + 1, int(y0 // 1) + 1, -int(-x1 // 1), -int(-y1 // 1))
