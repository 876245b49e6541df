"""Shared fixtures. Real pictures live beside the checkout and are skipped, loudly, without them."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # there is a worker for every core: threads of its own would spin while they wait for one. Said
    # before numpy and torch are loaded, which read it as they are
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from infgen.batch import painting
from infgen.report import sheet
from tests.making import SHEET, Tables, draw_sheets, make_tables

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long an example takes says more about the machine than about infgen.
settings.register_profile("infgen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("infgen")

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures; a test that asks for it is skipped where there is none.

    INFGEN_SHARED_DATA names another folder, which then has to be there.
    """
    told = os.environ.get("INFGEN_SHARED_DATA")
    folder = Path(told) if told else BESIDE
    if not (folder / "backgrounds").is_dir():
        assert not told, f"INFGEN_SHARED_DATA={told}: no folder 'backgrounds' is there"
        pytest.skip(f"no real pictures in {folder}: put them there or set INFGEN_SHARED_DATA")
    return folder


@pytest.fixture(autouse=True, scope="session")
def small_sheets() -> Iterator[None]:
    """Contact sheets are narrow: each run draws one, and a whole one takes longer than the dozen
    small pictures on it."""
    with pytest.MonkeyPatch.context() as patch:
        draw_sheets(SHEET, patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_worker() -> Iterator[None]:
    """Who doesn't say how many workers gets none: starting them takes longer than a dozen pictures,
    and the suite has a process for every core already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(painting, "usable_cores", lambda: 1)
        yield


@pytest.fixture
def whole_sheets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets as users get them: for tests of them, or that compare them with a process's."""
    draw_sheets(sheet.WIDTH, monkeypatch)


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """The two tables, with small pictures, in a folder of their own."""
    return make_tables(tmp_path / "input")


@pytest.fixture(scope="session")
def small_eye(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`small_eye("owlv2")` is the folder of such a model; don't change what is in it."""
    root = tmp_path_factory.mktemp("eyes")

    def build(architecture: str) -> Path:
        import torch

        from tests.models.small_eyes import BUILDERS

        torch.set_num_threads(1)
        folder = root / architecture
        return folder if folder.exists() else BUILDERS[architecture](folder)

    return build


# What keeps it from looking for the world outside, where there is none.
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium. A test that asks for it is skipped where there is none, but on CI."""
    path = shutil.which("chromium")
    if path is None:
        assert not os.environ.get("CI"), "no chromium: scripts/test couldn't install it"
        pytest.skip("no chromium: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()
