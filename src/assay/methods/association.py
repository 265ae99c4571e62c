"""How closely a group and a target hang together.

References:
    Cramér (1946); Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, J. Korean Statistical Society.
    Kelley (1935), An unbiased correlation ratio measure, PNAS.
    Kruskal & Wallis (1952), Use of ranks in one-criterion variance analysis, JASA.

Shapes: N examples, G groups, C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, gamma, random_table, rankdata

from assay.core.metric import Array
from assay.methods.neighbours import Ints

_REPLICATES = 1000
_ROUNDING = 1e-12
_EXPECTED = 5.0  # counts below which the χ² distribution is not to be trusted


@dataclass(frozen=True)
class Association:
    """An effect between 0 (none) and 1 (one decides the other).

    Attributes:
        value: the effect.
        low, high: its 95 % interval; ``None`` where none is stated.
        p: of no association.
        n: examples.
    """

    value: float
    low: float | None
    high: float | None
    p: float
    n: int


def cross(a: Ints, b: Ints) -> NDArray[np.int64]:
    """Counts ``[G, C]`` of two codings; groups and classes without examples are left out.

    >>> cross(np.array([0, 0, 2]), np.array([1, 1, 0])).tolist()
    [[0, 2], [1, 0]]
    """
    rows, a = np.unique(a, return_inverse=True)
    columns, b = np.unique(b, return_inverse=True)
    return np.bincount(a * len(columns) + b, minlength=len(rows) * len(columns)).reshape(len(rows), len(columns))


def cramers_v(counts: NDArray[np.int64], *, seed: int = 0) -> Association:
    """Cramér's V without its bias, a percentile bootstrap interval and the p-value of χ².

    What chance adds to χ² is taken off, as Bergsma does. What is left is a share of n − max(G, C) examples, as it is of
    Kelley's ε²: so V is 1 where the group decides the class, and does not sink as groups get many and small. Where each
    has one example, V cannot be told; it is 0 then, without an interval. Nor has one what every draw leaves as it is.

    Counts that are drawn again scatter twice, so that V² of the draws lies too high where groups are many and small; it is
    moved back until its mean is the estimate. They vary too little within groups of a few, and their spread is widened by
    as much. For the p-value, groups (and then classes) with too few examples to be expected 5 times are put together; and
    since all may be such, it is also asked how large χ² is where classes are dealt out anew (the better one counts, twice).

    >>> found = cramers_v(np.array([[50, 0], [0, 50]]))
    >>> round(found.value, 2), found.p < 1e-6
    (1.0, True)
    """
    counts = counts[counts.sum(1) > 0][:, counts.sum(0) > 0]
    n = int(counts.sum())
    if min(counts.shape) < 2 or n <= max(counts.shape):
        return Association(0.0, None, None, 1.0, n)
    cells = counts.ravel() / n
    drawn = np.random.default_rng(seed).multinomial(n, cells, _REPLICATES).reshape(_REPLICATES, *counts.shape)
    value = float(_corrected(counts[None])[0])
    squared = _corrected(drawn) ** 2
    wider = math.sqrt((n - 1) / (n - max(counts.shape)))
    ends = np.quantile(wider * (squared - squared.mean()) + value**2, [0.025, 0.975])
    low, high = (float(end) for end in np.sqrt(np.clip(ends, 0, 1)))
    merged = _merged(_merged(counts).T)
    freedom = (merged.shape[0] - 1) * (merged.shape[1] - 1)
    p = float(chi2.sf(_chi_square(merged[None])[0], freedom)) if freedom else 1.0
    if merged.size < counts.size:
        p = min(1.0, 2 * min(p, _dealt(counts, seed)))
    if np.ptp(squared) <= _ROUNDING:
        return Association(value, None, None, p, n)
    return Association(value, min(low, value), max(high, value), p, n)


def rank_effect(groups: Ints, values: Array) -> Association:
    """How much of the spread of the ranks of ``values`` the groups explain (the root of the share), by Kruskal–Wallis.

    >>> found = rank_effect(np.repeat([0, 1], 50), np.arange(100.0))
    >>> round(found.value, 2), found.p < 1e-6
    (0.86, True)
    """
    n = len(values)
    codes = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(codes)
    if len(sizes) < 2 or n <= len(sizes):
        return Association(0.0, None, None, 1.0, n)
    ranks = rankdata(values)
    spread = float(((ranks - ranks.mean()) ** 2).sum())
    means = np.bincount(codes, ranks) / sizes
    between = float((sizes * (means - ranks.mean()) ** 2).sum())
    h = (n - 1) * between / spread if spread > 0 else 0.0
    share = max(0.0, (h - len(sizes) + 1) / (n - len(sizes)))
    return Association(math.sqrt(min(share, 1.0)), None, None, float(chi2.sf(h, len(sizes) - 1)), n)


def _chi_square(counts: NDArray[np.int64]) -> Array:
    """The statistic of each of ``[R, G, C]``."""
    n = counts.sum(axis=(1, 2), keepdims=True)
    expected = counts.sum(axis=2, keepdims=True) * counts.sum(axis=1, keepdims=True) / n
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nansum((counts - expected) ** 2 / expected, axis=(1, 2)))


def _dealt(counts: NDArray[np.int64], seed: int) -> float:
    """The share of tables with the same margins whose χ² is as large: of draws or, beyond them all, of a gamma distribution
    with their mean and variance."""
    drawn = random_table(counts.sum(axis=1), counts.sum(axis=0)).rvs(_REPLICATES, random_state=seed)
    chance, own = _chi_square(drawn), float(_chi_square(counts[None])[0])
    above = int((chance >= own * (1 - _ROUNDING)).sum())
    if above or not chance.var():
        return (above + 1) / (_REPLICATES + 1)
    scale = chance.var() / chance.mean()
    return min(1 / (_REPLICATES + 1), float(gamma.sf(own, chance.mean() / scale, scale=scale)))


def _corrected(counts: NDArray[np.int64]) -> Array:
    n = float(counts[0].sum())
    rows, columns = (counts.sum(2) > 0).sum(1), (counts.sum(1) > 0).sum(1)
    phi = np.maximum(0.0, _chi_square(counts) / n - (rows - 1) * (columns - 1) / (n - 1))  # Bergsma's
    least = (np.minimum(rows, columns) - 1) * (n - np.maximum(rows, columns)) / (n - 1)
    return np.asarray(np.sqrt(np.minimum(1.0, np.divide(phi, least, out=np.zeros_like(phi), where=least > 0))))


def _merged(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose least expected count is below 5 as one."""
    expected = counts.sum(axis=1) * counts.sum(axis=0).min() / max(int(counts.sum()), 1)
    few = expected < _EXPECTED
    if few.sum() < 2:
        return counts
    return np.concatenate([counts[~few], counts[few].sum(axis=0, keepdims=True)])
