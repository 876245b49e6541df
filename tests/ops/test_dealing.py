"""Backgrounds as shuffled decks, and the wall between train and val."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infgen.ops.dealing import (
    ENOUGH_TO_SHARE,
    choose_val,
    deal_backgrounds,
    deal_unused,
    share_cutouts,
)
from tests.asked import background, picture, pictures

seeds = st.integers(0, 2**32)
tables = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=5).filter(
    lambda rows: any(num_imgs for num_imgs, _ in rows)
)


def table(rows):
    """A background row of (num_imgs, number of files) each; without files it is made."""
    return [
        background(num_imgs, *pictures(files, f"row{row}-"))
        for row, (num_imgs, files) in enumerate(rows)
    ]


@given(tables, st.integers(1, 80), seeds)
def test_every_prefix_has_the_table_s_proportions(rows, count, seed):
    dealt, _ = deal_backgrounds(table(rows), count, seed)
    weights = np.array([num_imgs for num_imgs, _ in rows])
    shares = weights / weights.sum()
    for length in range(1, count + 1):
        counts = np.bincount(dealt[:length], minlength=len(rows))
        assert (abs(counts - length * shares) <= len(rows)).all()
        if length % weights.sum() == 0:
            assert (counts == weights * (length // weights.sum())).all()


@given(tables, st.integers(1, 80), seeds)
def test_every_file_of_a_row_is_dealt_once_before_any_is_dealt_twice(rows, count, seed):
    dealt, picks = deal_backgrounds(table(rows), count, seed)
    for row, (_, files) in enumerate(rows):
        mine = picks[dealt == row].tolist()
        if not files:
            assert mine == list(range(len(mine)))  # each made scene is a new one
            continue
        for first in range(0, len(mine), files):
            deck = mine[first : first + files]
            assert len(set(deck)) == len(deck) and set(deck) <= set(range(files))


@given(tables, st.integers(1, 60), st.integers(0, 60), seeds)
def test_asking_for_more_only_goes_on_dealing(rows, count, more, seed):
    short, long = (deal_backgrounds(table(rows), n, seed) for n in (count, count + more))
    assert [part[:count].tolist() for part in long] == [part.tolist() for part in short]


def test_decks_are_shuffled_anew_and_by_the_seed():
    rows = table([(6, 6)])
    decks = deal_backgrounds(rows, 60, seed=0)[1].reshape(10, 6)
    assert len({tuple(deck) for deck in decks.tolist()}) > 5
    assert deal_backgrounds(rows, 60, seed=1)[1].tolist() != decks.ravel().tolist()
    firsts = Counter(int(deal_backgrounds(rows, 1, seed)[1][0]) for seed in range(120))
    assert sorted(firsts) == [0, 1, 2, 3, 4, 5]


def test_a_long_run_on_a_single_picture_is_dealt_quickly():
    rows, picks = deal_backgrounds(table([(1, 1)]), 200_000, seed=0)
    assert len(rows) == len(picks) == 200_000 and not rows.any() and not picks.any()


# ---- choose_val ----------------------------------------------------------------------------------


@given(
    st.dictionaries(st.text(), st.integers(1, 50), min_size=2, max_size=30),
    st.floats(0.01, 0.9),
    seeds,
)
def test_val_is_some_but_never_all_and_as_near_as_keys_allow(weights, val_frac, seed):
    val = choose_val(weights, val_frac, seed)
    assert 0 < len(val) < len(weights) and val <= set(weights)
    taken, target = sum(weights[key] for key in val), val_frac * sum(weights.values())
    assert abs(taken - target) <= max(weights.values())


@given(st.integers(10, 200), st.sampled_from([0.1, 0.2, 0.5, 0.9]), seeds)
def test_val_frac_is_met_to_the_picture_by_equal_weights(count, val_frac, seed):
    weights = {f"key {number}": 3 for number in range(count)}
    assert abs(len(choose_val(weights, val_frac, seed)) - val_frac * count) <= 0.5 + 1e-9


def test_val_does_not_depend_on_the_order_in_which_keys_were_met():
    weights = {f"key {number}": number + 1 for number in range(20)}
    backwards = dict(reversed(weights.items()))
    assert choose_val(weights, 0.2, 5) == choose_val(backwards, 0.2, 5)


def test_other_seeds_choose_other_backgrounds():
    weights = dict.fromkeys("abcdefghij", 1)
    assert {key for seed in range(80) for key in choose_val(weights, 0.1, seed)} == set(weights)


@pytest.mark.parametrize(
    ("weights", "val_frac"), [({"a": 9}, 0.5), ({"a": 1, "b": 1}, 0.0), ({}, 0.1)]
)
def test_without_a_second_background_or_a_wish_there_is_no_val(weights, val_frac):
    assert choose_val(weights, val_frac, 0) == frozenset()


def test_of_two_unequal_backgrounds_the_rare_one_goes_to_val():
    assert all(choose_val({"often": 90, "rare": 30}, 0.1, seed) == {"rare"} for seed in range(20))


# ---- share_cutouts -------------------------------------------------------------------------------


@given(st.integers(ENOUGH_TO_SHARE, 60), st.floats(0.01, 0.9), seeds)
def test_enough_cutouts_are_parted(count, val_frac, seed):
    pools = share_cutouts(pictures(count), val_frac, seed)
    assert sorted(pools["train"] + pools["val"]) == list(range(count))
    assert pools["train"] and pools["val"]
    assert abs(len(pools["val"]) - val_frac * count) <= 1


@pytest.mark.parametrize(
    ("count", "val_frac"), [(0, 0.1), (1, 0.1), (ENOUGH_TO_SHARE - 1, 0.1), (50, 0)]
)
def test_too_few_cutouts_or_no_val_share_them_all(count, val_frac):
    everything = tuple(range(count))
    assert share_cutouts(pictures(count), val_frac, 0) == {"train": everything, "val": everything}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), seeds)
def test_one_file_under_several_names_stays_on_one_side(contents, seed):
    cutouts = [picture(f"name{n}.png", f"content {c}") for n, c in enumerate(contents)]
    pools = share_cutouts(cutouts, 0.3, seed)
    train, val = ({contents[position] for position in pools[split]} for split in ("train", "val"))
    assert train | val == set(contents)
    if len(set(contents)) >= ENOUGH_TO_SHARE:
        assert train and val and not train & val
    else:
        assert train == val


def test_classes_that_use_the_same_files_part_them_alike():
    files = pictures(20)
    forwards, backwards = (share_cutouts(order, 0.3, 4) for order in (files, files[::-1]))
    names = [{order[i].name for i in pools["val"]}
             for order, pools in ((files, forwards), (files[::-1], backwards))]  # fmt: skip
    assert names[0] == names[1] and len(names[0]) == 6


def test_other_seeds_hold_back_other_cutouts():
    seen = {share_cutouts(pictures(5), 0.1, seed)["val"] for seed in range(60)}
    assert seen == {(0,), (1,), (2,), (3,), (4,)}


# ---- what was used before ------------------------------------------------------------------------


def hashes_of(specs, rows, picks):
    """What each dealt background shows; None for made ones."""
    return [
        specs[row].pictures[pick].sha256 if specs[row].pictures else None
        for row, pick in zip(rows.tolist(), picks.tolist(), strict=True)
    ]


@given(tables, st.integers(1, 80), seeds, st.data())
def test_used_pictures_come_only_when_all_others_have_come(rows, count, seed, data):
    specs = table(rows)
    there = sorted({p.sha256 for spec in specs if spec.num_imgs for p in spec.pictures})
    used = set(data.draw(st.lists(st.sampled_from(there), unique=True))) if there else {"x"}
    dealt, picks, again = deal_unused(specs, count, seed, 7, used)
    shown = [one for one in hashes_of(specs, dealt, picks) if one]
    fresh = len(there) - len(used & set(there))
    first = shown[:fresh]
    assert len(set(first)) == len(first) and not used & set(first)
    assert again == len(shown) - len(first)
    plain = deal_backgrounds(specs, count, seed, 7)[0]  # pictures only take turns among themselves
    made = [not specs[row].pictures for row in dealt.tolist()]
    assert made == [not specs[row].pictures for row in plain.tolist()]
    for row, (num_imgs, files) in enumerate(rows):
        assert num_imgs or not (dealt == row).any()
        if not files:
            mine = picks[dealt == row].tolist()
            assert mine == list(range(len(mine)))


def test_copies_of_a_file_are_one_picture_across_rows():
    rows = (background(3, *pictures(3)), background(3, *pictures(3)), background(2, *pictures(2)))
    dealt, picks, again = deal_unused(rows, 8, 0, 5, {picture("file0.png").sha256})
    assert len(set(hashes_of(rows, dealt, picks)[:2])) == 2 and again == 6


def test_what_was_dealt_first_shuffles_the_decks():
    specs = (background(9, *pictures(9)),)
    one, other = (deal_backgrounds(specs, 9, 0, first)[1].tolist() for first in (0, 9))
    assert sorted(one) == sorted(other) and one != other


weights = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 9), min_size=1)


@given(weights, st.data(), st.floats(0, 0.9), seeds)
def test_what_is_known_keeps_its_split(weights, data, val_frac, seed):
    known = data.draw(
        st.dictionaries(
            st.one_of(st.sampled_from(sorted(weights)), st.just("elsewhere")),
            st.sampled_from(["train", "val"]),
            min_size=1,
        )
    )
    val = choose_val(weights, val_frac, seed, known)
    for key in weights:
        if key in known:
            assert (key in val) == (known[key] == "val")
    free = [key for key in weights if key not in known]
    if not val_frac:
        assert not val & set(free)
        return
    if free and "val" not in known.values():
        assert val & set(free)
    if len(val & set(free)) > 1:  # never so many that fewer would be closer
        target = val_frac * sum(weights.values())
        most = max(weights[key] for key in val & set(free))
        assert sum(weights[key] for key in val) <= target + most


@given(st.integers(ENOUGH_TO_SHARE, 20), st.floats(0, 0.9), seeds, st.data())
def test_known_cutouts_keep_their_split_while_both_have_some(count, val_frac, seed, data):
    files = pictures(count)
    names = st.sampled_from([one.sha256 for one in files])
    known = data.draw(st.dictionaries(names, st.sampled_from(["train", "val"])))
    pools = share_cutouts(files, val_frac, seed, known)
    assert pools["train"] and pools["val"]
    if set(pools["train"]) & set(pools["val"]):
        assert pools["train"] == pools["val"] == tuple(range(count))
        one_only = len(set(known.values())) == 1 and len(known) == count  # none is left for both
        assert one_only or (val_frac == 0 and "val" not in known.values())
        return
    assert sorted(pools["train"] + pools["val"]) == list(range(count))
    for split in pools:
        assert all(known.get(files[i].sha256, split) == split for i in pools[split])
