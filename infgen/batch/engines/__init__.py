"""Work spread over processes, results in order, a dying worker survived.

Each worker is a fresh Python that reads tasks from a pipe and ends at once when the pipe does: none
outlives a killed parent, or writes into what its successor is making. No code of the parent's
`__main__` runs again in it, so scripts and notebooks need no guard.
"""

from infgen.batch.engines.crew import AHEAD, Crew, usable_cores

__all__ = ["AHEAD", "Crew", "usable_cores"]
