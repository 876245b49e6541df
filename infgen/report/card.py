"""The dataset card: README.md with what is known of a dataset, and nothing else.

It depends on nothing but the dataset, so that the same dataset has the same card anywhere. No
licence, date, host or person is in it that isn't in the records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from infgen.records.manifest import Manifest, Origin
from infgen.report.audit.findings import Audit
from infgen.report.counts import count_of
from infgen.report.facts import WAYS, licences_behind, licences_of, rejects_of, run_notes
from infgen.report.figures import Figures

MARKER = "<!-- Made by infgen, which writes it anew. Yours if you delete this line. -->"
MOST_ROWS, MOST_REASONS = 200, 40


def card_of(
    manifest: Manifest,
    figures: Figures,
    prompts: Mapping[str, str],
    marks: Mapping[int, str],
    formats: Mapping[str, str],
    again: Sequence[str],
    audit: Audit | None = None,
    unfinished: Collection[str] = (),
) -> str:
    """README.md of infgen's own dataset. `prompts` say what a class is, by its name; `formats` are
    all that there are, by name, with what each is; `again` are the commands that make the dataset
    once more, in its folder's parent. Formats that are `unfinished` were being written by somebody
    who was stopped."""
    sections = (
        _head(manifest, figures),
        _classes(figures, prompts),
        _how(manifest, figures),
        _sources(manifest),
        _thrown_away(manifest, marks),
        _notes(run_notes(manifest)),
        _audit(audit, figures) if audit else (),
        _formats(manifest, formats, unfinished),
        _again(again),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _head(manifest: Manifest, figures: Figures) -> Iterator[str]:
    drawn = _drawn(manifest, figures)
    yield from (MARKER, "", f"# {'Synthetic pictures' if drawn else 'Pictures'} with labels", "")
    splits = ", ".join(f"{count:,} {split}" for split, count in figures.pictures.items())
    sizes = ", ".join(list(figures.sizes)[:3]) + (
        ", and others" if figures.other_sizes or len(figures.sizes) > 3 else ""
    )
    yield (
        f"{count_of(figures.counted, 'picture')} ({splits}) of {sizes or 'no size'} pixels with "
        f"{count_of(figures.objects, 'labelled object')} of "
        f"{count_of(len(figures.classes), 'class')}. "
        f"{figures.negatives:,} of the pictures show none. Made with infgen {manifest.infgen}."
    )
    yield ""
    if manifest.origins:
        yield (
            "The pictures are those of other datasets, the same byte for byte, with their labels. "
            "Below is how each was made, as far as that is known."
        )
    elif drawn:
        yield (
            "The objects were painted into the pictures, and the labels come from that: masks are "
            "the visible pixels, boxes are tight around them."
        )
    else:
        yield (
            "The pictures were there before, and are the same byte for byte. How they were made, "
            "and with which models, isn't known here."
        )
    if figures.marked:
        yield (
            f"Not counted here, and in no format: {count_of(figures.marked, 'picture')} that "
            "somebody found bad."
        )
    unmasked = sum(one.boxes_only for one in figures.classes)
    if unmasked:
        yield f"{unmasked:,} of the labels are boxes without a mask."


def _classes(figures: Figures, prompts: Mapping[str, str]) -> Iterator[str]:
    yield from ("", "## Classes", "")
    splits = list(figures.pictures)
    yield _row("id", "class", "what it is", "pictures", *(f"objects in {name}" for name in splits))
    yield _row(*["---"] * (4 + len(splits)))
    for class_id, one in enumerate(figures.classes[:MOST_ROWS]):
        images = f"{sum(one.images.values()):,}"
        counts = (f"{one.objects.get(name, 0):,}" for name in splits)
        yield _row(str(class_id), one.name, prompts.get(one.name) or "-", images, *counts)
    yield from _more(len(figures.classes) - MOST_ROWS)


def _how(manifest: Manifest, figures: Figures) -> Iterator[str]:
    yield from ("", "## How it was made", "")
    if manifest.origins:
        yield from _origins(manifest.origins)
        return
    yield f"- objects: {_counted(_in_words(_methods(figures)))}"
    blends = _summed(one.blends for one in figures.classes)
    if blends:
        yield f"- their edges: {_counted(blends)}"
    if manifest.painted and figures.scenes:
        yield f"- scenes: {_counted(figures.scenes)}"
    for prompt, count in sorted(figures.prompts.items())[:MOST_REASONS]:
        yield f"  - {count:,} x {_text(prompt)}"
    if figures.decoys:
        yield f"- decoys (places without an object, painted all the same): {figures.decoys:,}"
    if manifest.parts:
        counts = ", ".join(f"{part.pictures:,}" for part in manifest.parts)
        yield (
            f"- by {len(manifest.parts)} runs, each of which added to what was there: {counts} "
            "pictures"
        )
    for name in ("seed", "augment", "degrade"):
        runs = [part.settings for part in manifest.parts] or [manifest.settings]
        values = [str(one[name]).rpartition("/")[2] for one in runs if name in one]
        if values:
            shown = values if len(set(values)) > 1 else values[:1]
            yield f"- {name}: {_text(', '.join(shown))}{', run by run' if shown[1:] else ''}"
    licences = licences_of(manifest)
    none = "none" if _drawn(manifest, figures) else "none by infgen"
    yield f"- models:{'' if licences else f' {none}'}"
    yield from (f"  - {_text(text)}" for text in licences)


def _origins(origins: Sequence[Origin], indent: str = "") -> Iterator[str]:
    """Lines on datasets that pictures were taken from, and on those behind them."""
    for one in origins:
        known = "how they were made, and with which models, isn't known here"
        if one.origins:
            known = "taken from other datasets in turn:"
        elif one.methods.keys() - {"convert"}:
            scenes = f"; scenes: {_counted(one.scenes)}" if one.scenes else ""
            known = f"objects: {_counted(_in_words(one.methods))}{scenes}"
        kind = "made with infgen" if one.kind == "infgen" else f"{one.kind} labels"
        yield (
            f"{indent}- {_text(one.name)} ({kind}), {count_of(one.pictures, 'picture')}: {known}"
        )
        licences = licences_behind(one)
        yield from (f"{indent}  - model {_text(text)}" for text in licences)
        if not (licences or one.origins) and one.drawn:
            yield f"{indent}  - no model"
        yield from _origins(one.origins, indent + "  ")


def _sources(manifest: Manifest) -> Iterator[str]:
    yield from ("", "## Sources and rights", "")
    sources = [*manifest.all_sources.items(), *_files_behind(manifest.origins)]
    for what, files in sources:
        if files:
            yield (
                f"- {_text(what)}: {count_of(len(files), 'file')}, "
                f"{len(set(files.values())):,} different by SHA-256 (in `manifest.json`)"
            )
    if not any(files for _, files in sources):
        yield "- no files of anybody's"
    yield (
        "- infgen doesn't know under which licence such files are, and gives the dataset none: who "
        "publishes it has to."
    )


def _files_behind(origins: Iterable[Origin]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for one in origins:
        yield from ((f"{what} of {one.name}", files) for what, files in one.sources.items())
        yield from _files_behind(one.origins)


def _thrown_away(manifest: Manifest, marks: Mapping[int, str]) -> Iterator[str]:
    rows = rejects_of(manifest, marks, {})
    yield from ("", "## What isn't in it", "")
    if not rows:
        yield "Nothing was left out, and no picture failed."
        return
    yield _row("class", "what", "why", "how many")
    yield _row(*["---"] * 4)
    for name, what, reason, count in rows[:MOST_REASONS]:
        yield _row(name, what, reason or "-", f"{count:,}")
    yield from _more(len(rows) - MOST_REASONS)


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield from ("", "## Notes of the run", "", *(f"- {_text(note)}" for note in notes))


def _audit(audit: Audit, figures: Figures) -> Iterator[str]:
    yield from ("", "## Audit", "")
    if (sum(audit.labels.pictures.values()), audit.labels.objects) != (
        figures.counted,
        figures.objects,
    ):
        yield "`audit.json` is of another state of the dataset: audit it again."
        return
    faults = sum(audit.labels.faults.values())
    yield f"- faulty labels: {_counted(audit.labels.faults) if faults else 'none found'}"
    leakage = audit.leakage
    yield (
        f"- of {leakage.compared:,} pictures compared, {leakage.duplicates:,} have an earlier "
        f"twin; {leakage.leaked:,} leak from one split into another"
    )
    if (agreement := audit.agreement) and agreement.iou_p50 is not None:
        yield (
            f"- a second opinion ({agreement.estimate}) on {agreement.objects:,} labels: median "
            f"IoU of {agreement.of} {agreement.iou_p50:.2f}"
        )
    if (seams := audit.seams) and seams.blind:
        yield "- seams: no verdict, the probe is blind here"
    elif seams and seams.decoys:
        yield f"- decoys told from untouched places: AUC {seams.decoys.auc:.2f} (0.5 is not at all)"
    for limit in audit.limits:
        yield f"- limit {_text(limit.limit)}: {'crossed' if limit.crossed else 'kept'}"


def _formats(
    manifest: Manifest, formats: Mapping[str, str], unfinished: Collection[str]
) -> Iterator[str]:
    settings, packed = manifest.settings, manifest.settings.get("pack", "none") != "none"
    loose = "`fg_bg_*/`" if settings.get("grid") else "`images/`"
    yield from ("", "## Files", "", f"- {'`packs/`' if packed else loose}: the pictures")
    if manifest.marked:
        where = loose if packed or settings.get("grid") else "`marked/`"
        yield f"- `marks.json`: which pictures were found bad, and why; {where}: these pictures"
    yield from (f"- {name}: {_text(formats.get(name, ''))}" for name in manifest.formats)
    yield from (
        f"- {name}: not whole, for what wrote it was stopped: the next `infgen export` ends it"
        for name in unfinished
        if name not in manifest.formats
    )
    if settings.get("statistics") or settings.get("grid"):
        yield "- `statistics.json`: sizes on disk, and the mean and deviation of each channel"
    yield "- `samples-*.jsonl`, `manifest.json`: all that is known of every picture, and totals"
    yield "- `report/index.html`: the dataset to look at, and its statistics"


def _again(commands: Sequence[str]) -> Iterator[str]:
    order = ", one after the other" if len(commands) > 1 else ""
    told = f"In this folder, with its sources where they were{order}:"
    yield from ("", "## The same again", "", told)
    yield from ("", "```bash", *commands, "```")


# ---- words ---------------------------------------------------------------------------------------


def _drawn(manifest: Manifest, figures: Figures) -> bool:
    """Whether infgen made the pictures, and didn't only label them or take them from others."""
    if manifest.origins:
        return all(one.drawn for one in manifest.origins)
    return manifest.painted and "relabel" not in _methods(figures)


def _methods(figures: Figures) -> Counter[str]:
    return _summed(one.methods for one in figures.classes)


def _in_words(methods: Mapping[str, int]) -> dict[str, int]:
    return {WAYS.get(name, name): count for name, count in methods.items()}


def _summed(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _more(left: int) -> Iterator[str]:
    if left > 0:
        yield from ("", f"And {left:,} more: `manifest.json`.")


def _row(*cells: str) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _text(text: str) -> str:
    """A user's words on one line of Markdown, in which no letter means anything."""
    line = " ".join(text.split())
    for letter in ("\\", "|", "`", "*", "_", "[", "]", "#", "~"):
        line = line.replace(letter, f"\\{letter}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
