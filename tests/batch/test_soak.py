"""Long runs, with `scripts/test --all` only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_memory_stays_flat_over_ten_thousand_pictures() -> None:
    command = [sys.executable, "scripts/bench_paste.py", "--images", "10000", "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    workers = re.findall(r"memory at most (\d+) MB, later (\d+) MB", done.stdout)
    assert len(workers) >= 2, done.stdout
    for first, later in workers:
        assert int(later) < 500
        assert int(later) <= 1.1 * int(first) + 10
