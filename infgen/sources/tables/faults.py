"""What is wrong with a row, until it is known where to tell it."""

from __future__ import annotations

from infgen.records.errors import Problem

Fault = tuple[str, str]  # a column, and what is wrong with a row's cell in it


def with_clues(problems: list[Problem], warnings: list[Problem]) -> list[Problem]:
    """A file's problems by line, and among them what was odd about its layout: a column whose name
    was mistyped looks like one that is empty."""
    return sorted(problems + warnings, key=lambda problem: problem.line) if problems else []
