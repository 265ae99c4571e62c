"""How far confidence is off: the expected calibration error, as a metric of summed tallies.

Shapes: N examples, B bins.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from assay.core.metric import Array, Metric

BINS = 15  # of equal width, as in Guo et al. 2017


def calibration_tally(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> Array:
    """What each answer adds to `calibration_error`, ``[N, B + 1]``: by bin of confidence, right less confidence; and 1.

    Args:
        confidence: of each answer, within 0 … 1, ``[N]``.
        right: whether each answer is right, 0 or 1, ``[N]``.
        bins: of equal width; a confidence on an edge belongs to the bin above it, and 1 to the last.

    Raises:
        ValueError: the two are not of one length, or a confidence is not within 0 … 1.

    >>> calibration_tally([0.9, 0.2], [1, 1], bins=2).round(1).tolist()
    [[0.0, 0.1, 1.0], [0.8, 0.0, 1.0]]
    """
    sure, hit = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if sure.shape != hit.shape or sure.ndim != 1:
        raise ValueError(f"confidence and right must be of one length, not {sure.shape} and {hit.shape}")
    sure = np.where((sure > 1) & (sure < 1 + 1e-5), 1.0, sure)  # a softmax in 32 bits may come out a little above 1
    if not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError("a confidence must lie within 0 … 1")
    out = np.zeros((len(sure), bins + 1))
    out[np.arange(len(sure)), np.minimum((sure * bins).astype(int), bins - 1)] = hit - sure
    out[:, -1] = 1
    return out


def calibration_error(first: int = 0, bins: int = BINS) -> Metric:
    """The expected calibration error of tallies whose columns from ``first`` on are `calibration_tally`'s.

    The mean over all answers of how far apart, in their bin, the mean confidence and the share that is right are (Naeini
    et al. 2015; Guo et al. 2017, arXiv:1706.04599). It is never below 0, so chance alone makes it positive: see
    `chance_error` for how large.

    >>> round(calibration_error(bins=2).over(calibration_tally([0.9, 0.7, 0.6], [1, 1, 0], bins=2)), 3)
    0.067
    """

    def of(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.abs(sums[..., first : first + bins]).sum(-1) / sums[..., first + bins])

    return Metric(name="calibration_error", of=of, better="lower")


def chance_error(confidence: ArrayLike, bins: int = BINS) -> float:
    """About how large the calibration error of so many answers is where confidence is perfect: nan of none.

    In a bin the sum of right less confidence is then near normal with variance ``sum(c (1 - c))``, whose mean absolute
    value is ``sqrt(2 / π)`` deviations.

    >>> round(chance_error([0.8] * 100), 4)
    0.0319
    """
    sure = np.clip(np.asarray(confidence, dtype=np.float64), 0, 1)
    if not len(sure):
        return math.nan
    at = np.minimum((sure * bins).astype(int), bins - 1)
    variance = np.bincount(at, weights=sure * (1 - sure), minlength=bins)
    return float(math.sqrt(2 / math.pi) * np.sqrt(variance).sum() / len(sure))
