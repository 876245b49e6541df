"""The verb `report`, and the end of every run: a dataset counted, drawn, and laid out in pages.

DATASET/README.md        the dataset card, unless somebody has written one: then report/card.md
DATASET/report/          index.html and its pages; figures.json: everything that was counted

Neither decides anything: the report tells of the run's throughput, too, and so isn't the same from
run to run; the card is.
"""

from __future__ import annotations

import json
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from infgen.batch.audit import JSON as AUDIT
from infgen.batch.marks import read_marks
from infgen.batch.preview import spread
from infgen.batch.reporter import Reporter, Silent
from infgen.batch.settings import RunSettings
from infgen.batch.statistics import read_statistics
from infgen.batch.store import LOG, RECORD, Store, append_file, open_finished
from infgen.formats import EXPORTS
from infgen.records.errors import FolderError, InfgenError, InputError, Problem
from infgen.records.labelled import LabelledPicture
from infgen.records.manifest import Manifest
from infgen.report.audit.findings import Audit
from infgen.report.card import MARKER, card_of
from infgen.report.contents import Contents
from infgen.report.facts import facts_of, notes_of, rejects_of
from infgen.report.figures import Channels, Figures, FigureTally, LooksTally, Round, rounds_of
from infgen.report.items import Item, item_of, items_of
from infgen.report.sample import Sample
from infgen.report.settings import ReportSettings
from infgen.sources.datasets import LabelledDataset, open_dataset
from infgen.sources.disk import told, write_file
from infgen.sources.packs import picture_bytes

FOLDER, FOREIGN_FOLDER = "report", "infgen-report"
FIGURES, CARD, SPARE_CARD = "figures.json", "README.md", "card.md"
INDEX = "index.html"
LOOKED_AT = 200  # pictures whose pixels are read, where the records don't hold their sums
