"""What bootstrap replicates of a metric say: an interval and a p-value.

Shapes: n examples, R replicates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from assay.core.metric import Array

_ROUNDING = 1e-12  # differences below this part of a value are floating point, not data


@dataclass(frozen=True)
class Replicates:
    """What replicates say of one value: an interval, and its inversion to a p-value.

    The interval is the hull of two. BCa follows the bias (`z0`) and the skewness (`a`) of the estimator (Efron 1987,
    *Better bootstrap confidence intervals*; DiCiccio & Efron 1996), but its acceleration is noisy in small samples:
    alone it held the truth only 87 times in 100 for a mean of 50 paired differences of which four in five are 0.
    Student's, from the replicates' standard error, holds there and fails on skewed ones. Where both are right they
    agree, so the hull costs little. The normal quantiles of both are widened to ``sqrt(n / (n - 1)) t``, since a
    resample spreads less than a sample does (Hesterberg 2015, *What teachers should know about the bootstrap*).

    Measured for 95 %: 95–96 % for means of 300 exponential or lognormal values, 94–95 % of 30 exponential ones and 93 %
    of 10, and 91–92 % for 50 paired differences of which four in five are 0 and the others skewed.

    Attributes:
        value: the estimate.
        ordered: the finite replicates, sorted, ``[R]``.
        z0, a: bias correction and acceleration.
        n: examples.
    """

    value: float
    ordered: Array
    z0: float
    a: float
    n: int

    def interval(self, level: float = 0.95, *, within: bool = True) -> tuple[float, float]:
        """The ends of the interval, which holds the value.

        Args:
            level: how often it should hold the truth.
            within: keep it within the replicates, and so within the range of the metric: no F-measure above 1.
        """
        half = self._widen * float(stdtrit(self.n - 1, (1 + level) / 2))
        low, high = np.quantile(self.ordered, [self._rank(-half), self._rank(half)])
        reach = half * self._error
        low, high = min(float(low), self.value - reach), max(float(high), self.value + reach)
        if within:
            low, high = max(low, float(self.ordered[0])), min(high, float(self.ordered[-1]))
        return min(low, self.value), max(high, self.value)

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided: one minus the level at which the interval (not kept within) begins to leave out ``null``.

        Beyond all replicates, where BCa can say only that p is small, it is Student's: many comparisons can be
        corrected for without a bootstrap of many more replicates.
        """
        student = self._tail(-abs(self.value - null) / self._error) if null != self.value else 1.0
        side = 1 if null < self.value else -1
        rank = _rank_of(null, self.ordered, side)
        if not 0 < rank < 1:
            return student
        u = float(ndtri(rank)) - self.z0  # from here on the inverse of `_rank`
        if 1 + self.a * u <= 0:
            return student
        return max(student, self._tail(side * (u / (1 + self.a * u) - self.z0)))

    @property
    def _error(self) -> float:
        return float(self.ordered.std())

    @property
    def _widen(self) -> float:
        return math.sqrt(self.n / (self.n - 1))

    def _rank(self, z: float) -> float:
        """Where among the replicates the standard normal quantile ``z`` falls."""
        shifted = self.z0 + z
        bend = 1 - self.a * shifted
        if bend <= 0:  # skewed beyond what BCa describes: the end of the replicates
            return float(z > 0)
        return float(ndtr(self.z0 + shifted / bend))

    def _tail(self, z: float) -> float:
        """Twice the chance of less than ``z``, at most 1."""
        return min(1.0, 2 * float(stdtr(self.n - 1, z / self._widen)))


def study(value: float, replicates: Array, jackknife: Array, n: int) -> Replicates | None:
    """Replicates made ready for intervals, or ``None`` where none can be stated.

    None can be stated for fewer than two examples, for a value that is not finite, where most replicates are not
    defined, and where they do not spread: a sample without variation does not show how much there is.

    Args:
        value: the metric of all n examples.
        replicates: the metric of resamples, ``[R]``; values that are not defined are left out.
        jackknife: the metric without each example, ``[n]``.
        n: examples.
    """
    kept = np.sort(replicates[np.isfinite(replicates)])
    if n < 2 or not math.isfinite(value) or 2 * len(kept) <= len(replicates):
        return None
    if kept[-1] - kept[0] <= _ROUNDING * abs(value):
        return None
    edge = 0.5 / len(kept)
    z0 = float(ndtri(min(max(_share_below(kept, value, abs(value)), edge), 1 - edge)))
    pull = jackknife[np.isfinite(jackknife)]
    pull = pull.mean() - pull if len(pull) else pull
    peak = float(np.abs(pull).max(initial=0.0))
    pull = pull / peak if peak > 0 else pull  # cubes of small numbers underflow
    spread = float((pull**2).sum())
    a = float((pull**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    return Replicates(value=value, ordered=kept, z0=z0, a=a, n=n)


def _share_below(ordered: Array, at: float, scale: float) -> float:
    """The share of sorted values below ``at``; those that equal it count half."""
    slack = _ROUNDING * scale
    left, right = np.searchsorted(ordered, at - slack, "left"), np.searchsorted(ordered, at + slack, "right")
    return float(left + right) / (2 * len(ordered))


def _rank_of(at: float, ordered: Array, side: int) -> float:
    """The inverse of `numpy.quantile`; among ties the last (``side`` 1) or the first (-1)."""
    j = int(np.searchsorted(ordered, at, "right" if side > 0 else "left"))
    if j in (0, len(ordered)):
        return float(j > 0)
    return float(j - 1 + (at - ordered[j - 1]) / (ordered[j] - ordered[j - 1])) / (len(ordered) - 1)
