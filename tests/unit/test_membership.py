"""Attacks on who was trained on: right figures, intervals that cover, and silence where there is no leak."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from tests.odds import fewest, most

from assay.methods.membership import (
    CANNOT_TELL,
    LEAK,
    NO_LEAK,
    Found,
    area,
    by_loss,
    by_references,
    halves,
    smallest_area,
    tail,
    verdict,
)


def test_the_area_is_that_of_others_with_ties():
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 9, 70) + 1.0, rng.integers(0, 9, 40) + 0.0
    labels = np.repeat([1, 0], [70, 40])
    assert area(members, others).value == pytest.approx(
        roc_auc_score(labels, np.concatenate([members, others])), abs=1e-12
    )


@pytest.mark.parametrize(("shift", "m", "n"), [(0.0, 40, 40), (0.5, 300, 100), (2.0, 60, 60)])
def test_the_interval_of_the_area_covers_it(shift, m, n):
    rng = np.random.default_rng(1)
    truth = norm.cdf(shift / np.sqrt(2))
    found = [area(rng.normal(shift, 1, m), rng.normal(0, 1, n)) for _ in range(300)]
    assert sum(one.low <= truth <= one.high for one in found) >= fewest(300, 0.95)


def test_a_perfect_attack_on_few_is_not_certain():
    found = area(np.arange(10) + 100.0, np.arange(10.0))
    assert found.value == 1
    assert found.high == 1
    assert 0.6 < found.low < 0.95


def test_scores_that_are_all_equal_tell_nothing():
    found = area(np.zeros(50), np.zeros(50))
    assert found.value == 0.5
    assert found.p == 1
    assert tail(np.zeros(500), np.zeros(500)).value == 0


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_of_the_tail_covers_it(shift):
    rng = np.random.default_rng(2)
    truth = norm.sf(norm.isf(0.01) - shift)
    found = [tail(rng.normal(shift, 1, 800), rng.normal(0, 1, 400), seed=seed) for seed in range(200)]
    assert sum(one.low <= truth <= one.high for one in found) >= fewest(200, 0.95)


def test_the_p_value_of_the_tail_is_exact():
    """Against all ways to deal 6 ranks to 3 members and 3 others, with one other allowed above."""
    scores = np.arange(6.0)
    deals = [set(deal) for deal in itertools.combinations(range(6), 3)]

    def found(deal):
        members = np.array([s for s in scores if s in deal])
        return tail(members, np.array([s for s in scores if s not in deal]), 1 / 3)

    counts = [round(3 * found(deal).value) for deal in deals]
    for deal, count in zip(deals, counts, strict=True):
        if count:
            assert found(deal).p == pytest.approx(np.mean([other >= count for other in counts]))


def test_too_few_others_for_a_hundredth_have_no_tail():
    assert tail(np.arange(500.0), np.arange(99.0)) is None


def population(rng, effect, members=300, others=200, references=4):
    """Losses of a model and of references, of examples that are hard and easy; ``effect`` is what membership takes off."""
    n = members + others
    hard = rng.gamma(1.0, 1.0, n)
    inside = halves(n, references, int(rng.integers(1 << 30)))
    of = [np.maximum(hard + rng.normal(0, 0.1, n) - effect * row, 1e-3) for row in inside]
    isin = np.arange(n) < members
    return np.maximum(hard + rng.normal(0, 0.1, n) - effect * isin, 1e-3), np.array(of), inside, isin


def judged(losses, of, inside, isin):
    scores = [by_references(losses, of, inside), by_loss(losses)]
    areas = [area(s[isin], s[~isin]) for s in scores]
    tails = [tail(s[isin], s[~isin]) for s in scores]
    away = -np.nanmean(np.where(inside, np.nan, of), axis=0)
    return areas, verdict([*areas, *tails], areas, area(away[isin], away[~isin], 0.99))


def test_references_find_what_the_loss_alone_does_not():
    (told, loss), said = judged(*population(np.random.default_rng(3), 0.1))
    assert told.low > 0.6
    assert told.value > loss.value + 0.1
    assert said == LEAK


def test_no_leak_is_silence_in_95_of_100():
    rng = np.random.default_rng(4)
    said = [judged(*population(rng, 0.0))[1] for _ in range(200)]
    assert said.count(LEAK) <= most(200, 0.05)


def test_one_reference_is_the_offline_form_for_whom_it_left_out():
    inside = np.array([[True, False]])
    scores = by_references(np.array([0.2, 0.2]), np.array([[0.5, 0.5]]), inside)
    assert np.isnan(scores[0])
    assert scores[1] == pytest.approx(0.3)


def test_long_losses_do_not_vanish():
    scores = by_references(np.array([2000.0]), np.array([[2010.0], [2020.0]]), np.array([[False], [True]]))
    assert scores[0] == pytest.approx(10 + np.log(2), abs=1e-3)


def test_a_difference_between_both_sides_by_themselves_is_no_leak():
    shown = Found(0.6, 0.57, 0.63, 1e-6)
    assert verdict([shown], [shown], None) == LEAK
    assert verdict([shown], [shown], Found(0.58, 0.55, 0.61, 1e-4)) == CANNOT_TELL
    assert verdict([shown], [shown], Found(0.52, 0.505, 0.535, 0.01)) == LEAK


def test_none_shown_needs_examples_enough_to_rule_one_out():
    few, many = Found(0.5, 0.4, 0.6, 0.5), Found(0.5, 0.48, 0.52, 0.5)
    assert verdict([few], [few], None) == CANNOT_TELL
    assert verdict([many], [many], None) == NO_LEAK
    assert smallest_area(20, 20) > 0.7


def test_hard_classes_do_not_pass_for_strangers():
    """Members of a hard class look like others to the bare loss, and the other way round."""
    rng = np.random.default_rng(5)
    strata = np.repeat([0, 1], 400)
    isin = np.tile(np.arange(400) < 200, 2)
    losses = rng.normal(0, 1, 800) + 10 * strata - 1.0 * isin
    bare, mended = by_loss(losses), by_loss(losses, strata)
    assert area(mended[isin], mended[~isin]).value > area(bare[isin], bare[~isin]).value + 0.05


def test_halves_are_halves_and_complete_one_another():
    rows = halves(101, 4, seed=1)
    assert (rows.sum(0) == 2).all()
    assert rows.sum(1).tolist() == [50, 51, 50, 51]
    assert halves(10, 0).shape == (0, 10)
    assert (halves(101, 6, seed=1)[:4] == rows).all(), "more references go on from those that are there"
