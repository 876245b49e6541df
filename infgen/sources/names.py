"""Short class names from long prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FRAME = re.compile(r"^.*?\b(?:photo|photograph|picture|image|view|drawing|shot)s? of ", re.I)
_ARTICLES = frozenset("a an the one single some".split())
_ENDS = _ARTICLES | frozenset(
    "with in on at of from under near for that which and by over behind beside".split()
)
_NOUNS = frozenset("building ceiling painting clothing earring railing string spring".split())


def names_from_prompts(prompts: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A short name for each prompt, all different, none of `taken`.

    The last words of the noun phrase that the prompt opens with, as many as it takes to tell the
    prompts apart: "a solitary grey elephant, hyperrealistic" becomes "elephant", and beside "a
    pink elephant" the two become "grey elephant" and "pink elephant". Equal prompts are numbered.
    """
    phrases = [_noun_phrase(prompt) for prompt in prompts]
    distinct = sorted(set(phrases))
    names: list[str] = []
    for phrase in phrases:
        rivals = [other for other in distinct if other != phrase]
        for count in range(1, len(phrase) + 1):
            ending = phrase[-count:]
            if not any(other[-count:] == ending for other in rivals):
                break
        name = base = " ".join(ending)
        number = 2
        while name.casefold() in {other.casefold() for other in (*names, *taken)}:
            name, number = f"{base} {number}", number + 1
        names.append(name)
    return names


def _noun_phrase(prompt: str) -> tuple[str, ...]:
    """The words of the opening noun phrase, lower case, without frame ("a photo of") or article."""
    opening = _FRAME.sub("", re.split(r"[,.;:|(\n]", prompt.strip())[0])
    words = re.findall(r"[\w'-]+", opening.lower())
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    end = next((i for i in range(1, len(words)) if _ends(words, i)), len(words))
    words = words[:end]
    while len(words) > 1 and _is_verb(words[-1]):  # "zebra grazing"
        words = words[:-1]
    return tuple(words or ["object"])


def _ends(words: list[str], position: int) -> bool:
    """Whether the noun phrase stops before this word. "and" joins adjectives ("black and white
    zebra") unless an article follows."""
    if words[position] == "and":
        return words[position + 1 : position + 2] == [] or words[position + 1] in _ARTICLES
    return words[position] in _ENDS


def _is_verb(word: str) -> bool:
    return word.endswith("ing") and len(word) > 5 and word not in _NOUNS
