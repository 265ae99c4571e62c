"""Figures with honest intervals: of metrics, of paired differences and of runs.

Which interval, and why: a plain proportion has Wilson's (a difference of paired ones Bonett and Price's), which hold
their level for ten examples and for a perfect score, where every resample is the same and a bootstrap says nothing. Any
other metric has the bootstrap interval of `assay.methods.replicates`: BCa, and no shorter than Student's.

Shapes: N examples, k tally columns, M metrics, G groups, R replicates, S runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from assay.core.errors import ConfigError
from assay.core.figure import Better, Figure
from assay.core.metric import Array, Metric
from assay.methods.bootstrap import Codes, bootstrap_blocks, gather, group_rows, group_sums
from assay.methods.groups import Grouping, labelled
from assay.methods.merges import merges
from assay.methods.proportions import Interval, one_sample, two_sample
from assay.methods.replicates import study

_ROWS = 8192  # a block of the jackknife
_ROUNDING = 1e-13  # a difference below this part of its terms is floating point, not data


@dataclass(frozen=True)
class _Question:
    """A metric, and its closed form: from tallies and a group's rows to an interval, ``None`` where there is none."""

    metric: Metric
    closed: Callable[[Array, Codes], Interval | None]
    within: bool  # whether its interval must stay in the range of the replicates


def figures(
    metrics: Sequence[Metric],
    tallies: Array,
    *,
    groups: Sequence[str] | Sequence[Grouping] | None = None,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Figure, ...]:
    """Each metric on the whole and then on each group, with its interval.

    Args:
        metrics: functions of summed tallies, or merges of weighted ones, that do not change when all weights are doubled.
        tallies: ``[N, k]``.
        groups: a label an example, or groupings as `assay.methods.groups.groupings` makes them of columns.
        replicates: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        The figures, ordered by group and then as ``metrics``. ``n`` counts the examples that say anything of the metric (a
        proportion's: its trials). A metric that is not defined has the value nan; ends are ``None`` where no interval can
        be stated: fewer than two examples, or a metric that resampling leaves as it is.

    Raises:
        ConfigError: ``level`` is not between 0 and 1, or there are fewer than 100 replicates.

    >>> from assay.core.metric import ratio
    >>> accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
    >>> print(*figures([accuracy], np.array([[1.0, 1], [1, 1], [0, 1], [1, 1]])))
    accuracy 0.750 [0.301, 0.954] (n = 4)
    """
    questions = [_Question(metric, partial(one_sample, metric.counts, level), within=True) for metric in metrics]
    return tuple(figure for figure, _ in _answer(questions, tallies, groups, replicates, level, seed))


