"""The README's strip of looks shows every row of the tables, as they are now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[1]


def test_the_strip_is_the_one_that_the_script_draws(tmp_path: Path) -> None:
    """A new row, or another look of one, wants a new picture: python scripts/draw_blends.py."""
    file, kept = tmp_path / "again.jpg", ROOT / "prompts/demo/blends.jpg"
    subprocess.run([sys.executable, "scripts/draw_blends.py", "--out", file], cwd=ROOT, check=True)
    with Image.open(file) as drawn, Image.open(kept) as shown:
        assert drawn.size == shown.size
        apart = np.abs(np.asarray(drawn, int) - np.asarray(shown, int))
    assert apart.mean() < 1  # and not what JPEG makes of it here and there
    assert kept.stat().st_size < 150_000
