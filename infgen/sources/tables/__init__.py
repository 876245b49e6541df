"""background.csv and classes.csv into a Request, or into every mistake that they hold."""

from infgen.sources.tables.backgrounds import BACKGROUND_COLUMNS, PLAIN_KINDS
from infgen.sources.tables.columns import CLASS_COLUMNS, read_label
from infgen.sources.tables.labels import read_class_names
from infgen.sources.tables.reading import read_classes, read_request
from infgen.sources.tables.writing import with_cutouts, write_table

__all__ = [
    "BACKGROUND_COLUMNS",
    "CLASS_COLUMNS",
    "PLAIN_KINDS",
    "read_class_names",
    "read_classes",
    "read_label",
    "read_request",
    "with_cutouts",
    "write_table",
]
