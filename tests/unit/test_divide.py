"""Splits that are made: always the same, no duplicate on two sides, no group cut, classes in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core import discovery
from assay.core.columns import Column
from assay.core.dataset import Dataset, Roles
from assay.core.divide import divide, validation_share
from assay.core.errors import DataError
from assay.core.loading import for_training
from assay.core.source import Split

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def dataset(xs, ys, groups=None):
    columns = {"x": Column(list(xs)), "y": Column(list(ys))} | (
        {"g": Column(list(groups))} if groups is not None else {}
    )
    return Dataset("all", Split(columns, lambda row: f"row {row}"), Roles(("x",), False, "y"), "origin")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from("abc")), min_size=1, max_size=100))
def test_every_example_is_on_one_side_and_equal_ones_on_the_same(drawn):
    """Also where equal inputs have different classes."""
    xs, ys = [], []
    for x, times, y in drawn:
        xs += [x] * min(times, 2)
        ys += [y, "abc"[x % 3]][: min(times, 2)]
    made = divide(dataset(xs, ys), SHARES)
    rows = np.concatenate([part.index for part in made.values()])
    assert sorted(rows.tolist()) == list(range(len(xs)))
    assert len(made["train"]) > 0
    assert all(len(names) == 1 for names in sides_of(made).values())


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["a"], "test split of .* is empty. It is to be held out of 1 example. .*--test"),
        (["a"] * 6 + ["b"] * 6, "validation split of .* held out of 12 examples, 2 of them different.*--validation 0"),
    ],
)
def test_a_split_that_stays_empty_is_explained_with_a_way_out(texts, says):
    data = [{"text": text, "label": at % 2} for at, text in enumerate(texts)]
    with pytest.raises(DataError, match=says):
        for_training(data, discovery.task("text-classification"))


def sides_of(made):
    sides = {}
    for name, part in made.items():
        for x in part.x:
            sides.setdefault(x, set()).add(name)
    return sides


def test_copies_stay_together_however_many_rows_are_copies():
    """36 sentences in 400 rows, and a file that was pasted three times."""
    rng = np.random.default_rng(0)
    for xs in (rng.integers(0, 36, 400), np.tile(np.arange(200), 3)):
        made = divide(dataset(xs, np.where(xs % 2, "odd", "even")), SHARES)
        assert all(len(names) == 1 for names in sides_of(made).values())
        sizes = np.array([len(part) for part in made.values()]) / len(xs)
        np.testing.assert_allclose(sizes, list(SHARES.values()), atol=0.1)
        for part in made.values():
            assert 0.3 < np.mean([y == "odd" for y in part.y]) < 0.7


def test_what_everybody_says_is_in_every_split_and_copies_of_the_rest_are_not():
    xs = ["ok"] * 500 + [f"text {at // 2}" for at in range(500)]
    made = divide(dataset(xs, ["a", "b"] * 500), SHARES)
    sides = sides_of(made)
    assert sides.pop("ok") == set(SHARES)
    assert all(len(names) == 1 for names in sides.values())
    assert [round(sum(x == "ok" for x in part.x), -1) for part in made.values()] == [300, 100, 100]


def test_a_table_of_few_categories_is_divided_in_proportion():
    rng = np.random.default_rng(0)
    xs = rng.integers(0, 4, 1000)
    ys = np.where(rng.random(1000) < 0.4, "yes", "no")
    made = divide(dataset(xs, ys), SHARES)
    assert [len(part) for part in made.values()] == [600, 200, 200]
    for part in made.values():
        assert set(part.x) == {0, 1, 2, 3}
    order = rng.permutation(1000)
    again = divide(dataset(xs[order], ys[order]), SHARES)
    for name in SHARES:
        assert sorted(zip(made[name].x, made[name].y, strict=True)) == sorted(
            zip(again[name].x, again[name].y, strict=True)
        )


def test_many_small_classes_are_all_learned_from():
    rng = np.random.default_rng(0)
    made = divide(dataset(rng.permutation(10**6)[:600], [f"k{at % 150}" for at in range(600)]), SHARES)
    assert set(made["train"].y) == {f"k{at}" for at in range(150)}
    assert [len(made[name]) for name in ("validation", "test")] == [120, 120]
    once = divide(dataset(range(40), [f"k{at // 2}" if at > 1 else f"once{at}" for at in range(40)]), SHARES)
    assert {"once0", "once1"} <= set(once["train"].y)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 12)), min_size=1, max_size=150))
def test_a_group_is_never_cut(pairs):
    xs, groups = zip(*pairs, strict=True)
    made = divide(dataset(xs, ["a"] * len(xs), groups), SHARES, group="g")
    sides = {}
    for name, part in made.items():
        for group in part.column("g"):
            sides.setdefault(group, set()).add(name)
    assert all(len(names) == 1 for names in sides.values())


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    xs = rng.integers(0, 10**9, 500)
    ys = rng.choice(["a", "b", "c"], 500)
    order = rng.permutation(500)
    one, other = divide(dataset(xs, ys), SHARES), divide(dataset(xs[order], ys[order]), SHARES)
    for name in SHARES:
        assert sorted(one[name].x) == sorted(other[name].x)


def test_classes_keep_their_shares():
    rng = np.random.default_rng(0)
    ys = np.array(["rare"] * 50 + ["usual"] * 950)
    made = divide(dataset(rng.permutation(10**6)[:1000], ys), SHARES)
    assert [sum(y == "rare" for y in made[name].y) for name in SHARES] == [30, 10, 10]
    assert [len(part) for part in made.values()] == [600, 200, 200]


def test_the_validation_share_has_bounds():
    assert [round(n * validation_share(n)) for n in (10, 1000, 10**7)] == [2, 100, 5000]


def test_classes_that_are_of_one_input_each_are_divided_by_input():
    """Twenty sentences with their translations, fifteen times each: no class can be in every split."""
    xs = [at for at in range(20) for _ in range(15)]
    made = divide(dataset(xs, [f"y{x}" for x in xs]), SHARES)
    assert [len(set(part.x)) for part in made.values()] == [12, 4, 4]
