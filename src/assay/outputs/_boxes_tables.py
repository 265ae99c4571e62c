"""What people look at beside mAP: quality by class, what kinds of mistakes there are, and confidence against precision.

Legend: N images, k tally columns, D found objects, M places for true ones, C classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array
from assay.core.protocols import Pack
from assay.core.record import Table
from assay.outputs._boxes_matching import unpacked
from assay.outputs._boxes_metrics import HALF, average_precisions

NEAR = 0.1  # overlap from which an object found is a bad box of a true one, and not background
BINS = 10
KINDS = {
    "right": "overlaps a true object of its class by half or more",
    "other class": "overlaps a true object of another class by half or more",
    "twice": "overlaps a true object that a surer one has taken",
    "badly placed": "overlaps a true object of its class by a tenth to a half",
    "background": "overlaps no true object",
    "missed": "a true object that none of the objects listed has taken",
}


def best_least(tallies: Array, classes: int, otherwise: float) -> float:
    """The confidence from which objects are to be listed for the largest F1 at an overlap of .5.

    Args:
        tallies: of held-out images, ``[N, k]``.
        classes: C.
        otherwise: what is given back where no object was found that is right.
    """
    confidence, code, right, uncounted, true = unpacked(tallies, classes)
    counts = (code >= 0) & ~_bit(uncounted)
    scores, hits = confidence[counts], _bit(right)[counts]
    if not hits.any():
        return otherwise
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(hits[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + true.sum())
    last_of_equal = np.append(np.diff(scores) < 0, True)  # objects of one confidence are listed together or not at all
    best = int(np.where(last_of_equal, f1, -1.0).argmax())
    below = scores[best + 1] if best + 1 < len(scores) else 0.0
    return float(np.clip(np.ceil(1e4 * (scores[best] + below) / 2) / 1e4, 0.0, scores[best]))


def boxes_tables(labels: Sequence[str], least: float, tallies: Array, answers: Pack, y: Pack) -> tuple[Table, ...]:
    """The tables ``by class``, ``mistakes`` and ``calibration``."""
    return _by_class(labels, least, tallies), _mistakes(least, answers, y), _calibration(tallies, len(labels))


def _by_class(labels: Sequence[str], least: float, tallies: Array) -> Table:
    c = len(labels)
    confidence, code, right, uncounted, true = unpacked(tallies, c)
    found = average_precisions(tallies, np.ones((1, len(tallies))), classes=c)[0]
    listed = (code >= 0) & (confidence >= least) & ~_bit(uncounted)
    hits = listed & _bit(right)
    rows = []
    for at, label in enumerate(labels):
        n, given, good = int(true[:, at].sum()), int((listed & (code == at)).sum()), int((hits & (code == at)).sum())
        precision, recall = (good / given if given else None), (good / n if n else None)
        ap50, ap = (float(found[HALF, at]), float(found[:, at].mean())) if n else (None, None)
        rows.append((label, n, ap50, ap, given, precision, recall))
    columns = ("class", "n", "ap50", "ap", "listed", "precision", "recall")
    note = (
        "n counts true objects; ap50 is the average precision at an overlap of .5, ap its mean over .5 to .95. Precision "
        f"and recall are of the objects listed, those of confidence {least:.3g} and above, at an overlap of .5."
    )
    return Table("by class", columns, tuple(rows), note)


def _mistakes(least: float, answers: Pack, y: Pack) -> Table:
    """Kinds as TIDE has them (Bolya et al. 2020, arXiv:2008.08115), of the objects listed, at an overlap of .5."""
    counts: Counter[str] = Counter()
    true_boxes = y["exact"] if "exact" in y else y["boxes"].astype(np.float64)
    for at in range(len(y["code"])):
        code, there = answers["code"][at], y["code"][at] >= 0
        listed = np.flatnonzero((code >= 0) & (answers["confidence"][at] >= least))
        listed = listed[np.argsort(-answers["confidence"][at][listed], kind="stable")]
        boxes = answers["boxes"][at][listed].astype(np.float64)
        counts += _kinds(boxes, code[listed], true_boxes[at][there], y["code"][at][there], y["ignore"][at][there])
    rows = tuple((kind, counts[kind], KINDS[kind]) for kind in KINDS)
    return Table("mistakes", ("kind", "count", "what"), rows, "Of the objects listed and the true ones.")


def _kinds(
    boxes: Array,
    code: NDArray[np.int64],
    true_boxes: Array,
    true_code: NDArray[np.int64],
    ignore: NDArray[np.bool_],
) -> Counter[str]:
    counts: Counter[str] = Counter()
    overlap = overlaps(boxes, true_boxes) if len(true_boxes) else np.zeros((len(boxes), 1))
    same = (code[:, None] == true_code[None, :]) if len(true_boxes) else np.zeros((len(boxes), 1), dtype=np.bool_)
    ignored = ignore if len(true_boxes) else np.zeros(1, dtype=np.bool_)
    taken = np.zeros(overlap.shape[1], dtype=np.bool_)
    for row, alike in zip(overlap, same, strict=True):
        own = np.where(alike & ~ignored & ~taken, row, -1.0)
        if own.max() >= 0.5:
            taken[len(own) - 1 - own[::-1].argmax()] = True
            counts["right"] += 1
        elif row[ignored].max(initial=0.0) >= 0.5:
            continue
        elif row[alike & taken].max(initial=0.0) >= 0.5:
            counts["twice"] += 1
        elif row[~alike].max(initial=0.0) >= 0.5:
            counts["other class"] += 1
        elif row[alike].max(initial=0.0) >= NEAR:
            counts["badly placed"] += 1
        else:
            counts["background"] += 1
    counts["missed"] += int((~ignore).sum()) - int(taken.sum())
    return counts


def overlaps(a: Array, b: Array) -> Array:
    """Intersection over union of every box of ``a [n, 4]`` with every one of ``b [m, 4]``, ``[n, m]``.

    >>> float(overlaps(np.array([[0.0, 0, 1, 1]]), np.array([[0.0, 0, 0.5, 1]]))[0, 0])
    0.5
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    whole = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None, :] - shared
    return np.asarray(np.divide(shared, whole, out=np.zeros_like(shared), where=shared > 0))


def _calibration(tallies: Array, classes: int) -> Table:
    confidence, code, right, uncounted, _ = unpacked(tallies, classes)
    counted = (code >= 0) & ~_bit(uncounted)
    sure, good = confidence[counted], _bit(right)[counted]
    bins = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    rows = []
    for b in range(BINS):
        members = bins == b
        if n := int(members.sum()):
            rows.append((b / BINS, (b + 1) / BINS, float(sure[members].mean()), float(good[members].mean()), n))
    columns = ("confidence_low", "confidence_high", "mean_confidence", "accuracy", "n")
    note = "Of the objects found with 80 % confidence, 80 % should be right (by an overlap of .5)."
    return Table("calibration", columns, tuple(rows), note)


def _bit(bits: NDArray[np.int64]) -> NDArray[np.bool_]:
    return ((bits >> HALF) & 1).astype(np.bool_)
