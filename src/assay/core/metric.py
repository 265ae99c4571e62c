"""Metrics as functions of summed tallies.

A *tally* is what one example contributes to every metric of its output: a row of ``k`` sufficient statistics. Since a
metric is a function of a weighted **sum** of rows, the metric of a subgroup, of a bootstrap replicate and of a paired
difference are the same function of other weights. A ranked metric (mAP) is no function of sums: it is a weighted **merge**
of rows, and again only the weights differ.

Shapes: N examples, k tally columns, R sets of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.figure import Better

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A metric of summed tallies.

    Attributes:
        name: as the field names it.
        of: from sums ``[..., k]`` to values ``[...]``; ``nan`` where it is not defined (no examples).
        merge: where it is no function of sums: from tallies ``[N, k]`` and weights ``[R, N]`` (how often each example
            counts) to values ``[R]``; ``of`` is not used then.
        better: which direction is good.
        unit: ``""`` for a pure ratio.
        counts: where it is a plain proportion, the columns (successes, trials) with 0/1 entries. Its interval is then
            Wilson's, which holds for ten examples and for a perfect score, where no bootstrap does.
        centred: whether it is near 0 where all is well, so that its size says nothing of how large a gap is.
        tells: from tallies ``[N, k]`` to which examples ``[N]`` say anything of it (one in which there is nothing to find
            says nothing of recall): only they are counted as its n. ``None`` where all do.

    >>> accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
    >>> float(accuracy.of(np.array([3.0, 4.0])))
    0.75
    """

    name: str
    of: Callable[[Array], Array]
    better: Better
    unit: str = ""
    counts: tuple[int, int] | None = None
    merge: Callable[[Array, Array], Array] | None = None
    centred: bool = False
    tells: Callable[[Array], NDArray[np.bool_]] | None = None

    def over(self, tallies: Array) -> float:
        """The metric of all examples, of their tallies ``[N, k]``.

        >>> ratio("accuracy", 0, 1, better="higher").over(np.array([[1.0, 1.0], [0.0, 1.0]]))
        0.5
        """
        if self.merge:
            return float(self.merge(tallies, np.ones((1, len(tallies))))[0])
        return float(self.of(tallies.sum(0)))


def ratio(name: str, top: int, bottom: int, *, better: Better, unit: str = "", proportion: bool = False) -> Metric:
    """The metric ``sums[top] / sums[bottom]``: a mean where ``bottom`` counts examples. One of 0 / 0 says nothing of it."""

    def of(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., top] / sums[..., bottom])

    def tells(tallies: Array) -> NDArray[np.bool_]:
        return np.asarray((tallies[:, top] != 0) | (tallies[:, bottom] != 0))

    counts = (top, bottom) if proportion else None
    return Metric(name=name, of=of, better=better, unit=unit, counts=counts, tells=tells)
