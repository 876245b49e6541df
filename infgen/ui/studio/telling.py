"""Between Gradio and the studio: errors as sentences, files as Gradio wants them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import msgspec

from infgen.records.errors import InfgenError, InputError
from infgen.ui.studio.studio import API, Studio

SHOWN = 15  # seconds that a mistake stays on the page
FILE = {"_type": "gradio.FileData"}

UNASKED: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""Of events that nobody clicked for. Gradio closes the stream of its queue's answers once the last
was sent. A page that asks just then hears nothing until it asks again, and a timer waits for ever.
Beside the queue every question has its own answer (but an error isn't shown)."""


def shown(studio: Studio, function: Callable[..., Any]) -> Callable[..., Any]:
    """An event's function for the page, which may give its answers one by one: what is wrong is
    shown there, in its sentences."""

    @contextmanager
    def telling() -> Iterator[None]:
        try:
            yield
        except InfgenError as error:
            text = escape(studio.workspace.told(error)).replace("\n", "<br>")
            raise gr.Error(text, duration=SHOWN, title="", print_exception=False) from None

    @functools.wraps(function)
    def told(*values: Any) -> Any:
        with telling():
            return function(*values)

    @functools.wraps(function)
    def told_by_and_by(*values: Any) -> Iterator[Any]:
        with telling():
            yield from function(*values)

    return told_by_and_by if inspect.isgeneratorfunction(function) else told


def expose(studio: Studio) -> None:
    """Make the studio's methods what programs may call, by their names."""
    for name in API:
        gr.api(_endpoint(studio, getattr(studio, name)), api_name=name)


def _endpoint(studio: Studio, method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method, eval_str=True)

    @functools.wraps(method)
    def called(*values: Any) -> Any:
        try:
            given = zip(signature.parameters.values(), map(_plain, values), strict=False)
            result = method(*(_typed(parameter, value) for parameter, value in given))
        except InfgenError as error:
            raise gr.Error(studio.workspace.told(error), print_exception=False) from None
        return {"path": str(result), "meta": FILE} if isinstance(result, Path) else result

    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


def _typed(parameter: inspect.Parameter, value: Any) -> Any:
    """The value, if it is of the parameter's kind. Raises InputError if it isn't."""
    try:
        return msgspec.convert(value, parameter.annotation)
    except msgspec.ValidationError as error:
        raise InputError(f"{parameter.name}: {error}") from None


def _plain(value: Any) -> Any:
    """A value with the paths of uploaded files for the files."""
    if isinstance(value, dict) and value.get("meta") == FILE:
        return value["path"]
    return [_plain(one) for one in value] if isinstance(value, list) else value
