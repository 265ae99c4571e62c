"""Resampled sums, the intervals that they give, and the groups they are taken by."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.core.columns import Column
from assay.core.errors import ConfigError, DataError
from assay.core.grouped import UNSEEN
from assay.core.metric import Metric, ratio
from assay.methods.bootstrap import SMALL, bootstrap_blocks, bootstrap_sums
from assay.methods.groups import Grouping, groupings, labelled, learned
from assay.methods.intervals import adjust, figures, over_runs, paired
from assay.methods.proportions import bonett_price, wilson
from assay.methods.replicates import study

accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
mean = ratio("loss", 0, 1, better="lower", unit="nat")


def counted(values: Any) -> np.ndarray:
    return np.stack([np.asarray(values, float), np.ones(len(values))], axis=1)


# --- resampled sums


@pytest.mark.parametrize("n", [SMALL, SMALL + 1])
def test_the_same_seed_gives_the_same_sums_and_more_replicates_go_on_from_there(n: int) -> None:
    tallies = np.random.default_rng(0).random((n, 2))
    first = bootstrap_sums(tallies, replicates=600, seed=7)
    assert np.array_equal(first, bootstrap_sums(tallies, replicates=600, seed=7))
    assert np.array_equal(first[:512], bootstrap_sums(tallies, replicates=1000, seed=7)[:512])
    assert not np.array_equal(first, bootstrap_sums(tallies, replicates=600, seed=8))


def test_no_replicate_of_a_small_group_is_empty() -> None:
    groups = np.repeat([0, 1, 2], [1, 2, 500])
    sums = bootstrap_sums(np.ones((503, 1)), groups, 3)
    assert np.array_equal(sums[:, :, 0], np.tile([1.0, 2.0, 500.0], (2000, 1)))


def test_weights_of_large_groups_are_poisson() -> None:
    # Each of 40 columns marks one row, so a column of sums is a sample of that row's weight.
    tallies = np.zeros((SMALL + 1, 40))
    tallies[:40] = np.eye(40)
    weights = bootstrap_sums(tallies, replicates=5000, seed=1)[:, 0].astype(int)
    seen = np.bincount(weights.ravel(), minlength=9)
    expected = stats.poisson.pmf(np.arange(6), 1.0) * weights.size
    expected = np.append(expected, weights.size - expected.sum())
    assert stats.chisquare(np.append(seen[:6], seen[6:].sum()), expected).pvalue > 1e-4
    between = np.corrcoef(weights.T)[np.triu_indices(40, 1)]
    assert np.abs(between).max() < 4.8 / math.sqrt(5000)  # rows do not hang together: 780 pairs at 1e-6 each


@pytest.mark.parametrize("n", [400, 4000])
def test_replicates_spread_as_the_theory_says(n: int) -> None:
    x = np.random.default_rng(2).exponential(size=n)
    sums = bootstrap_sums(counted(x), replicates=4000)[:, 0]
    replicates = sums[:, 0] / sums[:, 1]
    error = x.std() / math.sqrt(n)
    assert abs(replicates.mean() - x.mean()) < 5 * error / math.sqrt(4000)
    assert replicates.std() == pytest.approx(error, rel=5 / math.sqrt(2 * 4000))


def test_groups_are_resampled_within_themselves_and_apart_from_each_other() -> None:
    groups = np.tile([0, 1, -1, 2], 400)
    tallies = np.eye(4)[groups]  # column g counts the examples of group g; the third group is nobody's
    sums = bootstrap_sums(np.c_[tallies, np.random.default_rng(3).random(1600)], groups, 3)
    assert not sums[:, :, 3].any()
    assert np.array_equal(sums[:, :, :3], np.tile(400 * np.eye(3), (2000, 1, 1)))
    between = np.corrcoef(sums[:, :, 4].T)[np.triu_indices(3, 1)]
    assert np.abs(between).max() < 4.5 / math.sqrt(2000)


def test_memory_does_not_grow_with_replicates() -> None:
    tallies = np.random.default_rng(4).random((5000, 3))
    groups = np.arange(5000) % 3

    def peak(replicates: int) -> int:
        tracemalloc.start()
        for _ in bootstrap_blocks(tallies, groups, 3, replicates=replicates):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(256)
    assert peak(2560) < 1.05 * peak(512) < 20e6
    assert next(bootstrap_blocks(tallies, replicates=10**12)).shape == (256, 1, 3)


def test_codes_must_fit_the_rows() -> None:
    with pytest.raises(ValueError, match="2 group codes for 3 rows"):
        bootstrap_sums(np.ones((3, 1)), np.array([0, 1]), 2)


# --- what replicates say


def test_the_interval_is_scipys_bca_where_bca_is_the_wider() -> None:
    x = np.random.default_rng(5).exponential(size=400)
    sums = bootstrap_sums(counted(x), replicates=20_000)[:, 0]
    ready = study(x.mean(), sums[:, 0] / sums[:, 1], (x.sum() - x) / (len(x) - 1), len(x))
    assert ready is not None
    low, high = ready.interval(0.95)
    theirs = stats.bootstrap((x,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(6))
    assert high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * (high - low))
    # BCa's low end lies above Student's for a mean that is skewed to the right.
    student = x.mean() - stats.t.ppf(0.975, 399) * x.std(ddof=1) / math.sqrt(400)
    assert theirs.confidence_interval.low > low == pytest.approx(student, abs=0.04 * (high - low))


@settings(deadline=None)
@given(st.integers(3, 60), st.floats(-2, 2), st.floats(0.01, 0.999), st.integers(0, 2**32 - 1))
def test_the_p_value_inverts_the_interval(n: int, null: float, level: float, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=n)
    sums = bootstrap_sums(counted(x), replicates=200, seed=seed)[:, 0, 0] / n
    ready = study(x.mean(), sums, (x.sum() - x) / (n - 1), n)
    assert ready is not None
    low, high = ready.interval(level, within=False)
    p = ready.p_value(null)
    if abs(p - (1 - level)) > 1e-9:
        assert (p < 1 - level) == (null < low or null > high)
    assert ready.p_value(ready.value) == 1.0


@pytest.mark.parametrize(
    ("value", "replicates", "n"),
    [
        pytest.param(1.0, [1.0, 2.0] * 50, 1, id="one example"),
        pytest.param(math.nan, [1.0, 2.0] * 50, 9, id="not defined"),
        pytest.param(math.inf, [1.0, math.inf] * 50, 9, id="infinite"),
        pytest.param(1.0, [1.0, math.nan, math.nan] * 50, 9, id="seldom defined"),
        pytest.param(1.0, [1.0, 1.0 + 2e-16] * 50, 9, id="no spread"),
    ],
)
def test_no_interval_where_none_can_be_stated(value: float, replicates: list[float], n: int) -> None:
    assert study(value, np.array(replicates), np.arange(float(n)), n) is None


def test_an_interval_stays_in_the_range_of_its_metric() -> None:
    f1 = Metric("f1", lambda s: 2 * s[..., 0] / (s[..., 1] + s[..., 2]), "higher")
    tallies = np.ones((30, 3))
    tallies[0] = [0, 1, 0]  # one mistake
    (figure,) = figures([f1], tallies)
    assert figure.low is not None
    assert figure.low < figure.value < figure.high <= 1


# --- figures


def test_figures_come_by_group_then_by_metric() -> None:
    tallies = np.c_[counted([1, 0, 1, 1]), counted([1, 2, 3, 4])]
    loss = Metric("loss", lambda s: s[..., 2] / s[..., 3], "lower", "nat")
    sex = Grouping("sex", np.array([0, 1, 0, 1]), ("sex=F", "sex=M"))
    found = figures([accuracy, loss], tallies, groups=[sex, labelled(["a", "a", "a", "b"])])
    assert [(f.group, f.name, f.value, f.n) for f in found] == [
        (None, "accuracy", 0.75, 4),
        (None, "loss", 2.5, 4),
        ("sex=F", "accuracy", 1.0, 2),
        ("sex=F", "loss", 2.0, 2),
        ("sex=M", "accuracy", 0.5, 2),
        ("sex=M", "loss", 3.0, 2),
        ("a", "accuracy", pytest.approx(2 / 3), 3),
        ("a", "loss", 2.0, 3),
        ("b", "accuracy", 1.0, 1),
        ("b", "loss", 4.0, 1),
    ]
    assert {(f.unit, f.better) for f in found if f.name == "loss"} == {("nat", "lower")}
    assert [f.low is None for f in found] == [False] * 8 + [True] * 2  # one example shows no interval
    assert figures([accuracy, loss], tallies, groups=["x", "y", "x", "y"])[2].group == "x"
    assert figures([], tallies) == ()


def test_a_perfect_score_has_an_interval_and_no_examples_have_none() -> None:
    (figure,) = figures([accuracy], counted([1] * 20))
    assert (figure.low, figure.high) == wilson(20, 20)
    assert 0.8 < wilson(20, 20)[0] < 0.9
    (none,) = figures([accuracy], np.empty((0, 2)))
    assert math.isnan(none.value)
    assert (none.low, none.high, none.n) == (None, None, 0)


def test_a_proportion_of_some_examples_rests_on_those() -> None:
    recall = ratio("recall", 0, 1, better="higher", proportion=True)
    (figure,) = figures([recall], np.array([[1.0, 1], [0, 1], [0, 0], [0, 0]]))
    assert (figure.value, figure.n, (figure.low, figure.high)) == (0.5, 2, wilson(1, 2))


def test_several_trials_an_example_are_not_taken_for_independent_ones() -> None:
    """Ten tokens of one sentence that are right or wrong together are one piece of evidence."""
    hit = 10.0 * (np.arange(40) % 4 > 0)
    (figure,) = figures([accuracy], np.stack([hit, np.full(40, 10.0)], axis=1))
    assert (figure.value, figure.n) == (0.75, 40)
    low, high = wilson(30, 40)
    assert figure.high - figure.low == pytest.approx(high - low, rel=0.15)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_bad_loss_is_seen_and_not_averaged_away(bad: float) -> None:
    (figure,) = figures([mean], counted([1.0, 2.0, bad, 3.0]))
    assert figure.low is figure.high is None
    assert not math.isfinite(figure.value)


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"95.* between 0 and 1"):
        figures([accuracy], counted([1, 0]), level=95)
    with pytest.raises(ConfigError, match="10 replicates"):
        figures([accuracy], counted([1, 0]), replicates=10)


# --- differences


def test_a_difference_is_of_the_same_examples() -> None:
    """What A and B share does not blur their difference: it is the pairs that are resampled."""
    shared, gap = np.random.default_rng(7).normal(size=(2, 300))
    a, b = counted(shared * 1000), counted(shared * 1000 + gap * 0.01 + 0.005)
    (figure,), (p,) = paired([mean], a, b)
    assert figure.name == "loss_difference"
    assert (figure.unit, figure.better, figure.n) == ("nat", "lower", 300)
    assert figure.value == pytest.approx((b - a)[:, 0].mean())
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 0.01 / math.sqrt(300), rel=0.2)
    assert p < 1e-6  # finer than 2,000 replicates can count
    (back,), (q,) = paired([mean], b, a)
    assert back.value == -figure.value
    assert q < 1e-6


def test_paired_proportions_have_bonett_and_prices_interval() -> None:
    a, b = counted([1] * 8 + [0] * 13), counted([1] * 1 + [0] * 7 + [1] * 1 + [0] * 12)
    (figure,), (p,) = paired([accuracy], a, b)
    assert figure.value == pytest.approx(-6 / 21)
    low, high, expected = bonett_price(only_a=7, only_b=1, n=21)
    assert (figure.low, figure.high, p) == (low, high, expected)
    assert [round(low, 3), round(high, 3)] == [-0.508, -0.013]  # by hand: 6/23 ± 1.96 sqrt((10/23 - (6/23)²)/23)


def test_proportions_of_different_examples_are_resampled() -> None:
    """The precision of A and of B have other denominators."""
    random = np.random.default_rng(8)
    said = random.random((2, 200)) < 0.5
    hit = said & (random.random(200) < 0.7)
    a, b = (np.stack([h, s], axis=1).astype(float) for h, s in zip(hit, said, strict=True))
    (figure,), _ = paired([accuracy], a, b)
    assert figure.value == pytest.approx(hit[1].sum() / said[1].sum() - hit[0].sum() / said[0].sum())
    assert figure.low < figure.value < figure.high


def test_pairs_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="one shape"):
        paired([mean], counted([1, 2]), counted([1, 2, 3]))


# --- closed forms


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.999))
def test_wilson_is_scipys(n: int, data: st.DataObject, level: float) -> None:
    k = data.draw(st.integers(0, n))
    theirs = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_bonett_price_is_symmetric_and_holds_the_difference(only_a: int, only_b: int, same: int) -> None:
    n = only_a + only_b + same
    if n == 0:
        return
    low, high, p = bonett_price(only_a, only_b, n)
    assert (-high, -low, p) == pytest.approx(bonett_price(only_b, only_a, n))
    assert -1 <= low <= (only_b - only_a) / n <= high <= 1
    assert low < high
    assert (p < 0.05) == (low > 0 or high < 0)


def test_runs_have_students_interval() -> None:
    values = [0.91, 0.93, 0.90, 0.95]
    figure = over_runs("accuracy", values, better="higher")
    theirs = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (figure.low, figure.high) == pytest.approx(theirs)
    assert (figure.value, figure.n, figure.better) == (pytest.approx(0.9225), 4, "higher")
    for few in ([0.9], [0.9, 0.9, 0.9], [0.9, math.nan], []):
        assert over_runs("accuracy", few).low is None


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_rejects_what_its_steps_reject(p: list[float]) -> None:
    rejected, ordered = set(), sorted(range(len(p)), key=p.__getitem__)
    for step, i in enumerate(ordered):
        if p[i] * (len(p) - step) > 0.05:
            break
        rejected.add(i)
    assert {i for i, value in enumerate(adjust(p)) if value <= 0.05} == rejected
    assert all(before <= after <= 1 for before, after in zip(p, adjust(p), strict=True))


def test_holm_leaves_out_what_has_no_p_value() -> None:
    first, none, second = adjust([0.03, math.nan, 0.01])
    assert (first, second) == (0.03, 0.02)
    assert math.isnan(none)


# --- groups

cells = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 300), st.floats(allow_infinity=False, width=32), st.sampled_from("ab c")
)


@given(st.lists(cells, max_size=40))
def test_every_example_is_in_one_group_and_every_group_has_one(column: list[Any]) -> None:
    (grouping,) = groupings({"x": column})
    assert len(grouping.codes) == len(column)
    assert set(grouping.codes.tolist()) == set(range(len(grouping.labels)))
    assert len(set(grouping.labels)) == len(grouping.labels)
    missing = [c is None or c != c or c == " " for c in column]
    assert [grouping.labels[code] == "x=(missing)" for code in grouping.codes] == missing


@settings(deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=11, max_size=200, unique=True), st.booleans())
def test_numbers_are_binned_at_their_quartiles(values: list[int], as_text: bool) -> None:
    column: list[Any] = [str(value) for value in values] if as_text else list(values)
    (grouping,) = groupings({"x": column})
    sizes = np.bincount(grouping.codes)
    assert len(sizes) == 4
    assert sizes.max() - sizes.min() <= 1
    ends = [
        (min(members), max(members))
        for members in ([v for v, code in zip(values, grouping.codes, strict=True) if code == g] for g in range(4))
    ]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    between = " to " if min(values) < 0 else "–"
    assert [label for label, (low, high) in zip(grouping.labels, ends, strict=True) if low < high] == [
        f"x={low}{between}{high}" for low, high in ends if low < high
    ]


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        pytest.param([10, 9, 9.0, None], ("x=9", "x=10", "x=(missing)"), id="few numbers stay, in their order"),
        pytest.param([0] * 90 + list(range(1, 11)), ("x=0", "x=1–10"), id="a value that fills three quartiles"),
        pytest.param([i / 7 for i in range(12)], ("x=0–0.2857", "x=0.4286–0.7143", "x=0.8571–1.143", "x=1.286–1.571"),
                     id="long fractions are cut"),
        pytest.param([1 + i * 1e-6 for i in range(12)],
                     ("x=1–1.000002", "x=1.000003–1.000005", "x=1.000006–1.000008", "x=1.000009–1.000011"),
                     id="but stay apart"),
        pytest.param([f"{i:05}" for i in range(12)], tuple(f"x={i:05}" for i in range(12)), id="codes are no numbers"),
        pytest.param([True, False, True], ("x=False", "x=True"), id="truth values"),
        pytest.param(["b", "a", " ", "", math.nan], ("x=a", "x=b", "x=(missing)"), id="text"),
        pytest.param([["a"], ["a"], []], ("x=['a']", "x=[]"), id="lists"),
        pytest.param([], (), id="nothing"),
    ],
)  # fmt: skip
def test_labels(column: list[Any], labels: tuple[str, ...]) -> None:
    assert groupings({"x": column})[0].labels == labels
    assert groupings({"x": Column(column)})[0].labels == labels


def test_arrays_are_columns_too() -> None:
    (a, b) = groupings({"a": np.array([1, 2, 1]), "b": np.array(["u", "v", "v"])})
    assert (a.name, a.labels, a.codes.tolist()) == ("a", ("a=1", "a=2"), [0, 1, 0])
    assert (b.name, b.labels, b.codes.tolist()) == ("b", ("b=u", "b=v"), [0, 1, 1])


def test_too_many_values_are_refused_with_a_way_out() -> None:
    with pytest.raises(DataError, match=r'"name" has 51 distinct values in 102 examples \("n0".* at most 50.*coarser'):
        groupings({"name": [f"n{i % 51}" for i in range(102)]})
    assert len(groupings({"name": [f"n{i}" for i in range(50)]})[0].labels) == 50
    with pytest.raises(DataError, match=r'Most of them are numbers.* but "old" is not: leave such cells empty'):
        groupings({"age": [*map(str, range(60)), "old"]})


def test_marks_of_a_missing_number_are_no_value_and_it_is_said() -> None:
    column = [*map(str, range(60)), "?", "NA", ""]
    (ages,) = groupings({"age": column})
    assert ages.labels == ("age=0–14", "age=15–29", "age=30–44", "age=45–59", "age=(missing)")
    assert ages.codes[-3:].tolist() == [4, 4, 4]
    assert ages.remark == 'The group age=(missing) is of the 3 of 63 examples without a value or with "?", "NA".'
    groups, codes = learned("age", column)
    assert groups.codes(column).tolist() == codes.tolist()
    assert groups.codes(["n/a", "old"]).tolist() == [4, UNSEEN]
    groups, codes = learned("smokes", ["0", "1", "NA", "1"])
    assert groups.names == ("0", "1", "(missing)")
    assert groups.codes(["NA", 1.0, "?"]).tolist() == [2, 1, 2]


def test_a_text_that_may_mean_missing_is_told_apart_and_it_is_said() -> None:
    (country,) = groupings({"country": ["DE", "NA", "", "NA", "DE"]})
    assert country.labels == ("country=DE", "country=NA", "country=(missing)")
    assert country.codes.tolist() == [0, 1, 2, 1, 0]
    assert country.remark == (
        "The group country=(missing) is of the 1 of 5 examples without a value. "
        '"NA" in column "country" is judged as a value (2 of 5 examples); leave such cells empty where it means that there '
        "is none."
    )
    groups, _ = learned("country", ["DE", "FR", ""])
    assert groups.codes(["NA", ""]).tolist() == [UNSEEN, 2]
    assert groupings({"country": ["DE", "FR"]})[0].remark == ""
