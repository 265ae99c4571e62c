"""Near duplicates: planted ones are found, and chance is not taken for them."""

from __future__ import annotations

import numpy as np
import pytest

from assay.methods.near_duplicates import clusters, exact_duplicates, near_duplicates


@pytest.mark.parametrize("dimension", [3, 10, 100])
@pytest.mark.parametrize("seed", [0, 1])
def test_rows_at_random_have_none(dimension, seed):
    rows = np.random.default_rng(seed).normal(size=(2000, dimension))
    assert len(near_duplicates(rows).pairs) <= 1


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_of_a_heavy_tail_and_of_clusters_have_few(seed):
    rng = np.random.default_rng(seed)
    tails = rng.standard_t(3, (2000, 8))
    lumps = rng.normal(size=(20, 8))[rng.integers(0, 20, 2000)] * 5 + rng.normal(size=(2000, 8))
    assert len(near_duplicates(tails).pairs) <= 3
    assert len(near_duplicates(lumps).pairs) <= 3


def test_planted_pairs_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(3000, 25))
    planted = {(i, 2000 + i) for i in range(0, 200, 2)}
    for a, b in planted:
        rows[b] = rows[a] + rng.normal(size=25) * 0.1
    found = near_duplicates(rows)
    assert len(planted & set(map(tuple, found.pairs.tolist()))) >= 97
    assert len(found.pairs) <= 103
    assert (found.similarity > 0.4).all()
    assert (found.pairs[:, 0] < found.pairs[:, 1]).all()


def test_a_crowd_of_near_copies_does_not_hide_itself():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 25))
    rows[:40] = rows[0] + rng.normal(size=(40, 25)) * 0.05
    found = near_duplicates(rows)
    assert (found.cluster[:40] == 0).mean() > 0.9
    assert (found.cluster[40:] < 0).all()


def test_identical_rows_are_paired_with_the_first_whatever_the_chance():
    rows = np.array([[0.0, 1], [2, 3], [0, 1], [-0.0, 1]])
    found = near_duplicates(rows)
    assert found.pairs.tolist() == [[0, 2], [0, 3]]
    assert found.similarity.tolist() == [1, 1]
    assert found.cluster.tolist() == [0, -1, 0, 0]
    assert np.isnan(found.dimension)


def test_neighbours_in_a_table_of_few_values_are_no_near_copies():
    rng = np.random.default_rng(2)
    rows = np.eye(6)[rng.integers(0, 6, (1500, 5))].reshape(1500, 30)
    found = near_duplicates(rows)
    assert (found.similarity == 1).all(), "only identical rows"


def test_without_rows_or_features_there_are_no_pairs():
    assert near_duplicates(np.zeros((0, 4))).pairs.shape == (0, 2)
    assert near_duplicates(np.zeros((1, 4))).pairs.shape == (0, 2)
    assert near_duplicates(np.zeros((3, 0))).pairs.tolist() == [[0, 1], [0, 2]]
    with pytest.raises(ValueError, match="finite"):
        near_duplicates(np.array([[np.inf]]))


def test_exact_duplicates_are_groups_of_equal_keys():
    assert [g.tolist() for g in exact_duplicates(["a", "b", "a", "b", "a", "c"])] == [[0, 2, 4], [1, 3]]
    assert exact_duplicates([]) == ()


def test_clusters_join_pairs_that_share_a_row():
    assert clusters(np.array([[5, 6], [0, 3], [3, 4]]), 8).tolist() == [0, -1, -1, 0, 0, 1, 1, -1]
    assert clusters(np.zeros((0, 2), np.int64), 2).tolist() == [-1, -1]
