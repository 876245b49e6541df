"""Between Gradio and the studio: errors as sentences, files as Gradio wants them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import msgspec

from infgen.records.errors import InfgenError, InputError
from infgen.ui.studio.studio import API, Studio

SHOWN = 15  # seconds that a mistake stays on the page
FILE = {"_type": "gradio.FileData"}


def shown(studio: Studio, function: Callable[..., Any]) -> Callable[..., Any]:
    """An event's function for the page: what is wrong is shown there, in its sentences."""

    @functools.wraps(function)
    def told(*values: Any) -> Any:
        try:
            return function(*values)
        except InfgenError as error:
            text = escape(studio.workspace.told(error)).replace("\n", "<br>")
            raise gr.Error(text, duration=SHOWN, title="", print_exception=False) from None

    return told


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
