"""Thresholds by group, after training: how far a group's log-probabilities must move for equal recall.

Legend: N examples, n those of one group, G groups, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array

FEWEST = 20  # examples of a class in a group, or its recall there says nothing
SWEEPS = 10  # over the classes; with two of them the first is exact
SAME = 1e-12

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Shifts:
    """What was found.

    Attributes:
        offsets: to add to log-probabilities, ``[G, C]``; 0 where nothing is to move, or not enough is known.
        enough: whether the group has enough examples of the class to tell its recall, ``[G, C]``.
        before: Σ over such classes of how far recall in the group is from that of all, ``[G]``.
        after: the same with the offsets.
    """

    offsets: Array
    enough: NDArray[np.bool_]
    before: Array
    after: Array


def shifts(scores: Array, labels: Whole, groups: Whole, count: int, strength: float = 1.0) -> Shifts:
    """Offsets under which each class is found as often in each group as among all (equalised odds, as near as one answer
    an example comes to it; Hardt, Price & Srebro 2016, *Equality of opportunity in supervised learning*, arXiv:1610.02413).

    Of each group alone, the sum over classes of |recall in the group − recall of all| is made as small as it can be; among
    equals the fewest answers change. With two classes all thresholds between two neighbouring examples are looked at; with
    more of them one class after another, the others held, until nothing gets better. A class that the group has fewer than
    20 examples of is left as it is, and so is a group with fewer than two others.

    What was found is then shrunk by I² (Higgins & Thompson 2002), the share of the squared gaps, in their standard errors,
    that is more than chance: where groups do not differ, chance alone makes gaps that a threshold could close.

    Args:
        scores: log-probabilities, ``[N, C]``, of examples that the model was not trained on.
        labels: the class of each, ``[N]``.
        groups: the group of each, ``[N]``; below 0 for none.
        count: how many groups there are.
        strength: how much of what was found is taken, 0 … 1.

    >>> rng = np.random.default_rng(0)
    >>> labels, groups = rng.integers(0, 2, 4000), rng.integers(0, 2, 4000)
    >>> margin = rng.normal(2.0 * labels - 1.0 - groups)  # of group 1 lower by 1
    >>> found = shifts(np.stack([-margin / 2, margin / 2], 1), labels, groups, 2)
    >>> (found.offsets[:, 1] - found.offsets[:, 0]).round(1)
    array([-0.5,  0.4])
    >>> found.before.round(2), found.after.round(2)
    (array([0.25, 0.25]), array([0.03, 0.07]))
    """
    classes = scores.shape[1]
    of_class = np.bincount(labels, minlength=classes)
    recall = np.bincount(labels[scores.argmax(1) == labels], minlength=classes) / np.maximum(of_class, 1)
    offsets, enough = np.zeros((count, classes)), np.zeros((count, classes), dtype=np.bool_)
    before, after = np.zeros(count), np.zeros(count)
    for group in range(count):
        at = groups == group
        own, own_labels = scores[at], labels[at]
        there = np.bincount(own_labels, minlength=classes)
        able = enough[group] = there >= FEWEST
        if able.sum() >= 2:
            found = _even(own, own_labels, recall, able)
            offsets[group] = strength * found * _beyond_chance(own, own_labels, recall, able, of_class)
        before[group] = _apart(own, own_labels, recall, able)
        after[group] = _apart(own + offsets[group], own_labels, recall, able)
    return Shifts(offsets, enough, before, after)


def _even(scores: Array, labels: Whole, recall: Array, able: NDArray[np.bool_]) -> Array:
    """The offsets of one group, ``[C]``; the classes that are not able to move stand in one column, the last."""
    classes = np.flatnonzero(able)
    of = np.full(len(able), len(classes))
    of[classes] = np.arange(len(classes))
    columns, labels, wanted = scores[:, classes], of[labels], recall[classes]
    if not able.all():
        columns = np.concatenate([columns, scores[:, ~able].max(axis=1, keepdims=True)], axis=1)
        wanted = np.append(wanted, np.nan)
    plain, moved, best = columns.argmax(1), np.zeros(columns.shape[1]), np.inf
    for _ in range(SWEEPS):
        for own in range(1 if len(able) == 2 else 0, len(classes)):  # of two only what lies between them counts
            moved[own] = 0.0
            moved[own], cost = _scan(columns + moved, own, labels, wanted, plain)
        if cost >= best - SAME:
            break
        best = cost
    offsets = np.zeros(len(able))
    offsets[classes] = moved[: len(classes)]
    return offsets - offsets.mean() if able.all() else offsets


def _scan(scores: Array, own: int, labels: Whole, wanted: Array, plain: Whole) -> tuple[float, float]:
    """The best offset of the column ``own``, the others' being in ``scores``, and what it costs; ``wanted`` is the recall of
    each column, nan where it does not count, and ``plain`` the answers without any offset.

    As the offset rises past the margin of an example, its answer changes from the best of the other columns to ``own``: one
    hit more or less, of its label. So the cost after each change is a running sum over the sorted margins.
    """
    n, columns = scores.shape
    others = scores.copy()
    others[:, own] = -np.inf
    rival = others.argmax(1)
    margin = others[np.arange(n), rival] - scores[:, own]
    order = np.argsort(margin, kind="stable")
    margin, rival, labels, plain = margin[order], rival[order], labels[order], plain[order]
    there = np.maximum(np.bincount(labels, minlength=columns), 1)
    hits = np.bincount(labels[rival == labels], minlength=columns)

    def apart(found: Whole, of: Whole) -> Array:
        return np.asarray(np.nan_to_num(np.abs(found / there[of] - wanted[of])))

    event = np.flatnonzero((labels == own) | (rival == labels))  # whose change gains or loses a hit
    label = labels[event]
    sign: Whole = np.where(label == own, 1, -1).astype(np.int64)
    by_label = np.argsort(label, kind="stable")
    rank = np.empty(len(event), dtype=np.int64)  # among those of its label, from 1
    rank[by_label] = np.arange(len(event)) - np.searchsorted(label[by_label], label[by_label]) + 1
    steps = np.zeros(n)
    steps[event] = apart(hits[label] + sign * rank, label) - apart(hits[label] + sign * (rank - 1), label)
    cost = apart(hits, np.arange(columns)).sum() + np.concatenate([[0.0], np.cumsum(steps)])
    turned = (plain != own).astype(np.int64) - (rival != plain)
    changed = (rival != plain).sum() + np.concatenate([[0], np.cumsum(turned)])

    low, high = np.concatenate([[-np.inf], margin]), np.concatenate([margin, [np.inf]])
    still = (low < 0) & (high > 0)  # no offset, and all that do the same
    possible = still | (np.isfinite(low) & np.isfinite(high) & (low < high))
    if not possible.any():
        return 0.0, float(cost[np.searchsorted(margin, 0.0)])
    near = np.flatnonzero(possible & (cost <= cost[possible].min() + SAME))
    with np.errstate(invalid="ignore"):
        value = np.where(still, 0.0, (low + high) / 2)[near]
    best = np.lexsort((np.abs(value), changed[near]))[0]
    return float(value[best]), float(cost[near[best]])


def _beyond_chance(scores: Array, labels: Whole, recall: Array, able: NDArray[np.bool_], of_class: Whole) -> float:
    """I²: how much of the gaps between one group and all is more than chance, 0 … 1."""
    classes = len(recall)
    there = np.bincount(labels, minlength=classes)
    found = np.bincount(labels[scores.argmax(1) == labels], minlength=classes) / np.maximum(there, 1)
    rest = 1 - there / np.maximum(of_class, 1)  # a group is part of all, and is that much nearer to it
    variance = recall * (1 - recall) * rest / np.maximum(there, 1)
    told = able & (variance > 0)
    squared = float(((found - recall)[told] ** 2 / variance[told]).sum())
    return max(0.0, 1 - int(told.sum()) / squared) if squared > 0 else 0.0


def _apart(scores: Array, labels: Whole, recall: Array, able: NDArray[np.bool_]) -> float:
    classes = len(recall)
    there = np.bincount(labels, minlength=classes)
    found = np.bincount(labels[scores.argmax(1) == labels], minlength=classes) / np.maximum(there, 1)
    return float(np.abs(found - recall)[able].sum())
