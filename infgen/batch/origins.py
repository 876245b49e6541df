"""What is known of the datasets that a merge takes pictures from, for whoever publishes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from infgen.batch.gather import Gathering, Item, Source
from infgen.batch.stock import prompts_of
from infgen.batch.store import Store
from infgen.records.manifest import Manifest, Origin
from infgen.sources.class_map import ClassMap
from infgen.sources.datasets import LabelledDataset

PICTURES = "pictures"  # the sources of a merge: those that are taken, by other names
BEHIND = ("scenes", "inpaint", "licences", "eyes")  # of a manifest's models those behind pictures


def origins_of(
    sources: Sequence[Source], items: Sequence[Item], gathering: Gathering
) -> tuple[Origin, ...]:
    """The datasets that the items were gathered from."""
    taken = Counter(item.source for item in items if not item.failure)
    ways = zip(sources, gathering.methods, gathering.scenes, strict=True)
    return tuple(_origin(one, taken[number], *own) for number, (one, *own) in enumerate(ways))


def _origin(
    source: Source, pictures: int, methods: Mapping[str, int], scenes: Mapping[str, int]
) -> Origin:
    made = source.dataset.made
    if made is None:
        return Origin(source.name, source.dataset.kind, pictures)
    models = ({name: one[name] for name in BEHIND if name in one} for one in made.all_models)
    return Origin(
        source.name,
        source.dataset.kind,
        pictures,
        {} if made.origins else dict(sorted(methods.items())),
        dict(sorted(scenes.items())) if made.painted else {},
        tuple(one for one in models if one),
        {what: files for what, files in made.all_sources.items() if what != PICTURES},
        made.origins,
    )


def merged_prompts(sources: Sequence[Source], classes: ClassMap) -> dict[str, str]:
    """What each class of the whole is, by its name, as far as infgen's own datasets say it."""
    found: dict[str, dict[str, None]] = {}
    for dataset, made, names in _made_by_infgen(sources, classes):
        prompts = prompts_of(Store(dataset.place), made)
        for own, name in names:
            if prompts.get(own):
                found.setdefault(name, {})[prompts[own]] = None
    return {name: " / ".join(texts) for name, texts in found.items()}


def merged_upright(sources: Sequence[Source], classes: ClassMap) -> tuple[str, ...]:
    """The classes of the whole of which any of infgen's own datasets knows that they aren't to be
    mirrored."""
    found = {
        name
        for _, made, names in _made_by_infgen(sources, classes)
        for own, name in names
        if own in made.upright
    }
    return tuple(name for name in classes.names if name in found)


def _made_by_infgen(
    sources: Sequence[Source], classes: ClassMap
) -> Iterator[tuple[LabelledDataset, Manifest, list[tuple[str, str]]]]:
    """infgen's own datasets, with the names of their classes there and in the whole."""
    for source, ids in zip(sources, classes.ids, strict=True):
        if (made := source.dataset.made) is not None:
            both = zip(made.classes, ids, strict=False)
            names = [(one.name, classes.names[new]) for one, new in both if new is not None]
            yield source.dataset, made, names
