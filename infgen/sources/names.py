"""Short class names from long prompts."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

MOST_WORDS, MOST_LETTERS = 4, 40
MOST_BYTES = 100  # of a folder's name: disks take 255, and its files may begin with it

_BREAK = re.compile(r"[,;:|(\n。，、；：（]|\.(?=\s|$)")  # where an opening phrase ends
_FRAME = re.compile(  # "an award-winning photo of", but not "a lion, photo of the year"
    r"^.*?\b(?:photo|photograph|picture|image|view|drawing|shot)s? of "
    r"(?!the (?:year|month|week|day)\b)",
    re.I,
)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.I)  # Windows has no such folder
_MARKS = string.punctuation + "“”‘’«»…–—"
_ARTICLES = frozenset(("a", "an", "the", "one", "single", "some"))
_LINKS = ("with", "in", "on", "at", "of", "from", "under", "near", "for", "that", "which", "and")
_ENDS = _ARTICLES.union(_LINKS, ("by", "over", "behind", "beside"))
_THINGS = (  # that end like "grazing"
    r"(?:build|ceil|cloth|dumpl|duckl|earr|even|gosl|lightn|morn|paint|pudd|rail|sapl|seedl|sibl|"
    r"spr|starl|stock|str|vik|wedd)ing"
)


def folded(name: str) -> str:
    """What two names share that a reader, or a disk, would take for the same one."""
    return unicodedata.normalize("NFC", _printable(name)).casefold()


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def folder_names(names: Sequence[str], kept: str = "-") -> list[str]:
    """A folder's name for each of `names`, no two alike: letters that any disk and CSV cell takes,
    with those of `kept`, and others as underscores."""
    folders: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = re.sub(rf"[^\w{re.escape(kept)}]+", "_", name).strip("_ ")
        plain = plain.encode()[:MOST_BYTES].decode(errors="ignore") or "class"
        folder = plain = f"{plain}_" if _DEVICE.fullmatch(plain) else plain
        number = 1
        while folded(folder) in taken:
            number += 1
            folder = f"{plain}_{number}"
        taken.add(folded(folder))
        folders.append(folder)
    return folders


def names_from_prompts(prompts: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A short name for each prompt, all different (as `folded` sees it), none of `taken`.

    The last words of the noun phrase that the prompt opens with, as many as it takes to tell the
    prompts apart: "a solitary grey elephant, hyperrealistic" becomes "elephant", and beside "a
    pink elephant" the two become "grey elephant" and "pink elephant". Equal prompts are numbered.
    """
    phrases = [_noun_phrase(prompt) for prompt in prompts]
    sharers = Counter(ending for phrase in set(phrases) for ending in _endings(phrase))
    used = {folded(name) for name in taken}
    numbers = Counter[str]()
    names = []
    for phrase in phrases:
        *_, longest = _endings(phrase)
        ending = next((one for one in _endings(phrase) if sharers[one] == 1), longest)
        name = base = " ".join(ending)[:MOST_LETTERS].strip()
        while folded(name) in used:
            numbers[base] += 1
            name = f"{base} {numbers[base] + 1}"
        used.add(folded(name))
        names.append(name)
    return names


def _endings(phrase: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The phrase's last word, its last two ..., from the first word on that says something."""
    most = min(len(phrase), MOST_WORDS)
    for count in range(1, most + 1):
        if count == most or any(map(str.isalpha, " ".join(phrase[-count:]))):  # not just "747"
            yield phrase[-count:]


def _noun_phrase(prompt: str) -> tuple[str, ...]:
    """The words of the opening noun phrase, lower case, without frame ("a photo of") or article."""
    parts = _BREAK.split(_FRAME.sub("", unicodedata.normalize("NFC", prompt)))
    words = next(filter(None, map(_words, parts)), ["object"])
    while len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    end = next((i for i in range(1, len(words)) if _ends(words, i)), len(words))
    words = words[:end]
    while len(words) > 1 and _is_verb(words[-1]):  # "zebra grazing"
        words = words[:-1]
    return tuple(words)


def _words(text: str) -> list[str]:
    """The text's words in lower case, bare of quotes, brackets and other marks."""
    bare = (_printable(word).strip(_MARKS) for word in text.lower().split())
    return [word for word in bare if word]


def _ends(words: list[str], position: int) -> bool:
    """Whether the noun phrase stops before this word. "and" joins adjectives ("black and white
    zebra") unless an article follows."""
    if words[position] == "and":
        return words[position + 1 : position + 2] == [] or words[position + 1] in _ARTICLES
    return words[position] in _ENDS


def _is_verb(word: str) -> bool:
    return word.endswith("ing") and len(word) > 5 and not re.fullmatch(_THINGS, word)
