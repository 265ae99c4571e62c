"""How closely a group and a target hang together.

References:
    Cramér (1946); Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, J. Korean Statistical Society.
    Kruskal & Wallis (1952), Use of ranks in one-criterion variance analysis, JASA.

Shapes: N examples, G groups, C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

from assay.core.metric import Array
from assay.methods.neighbours import Ints

_REPLICATES = 1000
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
    """Cramér's V with Bergsma's correction of its bias, a percentile bootstrap interval and the p-value of χ².

    Counts that are drawn again scatter twice, so that V² of the draws lies too high where groups are many and small; it is
    moved back until its mean is the estimate. For the p-value, groups (and then classes) with too few examples to be
    expected 5 times are put together.

    >>> found = cramers_v(np.array([[50, 0], [0, 50]]))
    >>> round(found.value, 2), found.p < 1e-6
    (1.0, True)
    """
    n = int(counts.sum())
    if min(counts.shape) < 2 or n < 2:
        return Association(0.0, None, None, 1.0, n)
    cells = counts.ravel() / n
    drawn = np.random.default_rng(seed).multinomial(n, cells, _REPLICATES).reshape(_REPLICATES, *counts.shape)
    value = float(_corrected(counts[None])[0])
    squared = _corrected(drawn) ** 2
    low, high = np.sqrt(np.clip(np.quantile(squared - squared.mean() + value**2, [0.025, 0.975]), 0, 1))
    merged = _merged(_merged(counts).T)
    freedom = (merged.shape[0] - 1) * (merged.shape[1] - 1)
    p = float(chi2.sf(_chi_square(merged[None])[0], freedom)) if freedom else 1.0
    return Association(value, min(float(low), value), max(float(high), value), p, n)


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


def _corrected(counts: NDArray[np.int64]) -> Array:
    n = float(counts[0].sum())
    rows, columns = (counts.sum(2) > 0).sum(1), (counts.sum(1) > 0).sum(1)
    phi = np.maximum(0.0, _chi_square(counts) / n - (rows - 1) * (columns - 1) / (n - 1))
    least = np.minimum(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return np.asarray(np.sqrt(np.minimum(1.0, np.divide(phi, least, out=np.zeros_like(phi), where=least > 0))))


def _merged(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows whose least expected count is below 5 as one."""
    expected = counts.sum(axis=1) * counts.sum(axis=0).min() / max(int(counts.sum()), 1)
    few = expected < _EXPECTED
    if few.sum() < 2:
        return counts
    return np.concatenate([counts[~few], counts[few].sum(axis=0, keepdims=True)])
