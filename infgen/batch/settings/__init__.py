"""Every setting of a run in one place: put together from the stages' own, checked, saved, read.

A setting is declared once, as a struct field with its type, bounds, default and help. From that
come the command line's option, the check of every value wherever it comes from, and the run's
record.
"""

from infgen.batch.settings.files import MODELS, NOT_RECORDED, flatten, read_toml, write_toml
from infgen.batch.settings.options import Option, Settings, fill, make_settings, options
from infgen.batch.settings.verbs import (
    DEFAULT_CANVAS,
    BankSettings,
    CutoutsSettings,
    MergeSettings,
    PictureSettings,
    RelabelSettings,
    RunSettings,
)

__all__ = [
    "DEFAULT_CANVAS",
    "MODELS",
    "NOT_RECORDED",
    "BankSettings",
    "CutoutsSettings",
    "MergeSettings",
    "Option",
    "PictureSettings",
    "RelabelSettings",
    "RunSettings",
    "Settings",
    "fill",
    "flatten",
    "make_settings",
    "options",
    "read_toml",
    "write_toml",
]
