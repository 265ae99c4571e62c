"""Average precision as a weighted merge of the tallies of images, equal to COCO's.

The objects found in all images are put in the order of their confidence once. An image that counts ``w`` times adds ``w`` to
every count of its objects, so a subgroup, a bootstrap replicate and the whole are the same cumulative sums of other
weights: no replicate sorts or matches anything. Of the precision curve only the places of right objects are needed, since
recall moves nowhere else and precision only falls between them.

Legend: N images, k tally columns, R sets of weights, C classes, P right objects, T bounds of overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric, ratio
from assay.outputs._boxes_matching import BOUNDS, unpacked

RECALLS = np.linspace(0, 1, 101)  # where a precision curve is read
_CELLS = 1 << 21  # numbers in one array of a block: 16 MB
_SPACING = float(np.spacing(1.0))
ALL = tuple(range(len(BOUNDS)))
HALF, THREE_QUARTERS = 0, 5  # positions among the bounds


def boxes_metrics(classes: int) -> tuple[Metric, ...]:
    """mAP@[.5:.95] and its values at .5 and .75; then F1, precision and recall of the objects that are listed.

    Average precision is of the images that show an object: what is found in one that shows none counts against it, and yet
    there is no average precision of that image.
    """

    def f1(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(2 * sums[..., -3] / (sums[..., -2] + sums[..., -1]))

    def shows(tallies: Array) -> NDArray[np.bool_]:
        return np.asarray(tallies[:, -1] > 0)

    def any_object(tallies: Array) -> NDArray[np.bool_]:
        return np.asarray(tallies[:, -2] + tallies[:, -1] > 0)

    def ranked(name: str, bounds: Sequence[int]) -> Metric:
        merge = partial(mean_average_precision, classes=classes, bounds=bounds)
        return Metric(name=name, of=_no_sum, better="higher", merge=merge, tells=shows)

    return (
        ranked("map", ALL),
        ranked("ap50", (HALF,)),
        ranked("ap75", (THREE_QUARTERS,)),
        Metric(name="f1", of=f1, better="higher", tells=any_object),
        ratio("precision", -3, -2, better="higher"),
        ratio("recall", -3, -1, better="higher"),
    )


def _no_sum(sums: Array) -> Array:
    raise AssertionError(f"average precision is a merge of tallies, and no function of sums {sums.shape}")


def mean_average_precision(tallies: Array, weights: Array, *, classes: int, bounds: Sequence[int]) -> Array:
    """The mean of `average_precisions` over the bounds and the classes that have true objects, ``[R]``; nan without any."""
    found = average_precisions(tallies, weights, classes=classes, bounds=bounds)
    there = ~np.isnan(found)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, found, 0).sum((1, 2)) / there.sum((1, 2)))


def average_precisions(tallies: Array, weights: Array, *, classes: int, bounds: Sequence[int] = ALL) -> Array:
    """The average precision of each class at each bound of overlap: the mean of the precision at 101 levels of recall,
    each the best at that recall or a higher one.

    Args:
        tallies: ``[N, k]``; among equally sure objects the order is that of the images, as in ``cocoeval.py``.
        weights: how often each image counts, ``[R, N]``.
        classes: C.
        bounds: positions among `BOUNDS`.

    Returns:
        ``[R, T, C]``; nan for a class without true objects.
    """
    confidence, code, right, uncounted, true = unpacked(tallies, classes)
    image, rank = np.nonzero(code >= 0)
    order = np.argsort(-confidence[image, rank], kind="stable")
    image, rank = image[order], rank[order]
    code, right, uncounted = code[image, rank], right[image, rank], uncounted[image, rank]
    wanted = weights @ true
    out = np.zeros((len(weights), len(bounds), classes))
    for c in range(classes):
        of_class = code == c
        images, rights, without = image[of_class], right[of_class], uncounted[of_class]
        step = max(1, _CELLS // max(1, len(images)))
        for start in range(0, len(weights), step):
            rows = slice(start, start + step)
            out[rows, :, c] = _of_class(weights[rows][:, images], rights, without, wanted[rows, c], bounds)
    out[np.broadcast_to(wanted[:, None, :] <= 0, out.shape)] = np.nan
    return out


def _of_class(
    weights: Array, right: NDArray[np.int64], uncounted: NDArray[np.int64], wanted: Array, bounds: Sequence[int]
) -> Array:
    """Average precision ``[R, T]`` of one class, of weights ``[R, D]`` of its objects, the surest first."""
    found = np.zeros((len(weights), len(bounds)))
    seen = np.cumsum(weights, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        for t, bound in enumerate(bounds):
            at = np.flatnonzero((right >> bound) & 1)
            out = ((uncounted >> bound) & 1).astype(np.bool_)
            so_far = np.cumsum(weights * ~out, axis=1) if out.any() else seen
            hits = np.cumsum(weights[:, at], axis=1)
            precision = hits / (so_far[:, at] + _SPACING)
            best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            levels = np.diff(_levels(hits / wanted[:, None]), axis=1, prepend=0)
            found[:, t] = (best * levels).sum(1) / len(RECALLS)
    return found


def _levels(recall: Array) -> NDArray[np.int64]:
    """How many of the 101 levels of recall are reached."""
    near = np.clip(np.rint(np.nan_to_num(recall) * 100), 0, 100).astype(np.int64)  # only this one is in doubt
    return near + (RECALLS[near] <= recall)
