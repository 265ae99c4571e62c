"""Metrics and tables of labels that need counts by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric
from assay.core.record import Table

BINS = 10
MOST_CONFUSION = 30  # classes; a larger matrix is not read


def macro_f1(first: int, classes: int) -> Metric:
    """The mean over classes of F1, of sums whose columns from ``first`` on are hits, predicted and actual by class.

    A class that neither occurs nor is predicted is left out, as scikit-learn's ``f1_score(average="macro")`` does.
    """

    def of(sums: Array) -> Array:
        by_class = sums[..., first : first + 3 * classes].reshape(*sums.shape[:-1], 3, classes)
        hits, seen = by_class[..., 0, :], by_class[..., 1, :] + by_class[..., 2, :]
        with np.errstate(invalid="ignore", divide="ignore"):
            f1 = np.where(seen > 0, 2 * hits / seen, 0.0)
            return np.asarray(f1.sum(-1) / (seen > 0).sum(-1))

    return Metric(name="macro_f1", of=of, better="higher")


def label_tables(
    classes: tuple[str, ...], probability: NDArray[np.float32], label: NDArray[np.int64]
) -> tuple[Table, ...]:
    """The tables ``by class``, ``confusion`` (up to 30 classes) and ``calibration``."""
    predicted, c = probability.argmax(1), len(classes)
    counts = np.bincount(label * c + predicted, minlength=c * c).reshape(c, c) if c <= 1000 else None
    hits = np.bincount(label[predicted == label], minlength=c)
    actual, given = np.bincount(label, minlength=c), np.bincount(predicted, minlength=c)
    rows = tuple(
        (
            classes[k],
            int(actual[k]),
            _share(hits[k], given[k]),
            _share(hits[k], actual[k]),
            _share(2 * hits[k], given[k] + actual[k]),
        )
        for k in range(c)
        if actual[k] or given[k]
    )
    found = [Table("by class", ("class", "n", "precision", "recall", "f1"), rows)]
    if counts is not None and c <= MOST_CONFUSION:
        cells = tuple((classes[a], classes[p], int(counts[a, p])) for a in range(c) for p in range(c))
        found.append(Table("confusion", ("actual", "predicted", "count"), cells))
    return (*found, _calibration(probability.max(1), predicted == label))


def _calibration(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> Table:
    """How often answers of a confidence are right, in ten bins of confidence."""
    at = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = []
    for b in range(BINS):
        members = at == b
        if n := int(members.sum()):
            rows.append((b / BINS, (b + 1) / BINS, float(confidence[members].mean()), float(right[members].mean()), n))
    columns = ("confidence_low", "confidence_high", "mean_confidence", "accuracy", "n")
    return Table(
        "calibration", columns, tuple(rows), "An answer given with 80 % confidence should be right 80 % of the time."
    )


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
