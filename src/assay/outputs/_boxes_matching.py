"""Which found objects are which true ones, as COCO's evaluator decides it, and the tally of that.

Every object found takes, the surest first, the true one of its class with which it overlaps most and that is not taken,
at each of ten bounds of overlap: ``[.5:.95]``. True objects to ignore (COCO's crowds, VOC's difficult ones) are taken only
where no other is, by as many as like; what takes one counts neither as right nor as wrong. Overlap is intersection over
union, with an object to ignore over the area of the one found (Lin et al. 2014, arXiv:1405.0312; ``cocoeval.py``).

The tally of an image has, for each of ``D`` found objects, its confidence and a word of class and matches; then the number
of true objects by class; then what is right, what is listed and what is true of the objects that a prediction lists.

Legend: B batch, D found objects, M places for true ones, T = 10 bounds, C classes, k = 2 D + C + 3 tally columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array

FOUND = 100  # objects of an image that are judged, as COCO judges them
BOUNDS = np.linspace(0.5, 0.95, 10)
NONE = -1.0  # stands where an image has fewer objects
_BITS = len(BOUNDS)
_LISTED = 3  # columns at the end of a tally: right, listed, true


def matched(
    boxes: Array,
    code: NDArray[np.int64],
    true_boxes: Array,
    true_code: NDArray[np.int64],
    ignore: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which objects found are right and which are not to be counted, at each bound.

    Args:
        boxes: ``[B, D, 4]`` (x0, y0, x1, y1), the surest first.
        code: their classes ``[B, D]``; negative where there is none.
        true_boxes: ``[B, M, 4]``.
        true_code: ``[B, M]``; negative where there is none.
        ignore: ``[B, M]``.

    Returns:
        ``right [B, D, T]`` and ``uncounted [B, D, T]``, never both.

    >>> half = np.array([[[0.0, 0.0, 0.5, 1.0]]])
    >>> right, _ = matched(half, np.array([[0]]), half * [1, 1, 1, 0.6], np.array([[0]]), np.array([[False]]))
    >>> int(right.sum())  # an overlap of .6 is enough for the bounds .5, .55 and .6
    3
    """
    b, d = code.shape
    m = true_code.shape[1]
    right = np.zeros((b, d, len(BOUNDS)), dtype=np.bool_)
    uncounted = np.zeros_like(right)
    if not m:
        return right, uncounted
    free = np.broadcast_to(~ignore[:, None, :], (b, len(BOUNDS), m)).copy()
    least = np.minimum(BOUNDS, 1 - 1e-10)[None, :, None]
    rows, bounds = np.arange(b)[:, None], np.arange(len(BOUNDS))[None, :]
    for at in range(d):
        alike = (true_code == code[:, at, None]) & (code[:, at, None] >= 0)
        if not alike.any():
            continue
        shared = np.where(alike, _overlap(boxes[:, at, None], true_boxes, ignore), -1.0)
        enough = shared[:, None, :] >= least
        best, taken = _last_largest(shared, enough & free)
        right[:, at] = taken
        free[rows, bounds, best] &= ~taken
        if ignore.any():
            _, passed = _last_largest(shared, enough & ignore[:, None, :])
            uncounted[:, at] = passed & ~taken
    return right, uncounted


def tallied(
    boxes: Array,
    code: NDArray[np.int64],
    confidence: Array,
    true_boxes: Array,
    true_code: NDArray[np.int64],
    ignore: NDArray[np.bool_],
    classes: int,
    least: float,
) -> Array:
    """The tally ``[B, k]`` of objects found, in any order; those of confidence ``least`` and above are the listed ones."""
    order = np.argsort(-confidence, axis=1, kind="stable")
    confidence = np.take_along_axis(confidence, order, 1)
    code = np.take_along_axis(code, order, 1).astype(np.int64)
    boxes = np.take_along_axis(boxes, order[..., None], 1)
    right, uncounted = matched(boxes, code, true_boxes, true_code, ignore)
    bits = 1 << np.arange(_BITS)
    word = (code << (2 * _BITS)) | ((right @ bits) << _BITS) | (uncounted @ bits)
    b, d = code.shape
    out = np.zeros((b, 2 * d + classes + _LISTED))
    out[:, :d] = np.where(code >= 0, confidence, NONE)
    out[:, d : 2 * d] = np.where(code >= 0, word, NONE)
    counted = (true_code >= 0) & ~ignore
    row, _ = np.nonzero(counted)
    np.add.at(out, (row, 2 * d + true_code[counted]), 1)
    listed = (code >= 0) & (confidence >= least) & ~uncounted[..., 0]
    out[:, -3] = (right[..., 0] & listed).sum(1)
    out[:, -2] = listed.sum(1)
    out[:, -1] = counted.sum(1)
    return out


def unpacked(
    tallies: Array, classes: int
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Array]:
    """From tallies ``[N, k]``: confidence and class ``[N, D]`` (class −1 where there is none), the bounds at which an
    object is right and those at which it does not count, as bits ``[N, D]``, and true objects by class ``[N, C]``."""
    d = (tallies.shape[1] - classes - _LISTED) // 2
    word = tallies[:, d : 2 * d].astype(np.int64)
    mask = (1 << _BITS) - 1
    there = word >= 0
    right, uncounted = (np.where(there, part, 0) for part in ((word >> _BITS) & mask, word & mask))
    code = np.where(there, word >> (2 * _BITS), -1)
    return tallies[:, :d], code, right, uncounted, tallies[:, 2 * d : 2 * d + classes]


def _overlap(box: Array, others: Array, ignore: NDArray[np.bool_]) -> Array:
    """Intersection over union ``[B, M]`` of ``box [B, 1, 4]`` with each of ``others [B, M, 4]``; over the area of ``box``
    with those to ignore."""
    width = np.minimum(box[..., 2], others[..., 2]) - np.maximum(box[..., 0], others[..., 0])
    height = np.minimum(box[..., 3], others[..., 3]) - np.maximum(box[..., 1], others[..., 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    own, other = _area(box), _area(others)
    whole = np.where(ignore, own, own + other - shared)
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0))


def _area(box: Array) -> Array:
    return np.asarray((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]))


def _last_largest(shared: Array, able: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Among the ``able [B, T, M]`` the one of the largest overlap, of equal ones the last, as ``cocoeval.py`` takes it:
    ``[B, T]``, and whether there is any."""
    values = np.where(able, shared[:, None, :], -1.0)
    best = values.shape[2] - 1 - values[..., ::-1].argmax(2)
    return np.asarray(best), np.asarray(able.any(2))
