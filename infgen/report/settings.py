"""What the end of a run, and `infgen report`, may be told about the report."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ReportSettings(msgspec.Struct, frozen=True):
    """Whether there is a report, and how much of one."""

    report: Annotated[
        bool, Meta(description="end with a report (report/index.html) and a dataset card")
    ] = True
    gallery: Annotated[
        int,
        Meta(ge=1, le=20_000, description="pictures that the report shows; it counts all of them"),
    ] = 2000
