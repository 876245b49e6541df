"""The program infgen: parse, call a verb, tell what is wrong."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from infgen.records.errors import InfgenError
from infgen.ui.cli.parser import Command, parse
from infgen.ui.cli.stopping import SIGNALS, Stopped, on_signal
from infgen.ui.terminal import mend_streams, print_error


def program() -> NoReturn:
    """`main` as a process. It ends at once, without Python's taking itself apart: who is killed in
    that tenth of a second has done all that was asked, and whoever started it can't know."""
    code = main()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the process's exit code."""
    # torch's threads would spin while they wait, and beside other programs wait the longer for it
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mend_streams()
    handlers = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        arguments = parse(argv)
        command: Command = arguments["command"]
        return command(arguments)
    except InfgenError as error:
        print_error(str(error))
        return error.exit_code
    except Stopped as stop:
        return stop.exit_code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
