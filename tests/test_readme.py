"""The README's commands, as a reader would type them.

Blocks under `<!-- runs -->` are run, in order, in one folder. Of all others every infgen command is
parsed and its settings checked, so that no option in the README can be wrong.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from infgen.formats import EXPORTS
from infgen.ops.augment import AUGMENTS
from infgen.ops.augment.presets import PRESETS
from infgen.ops.boxes import LONGER_SIDE_RANGE
from infgen.sources.tables import BACKGROUND_COLUMNS, CLASS_COLUMNS
from infgen.ui.cli.commands import run_settings
from infgen.ui.cli.parser import build_parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(<!-- runs -->\n)?```(bash|python|text|toml)\n(.*?)```", re.S)
BLOCKS = [(bool(runs), language, code) for runs, language, code in BLOCK.findall(README)]
RUNNING = [(language, code) for runs, language, code in BLOCKS if runs]

FILES = {  # by the name in their first line
    code.split()[1]: code for _, language, code in BLOCKS if language == "toml"
}


def commands(code: str) -> list[list[str]]:
    lines = code.replace("\\\n", " ").splitlines()
    return [shlex.split(line.lstrip("!"), comments=True) for line in lines if line.strip()]


def infgen_commands(code: str) -> list[list[str]]:
    return [c[3:] for c in commands(code) if c[:3] == ["python", "-m", "infgen"]]


def test_no_block_is_overlooked() -> None:
    assert README.count("```") == 2 * len(BLOCKS)
    assert len(RUNNING) >= 5
    assert README.count("<!-- runs -->") == len(RUNNING)


@pytest.mark.parametrize(
    "arguments",
    [c for _, language, code in BLOCKS if language == "bash" for c in infgen_commands(code)],
    ids=" ".join,
)
def test_every_command_parses(arguments: list[str]) -> None:
    parsed = vars(build_parser().parse_args(arguments))
    for name in ("command", "config", "dataset", "file", "count", "json"):
        parsed.pop(name, None)
    run_settings(parsed)


def test_blocks_that_run_do(tmp_path: Path) -> None:
    (tmp_path / "prompts").symlink_to(ROOT / "prompts")
    for name, code in FILES.items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    python = {"PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin"}
    for language, code in RUNNING:
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-ec", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=python, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "dataset/preview.png").exists() and (tmp_path / "sheet.png").exists()
    pictures = sorted((tmp_path / "signs/images").rglob("*.jpg"))
    assert len(pictures) == 200
    for picture in pictures:
        twin = tmp_path / "signs-again" / picture.relative_to(tmp_path / "signs")
        assert picture.read_bytes() == twin.read_bytes()
    with zipfile.ZipFile(tmp_path / "grid/packs/batch1.zip") as archive:
        folders = Counter(name.partition("/")[0] for name in archive.namelist())
    assert folders == {"fg_bg_jpg": 576, "mask_black_jpg": 576, "bg_jpg": 12, "fg_jpg": 24}


def test_it_names_every_column_augmentation_and_format() -> None:
    for column in (*BACKGROUND_COLUMNS, *CLASS_COLUMNS):
        assert f"`{column.name}`" in README
    table = README.partition("| what there is |")[2].partition("\n\n")[0].splitlines()
    for name, row in AUGMENTS.items():
        [line] = [text for text in table[2:] if f"`{name}`" in text.split("|")[1]]
        assert all(f"`{key}`" in line for key in row.ranges), name
        assert ("(pictures)" in line) == (not row.objects)
    for name in PRESETS:
        assert f"| `{name}`" in README
    for name in EXPORTS:
        assert re.search(rf"\s{name}\s", README), name
    assert LONGER_SIDE_RANGE == (1 / 4, 1 / 2)  # as the README says


def test_files_it_names_are_there() -> None:
    for path in re.findall(r"(?<![\w/`-])(?:\./)?((?:prompts|scripts)/[\w./-]+)", README):
        assert (ROOT / path).exists(), path
    assert (ROOT / "environment.yml").exists()
