"""LIME: slopes that are right, errors that are honest, and a stability that two real runs bear out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from assay.core.errors import BudgetError, ConfigError
from assay.methods.attribution import Masks
from assay.methods.lime import lime

WEIGHTS = np.array([[3.0], [-2.0], [1.0], [0.5], [0.0], [0.0]])


def bent(masks: Masks) -> np.ndarray:
    """Additive but for two interactions, so that a line does not fit."""
    extra = 2.0 * masks[:, :2].all(axis=1, keepdims=True) - masks[:, 2:4].all(axis=1, keepdims=True)
    return np.asarray(masks @ WEIGHTS + extra)


def test_slopes_of_an_additive_game_are_its_weights() -> None:
    found = lime(lambda masks: 4 + masks @ WEIGHTS, 6, 100, np.random.default_rng(0), ridge=0.0)
    np.testing.assert_allclose(found.values, WEIGHTS, atol=1e-9)
    assert found.full.tolist() == [6.5]
    assert found.empty.tolist() == [4.0]
    assert np.isnan(found.gap).all()
    assert found.evaluations <= 65  # masks that come up twice are asked for once


def test_it_is_the_weighted_ridge_regression_of_its_authors() -> None:
    """Against scikit-learn's ridge on the same masks with the weights of the ``lime`` package."""
    from sklearn.linear_model import Ridge
    from sklearn.metrics import pairwise_distances

    masks = np.random.default_rng(3).random((299, 6)) < 0.5
    masks[0] = True
    far = pairwise_distances(masks.astype(float), masks[:1].astype(float), metric="cosine").ravel()
    ridge = Ridge(alpha=1, fit_intercept=True).fit(
        masks, bent(masks)[:, 0], sample_weight=np.exp(-(far**2) / 0.25**2) ** 0.5
    )
    found = lime(bent, 6, 300, np.random.default_rng(3))
    np.testing.assert_allclose(found.values[:, 0], ridge.coef_, atol=1e-9)


def test_errors_are_how_far_runs_are_apart() -> None:
    game = np.random.default_rng(9).normal(size=(4096, 1))

    def rough(masks: Masks) -> np.ndarray:
        return masks[:, :6] @ WEIGHTS + game[masks @ (1 << np.arange(12))]

    runs = [lime(rough, 12, 200, np.random.default_rng(seed)) for seed in range(60)]
    apart = np.std([run.values[:, 0] for run in runs], axis=0, ddof=1)
    stated = np.mean([run.errors[:, 0] for run in runs], axis=0)
    assert np.all(stated > 0.7 * apart)
    assert np.all(stated < 1.4 * apart)


def test_stability_is_the_agreement_of_two_runs() -> None:
    rough = np.random.default_rng(9).normal(size=(4096, 1))
    for strength in (3.0, 0.3, 0.0):

        def game(masks: Masks, strength: float = strength) -> np.ndarray:
            return strength * masks[:, :6] @ WEIGHTS + rough[masks @ (1 << np.arange(12))]

        runs = [lime(game, 12, 300, np.random.default_rng(seed)) for seed in range(16)]
        agree = np.mean(
            [spearmanr(a.values[:, 0], b.values[:, 0])[0] for a, b in zip(runs[::2], runs[1::2], strict=True)]
        )
        stated = np.mean([run.stability for run in runs])
        assert stated == pytest.approx(agree, abs=0.25)


def test_more_masks_are_more_stable() -> None:
    rough = np.random.default_rng(9).normal(size=(4096, 1))

    def game(masks: Masks) -> np.ndarray:
        return 0.3 * masks[:, :6] @ WEIGHTS + rough[masks @ (1 << np.arange(12))]

    few, many = (lime(game, 12, budget, np.random.default_rng(0)) for budget in (60, 2000))
    assert few.stability is not None
    assert many.stability is not None
    assert many.stability[0] > few.stability[0] + 0.1
    assert (many.errors < few.errors).all()


def test_claims_are_answered_side_by_side() -> None:
    both = lime(lambda m: np.column_stack([bent(m), -2 * bent(m)]), 6, 100, np.random.default_rng(0))
    one = lime(bent, 6, 100, np.random.default_rng(0))
    np.testing.assert_allclose(both.values, one.values * [1, -2], atol=1e-9)
    np.testing.assert_allclose(both.errors, one.errors * [1, 2], atol=1e-9)


@pytest.mark.parametrize("parts", [0, 1])
def test_no_part_and_one_part(parts: int) -> None:
    found = lime(lambda m: 2.0 * m.sum(axis=1, keepdims=True) + 1, parts, 20, np.random.default_rng(0), ridge=0.0)
    np.testing.assert_allclose(found.values, np.full((parts, 1), 2.0), atol=1e-9)
    assert found.stability is not None
    assert np.isnan(found.stability).all()


def test_one_part_counts_for_all_of_it_without_doubt() -> None:
    found = lime(lambda m: 2.0 * m + 1, 1, 20, np.random.default_rng(0))
    assert (found.method, found.values.tolist(), found.errors.tolist()) == ("lime", [[2.0]], [[0.0]])
    assert found.evaluations == 2


def test_what_cannot_be_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BudgetError, match="9 evaluations or more, not 8"):
        lime(bent, 6, 8, rng)
    for options in ({"width": 0.0}, {"ridge": -1.0}):
        with pytest.raises(ConfigError, match="width above 0"):
            lime(bent, 6, 50, rng, **options)
