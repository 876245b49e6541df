"""A hub of our own on localhost: folders served as repositories to the real hub client."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlparse

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """`repositories` are folders by id, at the commit `sha` or whichever is asked for; `gated` ids
    answer as such; `asked` lists the paths of all requests; `sizes` overrides what files are said
    to weigh."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.licences: dict[str, str] = {}
        self.sizes: dict[str, int] = {}
        self.broken = False
        self.sha = SHA
        self.asked: list[str] = []
        self.endpoint = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if self.broken:
            return 503, {}, b""
        if path.startswith("/api/models/"):
            owner, name, *rest = path.removeprefix("/api/models/").split("/")
            return self._about(f"{owner}/{name}", rest)
        if "/resolve/" not in path:  # other things that the client is curious about
            return 404, {}, b"{}"
        repo, _, file = path.strip("/").partition("/resolve/")
        return self._file(repo, file)

    def _about(self, repo: str, rest: list[str]) -> tuple[int, dict[str, str], bytes]:
        if repo not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if rest[:1] == ["auth-check"]:
            return (
                (403, {"X-Error-Code": "GatedRepo"}, b"{}")
                if repo in self.gated
                else (200, {}, b"{}")
            )
        folder = self.repositories[repo]
        files = [
            {"rfilename": name, "path": name, "type": "file", "oid": "0" * 40, "blobId": "0" * 40,
             "size": self.sizes.get(name, path.stat().st_size)}
            for path in sorted(folder.rglob("*")) if path.is_file()
            for name in [path.relative_to(folder).as_posix()]
        ]  # fmt: skip
        if rest[:1] == ["tree"]:
            return 200, {}, json.dumps(files).encode()
        about = {
            "id": repo, "modelId": repo, "sha": self._commit("".join(rest[1:2])),
            "siblings": files, "private": False,
            "gated": "auto" if repo in self.gated else False, "tags": [], "downloads": 0,
            "cardData": {"license": self.licences.get(repo)},
        }  # fmt: skip
        return 200, {}, json.dumps(about).encode()

    def _file(self, repo: str, file: str) -> tuple[int, dict[str, str], bytes]:
        revision, _, name = file.partition("/")
        path = self.repositories.get(repo, Path()) / name
        headers = {"X-Repo-Commit": self._commit(revision)}
        if repo not in self.repositories or not path.is_file():
            return 404, headers | {"X-Error-Code": "EntryNotFound"}, b""
        data = path.read_bytes()
        etag = hashlib.sha256(data).hexdigest()
        return 200, headers | {"ETag": f'"{etag}"', "Accept-Ranges": "bytes"}, data

    def _commit(self, revision: str) -> str:
        return revision if len(revision) == 40 else self.sha


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub that answers at `hub.endpoint` as long as the block runs."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlparse(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            status, headers, body = hub.answer(path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
