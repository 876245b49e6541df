"""What a process and its worker say to each other over a pipe."""

from __future__ import annotations

from typing import IO, Any, NamedTuple

FUNCTION, CHUNK = b"f", b"c"  # what a message to a worker holds
READY = b"infgen worker: ready\n"  # what libraries print before it is passed over


class Answer(NamedTuple):
    """A chunk's results up to the first item that raised, and what that raised."""

    results: list[Any]
    error: BaseException | None = None


def send(pipe: IO[bytes], kind: bytes, data: bytes) -> None:
    pipe.write(kind + len(data).to_bytes(8, "little"))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    """A message's kind and data. Raises EOFError when the pipe ends before or within it."""
    head = pipe.read(9)
    data = pipe.read(int.from_bytes(head[1:], "little"))
    if len(head) < 9 or len(data) < int.from_bytes(head[1:], "little"):
        raise EOFError
    return head[:1], data
