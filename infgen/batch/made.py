"""What comes back of a picture: its record, as a line, or why there is none."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import msgspec

from infgen.ops.plans import Plans
from infgen.records.errors import InfgenError
from infgen.records.plan import ImagePlan
from infgen.records.sample import Entry


@dataclass(frozen=True)
class Made:
    """What comes back from a worker: the record line, the kept background that it names, and for a
    failed picture its traceback. (The background's first layout writes that file; it may fail.)"""

    line: bytes
    failed: bool = False
    traceback: str = ""
    background_file: str = ""


def as_line(entry: Entry) -> bytes:
    """A record as a line of its file."""
    return msgspec.json.encode(entry) + b"\n"


def told_failure(error: Exception) -> tuple[str, str]:
    """The reason for the record, and the traceback for the log: what isn't an InfgenError is a bug,
    and keeps it."""
    if isinstance(error, InfgenError):
        return str(error), ""
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def _failed_entry(plan: ImagePlan, reason: str) -> Entry:
    """The record of a picture that couldn't be made."""
    return Entry(
        index=plan.index,
        split=plan.split,
        size=plan.size,
        file="",
        bytes=0,
        background=plan.background,
        failure=reason,
    )


def failed(plan: ImagePlan, error: Exception) -> Made:
    """The record of why a picture couldn't be made."""
    reason, trace = told_failure(error)
    return Made(as_line(_failed_entry(plan, reason)), True, trace)


def worker_failed(planner: Plans, index: int, reason: str) -> Made:
    """The record for a picture that took its worker down with it."""
    return Made(as_line(_failed_entry(planner.plan(index), reason)), True)
