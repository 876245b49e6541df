"""The command line, generated from the settings: parse, call a verb, print. No logic."""

from infgen.ui.cli.program import main, program
from infgen.ui.cli.stopping import EXIT_FAILURES, SIGNALS, Stopped

__all__ = ["EXIT_FAILURES", "SIGNALS", "Stopped", "main", "program"]
