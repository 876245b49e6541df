"""Picture files on the user's disk: found, checked once before the run, decoded once in it."""

from infgen.sources.pictures.cache import PictureCache
from infgen.sources.pictures.checking import check_cutout, check_picture, check_upright
from infgen.sources.pictures.decoding import quiet_pillow
from infgen.sources.pictures.finding import PICTURE_ENDINGS, find_pictures, short_name
from infgen.sources.pictures.reading import (
    picture_size,
    read_any,
    read_as_it_is,
    read_ids,
    read_rgb,
    read_rgba,
    read_thumbnail,
    read_values,
)

__all__ = [
    "PICTURE_ENDINGS",
    "PictureCache",
    "check_cutout",
    "check_picture",
    "check_upright",
    "find_pictures",
    "picture_size",
    "quiet_pillow",
    "read_any",
    "read_as_it_is",
    "read_ids",
    "read_rgb",
    "read_rgba",
    "read_thumbnail",
    "read_values",
    "short_name",
]
