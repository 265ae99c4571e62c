"""Small groups against what chance alone would show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact
from tests.odds import most

from assay.core.metric import ratio
from assay.methods.gaps import gaps
from assay.methods.groups import Grouping
from assay.methods.proportions import fisher
from assay.methods.spreads import spread

LOSS = ratio("log_loss", 0, 1, better="lower", unit="nats")
ACCURACY = ratio("accuracy", 0, 1, better="higher", proportion=True)


def of_group(metric, own, others, seed=0):
    tallies = np.c_[np.r_[own, others], np.ones(len(own) + len(others))]
    codes = np.r_[np.zeros(len(own), dtype=int), np.full(len(others), -1)]
    return gaps([metric], tallies, Grouping("g", codes, ("g",)), seed=seed)[0]


def test_a_small_group_without_variation_is_not_certain():
    """Forty right answers among answers of which one in seven is wrong: that happens by chance once in 500 groups."""
    rng = np.random.default_rng(0)
    others = np.where(rng.random(2000) < 0.15, 2.3, 0.1)
    gap = of_group(LOSS, np.full(40, 0.1) + rng.normal(0, 1e-3, 40), others)
    assert 1e-4 < gap.p < 0.05
    assert gap.low < gap.value - 0.1


@pytest.mark.parametrize(("metric", "usual", "odd"), [(LOSS, 0.1, 2.3), (ACCURACY, 1.0, 0.0)])
def test_a_gap_is_the_same_question_from_the_side_of_a_few_others(metric, usual, odd):
    """It was asked of small groups alone, so that a large one was surely worse than a few others that never vary."""
    rng = np.random.default_rng(0)
    values = np.r_[
        np.full(30, usual) + rng.normal(0, 1e-3, 30) * (metric is LOSS), np.where(rng.random(1500) < 0.05, odd, usual)
    ]
    codes = (np.arange(len(values)) < 30).astype(int)
    tallies = np.c_[values, np.ones(len(values))]
    found = gaps([metric], tallies, Grouping("g", codes, ("g=many", "g=few")), seed=0)
    large, small = found
    assert large.p == pytest.approx(small.p, rel=0.05)
    assert large.p > 0.05
    assert large.low <= 0 <= large.high
    assert spread(found, "difference", "g").low == 0


def test_what_is_far_from_chance_is_still_found():
    rng = np.random.default_rng(1)
    gap = of_group(LOSS, rng.normal(3, 1, 40), rng.normal(1, 1, 2000))
    assert gap.p < 1e-6
    assert gap.low > 1


COUNTS = [(27, 42, 1712, 2000), (0, 20, 5, 400), (20, 20, 300, 400), (9, 10, 19, 20)]


@pytest.mark.parametrize(("hits", "n", "all_hits", "all_n"), COUNTS)
def test_the_exact_tail_is_that_of_fishers_test(hits, n, all_hits, all_n):
    table = [[hits, n - hits], [all_hits - hits, all_n - n - all_hits + hits]]
    one_sided = min(fisher_exact(table, alternative=side).pvalue for side in ("less", "greater"))
    assert fisher(hits, n, all_hits, all_n) == pytest.approx(min(1, 2 * one_sided), rel=1e-6)


def test_many_small_groups_raise_no_alarm():
    """Eighty groups of forty that differ in nothing; a false verdict at Holm's level of 0.05 in one of twenty audits."""
    alarms = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        wrong = rng.random(3200) < 0.15
        tallies = np.c_[np.where(wrong, 2.3, 0.1) + rng.normal(0, 0.02, 3200), np.ones(3200)]
        found = gaps(
            [LOSS], tallies, Grouping("g", np.arange(3200) % 80, tuple(f"g{at:02}" for at in range(80))), seed=seed
        )
        alarms += min(gap.p for gap in found) < 0.05 / 80
    assert alarms <= most(10, 0.05)
