"""The models that infgen knows, as lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from infgen.models.known_eyes import EyeRow, Role
from infgen.models.presets import TINY_FOLDER, Preset
from infgen.ui.terminal.streams import written_out


def print_models(presets: Iterable[Preset]) -> None:
    """The diffusion models that have a name, for `--model`: each with its numbers on a line, and
    below what it is good for and the weights it is made of, in whole lines to copy from."""
    with written_out():
        print(f"{'model':<13}{'pixels':>6}{'steps':>7}{'memory':>9}   licence")
        for preset in presets:
            weights = [preset.model, preset.inpaint_model, preset.vae, preset.lora]
            shown = ["comes with infgen"] if preset.model == str(TINY_FOLDER) else weights
            memory = f"{preset.memory_gb:g} GB"
            print(
                f"\n{preset.name:<13}{preset.native:>6}{preset.steps:>7}{memory:>9}   "
                f"{preset.licence}"
            )
            for line in (preset.note, *filter(None, shown)):
                print(f"    {line}")


def print_eyes(eyes: Mapping[Role, Mapping[str, EyeRow]]) -> None:
    """The models that can judge what was painted or estimate depth, by the option that takes them;
    of each the first is the default."""
    with written_out():
        print("\nverify (see --verify) and depth (see --depth)")
        for role, rows in eyes.items():
            option = "depth-model" if role == "depth" else role
            for row in rows.values():
                print(f"\n--{option:<11}{f'{row.memory_gb:g} GB':>9}   {row.licence}")
                print(f"    {row.note}\n    {row.id}")
