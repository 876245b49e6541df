"""What is known of the datasets that a merge takes pictures from, for whoever publishes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from infgen.batch.gather import Gathering, Item, Source
from infgen.batch.stock import prompts_of
from infgen.batch.store import Store
from infgen.records.manifest import Origin
from infgen.sources.class_map import ClassMap

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
    for source, ids in zip(sources, classes.ids, strict=True):
        dataset = source.dataset
        if dataset.made is None:
            continue
        prompts = prompts_of(Store(dataset.place), dataset.made)
        for name, class_id in zip(dataset.classes, ids, strict=False):
            if class_id is not None and prompts.get(name):
                found.setdefault(classes.names[class_id], {})[prompts[name]] = None
    return {name: " / ".join(texts) for name, texts in found.items()}
