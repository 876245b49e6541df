"""How fast a run was, from its log."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from infgen.report.figures.findings import Round


class _Line(msgspec.Struct):
    event: str
    missing: int = 0
    workers: int | None = None
    seconds: float | None = None


def rounds_of(lines: Iterable[bytes]) -> list[Round]:
    """Every stretch of painting that run.log tells of. Lines that can't be read are passed over: a
    run may have died while it wrote one."""
    rounds: list[Round] = []
    decoder = msgspec.json.Decoder(_Line)
    for text in lines:
        try:
            line = decoder.decode(text)
        except msgspec.DecodeError:
            continue
        if line.event == "painting":
            rounds.append(Round(line.missing, None, line.workers))
        elif line.event == "painted" and rounds:
            rounds[-1].seconds = line.seconds
    return rounds
