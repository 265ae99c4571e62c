"""The bootstrap of any metric of summed tallies, as one blocked matrix product.

Shapes: N examples, k tally columns, G groups, R replicates.

A replicate of a metric is the metric of a weighted sum of tallies, so R replicates are a weight matrix ``[R, N]`` times
the tallies ``[N, k]``. Neither is ever whole in memory: weights are drawn, used and dropped in blocks of fixed size.

Metrics must not change when every sum is doubled (means, ratios, F-measures, correlations …): with Poisson weights the
number of examples in a replicate is itself random.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array

Codes = NDArray[np.int64]

SMALL = 1000  # up to here a group's weights are multinomial, so that no replicate is empty
_REPLICATES, _ROWS = 256, 2048  # a block of weights: 4 MB, which stays in cache

# Where uniform 16-bit integers must be cut for Poisson(1) weights: P(w > j) holds to 2^-16, so w is 0 … 8, of mean 1
# exactly and variance 1 - 3e-5. Eight comparisons of 16-bit lanes cost 0.9 ns a weight here, a lookup table 1.5, and
# NumPy's own Poisson 33.
_CUTS = [
    cut
    for cut in (round(65536 * sum(math.exp(-1) / math.factorial(i) for i in range(j + 1))) for j in range(9))
    if cut < 65536
]


def group_rows(groups: Codes | None, n: int, n_groups: int = 1) -> list[Codes]:
    """The rows of each group, by one stable sort. Without codes all rows are one group.

    >>> [rows.tolist() for rows in group_rows(np.array([1, 0, 1, -1]), 4, 2)]
    [[1], [0, 2]]
    """
    if groups is None:
        groups = np.zeros(n, dtype=np.int64)
    if len(groups) != n:
        raise ValueError(f"{len(groups)} group codes for {n} rows of tallies")
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(n_groups + 1))
    return [order[start:stop] for start, stop in pairwise(ends)]


def gather(tallies: Array, rows: Codes, size: int) -> Iterator[Array]:
    """The tallies at ``rows``, at most ``size`` of them at a time."""
    return (tallies[rows[at : at + size]] for at in range(0, len(rows), max(size, 1)))


def group_sums(tallies: Array, groups: Codes | None = None, n_groups: int = 1) -> Array:
    """Each group's summed tallies, ``[G, k]``; arguments as in `bootstrap_sums`.

    >>> group_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 1, 0]), 2).tolist()
    [[5.0], [2.0]]
    """
    sums = np.zeros((n_groups, tallies.shape[1]))
    for g, rows in enumerate(group_rows(groups, len(tallies), n_groups)):
        for part in gather(tallies, rows, _ROWS):
            sums[g] += part.sum(axis=0)
    return sums


def bootstrap_blocks(
    tallies: Array, groups: Codes | None = None, n_groups: int = 1, *, replicates: int = 2000, seed: int = 0
) -> Iterator[Array]:
    """The blocks of `bootstrap_sums`, ``[at most 256, G, k]`` each, in order: memory is flat in R and N.

    Every block has its own stream of random numbers, so more replicates repeat the earlier blocks and go on from there.
    """
    tallies = np.asarray(tallies, dtype=np.float64)
    members = group_rows(groups, len(tallies), n_groups)
    for start in range(0, replicates, _REPLICATES):
        size = min(_REPLICATES, replicates - start)
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, start])))
        sums = np.zeros((size, n_groups, tallies.shape[1]))
        for g, rows in enumerate(members):
            small = len(rows) <= SMALL
            draw = _multinomial if small else _poisson
            for part in gather(tallies, rows, SMALL if small else _ROWS):
                with np.errstate(invalid="ignore", over="ignore"):  # infinite rows become nan, which the metric shows
                    sums[:, g] += draw(random, size, len(part)) @ part
        yield sums


def bootstrap_sums(
    tallies: Array, groups: Codes | None = None, n_groups: int = 1, *, replicates: int = 2000, seed: int = 0
) -> Array:
    """Sums of resampled tallies, resampled within each group.

    Groups above `SMALL` rows get independent Poisson(1) weights (Chamandy, Muralidharan, Najmi & Naidu 2012,
    *Estimating uncertainty for massive data streams*); smaller ones get multinomial weights, the bootstrap itself.

    Args:
        tallies: ``[N, k]``.
        groups: codes ``[N]`` from 0 (negative: in no group); ``None`` for one group of all.
        n_groups: G.
        replicates: R.
        seed: the same seed gives the same sums.

    Returns:
        ``[R, G, k]``.

    >>> sums = bootstrap_sums(np.ones((10, 1)), replicates=3)
    >>> sums.shape, sums.ravel().tolist()
    ((3, 1, 1), [10.0, 10.0, 10.0])
    """
    return np.concatenate(list(bootstrap_blocks(tallies, groups, n_groups, replicates=replicates, seed=seed)))


def bootstrap_weights(n: int, *, replicates: int = 2000, seed: int = 0) -> Iterator[Array]:
    """How often each of ``n`` rows counts in each replicate, in blocks ``[r, n]`` of at most 256 replicates and 32 MB, for
    what is no function of sums. Drawn as in `bootstrap_sums`, by streams of their own.

    >>> [block.sum(axis=1).tolist() for block in bootstrap_weights(10, replicates=3)]
    [[10.0, 10.0, 10.0]]
    """
    most = max(1, min(_REPLICATES, (1 << 22) // max(n, 1)))
    draw = _multinomial if n <= SMALL else _poisson
    for start in range(0, replicates, most):
        random = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, start, n])))
        yield draw(random, min(most, replicates - start), n)


def _poisson(random: np.random.Generator, size: int, n: int) -> Array:
    """Weights ``[size, n]``, Poisson(1)."""
    words = random.integers(0, 2**64, -(-size * n // 4), dtype=np.uint64)
    bits = words.view(np.uint16)[: size * n].reshape(size, n)
    counts = (bits >= _CUTS[0]).view(np.uint8)
    above = np.empty((size, n), dtype=np.bool_)
    for cut in _CUTS[1:]:
        np.greater_equal(bits, cut, out=above)
        counts += above.view(np.uint8)
    return counts.astype(np.float64)


def _multinomial(random: np.random.Generator, size: int, n: int) -> Array:
    """Weights ``[size, n]``: how often each of n rows comes up in n draws."""
    drawn = random.integers(0, n, (size, n))
    drawn += n * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
