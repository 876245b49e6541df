"""hf/: a Hugging Face imagefolder. `load_dataset("imagefolder", data_dir="…/hf")` gives the columns
image, mask, image_id, width, height and objects.

    README.md                       the dataset card
    train/metadata.jsonl            one row a picture; columns *_file_name become pictures
    train/00000000.jpg              the picture
    train/masks/00000000.png        one channel: the objects' ids, 0 the background
    validation/…
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from infgen.formats.label_map import encode_png, label_map
from infgen.formats.settings import Dataset
from infgen.records.sample import Entry
from infgen.sources import disk

Row = tuple[str, bytes, bool]  # the split, the picture's line of metadata.jsonl, has it objects


def convert(entry: Entry, dataset: Dataset) -> Row:
    """Write one picture and its mask; gives its row."""
    picture, mask = files(entry, dataset)
    disk.link_file(dataset.folder / entry.file, dataset.folder / picture)
    labels = label_map(entry, [obj.id for obj in entry.objects])
    disk.write_file(dataset.folder / mask, encode_png(labels))
    within = f"hf/{_split_name(entry.split)}/"
    row = {
        "file_name": picture.removeprefix(within),
        "mask_file_name": mask.removeprefix(within),
        "image_id": entry.index,
        "width": entry.size[0],
        "height": entry.size[1],
        # The reader guesses types from the text: boxes are floats even where they end in .0
        "objects": {
            "id": [obj.id for obj in entry.objects],
            "bbox": [[float(value) for value in obj.box.as_coco()] for obj in entry.objects],
            "area": [obj.area for obj in entry.objects],
            "category": [obj.class_id for obj in entry.objects],
        },
    }
    return entry.split, json.dumps(row).encode() + b"\n", bool(entry.objects)


def files(entry: Entry, dataset: Dataset) -> tuple[str, ...]:
    """A picture and its mask."""
    folder, ending = f"hf/{_split_name(entry.split)}", PurePosixPath(entry.file).suffix
    return f"{folder}/{entry.stem}{ending}", f"{folder}/masks/{entry.stem}.png"


def lists(split: str) -> tuple[str, ...]:
    """What there is of a split only if it has pictures."""
    return (f"hf/{_split_name(split)}/metadata.jsonl",)


def finish(converted: Iterator[Row], dataset: Dataset) -> None:
    """Write each split's metadata, row by row as they come, and the card."""
    with_objects = set()
    with ExitStack() as stack:
        files = {
            split: stack.enter_context(
                disk.streamed_file(_split_folder(split, dataset) / "metadata.jsonl")
            )
            for split in dataset.splits
        }
        for split, row, has_objects in converted:
            files[split](row)
            if has_objects:
                with_objects.add(split)
    card = _card(dataset, [split for split in dataset.splits if split not in with_objects])
    disk.write_file(dataset.folder / "hf" / "README.md", card.encode())


def _split_name(split: str) -> str:
    return {"val": "validation"}.get(split, split)


def _split_folder(split: str, dataset: Dataset) -> Path:
    return dataset.folder / "hf" / _split_name(split)


def _card(dataset: Dataset, without_objects: list[str]) -> str:
    """The dataset card. Who publishes the dataset chooses its licence: none is named."""
    splits = [_split_name(split) for split in dataset.splits]
    configs = [line for name in splits for line in (f"  - split: {name}", f"    path: {name}/**")]
    classes = [f"| {number} | {_cell(name)} |" for number, name in enumerate(dataset.classes)]
    title, story = "Pictures with boxes and masks", "Brought into this form by infgen."
    if dataset.painted:
        title = "Synthetic pictures with boxes and masks"
        story = (
            "Made by infgen: every object was painted into its picture, and the labels come from "
            "that."
        )
    lines = [
        "---",
        "task_categories:",
        "- object-detection",
        "- image-segmentation",
        *(["tags:", "- synthetic"] if dataset.painted else []),
        "configs:",
        "- config_name: default",
        "  data_files:",
        *configs,
        "---",
        "",
        f"# {title}",
        "",
        story,
        "",
        "`objects.bbox` is `[x, y, width, height]` in pixels, `objects.area` counts the visible",
        "pixels, and an object's `id` is the value of its pixels in `mask`, where 0 is background.",
        "",
        "| category | name |",
        "|---|---|",
        *classes,
        "",
    ]
    if 0 < len(without_objects) < len(splits):
        names = " and ".join(_split_name(split) for split in without_objects)
        lines += [
            f"No picture of {names} holds an object. `datasets` can't guess the type of lists that",
            "are always empty and refuses to load such a split beside others: load one folder at a",
            "time.",
            "",
        ]
    return "\n".join(lines)


def _cell(name: str) -> str:
    """A class name inside a Markdown table."""
    return name.replace("\\", "\\\\").replace("|", "\\|")
