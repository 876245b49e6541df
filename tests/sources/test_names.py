"""Class names from prompts: short, readable, and never two the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.sources.names import folded, folder_names, names_from_prompts


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("zebra", "zebra"),
        ("A solitary grey elephant, hyperrealistic", "elephant"),
        ("a photo of a lion", "lion"),
        ("a high-quality, detailed photograph of the lion at dawn", "lion"),
        ("a lion, photo of the year", "lion"),
        ("Two images of one red fox on snow", "fox"),
        ("a stop sign", "sign"),
        ("a Boeing 747", "boeing 747"),
        ("747", "747"),
        ("a zebra grazing under a tree", "zebra"),
        ("a bird flying over water", "bird"),
        ("a king", "king"),
        ("a black and white cow", "cow"),
        ("a horse and a rider", "horse"),
        ("a baby duckling", "duckling"),
        ("a gold wedding ring", "ring"),
        ("an old painting", "painting"),
        ("smoke. thick and grey", "smoke"),
        ("a 1.5 m tall statue", "statue"),
        ("((elephant)), (masterpiece:1.2)", "elephant"),
        ('"zebra"', "zebra"),
        ("...zebra!", "zebra"),
        (", a zebra", "zebra"),
        ("a photo of", "photo"),
        ("the", "the"),
        ("?!", "object"),
        ("", "object"),
        ("jack-o'-lantern", "jack-o'-lantern"),
        ("a café\u0301", "café\u0301"),
        ("e\u0301te\u0301", "été"),
        ("zebra\u200b", "zebra"),
        ("大象，在草原上", "大象"),
        ("एक हाथी", "हाथी"),
        ("🐘 in grass", "🐘"),
        ("a speed\tlimit\nsign", "limit"),
    ],
)
def test_the_name_is_what_the_prompt_is_about(prompt: str, name: str) -> None:
    assert names_from_prompts([prompt]) == [name]


def test_as_many_words_as_tell_the_prompts_apart() -> None:
    prompts = ["a grey elephant", "a pink elephant", "an old grey rhino", "a rhino, asleep"]
    names = names_from_prompts(prompts)
    assert names == ["grey elephant", "pink elephant", "grey rhino", "rhino"]


def test_prompts_with_the_same_opening_are_numbered() -> None:
    prompts = ["a cat, asleep", "a cat, awake", "cat 2", "the cat"]
    assert names_from_prompts(prompts) == ["cat", "cat 2", "cat 2 2", "cat 3"]


def test_names_that_were_given_are_left_to_their_classes() -> None:
    prompts = ["a cat", "a grey cat", "straße"]
    names = names_from_prompts(prompts, taken=["CAT", "Cat 2", "STRASSE"])
    assert names == ["cat 3", "grey cat", "straße 2"]


def test_long_prompts_have_short_names() -> None:
    endless = " ".join(["wonderful"] * 50)
    names = names_from_prompts([endless, f"very {endless}", "x" * 500, "x" * 501, "大" * 100])
    four = " ".join(["wonderful"] * 4)
    assert names == [four, f"{four} 2", "x" * 40, "x" * 40 + " 2", "大" * 40]


def test_ten_thousand_equal_prompts_are_numbered_through() -> None:
    names = names_from_prompts(["a cat"] * 10_000)
    assert names == ["cat", *(f"cat {number}" for number in range(2, 10_001))]


def test_ten_thousand_prompts_with_one_noun_are_told_apart() -> None:
    prompts = [f"a number{n} elephant" for n in range(10_000)]
    assert names_from_prompts(prompts) == [prompt.removeprefix("a ") for prompt in prompts]


WORDS = (
    "a",
    "the",
    "photo",
    "of",
    "cat",
    "CAT",
    "Cat",
    "2",
    "grey",
    "grazing",
    "and",
    "in",
    "object",
)
ODD_WORDS = ("straße", "STRASSE", "\ufb01n", "fin", "é", "e\u0301", "’", ",", ".", "-", "x" * 50)
words = st.sampled_from(WORDS + ODD_WORDS)
prompts = st.lists(st.lists(words, max_size=6).map(" ".join) | st.text(max_size=20), max_size=12)
taken = st.lists(st.sampled_from(["cat", "Cat 2", "grey cat", "object", "É", "FIN"]), max_size=3)


def same(name: str) -> str:
    """What a disk or a reader that ignores case makes of a name (Unicode's caseless matching)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@given(prompts, taken)
def test_names_are_short_readable_and_unique(prompts: list[str], taken: list[str]) -> None:
    names = names_from_prompts(prompts, taken)
    assert len(names) == len(prompts)
    assert len({same(name) for name in names}) == len(names)
    assert not {same(name) for name in names} & {same(name) for name in taken}
    for name in names:
        assert 1 <= len(name) <= 44
        assert name == " ".join(name.split()) and name.isprintable()
    assert names == names_from_prompts(prompts, taken)


@given(st.lists(st.text(max_size=12), max_size=12))
def test_folders_have_names_that_any_disk_takes_and_no_two_alike(names: list[str]) -> None:
    for kept in ("-", "- "):
        made = folder_names(names, kept)
        assert len({folded(name) for name in made}) == len(names)
        assert all(name and name == name.strip(" .") and not set(name) & {*'/\\:*?"<>|,;'}
                   for name in made)  # fmt: skip


def test_folders_keep_what_they_may_of_a_name() -> None:
    assert folder_names(["10 back", "a/b", "A_b", "--"], "- ") == ["10 back", "a_b", "A_b_2", "--"]
    assert folder_names(["10 back", "?"]) == ["10_back", "class"]
    assert folder_names(["con", "Nul", "cone", "lpt1"]) == ["con_", "Nul_", "cone", "lpt1_"]
    long = folder_names(["owl " * 100, "owl " * 101, "梟" * 90])
    assert max(len(name.encode()) for name in long) < 110 and len(set(long)) == 3
