"""A dataset in numbers: counted picture by picture, whoever made it."""

from infgen.report.figures.findings import Channels, ClassFigures, Figures, Looks, Round
from infgen.report.figures.looks import LooksTally
from infgen.report.figures.rounds import rounds_of
from infgen.report.figures.tally import FigureTally

__all__ = [
    "Channels",
    "ClassFigures",
    "FigureTally",
    "Figures",
    "Looks",
    "LooksTally",
    "Round",
    "rounds_of",
]
