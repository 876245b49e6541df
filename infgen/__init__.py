"""infgen: two CSV files in, a labelled detection and segmentation dataset of any size out.

    import infgen
    infgen.run(backgrounds="background.csv", classes="classes.csv", images=100)

The verbs are those of the command line; their keyword arguments are its options, as `help` of each
lists them. `infgen.Dataset` reads any dataset for training. Importing infgen loads nothing else
until something is used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infgen.learn.dataset import Dataset
    from infgen.ui.verbs import (
        audit,
        bank,
        convert,
        cutouts,
        export,
        mark,
        merge,
        plan,
        preview,
        progress,
        relabel,
        report,
        run,
        serve,
    )

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "audit",
    "bank",
    "convert",
    "cutouts",
    "export",
    "mark",
    "merge",
    "plan",
    "preview",
    "progress",
    "relabel",
    "report",
    "run",
    "serve",
]


def __getattr__(name: str) -> Any:
    """What the package offers, loaded when it is asked for."""
    if name == "Dataset":
        from infgen.learn.dataset import Dataset

        return Dataset
    if name in __all__:
        from infgen.ui import verbs

        return getattr(verbs, name)
    raise AttributeError(f"module 'infgen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*globals(), *__all__]


class _Package(ModuleType):
    """This package. Importing a folder of it would put that where a verb of the same name is."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
