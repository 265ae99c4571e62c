"""Slices: planted harm is found and named, nothing is found where nothing is, and what could have been found is stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.odds import fewest, most

from assay.methods import slices as module
from assay.methods.groups import Grouping
from assay.methods.slices import Slice, benjamini_hochberg, search


def table(rng, n, sizes=(3, 4, 2, 5)):
    """Attributes a0, a1 … with values from 0 on."""
    return [
        Grouping(f"a{at}", rng.integers(0, size, n), tuple(f"a{at}={value}" for value in range(size)))
        for at, size in enumerate(sizes)
    ]


def holds(attributes, **values):
    return np.logical_and.reduce([attributes[int(name[1:])].codes == value for name, value in values.items()])


@pytest.mark.parametrize(
    ("values", "name"),
    [({"a3": 2}, "a3=2"), ({"a0": 1, "a3": 4}, "a0=1 & a3=4"), ({"a0": 0, "a1": 2, "a2": 1}, "a0=0 & a1=2 & a2=1")],
)
@pytest.mark.parametrize("kind", ["right or wrong", "errors"])
def test_a_planted_harm_is_named_at_its_breadth(values, name, kind):
    rng = np.random.default_rng(0)
    attributes = table(rng, 12_000)
    worse = holds(attributes, **values)
    scores = (
        (rng.random(12_000) < np.where(worse, 0.65, 0.9)).astype(float)
        if kind == "right or wrong"
        else -rng.exponential(np.where(worse, 2.0, 1.0))
    )
    found = search(attributes, scores)
    assert [one.name for one in found.slices] == [name]
    assert np.array_equal(found.slices[0].rows, worse)
    assert found.slices[0].adjusted < 0.05


def test_several_harms_are_each_named_once():
    rng = np.random.default_rng(1)
    attributes = table(rng, 30_000)
    planted = [holds(attributes, a0=0, a1=0), holds(attributes, a1=3, a2=1), holds(attributes, a0=2, a3=1)]
    right = rng.random(30_000) < np.where(np.logical_or.reduce(planted), 0.7, 0.92)
    found = search(attributes, right.astype(float))
    assert sorted(one.name for one in found.slices) == ["a0=0 & a1=0", "a0=2 & a3=1", "a1=3 & a2=1"]


@pytest.mark.parametrize("kind", ["right or wrong", "errors"])
def test_nothing_is_found_where_nothing_is_planted(kind):
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        attributes = table(rng, 1500)
        scores = (rng.random(1500) < 0.9).astype(float) if kind == "right or wrong" else -rng.exponential(1, 1500)
        found += bool(search(attributes, scores, seed=seed).slices)
    assert found <= most(60, 0.05)


def test_a_group_that_is_better_off_is_no_finding():
    rng = np.random.default_rng(2)
    attributes = table(rng, 8000, sizes=(4, 4))
    right = rng.random(8000) < np.where(holds(attributes, a0=1), 0.99, 0.8)
    found = search(attributes, right.astype(float)).slices
    assert found, "that the others are worse off is one"
    for one in found:
        assert right[one.rows].mean() < right[~one.rows].mean()
        assert "a0=1" not in one.name


def test_the_search_does_not_see_what_confirms():
    rng = np.random.default_rng(3)
    attributes = table(rng, 4000)
    found = search(attributes, (rng.random(4000) < 0.9).astype(float))
    assert found.seen.sum() == 2000
    assert found.candidates
    assert not np.array_equal(found.seen, search(attributes, np.ones(4000), seed=1).seen)


def test_the_smallest_gap_shrinks_with_examples_and_is_found_at_its_power():
    sizes = (10, 6, 4)
    stated = []
    for n in (2000, 8000):
        rng = np.random.default_rng(n)
        stated.append(search(table(rng, n, sizes), (rng.random(n) < 0.9).astype(float)).smallest(0.1))
    assert stated[1] < 0.65 * stated[0]
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        attributes = table(rng, 8000, sizes)
        right = rng.random(8000) < np.where(holds(attributes, a0=4), 0.9 - stated[1], 0.9)
        hits += any(one.name.startswith("a0=4") for one in search(attributes, right.astype(float), seed=seed).slices)
    assert fewest(60, 0.8) <= hits <= 59


def test_too_little_data_is_no_finding_and_no_fault():
    rng = np.random.default_rng(4)
    for n in (2, 10, 60):
        found = search(table(rng, n), np.zeros(n))
        assert not found.slices
        assert math.isinf(found.smallest(0.03)) or found.smallest(0.03) > 0.5
    constant = [Grouping("a", np.zeros(400, dtype=np.int64), ("a=0",))]
    assert not search(constant, (rng.random(400) < 0.5).astype(float)).slices


@pytest.mark.parametrize("scores", [np.full(100, 500.0), np.zeros(6), np.full(6, 0.1), np.array([1.0] * 5 + [0.0])])
def test_where_nothing_varies_or_six_are_all_there_are_no_gap_could_be_found(scores):
    found = search(table(np.random.default_rng(6), len(scores)), scores)
    assert not found.slices
    assert all(math.isinf(found.smallest(share)) for share in (0.01, 0.03, 0.1, 0.3))


def test_a_gap_is_never_larger_than_the_scores_leave_room_for():
    rng = np.random.default_rng(7)
    scores = rng.lognormal(0, 1.5, 4000)
    above, below = search(table(rng, 4000), scores), search(table(rng, 4000), scores - 1e4)
    assert math.isinf(above.smallest(0.01))
    assert scores.mean() < below.smallest(0.01) < math.inf  # what can fall without end can have such a gap
    assert above.smallest(0.3) < scores.mean()


def test_a_group_that_is_too_small_to_be_looked_at_could_not_be_found():
    rng = np.random.default_rng(8)
    found = search(table(rng, 1000), (rng.random(1000) < 0.99).astype(float))  # 500 are searched
    assert math.isinf(found.smallest(0.03))
    assert found.smallest(0.1) < 1


def test_a_part_is_not_named_beside_the_wider_group_that_is_no_less_harmed():
    rows = np.arange(1000)
    wide, part, other = rows < 300, (rows >= 5) & (rows < 60), (rows >= 280) & (rows < 420)
    right = np.ones(1000)
    right[:300:2] = 0
    right[300:420:5] = 0
    named = [Slice(name, at, 0.001, 0.001) for name, at in (("part", part), ("other", other), ("wide", wide))]
    told = module._told_apart(named, right, np.ones(1000, dtype=bool))
    assert [one.name for one in told] == ["wide", "other"]  # the most harm first
    right[part] = 0  # now the part is worse than the whole, and a finding of its own
    told = module._told_apart(named, right, np.ones(1000, dtype=bool))
    assert {one.name for one in told} == {"wide", "other", "part"}


def test_many_columns_are_searched_within_the_bound_of_memory(monkeypatch):
    monkeypatch.setattr(module, "CELLS", 2000 * 120)
    rng = np.random.default_rng(5)
    attributes = table(rng, 4000, sizes=(4,) * 14)
    right = rng.random(4000) < np.where(holds(attributes, a5=1, a9=2), 0.3, 0.95)
    found = search(attributes, right.astype(float))
    assert "a5=1 & a9=2" in [one.name for one in found.slices]
    assert found.looked_at[1] == 91 * 16
    assert found.looked_at[2] < 364 * 64


def test_benjamini_hochberg_steps_up():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.9]) == pytest.approx((0.04, 0.16 / 3, 0.16 / 3, 0.9))
    assert benjamini_hochberg([]) == ()
