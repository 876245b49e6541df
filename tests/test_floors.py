"""The import rule: a file of infgen imports only from lower floors or its own folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "infgen"

FLOORS = {
    "records": 0,
    "ops": 1,
    "sources": 2,
    "models": 3,
    "stages": 4,
    "formats": 4,
    "report": 4,
    "batch": 5,
    "learn": 6,
    "ui": 7,
}
HEAVY = {"torch", "torchvision", "diffusers", "transformers", "accelerate", "safetensors"}
MAY_BE_HEAVY = {"models", "learn"}
OUTSIDE = {"__init__.py", "__main__.py"}  # the door, and the bell
FEWEST_FILES = 250  # raise it as the house grows: a test that finds nothing to judge is no test


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every import of a module, wherever it stands: (line, dotted name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            yield from ((node.lineno, f"{'.' * node.level}{name}.{a.name}") for a in node.names)


def violations(place: str, source: str) -> list[str]:
    """What a file may not import; `place` is its path inside infgen/, as in "ops/boxes.py"."""
    folder = place.split("/")[0]
    found = []
    for line, name in imported(ast.parse(source)):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        if not top:
            found.append(f"{place}:{line}: {name}: say infgen.{folder}...")
        elif top in HEAVY and folder not in MAY_BE_HEAVY:
            found.append(f"{place}:{line}: {name}: only {sorted(MAY_BE_HEAVY)} may")
        elif top != "infgen" or target in ("", "__version__") or target == folder:
            continue
        elif target not in FLOORS:
            found.append(f"{place}:{line}: {name}: no floor is called {target}")
        elif FLOORS[target] >= FLOORS[folder]:
            found.append(f"{place}:{line}: {name}: {folder} may not know {target}")
    return found


def house_files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_every_file_keeps_to_its_floor() -> None:
    seen, found = 0, []
    for path in house_files():
        place = path.relative_to(PACKAGE).as_posix()
        if place in OUTSIDE:
            continue
        seen += 1
        found += violations(place, path.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)
    assert seen >= FEWEST_FILES


def test_every_folder_is_a_floor() -> None:
    folders = {path.relative_to(PACKAGE).parts[0] for path in house_files()} - OUTSIDE
    assert folders <= set(FLOORS)
    assert {"records", "ops", "sources", "stages", "formats", "report", "batch", "ui"} <= folders


def test_the_door_loads_nothing_until_it_is_used() -> None:
    """infgen/__init__.py may import anything, but only inside its verbs, or for type checkers."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for node in at_once for _, name in imported(node)}
    assert names <= {"__future__", "sys", "types", "typing"}


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("records/box.py", "from infgen.ops.boxes import draw_boxes"),
        ("ops/boxes.py", "import infgen.sources.disk"),
        ("ops/boxes.py", "from infgen import sources"),
        ("ops/boxes.py", "def late():\n    from infgen.stages import paste"),
        ("stages/paste.py", "from infgen.formats.coco import finish"),
        ("formats/coco.py", "from infgen.report import sheet"),
        ("report/sheet.py", "from infgen.stages.paste import Paste"),
        ("batch/runner.py", "from infgen.ui.terminal import Terminal"),
        ("batch/runner.py", "from infgen.learn import stream"),
        ("ops/boxes.py", "from .masks import tight_box"),
        ("ops/boxes.py", "from infgen.cellar import wine"),
        ("ops/boxes.py", "import torch.nn"),
        ("batch/runner.py", "def late():\n    from diffusers import Flux"),
        ("ui/cli.py", "import transformers"),
    ],
)
def test_the_rule_can_be_broken(place: str, source: str) -> None:
    assert len(violations(place, source)) == 1


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("ops/boxes.py", "from infgen.records.box import Box\nimport numpy"),
        ("ops/boxes.py", "from infgen.ops.masks import tight_box"),
        ("formats/coco.py", "from infgen.formats.settings import Dataset"),
        ("batch/runner.py", "from infgen import __version__\nfrom infgen.formats import EXPORTS"),
        ("ui/cli.py", "from infgen.batch import runner"),
        ("models/painter.py", "import torch\nfrom diffusers import Flux"),
        ("learn/stream.py", "import torch\nfrom infgen.batch import runner"),
    ],
)
def test_the_rule_can_be_kept(place: str, source: str) -> None:
    assert violations(place, source) == []
