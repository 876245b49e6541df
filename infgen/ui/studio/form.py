"""The settings of a run as fields of a page, made from their declarations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from infgen.batch.settings import Option
from infgen.formats import EXPORTS
from infgen.models.presets import PRESETS
from infgen.ui.studio.asked import KNOWN
from infgen.ui.wording import GROUPS

FRONT = ("images", "width", "height", "seed", "method", "model", "val_frac", "format")
CHOICES = {"format": tuple(EXPORTS)}  # of settings that take several
PROPOSED = {"model": tuple(PRESETS)}  # of settings that take others, too


class Form:
    """The fields: a handful in front, drawn where it is made, and the others by group, folded away,
    where `draw_others` is called."""

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._draw([KNOWN[name] for name in FRONT], 2, 140)

    def draw_others(self) -> None:
        """Draw the fields that aren't in front."""
        with gr.Accordion("All other settings", open=False, elem_id="others"):
            for group, title in GROUPS.items():
                options = [
                    one for one in KNOWN.values() if one.group == group and one.name not in FRONT
                ]
                if options:
                    gr.Markdown(f"#### {title[0].upper()}{title[1:]}")
                    self._draw(options, 3, 260)

    @property
    def fields(self) -> list[Any]:
        """The components, in the order of `names`."""
        return list(self._fields.values())

    def asked(self, values: Sequence[Any]) -> dict[str, Any]:
        """What the fields' values ask for, beyond the defaults."""
        pairs = zip(self._fields, values, strict=True)
        return {name: value for name, value in pairs if not _is_default(KNOWN[name], value)}

    def filled(self, asked: Mapping[str, Any]) -> list[Any]:
        """The fields' values for what was asked."""
        return [asked.get(name, _start(KNOWN[name])) for name in self._fields]

    def _draw(self, options: Sequence[Option], columns: int, width: int) -> None:
        with gr.Group(elem_classes="fields"):
            for at in range(0, len(options), columns):
                with gr.Row():
                    for option in options[at : at + columns]:
                        self._fields[option.name] = _field(option, width)


def _field(option: Option, width: int) -> Any:
    common = {"label": _label(option), "info": _info(option), "value": _start(option),
              "interactive": True, "min_width": width, "elem_id": f"set-{option.name}"}  # fmt: skip
    if option.kind is bool:
        return gr.Checkbox(**common)
    if option.name in CHOICES:
        return gr.Dropdown(list(CHOICES[option.name]), multiselect=True, **common)
    if option.name in PROPOSED:
        return gr.Dropdown(["", *PROPOSED[option.name]], allow_custom_value=True, **common)
    if option.choices:
        empty = [""] if option.default is None else []
        return gr.Dropdown([*empty, *option.choices], **common)
    if option.kind in (int, float):
        return gr.Number(precision=0 if option.kind is int else None, **common)
    return gr.Textbox(max_lines=1, **common)


def _label(option: Option) -> str:
    words = option.name.replace("_frac", "_share").replace("_", " ")
    return words[0].upper() + words[1:]


def _info(option: Option) -> str:
    return option.help[0].upper() + option.help[1:]


def _start(option: Option) -> Any:
    """The value of a field that nothing was asked for."""
    if option.name in CHOICES:
        return list(option.default)
    if option.kind is tuple:
        return ",".join(option.default)
    if option.default is None and option.kind not in (int, float):
        return ""
    return option.default


def _is_default(option: Option, value: Any) -> bool:
    return value in (None, "", []) or value == _start(option)
