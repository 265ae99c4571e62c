"""Wrong labels and values, the learners that judge them, outliers and associations."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets
from tests.odds import fewest, most

from assay.methods.association import cramers_v, cross, rank_effect
from assay.methods.held_out import held_out_probabilities, held_out_values
from assay.methods.label_errors import label_errors, mixture_loss, value_errors
from assay.methods.one_column import cells_of, is_id, tells_class, tells_value
from assay.methods.outliers import outliers


def overlapping(n: int, apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 8))
    x[:, 0] += np.where(labels, apart, -apart)
    return x.astype(np.float32), labels


def suspects(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    n_classes = int(labels.max()) + 1
    log_p = held_out_probabilities(x.astype(np.float32), labels, n_classes, score=mixture_loss)
    found = label_errors(log_p, labels)
    assert found.chance.min() >= 0
    assert found.chance.max() <= 1
    assert (np.diff(found.chance[found.suspects]) <= 0).all(), "the surest first"
    return found.suspects


@pytest.mark.parametrize("apart", [0.0, 0.7, 1.3, 2.0])
def test_overlap_of_classes_is_not_taken_for_wrong_labels(apart):
    x, labels = overlapping(1500, apart)
    assert len(suspects(x, labels)) <= 3


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_real_data_as_they_are_have_hardly_any(name):
    data = getattr(datasets, f"load_{name}")()
    assert len(suspects(data.data, data.target)) <= 2


def test_flipped_labels_are_found_where_classes_are_apart():
    x, labels = overlapping(1500, 2.5)
    rng = np.random.default_rng(1)
    wrong = rng.random(1500) < 0.05
    found = suspects(x, np.where(wrong, 1 - labels, labels))
    assert wrong[found].mean() > 0.85
    assert np.isin(np.flatnonzero(wrong), found).mean() > 0.85


def test_the_rate_is_that_of_the_flips():
    x, labels = overlapping(4000, 2.5)
    wrong = np.random.default_rng(1).random(4000) < 0.1
    flipped = np.where(wrong, 1 - labels, labels)
    log_p = held_out_probabilities(x, flipped, 2, score=mixture_loss)
    assert label_errors(log_p, flipped).rate == pytest.approx(0.1, abs=0.02)


def test_held_out_answers_are_of_learners_that_did_not_see_the_example():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(400, 5)).astype(np.float32), rng.integers(0, 2, 400)
    log_p = held_out_probabilities(x, labels, 2, score=mixture_loss)
    assert np.allclose(np.exp(log_p).sum(1), 1)
    assert 0.4 < (log_p.argmax(1) == labels).mean() < 0.6
    values = rng.normal(size=400)
    assert abs(np.corrcoef(held_out_values(x, values), values)[0, 1]) < 0.25


def test_a_bent_boundary_is_learned_too():
    x, labels = datasets.make_moons(1000, noise=0.1, random_state=0)
    log_p = held_out_probabilities(x.astype(np.float32), labels, 2, score=mixture_loss)
    assert (log_p.argmax(1) == labels).mean() > 0.98


def test_wrong_values_are_found_and_tails_are_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 4)).astype(np.float32)
    values = x @ [1.0, 2.0, -1.0, 0.0] + rng.normal(size=2000)
    assert not len(value_errors(held_out_values(x, values), values)[0])
    tails = x[:, 0] + rng.standard_t(4, 2000)
    assert len(value_errors(held_out_values(x, tails), tails)[0]) <= 2
    values[[3, 77]] += [60, -80]
    assert value_errors(held_out_values(x, values), values)[0].tolist() == [77, 3]


def test_progress_is_told_fold_by_fold():
    told = []
    x = np.random.default_rng(0).normal(size=(5001, 2)).astype(np.float32)
    held_out_values(x, x[:, 0].astype(float), progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("dimension", [1, 5, 50])
def test_no_row_of_a_long_tail_is_an_outlier(dimension):
    rng = np.random.default_rng(0)
    for rows in (
        rng.normal(size=(1500, dimension)),
        rng.random((1500, dimension)),
        rng.exponential(size=(1500, dimension)),
    ):
        assert not len(outliers(rows).rows)


def test_rows_far_from_all_are_outliers_also_a_few_together():
    rows = np.random.default_rng(0).normal(size=(3000, 10))
    rows[5], rows[100:103] = 30, -25
    found = outliers(rows)
    assert set(found.rows.tolist()) == {5, 100, 101, 102}
    assert found.times[5] > 5
    assert found.times[found.rows[0]] == found.times.max()


def test_identical_rows_have_no_outlier():
    assert not len(outliers(np.ones((100, 3))).rows)
    assert not len(outliers(np.zeros((0, 3))).rows)


def test_cramers_v_has_no_bias_and_its_p_value_holds_its_level():
    rng = np.random.default_rng(0)
    found = [cramers_v(cross(rng.integers(0, 6, 300), rng.integers(0, 5, 300))) for _ in range(300)]
    assert np.mean([a.value for a in found]) < 0.06
    assert fewest(300, 0.05) <= sum(a.p < 0.05 for a in found) <= most(300, 0.05)
    assert all(a.low <= a.value <= a.high for a in found)


def test_the_interval_of_cramers_v_holds_it_and_the_estimate_within_where_groups_are_many():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(2, 5.0), 40) / 40
    apart = shares.sum(1, keepdims=True) * shares.sum(0)
    true = np.sqrt(((shares - apart) ** 2 / apart).sum())
    found = [cramers_v(rng.multinomial(300, shares.ravel()).reshape(40, 2)) for _ in range(100)]
    assert sum(one.low <= true <= one.high for one in found) >= fewest(100, 0.95)
    assert sum(one.low + 0.02 < one.value < one.high - 0.02 for one in found) >= fewest(100, 0.95)


@pytest.mark.parametrize("concentration", [0.2, 1.0])
def test_cramers_v_does_not_sink_where_groups_of_three_nearly_decide_the_class(concentration):
    """Bergsma's alone is by a fifth too low there, and its interval missed the truth nine times in ten."""
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.full(2, concentration), 100) / 100
    apart = shares.sum(1, keepdims=True) * shares.sum(0)
    true = np.sqrt(((shares - apart) ** 2 / apart).sum())
    found = [cramers_v(rng.multinomial(300, shares.ravel()).reshape(100, 2)) for _ in range(60)]
    assert np.mean([one.value for one in found]) == pytest.approx(true, abs=0.03)
    assert sum(one.low <= true <= one.high for one in found) >= fewest(60, 0.95)


