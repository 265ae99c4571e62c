"""How far one voice is from another: mel-cepstral distortion along the best alignment in time.

Legend: T, S frames, M mel bands, K cepstral coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

COEFFICIENTS = 13  # K, the first being the second of the transform: how loud it is does not count
DECIBELS = 10 * math.sqrt(2) / math.log(10)


def distortion(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[float, int]:
    """The sum of the distances in dB of the frames of two log-mel spectrograms, and how many pairs of frames it is of.

    The mel-cepstral distortion (Kubichek 1993) is their quotient. The coefficients of a frame are those of the cosine
    transform of the natural logarithms of its ``M`` magnitudes, ``c[k] = 2/M · Σ ln s[m] · cos(πk(m + ½)/M)`` for k from 1
    to 13; two frames are ``10 √2 / ln 10 · ‖c − c′‖`` apart, which is the root mean square of the differences of
    their smoothed spectra in dB. Frames are paired by dynamic time warping: the cheapest way from both first frames to both
    last ones in steps of one frame in either or in both.

    Args:
        a, b: natural logarithms of magnitudes, ``[T, M]`` and ``[S, M]``, T and S at least 1.

    >>> steps = np.repeat(np.eye(4), 3, axis=0)
    >>> round(distortion(steps, np.repeat(np.eye(4), 5, axis=0))[0], 5)
    0.0
    """
    distance = apart(cepstra(a), cepstra(b))
    return warped(distance)


def beside_mean(mean: Sequence[float], true: NDArray[np.floating]) -> tuple[float, int]:
    """What `distortion` gives for a sound of nothing but the frame ``mean`` ``[M]``, as long as ``true`` ``[T, M]``: of
    frames that are all alike the cheapest way is the straight one.

    >>> beside_mean([1.0, 2.0], np.array([[1.0, 2.0]] * 3))
    (0.0, 3)
    """
    return float(apart(cepstra(np.array([mean])), cepstra(true)).sum()), len(true)


def cepstra(log_mel: NDArray[np.floating]) -> Array:
    """Cepstral coefficients 1 … K of ``[T, M]``: ``[T, K]``, as `distortion` defines them."""
    bands = log_mel.shape[1]
    k = np.arange(1, min(COEFFICIENTS, bands - 1) + 1)
    cosines = np.cos(np.pi / bands * np.outer(np.arange(bands) + 0.5, k))
    return np.asarray(2 / bands * (log_mel.astype(np.float64) @ cosines))


def apart(a: Array, b: Array) -> Array:
    """The distance in dB of each frame of ``a`` ``[T, K]`` from each of ``b`` ``[S, K]``: ``[T, S]``."""
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T
    return np.asarray(DECIBELS * np.sqrt(np.maximum(squares, 0)))


def warped(distance: Array) -> tuple[float, int]:
    """The cheapest sum along a way through ``distance`` ``[T, S]`` from corner to corner, and how many cells it has.

    Of ways that are equally cheap it is the one that goes straight on where it can.

    >>> warped(np.array([[0.0, 5.0, 9.0], [5.0, 1.0, 1.0]]))
    (2.0, 3)
    """
    rows, columns = distance.shape
    # Diagonal by diagonal, each a vector over the rows; both that came before are kept.
    cost = np.full((rows + columns - 1, rows + 1), np.inf)
    cells = np.zeros((rows + columns - 1, rows + 1), dtype=np.int64)
    cost[0, 1], cells[0, 1] = distance[0, 0], 1
    for d in range(1, rows + columns - 1):
        i = np.arange(max(0, d - columns + 1), min(rows, d + 1))  # place i stands at i + 1; place 0 is outside
        before, at = cost[d - 2] if d > 1 else np.full(rows + 1, np.inf), d - 2 if d > 1 else 0
        ways = np.stack([before[i], cost[d - 1, i], cost[d - 1, i + 1]])
        counts = np.stack([cells[at, i], cells[d - 1, i], cells[d - 1, i + 1]])
        best = ways.argmin(0)
        each = np.arange(len(i))
        cost[d, i + 1] = ways[best, each] + distance[i, d - i]
        cells[d, i + 1] = counts[best, each] + 1
    return float(cost[-1, -1]), int(cells[-1, -1])
