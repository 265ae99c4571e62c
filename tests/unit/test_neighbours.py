"""Approximate neighbours against a search of all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from assay.methods.neighbours import blocks, finite, intrinsic_dimension, neighbours


def brute(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    apart = np.sqrt(np.square(x[:, None] - x[None]).sum(-1))
    np.fill_diagonal(apart, np.inf)
    index = np.argsort(apart, axis=1, kind="stable")[:, :k]
    return index, np.take_along_axis(apart, index, 1)


def test_up_to_a_leaf_the_answer_is_exact():
    x = np.random.default_rng(0).normal(size=(128, 7))
    index, distance = brute(x, 5)
    found = neighbours(x, 5)
    assert np.array_equal(found.index, index)
    assert np.allclose(found.distance, distance, atol=1e-5)


@pytest.mark.parametrize("dimension", [2, 12])
def test_beyond_a_leaf_most_neighbours_are_found_and_no_distance_is_too_small(dimension):
    x = np.random.default_rng(1).normal(size=(3000, dimension)).astype(np.float32)
    index, distance = brute(x, 8)
    found = neighbours(x, 8)
    hits = np.mean([len(set(a) & set(b)) / 8 for a, b in zip(index, found.index, strict=True)])
    assert hits > 0.85
    assert (found.distance >= distance - 1e-4).all()
    assert np.median(found.distance[:, -1] / distance[:, -1]) < 1.05


def test_a_copy_is_found_among_many_rows_also_where_one_direction_outweighs_the_others():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5000, 30)).astype(np.float32)
    x[:, 0] *= 50
    copies = np.arange(100)
    x[copies + 4000] = x[copies] + rng.normal(size=(100, 30)) * 0.02
    found = neighbours(x, 4)
    assert (found.index[copies, 0] == copies + 4000).mean() > 0.97


def test_a_row_is_never_its_own_neighbour_and_identical_rows_are_at_zero():
    x = np.repeat(np.random.default_rng(3).normal(size=(150, 4)), 2, axis=0)
    found = neighbours(x, 3)
    assert (found.index != np.arange(300)[:, None]).all()
    assert (found.distance[:, 0] == 0).mean() > 0.99
    assert (np.diff(found.distance, axis=1) >= 0).all()


def test_too_few_rows_leave_gaps():
    found = neighbours(np.array([[0.0], [1.0]]), 3)
    assert found.index.tolist() == [[1, -1, -1], [0, -1, -1]]
    assert np.isinf(found.distance[:, 1:]).all()
    assert neighbours(np.zeros((0, 3)), 2).index.shape == (0, 2)


def test_the_seed_decides():
    x = np.random.default_rng(4).normal(size=(700, 9))
    assert np.array_equal(neighbours(x, 6, seed=1).index, neighbours(x, 6, seed=1).index)


def test_what_is_no_matrix_of_finite_numbers_is_refused():
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="matrix"):
        finite(np.ones(4))
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match="row 2"):
        neighbours(x, 1)
    for k in (0, 128):
        with pytest.raises(ValueError, match="k must lie"):
            neighbours(np.ones((4, 2)), k)


@pytest.mark.parametrize("dimension", [2, 5, 10])
def test_the_dimension_is_that_of_the_sheet_that_rows_lie_on(dimension):
    rng = np.random.default_rng(5)
    x = rng.random((4000, dimension)) @ rng.normal(size=(dimension, 40))
    assert intrinsic_dimension(neighbours(x, 16).distance) == pytest.approx(dimension, rel=0.2)


def test_blocks_cover_all_rows_once():
    assert [i for part in blocks(10_000, 1000) for i in range(part.start, part.stop)] == list(range(10_000))
