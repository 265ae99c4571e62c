"""The law of intervals: over samples of a known truth, a 95 % interval holds it 93–97 % of the time.

The samples of one test lie side by side as columns of one wide tally, with a metric for each, so the public functions
run over thousands of them at once. They share the bootstrap's weights, which costs the estimate of coverage little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from assay.core.figure import Figure
from assay.core.metric import Array, Metric, ratio
from assay.methods.bootstrap import bootstrap_blocks, bootstrap_sums, group_sums
from assay.methods.intervals import adjust, figures, over_runs, paired

CLASSES = 3
CONFUSION = np.array([[0.40, 0.06, 0.04], [0.05, 0.20, 0.05], [0.03, 0.03, 0.14]])  # share of (truth, answer)


def _f1(sums: Array) -> Array:
    hit, answered, true = np.split(sums, 3, axis=-1)
    return np.asarray((2 * hit / (answered + true)).mean(axis=-1))


accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
mean_loss = ratio("log_loss", 0, 1, better="lower")
rmse = Metric("rmse", lambda sums: np.sqrt(sums[..., 0] / sums[..., 1]), "lower")
macro_f1 = Metric("macro_f1", _f1, "higher")


def counted(values: Array) -> Array:
    """Values beside ones: the tally of a mean."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def confusion_tallies(truth: np.ndarray, answer: np.ndarray, classes: int = CLASSES) -> Array:
    one_hot = np.eye(classes)
    return np.concatenate([one_hot[truth] * (truth == answer)[..., None], one_hot[answer], one_hot[truth]], axis=-1)


def copies(metric: Metric, samples: int, k: int) -> list[Metric]:
    """The metric of each of the samples that lie side by side, k columns each."""

    def at(i: int) -> Metric:
        counts = metric.counts and (metric.counts[0] + i * k, metric.counts[1] + i * k)
        return replace(metric, of=lambda sums: metric.of(sums[..., i * k : (i + 1) * k]), counts=counts)

    return [at(i) for i in range(samples)]


def wide(tallies: Array) -> Array:
    """From ``[n, samples, k]`` to ``[n, samples * k]``."""
    return tallies.reshape(len(tallies), -1)


def covered(found: list[Figure], truth: float) -> float:
    assert all(figure.low is not None and figure.high is not None for figure in found)
    return float(np.mean([figure.low <= truth <= figure.high for figure in found]))


def sample_accuracy(random: np.random.Generator, n: int, samples: int) -> Array:
    return counted((random.random((n, samples)) < 0.9).astype(float))


def sample_loss(random: np.random.Generator, n: int, samples: int) -> Array:
    return counted(random.exponential(size=(n, samples)))


def sample_squares(random: np.random.Generator, n: int, samples: int) -> Array:
    return counted(random.normal(size=(n, samples)) ** 2)


