"""Options in words, for the command line's help and for Python's."""

from __future__ import annotations

from infgen.batch.settings import Option
from infgen.formats import EXPORTS

GROUPS = {
    "run": "the run",
    "plan": "what is planned",
    "grid": "the full grid",
    "look": "how pasted objects go into the scene",
    "augment": "augmentation",
    "inpaint": "inpainting",
    "model": "the diffusion model",
    "verify": "what judges painted objects",
    "pictures": "the pictures",
    "depth": "depth maps",
    "files": "their files",
    "export": "the labels",
    "cutting": "how objects are cut out",
    "report": "the report",
}


def help_of(option: Option) -> str:
    """What an option is for, the names that it may take, and its default."""
    text = option.help + (f" ({', '.join(EXPORTS)})" if option.name == "format" else "")
    default = option.default
    if default is not None and default != () and option.kind is not bool:
        shown = ",".join(default) if isinstance(default, tuple) else default
        text += f" (default: {shown})"
    return text
