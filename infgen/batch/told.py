"""An estimate in words."""

from __future__ import annotations

from infgen.batch.estimate import Estimate, in_bytes
from infgen.report.counts import count_of


def in_time(seconds: float) -> str:
    """As a person would say it: 95 seconds are 1.6 minutes."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{int(seconds < 10 * size)}f} {unit}s"
    return count_of(max(round(seconds), 1), "second")


def rows_of(found: Estimate) -> list[tuple[str, str]]:
    """The estimate as (what, how much), for a table."""
    rows = [
        ("pictures", f"{found.pictures:,}"),
        ("objects", f"about {found.objects:,}"),
        ("time", _time_of(found)),
        ("disk", _disk_of(found)),
        ("memory", f"about {in_bytes(found.memory)} for {count_of(found.workers, 'worker')}"),
    ]
    if work := found.work:
        there = f"{work.memory_gb:g} GB" if work.device != "cpu" else in_bytes(found.memory)
        rows[4] = ("memory", f"about {there} on {work.device}")
        again = f", some up to {work.attempts} times" if work.tries and work.attempts > 1 else ""
        rows += [
            ("model", f"{', '.join(work.models)} on {work.device}"
                      + (f", {in_bytes(work.download)} to download" if work.download else "")),
            ("to paint", f"{work.scenes:,} scenes, {work.tries:,} objects and decoys{again}"),
            ("model steps", f"{work.steps:,}, about {_tera(work.tflop)}"),
        ]  # fmt: skip
    return rows


def _time_of(found: Estimate) -> str:
    if found.seconds is None:
        why = "the model isn't timed here" if found.work else "no picture could be made"
        return f"not known: {why}"
    who = f"on {found.work.device}" if found.work else f"with {count_of(found.workers, 'worker')}"
    made = f"{count_of(found.timed, 'picture')} made just now, on a machine as busy as it is"
    return f"about {in_time(found.seconds)} {who}{_without(found)}, by {made}"


def _disk_of(found: Estimate) -> str:
    if found.disk is None:
        return f"not known; {in_bytes(found.free)} are free"
    parts = [f"pictures {in_bytes(found.pictures_bytes)}"]
    parts += [f"{name} {in_bytes(size)}" for name, size in found.formats.items()]
    there = f"{in_bytes(found.free)} are free"
    return f"about {in_bytes(found.disk)} ({', '.join(parts)}){_without(found)}, {there}"


def _without(found: Estimate) -> str:
    return f" without {found.lacks}" if found.lacks else ""


def _tera(tflop: float) -> str:
    return f"{tflop / 1000:,.1f} PFLOP" if tflop >= 1000 else f"{tflop:,.1f} TFLOP"
