"""What an audit may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class AuditSettings(msgspec.Struct, frozen=True):
    """All that `infgen audit` may be told, but for the dataset."""

    out: Annotated[Path, Meta(description="folder of audit.json and audit.md")] = Path("audit")
    reference: (
        Annotated[
            Path,
            Meta(description="a dataset of real pictures, beside which object contours are held"),
        ]
        | None
    ) = None
    fail_on: Annotated[
        tuple[str, ...],
        Meta(description="limits such as seam>0.6,leakage>0; crossing one ends with exit code 3"),
    ] = ()
    seams: Annotated[
        bool, Meta(description="look for seams (needs scikit-learn: the extra 'audit')")
    ] = True
    estimate: Annotated[
        Literal["grabcut", "none"],
        Meta(description="the second opinion that labels are held against"),
    ] = "grabcut"
    sample: Annotated[
        int,
        Meta(ge=8, le=5000, description="pictures whose pixels are probed; all are counted"),
    ] = 200
    seed: Annotated[int, Meta(ge=0, description="of the sample and of the probe")] = 0
