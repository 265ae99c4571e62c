"""Whether parts are in the right order: put in and taken out by it, the answer must move sooner than by a random order.

Insertion and deletion (Petsiuk et al. 2018, arXiv:1806.07421; Samek et al. 2017, arXiv:1509.06321), always next to random
orders of the same parts: how far a curve falls by itself says nothing, since any order ends at the same place.

Legend: P parts, R random orders, S steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array
from assay.methods.attribution import Masks

STEPS = 16  # at which a curve is looked at, about


@dataclass(frozen=True)
class Removal:
    """The curves of one explanation; values are shares of the range that was met, 0 being that of no part.

    Attributes:
        share: of the parts that are in (out), ``[S]``, from 0 to 1.
        insertion, deletion: by the explanation's order, ``[S]``.
        random_insertion, random_deletion: by random orders, ``[R, S]``.
    """

    share: Array
    insertion: Array
    deletion: Array
    random_insertion: Array
    random_deletion: Array

    @property
    def insertion_gains(self) -> Array:
        """How much more lies under the curve than under that of each random order, ``[R]``, −1 to 1."""
        return _area(self.share, self.insertion) - _area(self.share, self.random_insertion)

    @property
    def deletion_gains(self) -> Array:
        """How much less lies under the curve than under that of each random order, ``[R]``, −1 to 1."""
        return _area(self.share, self.random_deletion) - _area(self.share, self.deletion)


def asked(values: Array, orders: int, rng: np.random.Generator) -> Masks:
    """The masks whose values make the curves, ``[(R + 2) × S, P]``.

    Args:
        values: what each part counts for, ``[P]``.
        orders: R.
        rng: draws the random orders.
    """
    parts = len(values)
    counts = _counts(parts)
    best = np.argsort(-values, kind="stable")
    drawn = rng.permuted(np.tile(np.arange(parts), (orders, 1)), axis=1)
    rank = np.argsort(np.concatenate([best[None], best[None, ::-1], drawn]), axis=1)  # [R + 2, P]
    return np.asarray(rank[:, None, :] < counts[None, :, None]).reshape(-1, parts)


def curves(answers: Array, parts: int) -> Removal:
    """The curves out of the values of the masks that `asked` gives, ``[(R + 2) × S]``.

    >>> values = np.array([3.0, 1.0, 0.0])
    >>> masks = asked(values, 500, np.random.default_rng(0))
    >>> found = curves(masks @ values, 3)
    >>> found.insertion.tolist(), found.deletion.tolist()
    ([0.0, 0.75, 1.0, 1.0], [1.0, 0.25, 0.0, 0.0])
    >>> [abs(float(gains.mean()) - 0.25) < 0.03 for gains in (found.insertion_gains, found.deletion_gains)]
    [True, True]
    """
    counts = _counts(parts)
    rows = answers.reshape(-1, len(counts))
    span = float(np.ptp(rows)) or 1.0
    rows = (rows - rows[0, 0]) / span
    # Taken out from the first on is put in from the last on, read backwards; of a random order both are random.
    return Removal(counts / max(parts, 1), rows[0], rows[1, ::-1], rows[2:], rows[2:, ::-1])


def _counts(parts: int) -> NDArray[np.int64]:
    """How many parts are in at each step; the same read from either end."""
    low = np.linspace(0, parts, num=min(parts, STEPS) + 1).astype(np.int64)
    return np.union1d(low, parts - low)


def _area(share: Array, curve: Array) -> Array:
    return np.asarray(np.trapezoid(curve, share, axis=-1))
