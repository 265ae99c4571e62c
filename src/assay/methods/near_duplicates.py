"""Rows that are nearly the same: by how much nearer they are than chance would bring two rows.

Near is relative. Where rows lie in a space of dimension m with a locally even density, the number of rows within a
distance r grows as r**m. So if the k-th neighbour of a row stands at R, the chance that any of the k − 1 nearer ones
stands within r is about ``(k − 1) (r / R)**m``: a small number for photographs (m ≈ 20) at r = R/2, nothing unusual for
a table of three columns. m is estimated from the data, and every pair is judged by this chance, with the share of false
pairs held by the step-up rule.

References:
    Benjamini & Hochberg (1995), Controlling the false discovery rate, JRSS B.
    Barz & Denzler (2020), Do we train on test data? Purging CIFAR of near-duplicates, arXiv:1902.00423: why to look.

Shapes: N rows, D features, U distinct rows, P pairs, k neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from assay.methods.neighbours import Floats, Ints, blocks, finite, intrinsic_dimension, neighbours

_K = 16  # the neighbour whose distance is the usual one
_SAMPLE = 2_000  # rows that the usual distance and the dimension are measured on at large
_SMALLEST = 256  # rows of the sample that the usual distance is measured to, at the least
_PENALTY = 1_000.0  # on the chance judged by the sample, which trusts the density to be even over a longer range
_CROWD = 2 / 3  # of the threshold, for the same reason: else small things on plain ground are a crowd (CIFAR-10)
_FEWEST = 12  # distinct rows below which nothing can be said of what is usual


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs of rows that are nearly the same.

    Attributes:
        pairs: ``int64 [P, 2]``, the smaller row first, sorted. Of identical rows, each is paired with the first.
        similarity: ``float64 [P]``, 1 − distance ÷ usual distance: 1 where identical, 0 for an ordinary neighbour.
        cluster: ``int64 [N]``, the same number for rows linked by pairs, ``-1`` for rows in no pair.
        dimension: the intrinsic dimension that chance was judged with; ``nan`` where too few rows are distinct.
    """

    pairs: Ints
    similarity: NDArray[np.float64]
    cluster: Ints
    dimension: float


def near_duplicates(
    features: NDArray[np.floating], *, threshold: float = 0.6, false: float = 0.01, seed: int = 0
) -> NearDuplicates:
    """The pairs of rows of ``features [N, D]`` that are far nearer than chance brings rows. Cost as `neighbours`.

    Two usual distances are tried: that of the 16th neighbour; and, since a cluster of more than 16 (the frames of a
    video) hides from it, that of the 16th neighbour in a sample of at most 2,000 rows and an eighth of all, at a
    thousandfold stricter chance.

    Rows that are identical are paired whatever the chance: in a table of few categories that is no finding.

    Args:
        features: finite numbers in which Euclidean distance means something: edges and blurred thumbnails with
            brightness and contrast taken out, standardised columns.
        threshold: the largest distance of a pair, as a share of the usual distance.
        false: the largest expected share of pairs by chance among the pairs reported.
        seed: of the search.

    Raises:
        ValueError: ``features`` is not a matrix of finite numbers.

    >>> rows = np.random.default_rng(0).normal(size=(500, 20))
    >>> rows[7] = rows[123] + 0.01
    >>> near_duplicates(rows).pairs.tolist()
    [[7, 123]]
    """
    x_ND = finite(features)
    first, which = _distinct(x_ND)
    copies = np.flatnonzero(first[which] != np.arange(len(x_ND)))
    pairs, similarity = np.stack([first[which[copies]], copies], axis=1), np.ones(len(copies))
    dimension = float("nan")
    if len(first) >= _FEWEST:
        near, alike, dimension = _far_nearer_than_chance(x_ND[first], threshold, false, seed)
        pairs, similarity = np.concatenate([pairs, np.sort(first[near], axis=1)]), np.concatenate([similarity, alike])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearDuplicates(pairs[order], similarity[order], clusters(pairs, len(x_ND)), dimension)


def exact_duplicates(keys: Sequence[str]) -> tuple[Ints, ...]:
    """Groups of two or more positions with the same key (a hash of content), in order of their first.

    >>> [group.tolist() for group in exact_duplicates(["a", "b", "a", "c", "b"])]
    [[0, 2], [1, 4]]
    """
    seen: dict[str, list[int]] = {}
    for position, key in enumerate(keys):
        seen.setdefault(key, []).append(position)
    return tuple(np.array(group, dtype=np.int64) for group in seen.values() if len(group) > 1)


