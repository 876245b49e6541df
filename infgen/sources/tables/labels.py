"""The names of the classes: given, known, or made from prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from infgen.records.errors import Problem
from infgen.sources.csv_rows import Row, problem_at, read_rows
from infgen.sources.names import folded, names_from_prompts
from infgen.sources.tables.columns import CLASS_COLUMNS


def name_classes(
    path: Path, rows: Sequence[Row], known: Mapping[str, str]
) -> tuple[list[str], list[Problem], list[Problem]]:
    """The label of every row: its `name`, that of a `known` class with its prompt, or one made from
    its prompt."""
    problems = []
    seen: dict[str, int] = {}
    alike = {folded(name): name for name in known}
    for row in rows:
        name = folded(row["name"])
        if name in seen:
            text = f"'{row['name']}' is also the class of line {seen[name]}: give each its own name"
            problems.append(problem_at(path, text, row.line, "name"))
        elif name:
            seen[name] = row.line
        if row["name"] and alike.get(name, row["name"]) != row["name"]:
            text = f"'{row['name']}' is '{alike[name]}' in the dataset: write it as it is there"
            problems.append(problem_at(path, text, row.line, "name"))
        if not row["name"] and not row["prompt"] and row.broken.isdisjoint(("name", "prompt")):
            text = "is empty, and so is name: fill in one of them"
            problems.append(problem_at(path, text, row.line, "prompt"))
    unnamed = [row for row in rows if not row["name"]]
    made = _made_names(
        [row["prompt"] for row in unnamed], [row["name"] for row in rows if row["name"]], known
    )
    by_line = {row.line: name for row, name in zip(unnamed, made, strict=True)}
    names = [row["name"] or by_line[row.line] for row in rows]
    return names, problems, _repeated_prompts(path, unnamed, made)


def _made_names(
    prompts: Sequence[str], given: Sequence[str], known: Mapping[str, str]
) -> list[str]:
    """Names for prompts: of the `known` classes that have them, as far as these aren't `given`, or
    new ones, unlike all others and told apart from all prompts."""
    kept: dict[str, list[str]] = {}
    for name, prompt in known.items():
        if name not in given:
            kept.setdefault(prompt, []).append(name)
    others = [prompt for prompt in known.values() if prompt and prompt not in prompts]
    made = names_from_prompts([*prompts, *others], taken=[*given, *known])
    return [
        kept[prompt].pop(0) if kept.get(prompt) else name
        for prompt, name in zip(prompts, made, strict=False)
    ]


def _repeated_prompts(path: Path, rows: Sequence[Row], names: Sequence[str]) -> list[Problem]:
    """A warning for every row that repeats a prompt without a name to tell them apart."""
    warnings = []
    seen: dict[str, int] = {}
    for row, name in zip(rows, names, strict=True):
        first = seen.setdefault(row["prompt"], row.line)
        if first != row.line:
            text = (
                f"the same prompt as in line {first}: it becomes a class of its own, '{name}'; "
                "give names to choose others"
            )
            warnings.append(problem_at(path, text, row.line, "prompt"))
    return warnings


def read_class_names(path: Path) -> tuple[list[str], list[str], list[Problem]]:
    """The classes' names, by class id, those of them that aren't to be mirrored, and what is wrong
    with them; all else in the table is passed over."""
    columns = [column for column in CLASS_COLUMNS if column.name in ("prompt", "name", "mirror")]
    rows, problems, _ = read_rows(path, columns)
    names, name_problems, _ = name_classes(path, rows, {})
    upright = [name for name, row in zip(names, rows, strict=True) if not row["mirror"]]
    return names, upright, problems + name_problems
