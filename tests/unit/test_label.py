"""The label output against scikit-learn, and what it refuses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from assay.core.errors import DataError
from assay.outputs.label import Label


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 60), st.integers(0, 10_000))
def test_metrics_of_summed_tallies_are_scikit_learns(classes, n, seed):
    rng = np.random.default_rng(seed)
    fitted = Label().fit([str(c) for c in range(classes)] * 2)
    p = rng.dirichlet(np.ones(classes), n).astype(np.float32)
    y = rng.integers(0, classes, n)
    sums = fitted.tally({"probability": p}, {"label": y}).sum(0)
    found = {metric.name: float(metric.of(sums)) for metric in fitted.metrics}
    every = list(range(classes))
    exact = p.astype(np.float64) / p.astype(np.float64).sum(1, keepdims=True)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(y, p.argmax(1)))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(y, exact, labels=every), rel=1e-5, abs=1e-6)
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(y, p.argmax(1), average="macro", zero_division=0))
    one_hot = np.eye(classes)[y]
    assert found["brier_score"] == pytest.approx(((p - one_hot) ** 2).sum(1).mean(), rel=1e-5)


def test_calibration_finds_the_temperature_that_was_planted():
    rng = np.random.default_rng(0)
    fitted = Label().fit(["a", "b", "c"])
    logits = torch.tensor(rng.normal(0, 2, (20_000, 3)))
    label = torch.distributions.Categorical(logits=logits).sample()
    overconfident = fitted.calibrated([(logits * 3, {"label": label})])
    assert overconfident.temperature == pytest.approx(3, rel=0.05)
    assert fitted.calibrated([(logits, {"label": label})]).temperature == pytest.approx(1, rel=0.05)


def test_a_few_right_answers_do_not_make_certain():
    """A model that is right 97 times in 100, held to 60 answers that all happen to be right."""
    rng = np.random.default_rng(0)
    fitted = Label().fit(["a", "b", "c"])
    label = torch.tensor(rng.integers(0, 3, 1060))
    logits = torch.nn.functional.one_hot(label, 3).double() * 4 + torch.tensor(rng.normal(0, 1, (1060, 3)))
    right = (logits.argmax(1) == label).nonzero().squeeze(1)[:60]
    ready = fitted.calibrated([(logits[right], {"label": label[right]})])
    loss = [float(f.loss(logits[60:], {"label": label[60:]}).mean()) for f in (fitted, ready)]
    assert loss[1] < 1.25 * loss[0]
    assert ready.temperature > 0.4


def test_classes_are_ordered_as_numbers_where_they_are_numbers():
    assert Label().fit([10, 2, 1]).classes == ("1", "2", "10")
    assert Label().fit(["b", "a", None, "a"]).classes == ("a", "b")


def test_a_label_that_is_missing_or_unseen_is_a_problem_with_the_nearest_name():
    problems = {}
    fitted = Label().fit(["cat", "dog"])
    found = fitted.encode(["cat", "dgo", None, "dog"], problems)
    assert found["label"].tolist()[0::3] == [0, 1]
    assert 'Did you mean "dog"?' in problems[1]
    assert problems[2] == "it has no label"


@pytest.mark.parametrize(
    ("ys", "says"),
    [
        (["a", "a"], 'Every training label is "a"'),
        ([None, ""], "is missing"),
        ([f"id{i}" for i in range(500)], "not classes"),
    ],
)
def test_what_is_no_set_of_classes_is_refused(ys, says):
    with pytest.raises(DataError, match=says):
        Label().fit(ys)


def test_json_round_trip():
    fitted = Label().fit(["a", "b"])
    assert Label().load(fitted.to_json()) == fitted
