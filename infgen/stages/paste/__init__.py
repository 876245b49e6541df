"""Copy-paste: cutouts onto canvases, with true labels."""

from infgen.stages.paste.stage import Paste

__all__ = ["Paste"]