def paired(
    metrics: Sequence[Metric],
    tallies_a: Array,
    tallies_b: Array,
    *,
    groups: Sequence[str] | Sequence[Grouping] | None = None,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[tuple[Figure, ...], tuple[float, ...]]:
    """B minus A on the same examples, on the whole and by group; arguments and order as in `figures`.

    Returns:
        The figures, named ``{metric}_difference``, and in the same order the two-sided p-values of no difference. A
        p-value is below ``1 - level`` where the interval leaves out 0; it is nan where there is no interval, and 1
        where resampling cannot tell A from B. Give those of one family (the subgroups, say) to `adjust` before you
        call any of them real.

    Raises:
        ConfigError: as `figures`.
    """
    a, b = np.asarray(tallies_a, dtype=np.float64), np.asarray(tallies_b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"tallies of the same examples have one shape, not {a.shape} and {b.shape}")
    k = a.shape[1]
    questions = [_Question(difference(m, k), partial(two_sample, m.counts, level), within=False) for m in metrics]
    answers = _answer(questions, np.concatenate([a, b], axis=1), groups, replicates, level, seed)
    return tuple(figure for figure, _ in answers), tuple(p for _, p in answers)


def difference(metric: Metric, k: int) -> Metric:
    """B minus A as one metric of tallies ``[A | B]`` with 2k columns: pairing is the same weights for both."""

    def of(sums: Array) -> Array:
        return _apart(metric.of(sums[..., :k]), metric.of(sums[..., k:]))

    merge = metric.merge

    def merged(tallies: Array, weights: Array) -> Array:
        assert merge is not None
        return _apart(merge(tallies[:, :k], weights), merge(tallies[:, k:], weights))

    tells = metric.tells

    def told(tallies: Array) -> NDArray[np.bool_]:
        assert tells is not None
        return tells(tallies[:, :k]) | tells(tallies[:, k:])

    name = f"{metric.name}_difference"
    return replace(
        metric, name=name, of=of, counts=None, merge=merged if merge else None, tells=told if tells else None
    )


def _apart(a: Array, b: Array) -> Array:
    return np.where(np.abs(b - a) <= _ROUNDING * (np.abs(a) + np.abs(b)), 0.0, b - a)


def over_runs(
    name: str,
    values: Sequence[float],
    *,
    better: Better = "neither",
    unit: str = "",
    level: float = 0.95,
    group: str | None = None,
) -> Figure:
    """The mean over runs (seeds) with Student's t interval; n counts runs.

    No interval can be stated for one run, nor for runs that do not differ.

    >>> print(over_runs("accuracy", [0.90, 0.92, 0.91], better="higher"))
    accuracy 0.910 [0.885, 0.935] (n = 3)
    """
    runs = np.asarray(values, dtype=np.float64)
    n = len(runs)
    figure = Figure(name, float(runs.mean()) if n else math.nan, n=n, unit=unit, better=better, group=group)
    if n < 2 or not np.isfinite(runs).all() or np.ptp(runs) <= _ROUNDING * np.abs(runs).max():
        return figure
    half = float(stdtrit(n - 1, (1 + level) / 2) * runs.std(ddof=1) / math.sqrt(n))
    return replace(figure, low=figure.value - half, high=figure.value + half)


def adjust(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's p-values: those at most 0.05 are real with a 5 % chance of one false alarm among all (Holm 1979).

    Values that are nan stay so and count for nothing.

    >>> adjust([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]  # nan sorts last
    adjusted = np.full(len(p), math.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return tuple(float(value) for value in adjusted)


def _answer(
    questions: Sequence[_Question],
    tallies: Array,
    groups: Sequence[str] | Sequence[Grouping] | None,
    replicates: int,
    level: float,
    seed: int,
) -> list[tuple[Figure, float]]:
    if not 0 < level < 1:
        raise ConfigError(f"The level of an interval is {level}; it must lie between 0 and 1, such as 0.95.")
    if replicates < 100:
        raise ConfigError(
            f"A bootstrap of {replicates} replicates shows no interval; ask for 100 or more (2,000 is usual)."
        )
    if not questions:
        return []
    tallies = np.asarray(tallies, dtype=np.float64)
    answers = _by_group(questions, tallies, None, replicates, level, seed)
    for grouping in _groupings(groups):
        answers += _by_group(questions, tallies, grouping, replicates, level, seed)
    return answers


def _groupings(groups: Sequence[str] | Sequence[Grouping] | None) -> list[Grouping]:
    if groups is None or len(groups) == 0:
        return []
    partitions = [group for group in groups if isinstance(group, Grouping)]
    return partitions or [labelled([str(group) for group in groups])]


def _by_group(
    questions: Sequence[_Question], tallies: Array, grouping: Grouping | None, replicates: int, level: float, seed: int
) -> list[tuple[Figure, float]]:
    codes, labels = (None, (None,)) if grouping is None else (grouping.codes, grouping.labels)
    members = group_rows(codes, len(tallies), len(labels))
    closed = [[question.closed(tallies, rows) for question in questions] for rows in members]
    merged = [i for i, question in enumerate(questions) if question.metric.merge]
    telling = {i: question.metric.tells(tallies) for i, question in enumerate(questions) if question.metric.tells}
    open_ = [i for i in range(len(questions)) if i not in merged and any(row[i] is None for row in closed)]
    with np.errstate(all="ignore"):  # what is not defined is nan, and says so
        sums = group_sums(tallies, codes, len(labels))
        values = {i: question.metric.of(sums) for i, question in enumerate(questions) if i not in merged}
        resampled = np.empty((replicates, len(labels), len(open_)))
        blocks = bootstrap_blocks(tallies, codes, len(labels), replicates=replicates, seed=seed) if open_ else ()
        at = 0
        for block in blocks:
            for j, i in enumerate(open_):
                resampled[at : at + len(block), :, j] = questions[i].metric.of(block)
            at += len(block)
    answers = []
    for g, (label, rows) in enumerate(zip(labels, members, strict=True)):
        without = _jackknife([questions[i].metric for i in open_], tallies, rows, sums[g])
        anew = merges([questions[i].metric for i in merged], tallies[rows], replicates, seed) if merged else {}
        for i, question in enumerate(questions):
            metric = question.metric
            n = len(rows) if i not in telling else int(telling[i][rows].sum())
            if i in merged:
                value, of_replicates, of_others = anew[metric.name]
                found = _resampled(value, of_replicates, of_others, n, level, question.within)
            else:
                value, plain = float(values[i][g]), closed[g][i]
                j = open_.index(i) if plain is None else -1
                found = plain or _resampled(value, resampled[:, g, j], without[:, j], n, level, question.within)
            figure = Figure(metric.name, value, found.low, found.high, found.n, metric.unit, metric.better, group=label)
            answers.append((figure, found.p))
    return answers


def _resampled(value: float, replicates: Array, jackknife: Array, n: int, level: float, within: bool) -> Interval:
    ready = study(value, replicates, jackknife, n)
    if ready is None:
        return Interval(n, p=1.0 if n > 1 and value == 0 else math.nan)
    return Interval(n, *ready.interval(level, within=within), ready.p_value())


def _jackknife(metrics: Sequence[Metric], tallies: Array, rows: Codes, total: Array) -> Array:
    """Each metric without each row, ``[n, M]``: of the total minus the row, so it costs n metrics and no n² sums."""
    found = np.empty((len(rows), len(metrics)))
    if not metrics:
        return found
    at = 0
    with np.errstate(all="ignore"):
        for part in gather(tallies, rows, _ROWS):
            left = total - part
            for j, metric in enumerate(metrics):
                found[at : at + len(part), j] = metric.of(left)
            at += len(part)
    return found
