"""Quantile edges of a number, and where values stand among them.

A place among quantiles is a scale on which no outlier presses the others together, whatever unit a column has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def position(edges: Floats, values: Floats) -> Floats:
    """Where ``values`` stand among ascending ``edges``, one bin beyond them at most; NaN stays.

    >>> position(np.array([0.0, 10.0, 1000.0]), np.array([-1e9, 5.0, 10.0, 505.0])).tolist()
    [-1.0, 0.5, 1.0, 1.5]
    """
    values = _tame(values)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    low = edges[at]
    with np.errstate(over="ignore"):
        share = (values - low) / (edges[at + 1] - low)
    return np.clip(at + share, -1.0, float(len(edges)))


def value(edges: Floats, places: Floats) -> Floats:
    """The values that stand at ``places`` among ascending ``edges``: the inverse of `position`, up to one bin beyond them.

    >>> value(np.array([0.0, 10.0, 1000.0]), np.array([-1.0, 0.5, 1.0, 1.5])).tolist()
    [-10.0, 5.0, 10.0, 505.0]
    """
    at = np.clip(np.floor(places).astype(np.int64), 0, len(edges) - 2)
    return np.asarray(edges[at] + (places - at) * (edges[at + 1] - edges[at]))


def edges_of(values: Floats, bins: int) -> Floats:
    """At least 2 and at most ``bins + 1`` ascending edges: every value where they are few; else each value that fills a
    bin alone, and as many quantiles of the others as there is room for.

    >>> edges_of(np.array([0.0] * 90 + list(range(1, 11))), 4).tolist()
    [0.0, 1.0, 4.0, 7.0, 10.0]
    """
    distinct, counts = np.unique(_tame(values), return_counts=True)
    if len(distinct) == 1:
        return np.array([distinct[0], distinct[0] + max(1.0, abs(distinct[0]))])
    if len(distinct) <= bins + 1:
        return distinct
    heavy = counts > len(values) / bins
    others = np.repeat(distinct[~heavy], counts[~heavy])
    room = max(2, bins + 1 - int(heavy.sum()))
    found = np.unique(others[[0, -1]])
    for finer in (1, 2, 4, 8):  # quantiles coincide where a value is frequent: then there is room for more of them
        closer = np.unique(others[np.linspace(0, len(others) - 1, room * finer).astype(np.int64)])
        if len(closer) > room:
            break
        found = closer
    return np.union1d(distinct[heavy], found)


def _tame(values: Floats) -> Floats:
    """Values whose differences and quotients stay clear of the ends of what a float can hold."""
    return np.where(np.abs(values) < 1e-300, 0.0, np.clip(values, -1e300, 1e300))
