"""Shapley values: the axioms that define them, exactness where promised, honest errors, and games at the edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BudgetError, ConfigError
from assay.methods._shapley_masks import by_size, every, pairs, scatter, shares
from assay.methods._shapley_process import Kernel, _integrals, _unlikely
from assay.methods.attribution import Attribution, Game, ask
from assay.methods.occlusion import occlusion
from assay.methods.shapley import MOST_EXACT, exact, least, permutation, shapley

SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15, deadline=None)


def table(parts: int, seed: int, claims: int = 1, order: int = 3) -> Game:
    """A game of random interactions of up to ``order`` parts, and a little that no two masks share."""
    rng = np.random.default_rng(seed)
    terms = [
        np.sort(rng.choice(parts, size=rng.integers(1, min(order, parts) + 1), replace=False)) for _ in range(3 * parts)
    ]
    weights = rng.normal(size=(len(terms), claims)) / np.array([len(term) for term in terms])[:, None]
    rough = 0.05 * rng.normal(size=(1 << min(parts, 12), claims))

    def game(masks: np.ndarray) -> np.ndarray:
        at = masks[:, :12].astype(np.int64) @ (1 << np.arange(min(parts, 12)))
        return np.column_stack([masks[:, term].all(axis=1) for term in terms]) @ weights + rough[at]

    return game


def sampled(game: Game, parts: int, seed: int, budget: int) -> list[Attribution]:
    """What each method with chance says."""
    return [method(game, parts, budget, np.random.default_rng(seed)) for method in (shapley, permutation)]


@FEW
@given(SEEDS, st.integers(0, 6), st.integers(1, 3))
def test_all_that_the_parts_add_is_shared_out(seed: int, parts: int, claims: int) -> None:
    game = table(parts, seed, claims) if parts else lambda masks: np.ones((len(masks), claims))
    found = exact(game, parts)
    assert found.values.shape == found.errors.shape == (parts, claims)
    np.testing.assert_allclose(found.gap, 0, atol=1e-12)
    assert found.evaluations == 2**parts


@FEW
@given(SEEDS)
def test_samples_share_out_all_too(seed: int) -> None:
    for found in sampled(table(12, seed, claims=2), 12, seed, 64):
        np.testing.assert_allclose(found.gap, 0, atol=1e-10)
        assert np.isfinite(found.errors).all()
        assert found.evaluations <= 64


@FEW
@given(SEEDS)
def test_parts_that_do_the_same_count_the_same(seed: int) -> None:
    inner = table(6, seed)

    def game(masks: np.ndarray) -> np.ndarray:  # the first two are only ever looked at together
        either, both = masks[:, 0] ^ masks[:, 1], masks[:, 0] & masks[:, 1]
        return inner(np.column_stack([either, both, masks[:, 2:]]))

    values = exact(game, 6).values
    np.testing.assert_allclose(values[0], values[1], atol=1e-12)


@FEW
@given(SEEDS, st.integers(0, 5))
def test_a_part_that_changes_nothing_counts_for_nothing(seed: int, dummy: int) -> None:
    inner = table(5, seed)

    def game(masks: np.ndarray) -> np.ndarray:
        return inner(np.delete(masks, dummy, axis=1))

    found = exact(game, 6).values
    np.testing.assert_allclose(found[dummy], 0, atol=1e-12)
    np.testing.assert_allclose(np.delete(found, dummy, axis=0), exact(inner, 5).values, atol=1e-12)
    order = permutation(game, 6, 40, np.random.default_rng(seed))
    np.testing.assert_allclose(order.values[dummy], 0, atol=1e-12)


@FEW
@given(SEEDS, st.floats(-3, 3), st.floats(-3, 3))
def test_values_of_a_sum_are_the_sum_of_values(seed: int, a: float, b: float) -> None:
    one, other = table(6, seed), table(6, seed ^ 1)
    both = exact(lambda masks: a * one(masks) + b * other(masks), 6).values
    np.testing.assert_allclose(both, a * exact(one, 6).values + b * exact(other, 6).values, atol=1e-11)
    joined = exact(lambda masks: np.column_stack([one(masks), other(masks)]), 6).values
    np.testing.assert_allclose(joined, np.column_stack([exact(one, 6).values, exact(other, 6).values]), atol=1e-12)


@FEW
@given(SEEDS, st.integers(14, 40))
def test_additive_games_are_told_exactly_by_few_masks(seed: int, parts: int) -> None:
    weights = np.random.default_rng(seed).normal(size=(parts, 2)) * [1, 1000]
    for found in sampled(lambda masks: 7 + masks @ weights, parts, seed, 5 * parts):
        np.testing.assert_allclose(found.values / [1, 1000], weights / [1, 1000], atol=1e-6)
        assert (found.errors < 1e-4 * np.array([1, 1000])).all()


def test_interactions_are_shared_among_those_that_interact() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return 6.0 * masks[:, :3].all(axis=1, keepdims=True) + masks[:, 3:4]

    found = shapley(game, 18, 512, np.random.default_rng(0))
    truth = np.array([2.0, 2, 2, 1] + [0] * 14)
    assert np.abs(found.values[:, 0] - truth).max() < 0.1
    assert (np.abs(found.values[:, 0] - truth) <= 4 * found.errors[:, 0] + 1e-9).all()


def test_the_band_of_two_errors_holds_the_truth() -> None:
    inside = []
    for seed in range(12):
        game = table(11, seed, claims=2, order=4)
        truth = exact(game, 11).values
        found = shapley(game, 11, 160, np.random.default_rng(seed))
        inside.append(np.abs(found.values - truth) <= 2 * found.errors)
    assert 0.88 <= np.mean(inside) <= 0.995


def test_errors_shrink_as_evaluations_grow_and_the_estimate_with_them() -> None:
    game = table(12, 5, order=4)
    truth = exact(game, 12).values
    wrong, stated = [], []
    for budget in (64, 192, 576):
        found = [shapley(game, 12, budget, np.random.default_rng(seed)) for seed in range(3)]
        wrong.append(np.mean([np.square(one.values - truth).mean() for one in found]))
        stated.append(np.mean([np.square(one.errors).mean() for one in found]))
    assert wrong[0] > 2 * wrong[1] > 4 * wrong[2]
    assert np.all(np.array(stated) > np.array(wrong) / 4)
    assert np.all(np.array(stated) < np.array(wrong) * 4)


def test_it_is_more_accurate_than_walks_in_random_order() -> None:
    game = table(12, 3)
    truth = exact(game, 12).values
    wrong = [[np.square(one.values - truth).sum() for one in sampled(game, 12, seed, 200)] for seed in range(5)]
    ours, walks = np.mean(wrong, axis=0)
    assert ours < walks / 2


def test_sampling_stops_when_the_band_is_narrow() -> None:
    asked = []

    def game(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return masks @ np.arange(20.0)[:, None] + masks[:, :1] * masks[:, 1:2]

    found = shapley(game, 20, 4000, np.random.default_rng(0), tolerance=0.05)
    assert found.evaluations == sum(asked) < 600
    assert (found.errors <= 0.05 * np.ptp(found.values)).all()
    rough = np.random.default_rng(0).normal(size=4096)
    noise = shapley(
        lambda m: rough[m[:, :12] @ (1 << np.arange(12)), None], 14, 1000, np.random.default_rng(0), tolerance=1e-6
    )
    assert noise.evaluations == 1000


def test_it_is_exact_where_the_budget_allows() -> None:
    game = table(9, 2)
    found = shapley(game, 9, 512, np.random.default_rng(0))
    np.testing.assert_array_equal(found.values, exact(game, 9).values)
    assert (found.errors == 0).all()
    nearly = shapley(game, 9, 500, np.random.default_rng(0))
    assert (np.abs(nearly.values - found.values) <= 4 * nearly.errors).all()


@pytest.mark.parametrize("parts", [0, 1])
def test_no_part_and_one_part(parts: int) -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks.sum(axis=1, keepdims=True) * np.array([2.0, -1.0]) + 5

    rng = np.random.default_rng(0)
    for found in (
        exact(game, parts),
        shapley(game, parts, 2, rng),
        permutation(game, parts, 2, rng),
        occlusion(game, parts),
    ):
        assert found.values.tolist() == [[2.0, -1.0]] * parts
        assert found.errors.tolist() == [[0.0, 0.0]] * parts
        assert found.full.tolist() == [5 + 2 * parts, 5 - parts]


def test_a_game_that_never_changes_gives_nothing_and_is_sure_of_it() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return np.column_stack([np.full(len(masks), 3.7), masks[:, 0] * 1.0])

    found = shapley(game, 15, 100, np.random.default_rng(0))
    assert (found.values[:, 0] == 0).all()
    assert (found.errors[:, 0] == 0).all()
    np.testing.assert_allclose(found.values[:, 1], np.eye(15)[0], atol=1e-6)


def test_a_game_of_opposites_that_agree_has_no_odd_half() -> None:
    found = shapley(lambda m: 1.0 * (m.sum(axis=1, keepdims=True) == 7), 14, 200, np.random.default_rng(0))
    assert np.abs(found.values).max() == 0


def test_budgets_that_cannot_do_are_refused() -> None:
    rng = np.random.default_rng(0)
    game = table(16, 0)
    with pytest.raises(BudgetError, match=f"{least(16)} evaluations or more, not 30"):
        shapley(game, 16, 30, rng)
    with pytest.raises(BudgetError, match="32 evaluations"):
        permutation(game, 16, 31, rng)
    with pytest.raises(BudgetError, match=f"at most {MOST_EXACT}"):
        exact(game, 21)
    with pytest.raises(ConfigError, match="tolerance of 0"):
        shapley(game, 16, 100, rng, tolerance=0.0)


def test_a_game_that_answers_wrongly_is_caught() -> None:
    with pytest.raises(ValueError, match="4 rows"):
        ask(lambda masks: np.zeros(4), every(2))


def test_pairs_are_distinct_and_of_every_size() -> None:
    found = pairs(10, 512, np.random.default_rng(0))
    assert found[0].all()
    both = np.concatenate([found, ~found])
    assert len(np.unique(both, axis=0)) == 1024
    sizes = np.bincount(pairs(40, 4001, np.random.default_rng(0))[1:].sum(axis=1), minlength=41)
    folded = (sizes + sizes[::-1])[2:21]  # size 1 and its opposite run out
    assert folded.min() > 0.75 * folded.max()


def test_shares_are_those_of_the_orders() -> None:
    joined, missed = by_size(4)
    assert joined.tolist() == [0, 1 / 4, 1 / 12, 1 / 12, 1 / 4]
    assert missed.tolist() == [1 / 4, 1 / 12, 1 / 12, 1 / 4, 0]
    own = shares(every(6))
    np.testing.assert_allclose(scatter(6), own.T @ own, atol=1e-14)


def test_the_integrals_are_sums_over_all_masks() -> None:
    rng = np.random.default_rng(0)
    kernel = Kernel(1.3, 0.2, rng.uniform(0.1, 0.9, size=6))
    masks = every(6)
    x = np.where(masks, 1.0, -1.0)
    near, far = kernel.towards(x)
    whole = kernel.smooth * (near - far)
    with_values, among = _integrals(kernel, x)
    np.testing.assert_allclose(with_values, whole @ shares(masks), atol=1e-10)
    np.testing.assert_allclose(among, shares(masks).T @ whole @ shares(masks), rtol=1e-6, atol=1e-8)


def test_the_gradient_of_the_likelihood_is_its_gradient() -> None:
    rng = np.random.default_rng(1)
    x = np.where(rng.random((20, 5)) < 0.5, 1.0, -1.0)
    y = rng.normal(size=(20, 2))
    for logs in (rng.normal(size=3) - 1, rng.normal(size=7) - 1):
        value, gradient = _unlikely(logs, x, y)
        for at in range(len(logs)):
            moved = logs + 1e-5 * np.eye(len(logs))[at]
            assert (_unlikely(moved, x, y)[0] - value) / 1e-5 == pytest.approx(gradient[at], abs=1e-3)


def test_occlusion_misses_what_is_said_twice() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, :2].any(axis=1, keepdims=True) + 3.0 * masks[:, 2:3]

    found = occlusion(game, 4)
    assert found.values[:, 0].tolist() == [0, 0, 3, 0]
    assert np.isnan(found.gap).all()
    assert found.evaluations == 6
