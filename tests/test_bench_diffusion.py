"""The diffusion path's benchmark on small networks: that it runs, and compares like with like."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="diffusion isn't installed")
pytest.importorskip("diffusers", reason="diffusion isn't installed")

from tests.models.small import build_sd

SCRIPT = Path(__file__).parents[1] / "scripts" / "bench_diffusion.py"


def bench(tmp_path: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """What the script prints and what it writes; in a process of its own, as it changes settings of
    the libraries."""
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--quick", "--folder", str(tmp_path)]
    command += ["--json", str(tmp_path / "report.json"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((tmp_path / "report.json").read_bytes())


def test_three_ways_make_what_was_planned(tmp_path: Path) -> None:
    printed, report = bench(
        tmp_path, "--shrunken", "--models", "sdxl", "--steps", "2", "--images", "2"
    )
    rows = {row["way"]: row for row in report["rows"]}
    assert list(rows) == ["ancestor", "plain", "infgen"]
    for row in rows.values():
        assert row["objects"] == 2 * row["scenes"] == 2 * row["pictures"]
        assert row["flops"] > 0 and 0 <= row["idle"] < 1
        assert f"| {row['way']} |" in printed
    assert report["ratios"][0]["plain"] > 0 and report["ratios"][0]["ancestor"] > 0
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]  # gigabytes, with true ones


def test_the_bare_calls_are_those_of_a_run(tmp_path: Path) -> None:
    model = build_sd(tmp_path / "model", channels=9)
    printed, report = bench(tmp_path, "--model", str(model), "--steps", "1", "--images", "5")
    found = report["overhead"]
    assert found["calls"] == found["bare_calls"] and len(found["calls"]) == 3
    assert len(found["wall"]) == len(found["processor"]) == 3
    assert "called alike" in printed