def test_cramers_v_at_its_ends():
    decided = cramers_v(np.kron(np.eye(2, dtype=int), np.full((20, 1), 2)))  # forty groups of two
    assert (decided.value, decided.low, decided.high) == (1.0, None, None)
    assert decided.p < 1e-6
    alone = cramers_v(np.kron(np.eye(2, dtype=int), np.ones((20, 1), dtype=int)))  # forty groups of one
    assert (alone.value, alone.low) == (0.0, None)
    assert cramers_v(np.array([[5, 0, 9], [0, 0, 0], [7, 0, 8]])) == cramers_v(np.array([[5, 9], [7, 8]]))


def test_cramers_v_of_rare_groups_is_not_sure():
    rng = np.random.default_rng(0)
    p = [cramers_v(cross(rng.integers(0, 40, 100), rng.integers(0, 2, 100))).p for _ in range(200)]
    assert sum(one < 0.01 for one in p) <= most(200, 0.01)


def test_rank_effect_finds_a_shift_and_holds_its_level():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 3, 300)
    assert rank_effect(groups, groups + rng.normal(size=300)).p < 1e-6
    none = [rank_effect(groups, rng.normal(size=300)).p < 0.05 for _ in range(300)]
    assert fewest(300, 0.05) <= sum(none) <= most(300, 0.05)


def test_columns_tell_the_class_only_held_out():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    assert tells_class(cells_of([f"id {i}" for i in range(600)]), labels) <= 0
    assert tells_class(cells_of(rng.normal(size=600).tolist()), labels) < 0.1
    assert tells_class(cells_of((labels * 10 + rng.integers(0, 5, 600)).tolist()), labels) == 1
    assert tells_value(cells_of([str(i) for i in range(600)]), np.arange(600.0)) == pytest.approx(1)
    assert tells_value(cells_of(rng.normal(size=600).tolist()), np.arange(600.0)) < 0.2


def test_ids_are_told_from_measurements():
    rng = np.random.default_rng(0)
    assert is_id(cells_of([f"p{i}" for i in range(200)]))
    assert is_id(cells_of(rng.permutation(200).tolist()))
    assert not is_id(cells_of(rng.integers(0, 10**6, 200).tolist()))
    assert not is_id(cells_of(rng.normal(size=200).tolist()))
    assert not is_id(cells_of(["a", "b"] * 100))


def test_cells_that_are_no_plain_values_make_no_column():
    assert cells_of([b"x"]) is None
    assert cells_of([[1, 2]]) is None
    assert cells_of([np.zeros(3)]) is None
    assert cells_of([None, ""]).distinct == 1
    assert cells_of([None, float("nan"), 1]).distinct == 2
