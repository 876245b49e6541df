"""What is asked of a model, and what it answers when it can't. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple


class Prompt(NamedTuple):
    """What to paint and what to avoid. `negative` counts only where the model is guided."""

    text: str
    negative: str = ""


class Rejected(NamedTuple):
    """A picture that must not be used, and why (it is not finite, black, or flagged)."""

    reason: str


class PainterStopped(Exception):
    """The painter was told to stop."""
