"""What stands for a column that is absent."""

from __future__ import annotations

import json

import numpy as np
import pytest

import assay
from assay.inputs._columns import USUAL
from assay.inputs.table import Table

DRAWN = USUAL, (0, 0)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    rows = [
        {"n": float(v) if v < 60 else None, "c": "usual" if v < 50 else "rare", "zero": float(max(0, v - 75))}
        for v in rng.permutation(80)
    ]
    return rows, Table().fit(rows)


def test_usual_values_are_met_as_often_as_in_the_data(fitted):
    _, table = fitted
    n, zero = table.numbers
    assert len(n.usual) == USUAL
    assert sum(place == -2 for place in n.usual) == USUAL // 4, "a quarter is missing"
    rare = sum(place != zero.position(np.zeros(1))[0] for place in zero.usual)
    assert rare == pytest.approx(USUAL * 4 / 80, abs=1), "4 of 80 are not 0"
    (c,) = table.categories
    assert np.bincount(c.usual).max() == USUAL * 5 // 8, "five in eight are usual"


def test_absent_columns_run_through_their_values_and_kept_ones_stay(fitted):
    rows, table = fitted
    x = table.encode(rows[:1], {})
    names = table.parts(x)
    whole = table.fill(x, np.ones((1, len(names)), dtype=bool), *DRAWN)
    for name, array in x.items():
        assert np.array_equal(whole[name], np.repeat(array, USUAL, axis=0)), name
    one = np.array([[name == "n" for name in names], [False] * len(names)])
    part = table.fill(x, one, *DRAWN)
    assert len(part["numbers"]) == 2 * USUAL
    assert np.all(part["numbers"][:USUAL, 0] == x["numbers"][0, 0])
    assert sorted(part["categories"][:USUAL, 0]) == sorted(table.categories[0].usual)
    assert sorted(part["categories"][USUAL:, 0]) == sorted(table.categories[0].usual)
    assert part["missing"][USUAL:, 0].sum() == USUAL // 4


def test_few_stand_ins_are_drawn_by_the_seed_and_evenly(fitted):
    rows, table = fitted
    x = table.encode(rows[:1], {})
    none = np.zeros((1, len(table.parts(x))), dtype=bool)
    one, again, other = (table.fill(x, none, 16, (seed, 0))["numbers"] for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    gone = [table.fill(x, none, 8, (seed, 0))["missing"][:, 0].sum() for seed in range(20)]
    assert set(gone) == {2.0}, "a quarter is missing, in every draw of 8"
    rare = [(table.fill(x, none, 16, (seed, 0))["numbers"][:, 1] > 0).sum() for seed in range(40)]
    assert 0.5 < np.mean(rare) < 1.1, "and what 1 row in 20 has is met in 0.8 of 16"


def test_models_from_before_have_one_typical_row(fitted):
    rows, table = fitted
    state = json.loads(json.dumps(table.to_json()))
    for column in (*state["numbers"], *state["categories"]):
        del column["usual"]
    old = Table().load(state)
    x = old.encode(rows[:1], {})
    mask = np.zeros((3, len(old.parts(x))), dtype=bool)
    for name, array in old.keep(x, mask).items():
        assert np.array_equal(old.fill(x, mask, *DRAWN)[name], array), name


def test_a_cell_that_is_typical_is_explained_too():
    """Most rows have the value that decides for "yes": with one typical value for what is absent it would count for 0."""
    rng = np.random.default_rng(0)
    key = rng.random(400) < 0.7
    noise = rng.normal(size=400).tolist()
    rows = [
        {"key": "on" if k else "off", "noise": v, "y": "yes" if k else "no"} for k, v in zip(key, noise, strict=True)
    ]
    model = assay.train("tabular-classification", rows, target="y", epochs=4, batch_size=32, device="cpu", quiet=True)
    record = assay.explain(model, {"key": "on", "noise": 0.1}, quiet=True)
    values = {row[0]: row[1] for row in record.table("attribution").rows}
    assert values["key"] > 0.3 > 3 * abs(values["noise"])
