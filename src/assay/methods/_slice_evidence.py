"""How strongly scores say that a group is worse off: of many conjunctions at once, and of one that is to be confirmed.

Shapes: N examples, S sets of attributes, C conjunctions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, stdtr

from assay.core.metric import Array


def summed(ids: Sequence[NDArray[np.int32]], moments: Array, count: int) -> Array:
    """Count, sum and sum of squares of the scores in each conjunction, ``[C, 3]``."""
    sums = np.zeros((count + 1, 3))
    for places in ids:
        for m in range(3):
            sums[:, m] += np.bincount(places + 1, weights=moments[:, m], minlength=count + 1)
    return sums[1:]


def shortfall(sums: Array, total: Array, exact: bool) -> Array:
    """How many standard errors each conjunction's mean is below that of everything else, ``[C]``.

    Of scores of 0 and 1 it is the signed root of the likelihood ratio, which rare failures in small groups do not fool.
    """
    n, s, q = sums.T
    rest = total - sums
    with np.errstate(all="ignore"):
        mean, other = s / n, rest[:, 1] / rest[:, 0]
        if exact:
            miss, p = n - s, np.clip(other, 1e-9, 1 - 1e-9)
            ratio = np.where(s > 0, s * np.log(mean / p), 0) + np.where(
                miss > 0, miss * np.log((1 - mean) / (1 - p)), 0
            )
            z = np.sqrt(2 * np.maximum(ratio, 0)) / np.sqrt(1 + n / rest[:, 0])
        else:
            variances = [np.maximum(b / a - (c / a) ** 2, 0) / a for a, c, b in ((n, s, q), rest.T)]
            z = np.abs(other - mean) / np.sqrt(variances[0] + variances[1])
        return np.where((mean < other) & np.isfinite(z), z, 0.0)


def one_sided(own: Array, rest: Array, exact: bool) -> float:
    """The p-value of a mean of ``own`` that is not below that of ``rest``; 1 where there is too little to tell."""
    if min(len(own), len(rest)) < 2 or own.mean() >= rest.mean():
        return 1.0
    if exact:  # failures, were the group like all: a binomial tail, a little wider than the hypergeometric one
        misses = len(own) - own.sum()
        pooled = 1 - (own.sum() + rest.sum()) / (len(own) + len(rest))
        return float(bdtrc(misses - 1, len(own), pooled))
    a, b = own.var(ddof=1) / len(own), rest.var(ddof=1) / len(rest)
    if a + b == 0:
        return 1.0
    freedom = (a + b) ** 2 / (a**2 / (len(own) - 1) + b**2 / (len(rest) - 1))
    return float(stdtr(freedom, (own.mean() - rest.mean()) / math.sqrt(a + b)))
