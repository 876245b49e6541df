"""A dataset's folder: claimed, filled in index order, resumed after any death, finished last.

run.toml                 first: the settings, and the fingerprint that a later run must match
parts.json               what each run made or is to make, where the dataset was appended to
append-0001.toml         the settings of what was appended, and its record
images/SPLIT/*           each picture whole or not there (or in packs/*: each archive)
samples-00000.jsonl      a line per picture, after its picture; a file per 1,000 indices of a part
marks.json               the pictures that are to be kept out of the formats (see batch.marks)
unfinished-formats.json  formats that aren't whole, or not in step (see batch.owed)
manifest.json            last: while it is missing, the dataset isn't finished
README.md, report/*      what people look at, written after all (see batch.report)
run.log                  times, hosts, tracebacks: no part of the dataset
"""

from infgen.batch.store.pinned import Pinned, told_differences
from infgen.batch.store.records import PER_FILE, index_of
from infgen.batch.store.store import LOG, MANIFEST, RECORD, Store, append_file, open_finished

__all__ = [
    "LOG",
    "MANIFEST",
    "PER_FILE",
    "RECORD",
    "Pinned",
    "Store",
    "append_file",
    "index_of",
    "open_finished",
    "told_differences",
]
