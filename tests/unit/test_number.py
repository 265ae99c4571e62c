"""The number output against scikit-learn, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from assay.core.errors import DataError
from assay.outputs.number import LEVEL, Number


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 80), st.integers(0, 10_000), st.sampled_from([0.0, 1e6, -300.0]))
def test_metrics_of_summed_tallies_are_scikit_learns(n, seed, offset):
    rng = np.random.default_rng(seed)
    y = rng.normal(offset, 5, n)
    guess = y + rng.normal(0, 2, n)
    fitted = Number().fit(y)
    sums = fitted.tally({"number": guess}, fitted.encode(y, {})).sum(0)
    found = {metric.name: float(metric.of(sums)) for metric in fitted.metrics}
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, guess), rel=1e-6)
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(y, guess), rel=1e-6)
    assert found["r2"] == pytest.approx(metrics.r2_score(y, guess), rel=1e-5, abs=1e-6)


def test_the_prediction_interval_covers_what_it_says():
    rng = np.random.default_rng(0)
    fitted = Number().fit(rng.normal(50, 10, 1000))
    raw, y = torch.zeros(4000), rng.normal(50, 10, 4000)
    encoded = fitted.encode(y, {})
    ready = fitted.calibrated([(raw, {"standard": torch.from_numpy(encoded["standard"])})])
    fresh = rng.normal(50, 10, 4000)
    covered = np.mean(np.abs(fresh - fitted.mean) <= ready.half)
    assert abs(covered - LEVEL) < 0.03  # six standard errors
    assert fitted.calibrated([(raw[:5], {"standard": torch.zeros(5)})]).half is None


@pytest.mark.parametrize(
    ("ys", "says"),
    [
        (["tall", "short"], "Not one training target is a number"),
        ([3, 3, 3], "nothing to learn"),
        ([1e308, -1e308], "too large"),
    ],
)
def test_what_is_no_number_is_refused(ys, says):
    with pytest.raises(DataError, match=says):
        Number().fit(ys)


def test_wrong_cells_are_problems():
    problems = {}
    Number().fit([1, 2, 3]).encode([1, "x", float("nan"), float("inf"), None, "2.5"], problems)
    assert sorted(problems) == [1, 2, 3, 4]
    assert "not finite" in problems[3]


def test_json_round_trip():
    fitted = Number().fit([1.5, 2.5, 9])
    assert Number().load(fitted.to_json()) == fitted
