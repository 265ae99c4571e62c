"""Intervals of metrics that are no function of sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.odds import fewest

from assay.core.metric import Metric, ratio
from assay.methods.bootstrap import SMALL, bootstrap_weights
from assay.methods.intervals import figures, paired
from assay.methods.merges import PARTS, merges

MEAN = ratio("mean", 0, 1, better="higher")


def merged(metric: Metric) -> Metric:
    """The same metric as a merge."""

    def unused(sums):
        raise AssertionError("a merge metric has no sums")

    return replace(metric, of=unused, merge=lambda tallies, weights: metric.of(weights @ tallies))


def concordance(tallies, weights):
    """The chance that an example of kind 1 has the larger score than one of kind 0: no function of summed tallies."""
    score, kind = tallies.T
    above = (score[:, None] > score[None, :]) * kind[:, None] * (1 - kind)[None, :]
    return np.einsum("ri,ij,rj->r", weights, above, weights) / ((weights @ kind) * (weights @ (1 - kind)))


CONCORDANCE = Metric(name="concordance", of=np.sum, better="higher", merge=concordance)


def scores(n, seed, apart=1.0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    return np.stack([rng.normal(0, 1, n) + apart * kind, kind.astype(float)], 1)


def values(n, seed=0):
    return np.stack([np.random.default_rng(seed).exponential(1, n), np.ones(n)], 1)


@pytest.mark.parametrize("n", [60, SMALL + 300])
def test_a_mean_as_a_merge_has_the_interval_of_the_mean(n):
    tallies = values(n)
    (a,), (b,) = figures([MEAN], tallies), figures([merged(MEAN)], tallies)
    assert b.value == pytest.approx(a.value, abs=1e-12)
    assert (b.n, b.name, b.better) == (a.n, a.name, a.better)
    width = a.high - a.low
    assert b.low == pytest.approx(a.low, abs=0.1 * width)
    assert b.high == pytest.approx(a.high, abs=0.1 * width)
    assert b.high - b.value > b.value - b.low  # exponential values: it reaches further up


def test_sums_and_merges_stand_side_by_side_in_the_order_of_the_metrics():
    tallies = values(80)
    last = replace(MEAN, name="last")
    alone = figures([MEAN, last], tallies, groups=["a", "b"] * 40)
    mixed = figures([MEAN, replace(merged(MEAN), name="merged"), last], tallies, groups=["a", "b"] * 40)
    assert [(f.name, f.group) for f in mixed[:3]] == [("mean", None), ("merged", None), ("last", None)]
    assert [f for f in mixed if f.name != "merged"] == list(alone)
    by_group = {(f.name, f.group): f for f in mixed}
    for group in {f.group for f in mixed}:
        assert by_group["merged", group].value == pytest.approx(by_group["mean", group].value)
        assert by_group["merged", group].n == by_group["mean", group].n


def test_a_ranked_metric_is_that_of_each_group_and_its_interval_mostly_holds_the_truth():
    truth, held = 0.7602, 0  # Φ(1 / √2) for normal scores one apart
    for seed in range(40):
        (figure,) = figures([CONCORDANCE], scores(60, seed), replicates=300)
        held += figure.low <= truth <= figure.high
        assert 0 <= figure.low <= figure.value <= figure.high <= 1
    assert held >= fewest(40, 0.95)


def test_a_difference_of_ranked_metrics_is_found_where_there_is_one_and_silent_where_there_is_none():
    rng = np.random.default_rng(0)
    a = scores(200, 1)
    noise = rng.normal(0, 0.1, len(a))
    alike, better = a + np.stack([noise, 0 * noise], 1), a + np.stack([noise + 0.8 * a[:, 1], 0 * noise], 1)
    (figure,), (p,) = paired([CONCORDANCE], a, alike, replicates=500)
    assert figure.low <= 0 <= figure.high
    assert p > 0.05
    (figure,), (p,) = paired([CONCORDANCE], a, better, replicates=500)
    assert figure.name == "concordance_difference"
    assert figure.low > 0
    assert p < 0.01
    (figure,), (p,) = paired([CONCORDANCE], a, a, replicates=500)
    assert (figure.value, figure.low, p) == (0, None, 1.0)


def test_of_many_examples_the_jackknife_leaves_out_parts_that_hold_all():
    seen = []

    def spy(tallies, weights):
        seen.append(weights)
        return weights @ tallies[:, 0] / weights.sum(1)

    n = PARTS + 700
    found = merges([Metric("spy", np.sum, "higher", merge=spy)], values(n), replicates=100, seed=0)
    without = np.concatenate([w for w in seen if set(np.unique(w)) == {0.0, 1.0}])
    assert found["spy"][2].shape == (PARTS,) == (len(without),)
    assert ((1 - without).sum(0) == 1).all()  # each example is left out once
    assert set((1 - without).sum(1)) <= {n // PARTS, n // PARTS + 1}


def test_weights_come_in_bounded_blocks_and_again_for_the_same_seed():
    blocks = list(bootstrap_weights(40_000, replicates=300, seed=4))
    assert max(block.size for block in blocks) <= 1 << 22
    assert sum(map(len, blocks)) == 300
    assert np.mean([block.mean() for block in blocks]) == pytest.approx(1, abs=0.01)
    again = list(bootstrap_weights(40_000, replicates=300, seed=4))
    assert all(np.array_equal(a, b) for a, b in zip(blocks, again, strict=True))
    few = np.concatenate(list(bootstrap_weights(9, replicates=50)))
    assert (few.sum(1) == 9).all()


def test_one_example_has_no_interval():
    (figure,) = figures([merged(MEAN)], values(1))
    assert (figure.low, figure.high, figure.n) == (None, None, 1)