def sample_classes(random: np.random.Generator, n: int, samples: int) -> Array:
    cell = random.choice(CONFUSION.size, size=(n, samples), p=CONFUSION.ravel())
    return confusion_tallies(cell // CLASSES, cell % CLASSES)


TRUE_F1 = float((2 * np.diag(CONFUSION) / (CONFUSION.sum(axis=0) + CONFUSION.sum(axis=1))).mean())


@pytest.mark.parametrize(
    ("metric", "sample", "truth", "n", "samples"),
    [
        pytest.param(accuracy, sample_accuracy, 0.9, 200, 3000, id="accuracy"),
        pytest.param(mean_loss, sample_loss, 1.0, 300, 3000, id="skewed mean"),
        pytest.param(mean_loss, sample_loss, 1.0, 1200, 1500, id="skewed mean, Poisson weights"),
        pytest.param(rmse, sample_squares, 1.0, 200, 3000, id="rmse"),
        pytest.param(macro_f1, sample_classes, TRUE_F1, 300, 2000, id="macro F1"),
    ],
)
def test_intervals_cover(metric: Metric, sample: Callable[..., Array], truth: float, n: int, samples: int) -> None:
    tallies = sample(np.random.default_rng(1), n, samples)
    found = figures(copies(metric, samples, tallies.shape[-1]), wide(tallies), replicates=1000)
    assert 0.93 <= covered(list(found), truth) <= 0.97


@pytest.mark.parametrize(
    ("metric", "sample", "truth"),
    [
        pytest.param(accuracy, sample_accuracy, 0.9, id="accuracy"),
        pytest.param(mean_loss, sample_loss, 1.0, id="skewed mean"),
    ],
)
def test_intervals_cover_a_subgroup_of_a_tenth(metric: Metric, sample: Callable[..., Array], truth: float) -> None:
    n, samples = 1500, 1500
    random = np.random.default_rng(2)
    tallies = sample(random, n, samples)
    groups = np.where(random.permutation(n) < n // 10, "few", "many").tolist()
    found = figures(copies(metric, samples, 2), wide(tallies), groups=groups, replicates=1000)
    few = [figure for figure in found if figure.group == "few"]
    assert {figure.n for figure in few} == {n // 10}
    assert 0.93 <= covered(few, truth) <= 0.97


def sample_pair(random: np.random.Generator, n: int, samples: int, better: float) -> tuple[Array, Array]:
    """Two models that mostly fail on the same examples; B is right ``better`` more often."""
    hard = random.random((n, samples))
    again = np.where(random.random((n, samples)) < 0.5, random.random((n, samples)), hard)
    return counted((hard < 0.75).astype(float)), counted((again < 0.75 + better).astype(float))


def sample_losses(random: np.random.Generator, n: int, samples: int, worse: float) -> tuple[Array, Array]:
    """Losses that share a skewed part."""
    shared, a, b = random.exponential(size=(3, n, samples))
    return counted(shared + a / 2), counted(shared + b / 2 + worse)


def sample_few(random: np.random.Generator, n: int, samples: int, worse: float) -> tuple[Array, Array]:
    """Losses of two models that differ on one example in five: of 50 such examples BCa alone covers 87 %."""
    shared, change = random.normal(size=(2, n, samples))
    return counted(shared), counted(shared + np.where(random.random((n, samples)) < 0.2, change, 0.0) + worse)


PAIRS = [
    pytest.param(accuracy, sample_pair, 0.05, id="accuracy"),
    pytest.param(mean_loss, sample_losses, 0.1, id="skewed mean"),
]


@pytest.mark.parametrize(
    ("metric", "sample", "truth", "n"),
    [
        pytest.param(accuracy, sample_pair, 0.05, 300, id="accuracy"),
        pytest.param(mean_loss, sample_losses, 0.1, 300, id="skewed mean"),
        pytest.param(mean_loss, sample_few, 0.0, 60, id="few differ"),
    ],
)
def test_intervals_of_differences_cover(
    metric: Metric, sample: Callable[..., tuple[Array, Array]], truth: float, n: int
) -> None:
    a, b = sample(np.random.default_rng(3), n, 3000, truth)
    found, p = paired(copies(metric, 3000, 2), wide(a), wide(b), replicates=1000)
    assert 0.93 <= covered(list(found), truth) <= 0.97
    for figure, value in zip(found, p, strict=True):
        assert (value < 0.05) == (figure.low > 0 or figure.high < 0)


@pytest.mark.parametrize(("metric", "sample", "planted"), PAIRS)
def test_no_false_alarm_in_five_subgroups_and_a_planted_one_is_found(
    metric: Metric, sample: Callable[..., tuple[Array, Array]], planted: float
) -> None:
    samples, n = 400, 500
    groups = [f"g{i % 5}" for i in range(n)]
    random = np.random.default_rng(4)
    a, b = sample(random, n, samples, 0.0)
    harmed = b.copy()
    harmed[::5, :, 0] = 0.0 if metric is accuracy else b[::5, :, 0] + 10 * planted

    def alarms(b: Array) -> Array:
        found, p = paired(copies(metric, samples, 2), wide(a), wide(b), groups=groups, replicates=1000)
        assert [figure.group for figure in found[::samples]] == [None, "g0", "g1", "g2", "g3", "g4"]
        by_sample = np.array(p).reshape(6, samples)[1:].T
        return np.array([adjust(row) for row in by_sample]) <= 0.05

    # 5 % of false alarms in the family, and what 400 samples can miss it by with a chance of 1e-4.
    limit = 0.05 + 3.8 * np.sqrt(0.05 * 0.95 / samples)
    assert alarms(b).any(axis=1).mean() <= limit
    found = alarms(harmed)
    assert found[:, 0].all()
    assert found[:, 1:].any(axis=1).mean() <= limit


@pytest.mark.parametrize("n", [10, 500])
def test_a_model_does_not_differ_from_itself(n: int) -> None:
    random = np.random.default_rng(n)
    tallies = sample_classes(random, n, 1)[:, 0]
    tallies = np.concatenate([tallies[:, :CLASSES].sum(axis=1, keepdims=True), np.ones((n, 1)), tallies], axis=1)
    f1 = Metric("macro_f1", lambda sums: _f1(sums[..., 2:]), "higher")
    (share, score), p = paired([accuracy, f1], tallies, tallies)
    assert share.value == score.value == 0
    assert p == (1.0, 1.0)
    assert share.low is not None
    assert share.low < 0 < share.high  # that they never differed among n does not say that they never will
    assert score.low is score.high is None


def test_runs_cover() -> None:
    values = np.random.default_rng(5).normal(size=(4000, 5))
    assert 0.93 <= covered([over_runs("accuracy", row) for row in values], 0.0) <= 0.97


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 60),
    st.integers(2, 5),
    st.integers(0, 2**32 - 1),
)
def test_metrics_of_sums_are_scikit_learns(n: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, answer = random.integers(0, classes, (2, n))
    truth[: min(n, classes)] = np.arange(min(n, classes))  # macro F1 speaks of the classes there are
    answer[: min(n, classes)] = random.permutation(min(n, classes))
    present = np.union1d(truth, answer)
    truth, answer = np.searchsorted(present, truth), np.searchsorted(present, answer)
    tallies = np.concatenate(
        [counted((truth == answer).astype(float)), confusion_tallies(truth, answer, len(present))], axis=1
    )
    f1 = Metric("macro_f1", lambda sums: _f1(sums[..., 2:]), "higher")
    share, score = figures([accuracy, f1], tallies, replicates=100)
    assert share.value == pytest.approx(accuracy_score(truth, answer), abs=1e-12)
    assert score.value == pytest.approx(f1_score(truth, answer, average="macro"), abs=1e-12)
    for figure in (share, score):
        assert figure.low is None or figure.low <= figure.value <= figure.high


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 80), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_sums_of_groups_add_up_and_ones_as_weights_are_the_plain_metric(
    n: int, k: int, n_groups: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    tallies = random.integers(0, 100, (n, k)).astype(float)  # sums of integers are exact
    groups = random.integers(0, n_groups, n)
    whole = group_sums(tallies)[0]
    assert np.array_equal(group_sums(tallies, groups, n_groups).sum(axis=0), whole)
    assert np.array_equal(np.ones(n) @ tallies, whole)
    resampled = bootstrap_sums(np.c_[tallies, np.ones(n)], groups, n_groups, replicates=7, seed=seed)
    sizes = np.bincount(groups, minlength=n_groups)
    assert np.array_equal(resampled[:, :, -1], np.tile(sizes, (7, 1)))  # a resample is as large as its group


def test_the_metric_of_a_replicate_is_the_metric_of_the_resample() -> None:
    """The weights themselves come out where each row tallies itself: then the product can be checked by hand."""
    tallies = np.random.default_rng(6).random((50, 3))
    both = np.concatenate([tallies, np.eye(50)], axis=1)
    for block in bootstrap_blocks(both, replicates=300):
        weights = block[:, 0, 3:]
        assert np.array_equal(weights, np.round(weights))
        for row, weight in zip(block[:, 0, :3], weights, strict=True):
            assert row == pytest.approx(np.repeat(tallies, weight.astype(int), axis=0).sum(axis=0), rel=1e-12)
