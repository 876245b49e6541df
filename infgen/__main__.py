"""python -m infgen"""

import os
import signal

# Until main takes over, Ctrl-C ends the process at once: there is nothing to save yet, and a
# traceback out of a half-loaded library helps nobody.
signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from infgen.ui.cli import program  # noqa: E402

if __name__ == "__main__":
    program()
