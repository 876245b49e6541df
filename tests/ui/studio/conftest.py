"""One studio for all tests that ask it over HTTP: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ui.studio.served import PASSWORD, USER, Served, served


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A studio that wants a password."""
    folder = tmp_path_factory.mktemp("studio")
    key = folder / "password.txt"
    key.write_text(PASSWORD + "\n")
    (folder / "secret.txt").write_text("outside")
    with served(folder / "workspace", "--user", USER, "--password-file", key) as one:
        yield one
