"""Masks for Shapley values: all of them, or pairs of opposites drawn by leverage; and what each counts for.

Legend: P parts, M masks.
"""

from __future__ import annotations

from math import comb

import numpy as np

from assay.core.metric import Array
from assay.methods.attribution import Masks


def every(parts: int) -> Masks:
    """All masks, ``[2 ** P, P]``, from none kept to all kept."""
    return np.asarray(np.arange(1 << parts)[:, None] >> np.arange(parts) & 1, dtype=np.bool_)


def shares(masks: Masks) -> Array:
    """What the value of each mask counts for in the Shapley value of each part, ``[M, P]``."""
    joined, missed = by_size(masks.shape[1])
    size = masks.sum(axis=1)
    return np.asarray(np.where(masks, joined[size][:, None], -missed[size][:, None]))


def by_size(parts: int) -> tuple[Array, Array]:
    """The same by the size of the mask, ``[P + 1]``: for a part that it keeps, and, negated, for one that it does not."""
    orders = [1 / (parts * comb(parts - 1, s)) for s in range(parts)]  # of all orders, those with s parts before it
    return np.array([0.0, *orders]), np.array([*orders, 0.0])


def pairs(parts: int, count: int, rng: np.random.Generator) -> Masks:
    """``count`` masks, no two of them equal or opposite, ``[count, P]``; the first keeps all parts.

    Every size from 1 to P - 1 is as likely as any other (until its masks run out), which is how much leverage masks of
    that size have on the values (Musco and Witter 2025). Of a mask and its opposite the one with the first part is given.

    There must be so many: ``count <= 2 ** (P - 1)``.
    """
    assert parts >= 2
    assert count <= 2 ** (parts - 1)
    found = np.ones((1, parts), dtype=np.bool_)
    while len(found) < count:
        some = 2 * (count - len(found)) + 16
        place = rng.random((some, parts)).argsort(axis=1)
        drawn = place < rng.integers(1, parts, size=(some, 1))
        drawn ^= ~drawn[:, :1]
        found = np.concatenate([found, drawn])
        _, first = np.unique(np.packbits(found, axis=1), axis=0, return_index=True)
        found = found[np.sort(first)]
    return found[:count]


def scatter(parts: int) -> Array:
    """How Shapley values of a game co-vary whose values are independent with variance 1, ``[P, P]``."""
    joined, missed = by_size(parts)
    own = other = 0.0
    for size, (j, m) in enumerate(zip(joined.tolist(), missed.tolist(), strict=True)):
        own += _choose(parts - 1, size - 1) * j * j + _choose(parts - 1, size) * m * m
        both, one, neither = (_choose(parts - 2, size - kept) for kept in (2, 1, 0))
        other += both * j * j - 2 * one * j * m + neither * m * m
    return np.full((parts, parts), other) + (own - other) * np.eye(parts)


def _choose(n: int, k: int) -> float:
    return float(comb(n, k)) if 0 <= k <= n else 0.0
