"""What a person at a terminal, or the reader of a log, sees of a run."""

from infgen.ui.terminal.endings import (
    print_bank,
    print_cutouts,
    print_report,
    print_statistics,
    print_summary,
)
from infgen.ui.terminal.live import Terminal
from infgen.ui.terminal.models import print_eyes, print_models
from infgen.ui.terminal.plans import print_estimate, print_plans
from infgen.ui.terminal.streams import mend_streams, print_error, print_stopped, written_out

__all__ = [
    "Terminal",
    "mend_streams",
    "print_bank",
    "print_cutouts",
    "print_error",
    "print_estimate",
    "print_eyes",
    "print_models",
    "print_plans",
    "print_report",
    "print_statistics",
    "print_stopped",
    "print_summary",
    "written_out",
]
