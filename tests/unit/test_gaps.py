"""Gaps between a group and everybody else: values, intervals, verdicts and what could have been seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.odds import fewest, most

from assay.core.metric import Metric, ratio
from assay.methods import gaps as module
from assay.methods.gaps import Gap, gaps
from assay.methods.groups import Grouping
from assay.methods.proportions import newcombe
from assay.methods.spreads import proportion, spread
from assay.methods.verdicts import BETTER, CANNOT_TELL, HIGHER, LOWER, NO_GAP, WORSE, holm, smallest, verdict, worth

SHARE = ratio("share", 0, 1, better="higher", proportion=True)
MEAN = ratio("mean", 0, 1, better="lower", unit="nats")


def parts(*sizes):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return Grouping("g", codes.astype(np.int64), tuple(f"g={at}" for at in range(len(sizes))))


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_is_that_of_the_paper(counts, low, high):
    found = newcombe(*counts)
    assert found[:2] == pytest.approx((low, high), abs=6e-5)
    assert (found[2] < 0.05) == (low > 0 or high < 0)


def test_the_p_value_is_where_the_interval_begins_to_leave_out_nothing():
    *_, p = newcombe(80, 100, 170, 190)
    assert newcombe(80, 100, 170, 190, 1 - p)[1] == pytest.approx(0, abs=1e-9)
    assert newcombe(5, 10, 10, 20)[2] == 1
    assert newcombe(0, 500, 500, 500)[2] < 1e-12


def test_values_are_of_the_group_and_of_everybody_else():
    rng = np.random.default_rng(0)
    label, answer = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    each = np.eye(3)
    tallies = np.concatenate([each[label] * (label == answer)[:, None], each[answer], each[label]], axis=1)
    f1 = Metric("f1", lambda s: (2 * s[..., :3] / (s[..., 3:6] + s[..., 6:])).mean(-1), "higher")
    found = gaps([f1], tallies, parts(100, 150, 50), replicates=200)[1]

    def by_hand(rows):
        hits, given, true = (np.array([f(k) for k in range(3)]) for f in (
            lambda k: ((label == k) & (answer == k))[rows].sum(),
            lambda k: (answer == k)[rows].sum(),
            lambda k: (label == k)[rows].sum(),
        ))  # fmt: skip
        return (2 * hits / (given + true)).mean()

    inside = np.arange(300) // 50
    own, rest = (inside >= 2) & (inside < 5), (inside < 2) | (inside == 5)
    assert (found.of_group, found.of_rest) == pytest.approx((by_hand(own), by_hand(rest)), abs=1e-12)
    assert found.low < found.value < found.high
    assert found.n == 150


@pytest.mark.parametrize("size", [60, 5000])
def test_bootstrap_and_closed_form_agree(size):
    rng = np.random.default_rng(1)
    tallies = np.c_[rng.random(2 * size) < 0.7, np.ones(2 * size)].astype(float)
    plain, drawn = (gaps([m], tallies, parts(size, size))[0] for m in (SHARE, ratio("share", 0, 1, better="higher")))
    assert drawn.value == plain.value
    width = plain.high - plain.low
    assert (drawn.low, drawn.high) == pytest.approx((plain.low, plain.high), abs=0.12 * width)
    assert drawn.error == pytest.approx(plain.error, rel=0.08)
    assert drawn.own_error == pytest.approx(plain.own_error, rel=0.08)
    assert drawn.p == pytest.approx(plain.p, abs=0.08)


def test_bags_keep_the_error(monkeypatch):
    rng = np.random.default_rng(2)
    tallies = np.c_[rng.exponential(1, 30_000), np.ones(30_000)]
    found = gaps([MEAN], tallies, parts(10_000, 20_000))[0]
    true = math.sqrt(tallies[:10_000, 0].var() / 10_000 + tallies[10_000:, 0].var() / 20_000)
    assert found.error == pytest.approx(true, rel=0.08)
    assert found.of_group == pytest.approx(tallies[:10_000, 0].mean(), rel=1e-12)
    monkeypatch.setattr(module, "BAGS", 10**9)
    whole = gaps([MEAN], tallies, parts(10_000, 20_000), replicates=300)[0]
    assert found.error == pytest.approx(whole.error, rel=0.12)


def test_a_merge_has_the_gap_that_its_sums_would_have():
    rng = np.random.default_rng(3)
    tallies = np.c_[rng.exponential(np.repeat([2.0, 1.0], [80, 220])), np.ones(300)]
    merged = Metric("mean", MEAN.of, "lower", merge=lambda rows, w: (w @ rows[:, 0]) / (w @ rows[:, 1]))
    a, b = (gaps([metric], tallies, parts(80, 220))[0] for metric in (MEAN, merged))
    assert (a.of_group, a.of_rest) == pytest.approx((b.of_group, b.of_rest))
    assert a.error == pytest.approx(b.error, rel=0.15)
    assert a.p < 0.05
    assert b.p < 0.05


def test_two_groups_are_one_question_and_three_are_three():
    rng = np.random.default_rng(4)
    tallies = np.c_[rng.random(300) < np.repeat([0.6, 0.9], 150), np.ones(300)].astype(float)
    first, second = gaps([SHARE], tallies, parts(150, 150))
    assert second.value == -first.value
    assert (first.mirrored, second.mirrored) == (False, True)
    adjusted, levels = holm([first, second], "share")
    assert adjusted[0] == adjusted[1] == pytest.approx(2 * first.p)
    assert levels == (0.025, 0.025)
    assert not any(gap.mirrored for gap in gaps([SHARE], tallies, parts(100, 100, 100)))
    outside = Grouping("g", np.where(np.arange(300) < 20, -1, np.arange(300) // 150), ("g=0", "g=1"))
    assert not any(gap.mirrored for gap in gaps([SHARE], tallies, outside))


def test_where_only_the_second_of_two_groups_has_a_p_value_it_is_a_question():
    first, second = Gap(SHARE, "g=0", 3, 0.5, 0.9), Gap(SHARE, "g=1", 9, 0.9, 0.5, p=0.01, mirrored=True)
    adjusted, levels = holm([first, second], SHARE.name)
    assert (np.isnan(adjusted[0]), adjusted[1], levels[1]) == (True, 0.02, 0.025)


def test_those_in_no_group_still_belong_to_everybody_else():
    tallies = np.c_[[1.0] * 50 + [0.0] * 50, np.ones(100)]
    grouping = Grouping("g", np.where(np.arange(100) < 50, 0, -1), ("g=0",))
    assert gaps([SHARE], tallies, grouping)[0].value == 1


def test_groups_of_one_and_metrics_that_are_not_defined_have_no_interval():
    tallies = np.c_[[1.0, 0, 1, 1, 0, 1], [1.0, 1, 1, 1, 1, 1], [0.0] * 6]
    nothing = ratio("nothing", 0, 2, better="higher")
    mean = ratio("mean", 0, 1, better="higher")
    for gap in gaps([SHARE, mean, nothing], tallies, parts(1, 5))[:3]:
        assert (gap.low, gap.high) == (None, None)
        assert math.isnan(gap.p)
        assert verdict(gap, math.nan, smallest(gap, 0.05), 0.5) == CANNOT_TELL
    assert all(math.isnan(p) for p in holm(gaps([nothing], tallies, parts(3, 3)), "nothing")[0])
    same = gaps([mean], np.ones((40, 2)), parts(20, 20))[0]
    assert (same.value, same.p) == (0, 1)


def test_verdicts_in_words():
    def gap(better, value):
        metric = Metric("m", SHARE.of, better)
        return Gap(metric, "g", 100, 0.5 + value, 0.5, p=0.01)

    words = [verdict(gap(*case), 0.01, 0.01, 0.5) for case in (
        ("higher", -0.2), ("lower", 0.2), ("higher", 0.2), ("lower", -0.2), ("neither", 0.2), ("neither", -0.2)
    )]  # fmt: skip
    assert words == [WORSE, WORSE, BETTER, BETTER, HIGHER, LOWER]
    assert verdict(gap("higher", -0.2), 0.06, 0.04, 0.5) == NO_GAP
    assert verdict(gap("higher", -0.2), 0.06, 0.06, 0.5) == CANNOT_TELL


@pytest.mark.parametrize(
    ("metric", "whole", "expected"),
    [
        (SHARE, 0.5, 0.05),
        (SHARE, 0.03, 0.01),
        (SHARE, 0.9, 0.02),
        (SHARE, 1.0, 0.01),
        (Metric("map", SHARE.of, "higher"), 0.05, 0.01),
        (Metric("map", SHARE.of, "higher"), 0.9, 0.05),
        (Metric("map", SHARE.of, "higher"), -0.15, 0.03),
        (MEAN, 0.3, 0.03),
        (Metric("wer", SHARE.of, "lower"), 1.5, 0.15),
        (Metric("probability_excess", SHARE.of, "neither", centred=True), 0.004, 0.05),
    ],
)
def test_what_is_worth_knowing_of_is_less_where_the_base_is_small(metric, whole, expected):
    assert worth(metric, whole) == pytest.approx(expected)


def test_of_a_small_base_it_is_not_said_that_no_gap_is_shown_where_one_of_its_size_would_be_missed():
    tallies = np.zeros((2000, 2))
    tallies[:, 1] = 1
    tallies[[0, 1, 2, *range(1000, 1057)], 0] = 1  # 3 % on the whole; 0.3 % of one half and 5.7 % of the other
    gap = gaps([ratio("fpr", 0, 1, better="lower", proportion=True)], tallies, parts(400, 1600))[0]
    least = smallest(gap, 0.01)
    assert 0.01 < least < 0.05
    assert verdict(gap, 0.4, least, 0.03) == CANNOT_TELL
    assert verdict(gap, 0.4, least, 0.4) == NO_GAP


def test_a_size_is_a_gap_without_its_direction():
    gap = Gap(SHARE, "g", 100, 0.5, 0.7, low=-0.3, high=-0.1)
    assert (gap.size.low, gap.size.value, gap.size.high) == pytest.approx((0.1, 0.2, 0.3))
    gap = Gap(SHARE, "g", 100, 0.7, 0.5, low=-0.1, high=0.5)
    assert (gap.size.low, gap.size.value, gap.size.high) == pytest.approx((-0.1, 0.2, 0.5))
    assert Gap(SHARE, "g", 1, 0.5, 0.7).size.interval() == ""


def test_a_spread_over_several_rates_rests_on_the_examples_of_all():
    rates = [
        Gap(ratio(name, 0, 1, better="neither", proportion=True), group, n, 0.4, 0.5, trials=True)
        for name, sizes in (("true", (60, 40)), ("false", (140, 260)))
        for group, n in zip(("g=0", "g=1"), sizes, strict=True)
    ]
    assert spread(rates, "equalized_odds_difference", "g", most=500).n == 500
    assert proportion(rates[:2], "equal_opportunity_ratio", "g", most=500).n == 100
    assert spread(rates + rates, "difference", "g", most=500).n == 500  # nobody counts twice


def test_the_smallest_gap_is_shown_in_four_of_five_cases():
    rng = np.random.default_rng(5)
    hits = rng.binomial([150, 1000], [0.9, 0.9])
    tallies = np.zeros((1150, 2))
    tallies[:, 1] = 1
    tallies[: hits[0], 0] = tallies[150 : 150 + hits[1], 0] = 1
    least = smallest(gaps([SHARE], tallies, parts(150, 1000))[0], 0.01)
    shown = [newcombe(rng.binomial(150, 0.9 - least), 150, rng.binomial(1000, 0.9), 1000)[2] < 0.01 for _ in range(600)]
    assert fewest(600, 0.78) <= sum(shown) <= most(600, 0.82)
    few = Gap(SHARE, "g", 2, 0.5, 0.4, error=0.26, own_error=0.25, trials=True)
    assert math.isinf(smallest(few, 0.01))


def test_corrected_verdicts_are_silent_where_nothing_is_planted():
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        tallies = np.c_[rng.random(600) < 0.8, np.ones(600), rng.exponential(1, 600)].astype(float)
        other = ratio("loss", 2, 1, better="lower")
        found = gaps([SHARE, other], tallies, parts(300, 150, 100, 50), replicates=300, seed=seed)
        alarms += min(holm(found, "share")[0]) < 0.05
    assert alarms <= most(60, 0.05)  # without correction there are 18


def test_spreads_are_the_largest_less_the_smallest_and_their_ratio():
    rng = np.random.default_rng(6)
    tallies = np.c_[rng.random(900) < np.repeat([0.2, 0.5, 0.45], 300), np.ones(900)].astype(float)
    found = gaps([SHARE], tallies, parts(300, 300, 300))
    shares = [tallies[at : at + 300, 0].mean() for at in (0, 300, 600)]
    apart, part = spread(found, "difference", "g"), proportion(found, "ratio", "g")
    assert apart.value == pytest.approx(max(shares) - min(shares), abs=1e-12)
    assert part.value == pytest.approx(min(shares) / max(shares), abs=1e-12)
    assert 0 < apart.low < apart.value < apart.high
    assert 0 < part.low < part.value < part.high < 1
    assert apart.group == part.group == "g"


def test_the_interval_of_a_spread_holds_the_truth():
    held = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        tallies = np.c_[rng.random(1200) < np.repeat([0.6, 0.7, 0.8], 400), np.ones(1200)].astype(float)
        found = spread(gaps([SHARE], tallies, parts(400, 400, 400)), "difference", "g")
        held.append(found.low <= 0.2 <= found.high)
    assert sum(held) >= fewest(200, 0.95)


def test_a_spread_reaches_down_to_nothing_where_groups_do_not_differ():
    rng = np.random.default_rng(7)
    tallies = np.c_[rng.random(400) < 0.5, np.ones(400)].astype(float)
    found = gaps([SHARE], tallies, parts(100, 100, 100, 100))
    assert spread(found, "difference", "g").low == 0
    assert proportion(found, "ratio", "g").high == 1
    assert math.isnan(spread(found[:1], "difference", "g").value)
    none = gaps([SHARE], np.c_[np.zeros(400), np.ones(400)], parts(200, 200))
    assert math.isnan(proportion(none, "ratio", "g").value)
