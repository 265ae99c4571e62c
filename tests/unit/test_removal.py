"""Insertion and deletion next to random orders: a true order is shown to be better, one drawn by chance is not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.odds import most

from assay.methods.attribution import Masks
from assay.methods.intervals import over_runs
from assay.methods.removal import Removal, asked, curves


def tried(order: np.ndarray, weights: np.ndarray, seed: int, orders: int = 16) -> Removal:
    """The curves of an order of parts on an additive game."""
    masks = asked(order, orders, np.random.default_rng(seed))
    return curves(masks @ weights, len(weights))


def shown(found: Removal) -> list[bool]:
    """Whether insertion and deletion surely beat a random order."""
    gains = [over_runs("gain", run.tolist()) for run in (found.insertion_gains, found.deletion_gains)]
    return [figure.low is not None and figure.low > 0 for figure in gains]


def test_the_true_order_is_always_shown_to_beat_chance() -> None:
    weights = [np.random.default_rng(seed).exponential(size=20) for seed in range(50)]
    assert all(all(shown(tried(weight, weight, seed))) for seed, weight in enumerate(weights))


def test_the_worst_order_gains_less_than_nothing() -> None:
    weights = np.random.default_rng(0).exponential(size=20)
    found = tried(-weights, weights, 0)
    assert found.insertion_gains.mean() < -0.05
    assert found.deletion_gains.mean() < -0.05


def test_over_examples_orders_by_chance_are_seldom_shown_to_beat_it() -> None:
    """Each example gives one gain, the mean over its random orders; the interval is over the examples."""
    alarms = []
    for run in range(60):
        rng = np.random.default_rng(run)
        gains = [
            tried(rng.normal(size=12), rng.exponential(size=12), 1000 * run + at, orders=4).insertion_gains.mean()
            for at in range(15)
        ]
        figure = over_runs("gain", [float(gain) for gain in gains])
        alarms.append(figure.low is not None and figure.low > 0)
    assert sum(alarms) <= most(60, 0.025)  # the interval is of both sides


def test_curves_start_with_nothing_and_end_with_all() -> None:
    weights = np.arange(1.0, 41.0)
    found = tried(weights, weights, 0)
    assert found.share[[0, -1]].tolist() == [0, 1]
    for curve in (found.insertion, *found.random_insertion):
        assert curve[[0, -1]].tolist() == pytest.approx([0, 1])
    assert found.deletion[[0, -1]].tolist() == pytest.approx([1, 0])
    assert (np.diff(found.insertion) > 0).all()
    assert (np.diff(found.deletion) < 0).all()


@pytest.mark.parametrize("parts", [1, 2])
def test_few_parts(parts: int) -> None:
    found = tried(np.ones(parts), np.ones(parts), 0)
    np.testing.assert_allclose(found.insertion_gains, 0, atol=1e-12)  # any order is as good as any other


def test_an_answer_that_nothing_moves_gains_nothing() -> None:
    def nothing(masks: Masks) -> np.ndarray:
        return np.full(len(masks), 2.0)

    masks = asked(np.arange(5.0), 8, np.random.default_rng(0))
    found = curves(nothing(masks), 5)
    assert not found.insertion_gains.any()
    assert not found.deletion_gains.any()
