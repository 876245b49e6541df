"""The studio as a user starts it: a process of its own, on a free port of this machine."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from tests.making import start

USER, PASSWORD = "ann", "correct horse battery"


@dataclass(frozen=True)
class Served:
    """A studio that is being served, and its workspace."""

    url: str
    workspace: Path
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    def ask(self, path: str, data: bytes | None = None, method: str = "", **headers: str) -> Answer:
        """What a plain HTTP request is answered, without redirects being followed."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.url.rstrip("/") + path, data, names, method=method or None
        )
        try:
            with OPENER.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def sign_in(self, user: str = USER, password: str = PASSWORD) -> Answer:
        form = urllib.parse.urlencode({"username": user, "password": password}).encode()
        return self.ask("/login", form)

    def cookie(self) -> str:
        """What a browser sends along that has signed in."""
        return str(self.sign_in().headers["set-cookie"]).partition(";")[0]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


OPENER = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


@contextmanager
def served(workspace: Path, *options: object, **popen: Any) -> Iterator[Served]:
    """`infgen serve`, until the block ends."""
    process = start("serve", "--workspace", workspace, "--port", 0, *options, **popen)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    try:
        assert found, line + process.communicate(timeout=10)[1]
        yield Served(found[0], workspace, process)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=40)
    assert "Traceback" not in errors, errors
