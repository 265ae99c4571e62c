"""What a small group would show by chance, were its examples like everybody's (or few others beside a large one).

A bootstrap asks how much a sample of such examples as these varies. A small group can be without any variation: forty
answers that are all right have the same small loss, and their bootstrap calls the gap to everybody else certain. Where
groups are many, one of them is like that by chance. So the gap is also set against groups of its size that are drawn from
all examples (a permutation test's question: Pitman 1937), and the larger of two p-values and errors holds.

Shapes: N examples, k tally columns, n examples of a group, D draws, M metrics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtr, stdtrit

from assay.core.metric import Array, Metric

if TYPE_CHECKING:
    from assay.methods.gaps import Gap

SMALL = 300  # larger groups show how much they vary
DRAWS = 1000
MERGED = 300  # of what is no function of sums, where one of them costs thousands of the others
NUMBERS = 1 << 19  # gathered at once
WEIGHTS = 1 << 22  # in a block: 32 MB


def by_chance(metrics: Sequence[Metric], tallies: Array, n: int, seed: int) -> Array:
    """Each metric of ``n`` examples drawn from all of ``tallies`` ``[N, k]``, less that of all: ``[D, M]``.

    >>> from assay.core.metric import ratio
    >>> drawn = by_chance([ratio("mae", 0, 1, better="lower")], np.c_[np.arange(100.0), np.ones(100)], 25, 0)
    >>> drawn.shape, bool(5 < drawn.std() < 7)
    ((1000, 1), True)
    """
    chance = np.random.default_rng([seed, n])
    sums = np.empty((DRAWS, tallies.shape[1]))
    step = max(1, NUMBERS // (max(1, n) * tallies.shape[1]))
    for at in range(0, DRAWS, step):
        draws = len(sums[at : at + step])
        sums[at : at + step] = tallies[chance.integers(0, len(tallies), (draws, n))].sum(1)
    whole = tallies.sum(0)
    with np.errstate(all="ignore"):
        return np.stack([metric.of(sums) - metric.of(whole) for metric in metrics], axis=1)


def merged_by_chance(metrics: Sequence[Metric], tallies: Array, n: int, seed: int) -> Array:
    """`by_chance` of metrics with a ``merge``. What few examples shift by themselves is part of it: with few objects the
    best precision at a recall, and so mAP, is too high on average."""
    chance, count = np.random.default_rng([seed, n]), len(tallies)
    step = max(1, WEIGHTS // count)
    found = []
    with np.errstate(all="ignore"):
        whole = np.array([metric.over(tallies) for metric in metrics])
        for at in range(0, MERGED, step):
            drawn = chance.multinomial(n, np.full(count, 1 / count), min(step, MERGED - at)).astype(np.float64)
            found.append(np.stack([metric.merge(tallies, drawn) for metric in metrics if metric.merge], axis=1) - whole)
    return np.concatenate(found)


def held_against(gap: Gap, drawn: Array, n: int, level: float) -> Gap:
    """The gap with no smaller p-value and errors, and no shorter interval, than what was drawn by chance ``[D]`` gives.

    Beyond all draws the p-value is Student's, with as many degrees of freedom as the smaller side, the group or everybody
    else, has examples (``n``) less one.
    """
    asked, drawn = len(drawn), drawn[np.isfinite(drawn)]
    if len(drawn) < asked // 2 or not math.isfinite(gap.value) or math.isnan(gap.p):
        return gap
    middle, error = float(drawn.mean()), float(drawn.std())
    away = abs(gap.value - middle)
    beyond = float((np.abs(drawn - middle) >= away).sum() + 1) / (len(drawn) + 1)
    if beyond * (len(drawn) + 1) < 2:
        beyond = min(beyond, float(2 * stdtr(n - 1, -away / error))) if error > 0 else 0.0
    gap = replace(gap, p=max(gap.p, beyond), own_error=float(np.fmax(gap.own_error, error * math.sqrt(n / gap.n))))
    if error <= gap.error or gap.low is None or gap.high is None:
        return gap
    reach = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return replace(gap, error=error, low=min(gap.low, gap.value - reach), high=max(gap.high, gap.value + reach))
