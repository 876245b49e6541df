"""One report for all tests of its pages."""

from __future__ import annotations

import pytest

from tests.report.pages.site import Site, make_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Don't change what is in it."""
    return make_site(tmp_path_factory.mktemp("site"))
