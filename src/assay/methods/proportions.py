"""Intervals of proportions in closed form, from counts and from tallies of 0 and 1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri

from assay.core.metric import Array


@dataclass(frozen=True)
class Interval:
    """What can be said of one value.

    Attributes:
        n: examples, or trials of a proportion.
        low, high: the ends; ``None`` where none can be stated.
        p: the two-sided p-value of no difference; nan where there is none.
    """

    n: int
    low: float | None = None
    high: float | None = None
    p: float = math.nan


def wilson(successes: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927; recommended by Brown, Cai & DasGupta 2001).

    >>> [round(end, 3) for end in wilson(10, 10)]
    [0.722, 1.0]
    """
    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = (successes + z2 / 2) / (trials + z2)
    half = math.sqrt(z2 * (successes * (trials - successes) / trials + z2 / 4)) / (trials + z2)
    # Exact ends where rounding would leave 1e-17.
    return 0.0 if successes == 0 else centre - half, 1.0 if successes == trials else centre + half


def bonett_price(only_a: float, only_b: float, n: float, level: float = 0.95) -> tuple[float, float, float]:
    """The adjusted Wald interval of B minus A for paired proportions, and the p-value of no difference.

    One success of A alone and one of B alone are added to the data, so it stays honest where the two never differ
    (Bonett & Price 2012, *Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data*).

    Args:
        only_a, only_b: examples on which only that one succeeds.
        n: examples.
        level: of the interval.

    >>> [round(value, 3) for value in bonett_price(0, 0, 98)]
    [-0.028, 0.028, 1.0]
    """
    centre = (only_b - only_a) / (n + 2)
    error = math.sqrt(((only_a + only_b + 2) / (n + 2) - centre**2) / (n + 2))
    half = float(ndtri((1 + level) / 2)) * error
    return max(-1.0, centre - half), min(1.0, centre + half), 2 * float(ndtr(-abs(centre) / error))


def newcombe(
    hit: float, tried: float, hit_rest: float, tried_rest: float, level: float = 0.95
) -> tuple[float, float, float]:
    """The interval of a difference of two proportions, and the p-value of none, from two Wilson intervals (Newcombe 1998,
    *Interval estimation for the difference between independent proportions*, method 10).

    The p-value is one minus the level at which the interval begins to leave out 0.

    >>> [round(value, 4) for value in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339, 0.0081]
    """
    a, b = hit / tried, hit_rest / tried_rest

    def reach(level: float) -> tuple[float, float]:
        (low, high), (low_rest, high_rest) = wilson(hit, tried, level), wilson(hit_rest, tried_rest, level)
        return math.hypot(a - low, high_rest - b), math.hypot(high - a, b - low_rest)

    below, above = reach(level)
    least, most = 0.0, 40.0  # of the normal quantile, by bisection
    for _ in range(60 if a != b else 0):
        z = (least + most) / 2
        down, up = reach(2 * float(ndtr(z)) - 1) if z < 8 else (math.inf, math.inf)
        least, most = (z, most) if abs(a - b) > (down if a > b else up) else (least, z)
    return a - b - below, a - b + above, 2 * float(ndtr(-least)) if a != b else 1.0


def one_sample(
    counts: tuple[int, int] | None, level: float, tallies: Array, rows: NDArray[np.int64]
) -> Interval | None:
    """Wilson's interval from the ``rows`` of tallies ``[N, k]`` with columns ``counts`` (successes, trials).

    ``None`` where these are not plain trials of 0 and 1: one of several trials an example, say, whose outcomes hang
    together and would look like more evidence than they are.
    """
    if counts is None:
        return None
    hit, tried = tallies[rows, counts[0]], tallies[rows, counts[1]]
    if not _plain(hit, tried):
        return None
    n = int(tried.sum())
    return Interval(n, *wilson(float(hit.sum()), n, level)) if n > 1 else Interval(n)


def two_sample(
    counts: tuple[int, int] | None, level: float, tallies: Array, rows: NDArray[np.int64]
) -> Interval | None:
    """Bonett and Price's interval from the ``rows`` of tallies ``[N, 2k]``, A's columns and then B's.

    ``None`` as in `one_sample`, and where A and B were not tried on the same examples (as precision is not).
    """
    if counts is None:
        return None
    k = tallies.shape[1] // 2
    a, b = tallies[rows, counts[0]], tallies[rows, counts[0] + k]
    tried, tried_b = tallies[rows, counts[1]], tallies[rows, counts[1] + k]
    if not (_plain(a, tried) and _plain(b, tried) and np.array_equal(tried, tried_b)):
        return None
    n = int(tried.sum())
    return Interval(n, *bonett_price(float((a > b).sum()), float((b > a).sum()), n, level)) if n > 1 else Interval(n)


def _plain(hit: Array, tried: Array) -> bool:
    return bool((((tried == 0) | (tried == 1)) & ((hit == 0) | (hit == tried))).all())


def fisher(hits: float, trials: float, all_hits: float, all_trials: float) -> float:
    """The p-value of so many hits in a part of all trials: twice the smaller tail of the hypergeometric distribution
    (Fisher 1935), which is exact where Newcombe's normal tails, far out in small groups, are several times too thin.

    >>> round(fisher(40, 50, 90, 100), 5)
    0.00119
    """
    least, most = max(0, round(trials - all_trials + all_hits)), round(min(trials, all_hits))
    x: Array = np.arange(least, most + 1, dtype=np.float64)

    def ways(n: float, k: Array | float) -> Array:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)

    chances = np.exp(ways(all_hits, x) + ways(all_trials - all_hits, trials - x) - ways(all_trials, trials))
    lower, upper = chances[x <= hits + 0.5].sum(), chances[x >= hits - 0.5].sum()
    return float(min(1.0, 2 * min(lower, upper)))
