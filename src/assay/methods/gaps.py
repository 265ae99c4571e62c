"""How far a metric of a group is from that of everybody else, with intervals, p-values and what could have been seen.

Which interval, and why: a plain proportion has Newcombe's, made of Wilson's two, which holds its level for groups of ten and
for rates of 0 and 1. Any other metric has the bootstrap interval of `assay.methods.replicates`, group and others resampled
apart. A metric that is a function of sums needs one bootstrap for all groups: the others are the whole less the group. Where
the group is small, or all others are, it is besides held against what chance alone would show (`assay.methods.chance`).

Shapes: N examples, k tally columns, G groups, R replicates, M metrics, P parts of the jackknife.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.core.figure import Figure
from assay.core.metric import Array, Metric
from assay.methods.bootstrap import Codes, bootstrap_blocks, gather, group_rows
from assay.methods.chance import SMALL, by_chance, held_against, merged_by_chance
from assay.methods.groups import Grouping
from assay.methods.merges import merges
from assay.methods.proportions import fisher, newcombe
from assay.methods.replicates import study

BAGS = 2000  # of one group: more rows than that are summed in so many random bags, which are resampled in their place
PARTS = 200  # of the jackknife, of each group
MERGED = 1000  # replicates of what is no function of sums, where one of them costs thousands of the others
_ROUNDING = 1e-12  # a gap below this part of its terms is floating point, not data


@dataclass(frozen=True)
class Gap:
    """A metric of one group less that of everybody else.

    Attributes:
        metric, group: whose.
        n: examples of the group; of a proportion its trials.
        of_group, of_rest: the two values.
        low, high: the ends of the interval of ``value``; ``None`` where none can be stated.
        p: the two-sided p-value of no gap; nan where there is none.
        error: the standard error of ``value``; nan where there is none.
        own_error: that of ``of_group`` alone.
        trials: whether it is a plain proportion of ``n`` trials.
        mirrored: whether it is another gap seen from the other side, as that of the second of the only two groups is, and
            so no question of its own.
    """

    metric: Metric
    group: str
    n: int
    of_group: float
    of_rest: float
    low: float | None = None
    high: float | None = None
    p: float = math.nan
    error: float = math.nan
    own_error: float = math.nan
    trials: bool = False
    mirrored: bool = False

    @property
    def value(self) -> float:
        """Group less rest."""
        return apart(self.of_group, self.of_rest)

    @property
    def size(self) -> Figure:
        """How large it is, whichever its direction, with its interval."""
        ends = (self.low, self.high) if self.value >= 0 else (self.high, self.low)
        low, high = (end if end is None or self.value >= 0 else -end for end in ends)
        return Figure(self.metric.name, abs(self.value), low, high, self.n, self.metric.unit, group=self.group)


def gaps(
    metrics: Sequence[Metric],
    tallies: Array,
    grouping: Grouping,
    *,
    replicates: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Gap, ...]:
    """Every group against everybody else, ordered by group and then as ``metrics``.

    The bootstrap resamples random bags of rows where a group has more than `BAGS` of them: the variance and the skewness of
    a sum of bags are those of the sum of rows, so only their own uncertainty (1.6 %) is traded for time and memory that do
    not grow with the data.

    Args:
        metrics: as in `assay.methods.intervals.figures`.
        tallies: ``[N, k]``.
        grouping: codes below 0 are in no group, and still belong to everybody else.
        replicates: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.

    >>> from assay.core.metric import ratio
    >>> accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
    >>> tallies = np.array([[1.0, 1.0]] * 90 + [[0.0, 1.0]] * 10)
    >>> found = gaps([accuracy], tallies, Grouping("half", np.arange(100) // 50, ("first", "second")))[1]
    >>> found.group, round(found.value, 3), round(found.low, 3), round(found.high, 3), round(found.p, 3)
    ('second', -0.2, -0.33, -0.087, 0.002)
    """
    tallies = np.asarray(tallies, dtype=np.float64)
    count = len(grouping.labels)
    codes = np.where(grouping.codes < 0, count, grouping.codes)
    members = group_rows(codes, len(tallies), count + 1)
    found: dict[tuple[int, int], Gap] = {}
    open_: list[int] = []
    for m, metric in enumerate(metrics):
        closed = None if metric.merge else _proportions(metric, tallies, grouping, members, level)
        if closed is None and not metric.merge:
            open_.append(m)
        for g, gap in enumerate(closed or ()):
            found[g, m] = gap
    if open_:
        found |= _resampled(metrics, open_, tallies, members, grouping, replicates, level, seed)
        for g, (side, few) in enumerate(_small_sides(members, len(tallies))):
            if few:
                drawn = side * by_chance([metrics[m] for m in open_], tallies, few, seed)
                found |= {(g, m): held_against(found[g, m], drawn[:, j], few, level) for j, m in enumerate(open_)}
    if merged := [m for m, metric in enumerate(metrics) if metric.merge]:
        found |= _merged(metrics, merged, tallies, members, grouping, min(replicates, MERGED), level, seed)
    two = count == 2 and not len(members[count])
    return tuple(replace(found[g, m], mirrored=two and g == 1) for g in range(count) for m in range(len(metrics)))


def apart(a: float, b: float) -> float:
    """``a - b``, and exactly 0 where they differ by rounding alone."""
    return 0.0 if abs(a - b) <= _ROUNDING * (abs(a) + abs(b)) else a - b


def _small_sides(members: list[Codes], n: int) -> list[tuple[int, int]]:
    """Of each group the smaller side, itself (1) or everybody else (-1), and its size where that is small, else 0."""
    sides = [(1, len(rows)) if 2 * len(rows) <= n else (-1, n - len(rows)) for rows in members[:-1]]
    return [(side, few if few <= SMALL else 0) for side, few in sides]


def _proportions(
    metric: Metric, tallies: Array, grouping: Grouping, members: list[Codes], level: float
) -> list[Gap] | None:
    """The gaps of a plain proportion; ``None`` where the metric is none, or has several trials an example."""
    if metric.counts is None:
        return None
    hit, tried = tallies[:, metric.counts[0]], tallies[:, metric.counts[1]]
    if not (((tried == 0) | (tried == 1)) & ((hit == 0) | (hit == tried))).all():
        return None
    hits, trials = (np.array([column[rows].sum() for rows in members]) for column in (hit, tried))
    found = []
    for g, label in enumerate(grouping.labels):
        own = float(hits[g]), float(trials[g])
        others = float(hits.sum()) - own[0], float(trials.sum()) - own[1]
        of_group, of_rest = (x / n if n else math.nan for x, n in (own, others))
        gap = Gap(metric, label, int(own[1]), of_group, of_rest, trials=True)
        if min(own[1], others[1]) >= 2:
            low, high, p = newcombe(*own, *others, level)
            p = max(p, fisher(*own, hits.sum(), trials.sum())) if min(own[1], others[1]) <= SMALL else p
            # As Agresti & Caffo 2000 have it: one more hit and one more miss in each, so that no error is 0.
            shares = [((x + 1) / (n + 2), n + 2) for x, n in (own, others)]
            errors = [math.sqrt(share * (1 - share) / n) for share, n in shares]
            gap = replace(gap, low=low, high=high, p=p, error=math.hypot(*errors), own_error=errors[0])
        found.append(gap)
    return found


def _resampled(
    metrics: Sequence[Metric],
    which: Sequence[int],
    tallies: Array,
    members: list[Codes],
    grouping: Grouping,
    replicates: int,
    level: float,
    seed: int,
) -> dict[tuple[int, int], Gap]:
    count, asked = len(grouping.labels), [metrics[m] for m in which]
    bags = [_bags(tallies, rows, BAGS, seed) for rows in members]
    parts = [_bags(bag, np.arange(len(bag)), PARTS, seed) for bag in bags]
    sums = np.stack([bag.sum(0) for bag in bags])
    total = sums.sum(0)
    drawn = np.empty((replicates, count, len(which), 2))  # of the group, and of everybody else
    codes = np.repeat(np.arange(count + 1), [len(bag) for bag in bags])
    at = 0
    with np.errstate(all="ignore"):  # what is not defined is nan, and says so
        for block in bootstrap_blocks(np.concatenate(bags), codes, count + 1, replicates=replicates, seed=seed):
            rest = block.sum(1, keepdims=True) - block
            for j, metric in enumerate(asked):
                drawn[at : at + len(block), :, j, 0] = metric.of(block[:, :count])
                drawn[at : at + len(block), :, j, 1] = metric.of(rest[:, :count])
            at += len(block)
        found = {}
        for g, label in enumerate(grouping.labels):
            others = np.concatenate([part for h, part in enumerate(parts) if h != g])
            n = (len(members[g]), len(tallies) - len(members[g]))
            for j, (m, metric) in enumerate(zip(which, asked, strict=True)):
                of_group, of_rest = (float(metric.of(s)) for s in (sums[g], total - sums[g]))
                pulls = [metric.of(sums[g] - parts[g]), -metric.of(total - sums[g] - others)]
                gap = Gap(metric, label, n[0], of_group, of_rest)
                found[g, m] = _stated(gap, drawn[:, g, j, 0], drawn[:, g, j, 1], pulls, n, level)
    return found


def _merged(
    metrics: Sequence[Metric],
    which: Sequence[int],
    tallies: Array,
    members: list[Codes],
    grouping: Grouping,
    replicates: int,
    level: float,
    seed: int,
) -> dict[tuple[int, int], Gap]:
    asked, found = [metrics[m] for m in which], {}
    sides = _small_sides(members, len(tallies))
    for g, label in enumerate(grouping.labels):
        rest = np.setdiff1d(np.arange(len(tallies)), members[g])
        n = (len(members[g]), len(rest))
        if not min(n):
            own = others = {metric.name: (math.nan, np.empty(0), np.empty(0)) for metric in asked}
        else:  # seeds of their own, since groups of one size would else be resampled alike
            own = merges(asked, tallies[members[g]], replicates, 2 * seed)
            others = merges(asked, tallies[rest], replicates, 2 * seed + 1)
        for m, metric in zip(which, asked, strict=True):
            (value, anew, without), (of_rest, anew_rest, without_rest) = own[metric.name], others[metric.name]
            gap = Gap(metric, label, n[0], value, of_rest)
            found[g, m] = _stated(gap, anew, anew_rest, [without, -without_rest], n, level)
        side, few = sides[g]
        if few:
            drawn = side * merged_by_chance(asked, tallies, few, seed)
            found |= {(g, m): held_against(found[g, m], drawn[:, j], few, level) for j, m in enumerate(which)}
    return found


def _stated(gap: Gap, drawn: Array, drawn_rest: Array, pulls: Sequence[Array], n: tuple[int, int], level: float) -> Gap:
    """The gap with its interval: of two samples the pulls of the jackknife are each about their own mean (Efron &
    Tibshirani 1993, ch. 14), and degrees of freedom are Welch's."""
    if min(n) < 2:
        return gap
    centred, spread = [], []
    for values in pulls:
        values = values[np.isfinite(values)]
        centred.append(values - values.mean() if len(values) else values)
        spread.append(float((centred[-1] ** 2).sum()))
    parts = [(s, size - 1) for s, size in zip(spread, n, strict=True) if s > 0]
    freedom = sum(s for s, _ in parts) ** 2 / sum(s**2 / df for s, df in parts) if parts else sum(n) - 2
    ready = study(gap.value, drawn - drawn_rest, np.concatenate(centred), max(2, round(freedom) + 1))
    if ready is None:
        return replace(gap, p=1.0 if gap.value == 0 else math.nan)
    low, high = ready.interval(level, within=False)
    return replace(
        gap,
        low=low,
        high=high,
        p=ready.p_value(),
        error=float(ready.ordered.std()),
        own_error=float(drawn[np.isfinite(drawn)].std()),
    )


def _bags(tallies: Array, rows: NDArray[np.int64], most: int, seed: int) -> Array:
    """The tallies at ``rows``, summed in ``most`` random bags of equal size where there are more."""
    if len(rows) <= most:
        return tallies[rows]
    mixed = np.random.default_rng(seed).permutation(rows)
    sums = np.zeros((most, tallies.shape[1]))
    for part in gather(tallies, mixed, most):  # one row a bag
        sums[: len(part)] += part
    return sums