def clusters(pairs: Ints, count: int) -> Ints:
    """The connected component ``int64 [count]`` of each row, numbered by first row; ``-1`` for rows in no pair.

    >>> clusters(np.array([[1, 3], [3, 4]]), 5).tolist()
    [-1, 0, -1, 0, 0]
    """
    label = np.full(count, -1, np.int64)
    members = np.unique(pairs)
    if len(members):
        graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        _, component = connected_components(graph, directed=False)
        _, start, number = np.unique(component[members], return_index=True, return_inverse=True)
        label[members] = np.argsort(np.argsort(start))[number]
    return label


def _distinct(x_ND: Floats) -> tuple[Ints, Ints]:
    """The first row of every set of identical rows, and the set of each row."""
    if x_ND.shape[1] == 0:
        return np.zeros(min(1, len(x_ND)), np.int64), np.zeros(len(x_ND), np.int64)
    whole = (x_ND + 0.0).view(np.dtype((np.void, 4 * x_ND.shape[1]))).ravel()  # + 0.0: minus zero is zero
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    return first.astype(np.int64), which.ravel().astype(np.int64)


def _far_nearer_than_chance(
    x_UD: Floats, threshold: float, false: float, seed: int
) -> tuple[Ints, NDArray[np.float64], float]:
    found = neighbours(x_UD, min(_K, len(x_UD) - 1), seed=seed)
    k = found.index.shape[1]
    sample = x_UD[np.random.default_rng(seed).choice(len(x_UD), min(_SAMPLE, len(x_UD)), replace=False)]
    dimension = intrinsic_dimension(_to_sample(sample, sample, k))
    sample = sample[: max(_SMALLEST, len(x_UD) // 8)]  # of a crowd below 128, few are in the sample
    abroad = _to_sample(x_UD, sample, k)
    differ = np.empty((len(x_UD), k))
    for rows in blocks(len(x_UD), k * x_UD.shape[1]):
        differ[rows] = (x_UD[rows, None] != x_UD[found.index[rows]]).sum(-1)
    # Rows of a table that agree in most columns move in the others alone: chance has no more dimensions than those.
    free = np.minimum(dimension, np.median(differ[:, min(3, k - 1) :], axis=1))
    common = _common(differ, found.distance)

    a, b = np.repeat(np.arange(len(x_UD)), k), found.index.ravel()
    pairs, at = np.unique(np.sort(np.stack([a, b], axis=1), axis=1), axis=0, return_index=True)
    a, b = pairs.T
    apart = found.distance.ravel()[at].astype(np.float64)
    m = np.minimum(free[a], free[b])
    m = np.where(differ.ravel()[at] >= common, np.minimum(m, differ.ravel()[at]), m)
    best = np.full(len(pairs), np.inf)
    similarity = np.zeros(len(pairs))
    for usual, factor, most in (
        (found.distance[:, -1], k - 1.0, threshold),
        (abroad[:, -1], _PENALTY * k * len(x_UD) / len(sample), _CROWD * threshold),
    ):
        scale = np.minimum(usual[a], usual[b]).astype(np.float64)
        share = np.divide(apart, scale, out=np.ones_like(apart), where=scale > 0)
        chance = np.where(share <= most, factor * np.minimum(share, 1.0) ** m, np.inf)
        similarity = np.where(chance < best, 1 - share, similarity)
        best = np.minimum(best, chance)
    nearest = np.full(len(x_UD), np.inf)
    np.minimum.at(nearest, a, best)
    np.minimum.at(nearest, b, best)
    kept = best <= _step_up(nearest, false)
    return pairs[kept], similarity[kept], dimension


def _common(differ: NDArray[np.float64], distance: Floats) -> float:
    """In how few columns neighbours that are not near duplicates commonly differ: 1 % of rows have one that does."""
    fewest = np.where(distance > 0.3 * distance[:, -1:], differ, np.inf).min(axis=1)
    return float(np.quantile(fewest, 0.01, method="lower"))


def _to_sample(x_UD: Floats, sample: Floats, k: int) -> Floats:
    """Sorted distances ``[U, k]`` to the nearest rows of the sample, itself left out."""
    centre = sample.mean(axis=0)
    sample = sample - centre
    norm = np.square(sample).sum(axis=1)
    out = np.empty((len(x_UD), k), np.float32)
    for rows in blocks(len(x_UD), len(sample)):
        x = x_UD[rows] - centre
        squared = np.square(x).sum(axis=1)[:, None] + norm - 2 * (x @ sample.T)
        squared[squared <= 1e-6 * (norm + 1e-30)] = np.inf
        out[rows] = np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1)
    return np.sqrt(np.maximum(out, 0))


def _step_up(chance: NDArray[np.float64], false: float) -> float:
    """Benjamini and Hochberg's bound on chances, one test a row."""
    ordered = np.sort(chance)
    within = np.flatnonzero(ordered <= false * np.arange(1, len(ordered) + 1) / len(ordered))
    return float(ordered[within[-1]]) if len(within) else -1.0
