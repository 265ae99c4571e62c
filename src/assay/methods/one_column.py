"""What a single column tells: of the target, and of being no feature at all.

Shapes: N examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier

from assay.core.metric import Array
from assay.methods.neighbours import Ints

_NUMERIC = 0.95  # of the cells that are there, for a column to be one of numbers
_LEAVES = 64
_FOLDS = 3
_FEWEST = 30


@dataclass(frozen=True)
class Cells:
    """A column made ready.

    Attributes:
        distinct: how many different cells there are, a missing one counted once.
        codes: ``int64 [N]``, equal where cells are.
        numbers: ``float64 [N]``, nan where missing; ``None`` where the column holds no numbers.
    """

    distinct: int
    codes: Ints
    numbers: Array | None


def cells_of(column: Sequence[Any]) -> Cells | None:
    """The column as codes and perhaps numbers; ``None`` where its cells are no plain values (bytes, arrays, lists).

    >>> cells_of(["1", "2.5", None]).numbers.tolist()
    [1.0, 2.5, nan]
    """
    texts: list[str] = []
    numbers = np.full(len(column), math.nan)
    present = numeric = 0
    for at, cell in enumerate(column):
        if cell is not None and not np.isscalar(cell) and not hasattr(cell, "isoformat"):
            return None
        if isinstance(cell, bytes):
            return None
        text = "" if cell is None or cell != cell else str(cell).strip()
        texts.append(text)
        if text:
            present += 1
            try:
                numbers[at] = float(text)
                numeric += 1
            except ValueError:
                pass
    names, codes = np.unique(np.asarray(texts, dtype=np.str_), return_inverse=True)
    are = present > 0 and numeric >= _NUMERIC * present and not isinstance(column[0], bool)
    numbers[~np.isfinite(numbers)] = math.nan
    return Cells(len(names), codes.astype(np.int64), numbers if are else None)


def is_id(cells: Cells) -> bool:
    """Whether the column looks like a name or running number of each example: of use to find it, not to learn from.

    Text of which nine cells in ten are the only ones of their kind; or whole numbers that are all different and leave
    few gaps.

    >>> is_id(cells_of(list(range(100)))), is_id(cells_of([0.5 * i for i in range(100)]))
    (True, False)
    """
    n = len(cells.codes)
    if n < _FEWEST:
        return False
    if cells.numbers is None:
        return bool((np.bincount(cells.codes) == 1).sum() > 0.9 * n)
    values = cells.numbers
    whole = np.isfinite(values).all() and bool((values == np.floor(values)).all())
    return bool(whole and cells.distinct == n and values.max() - values.min() < 2 * n)


def tells_class(cells: Cells, labels: Ints, *, seed: int = 0) -> float:
    """The share of the errors of always guessing the largest class that the column alone avoids, held out.

    1 is a column that says the class; 0 or less one that says nothing. Numbers are cut by a small tree; other cells
    stand for their most frequent class.

    >>> labels = np.arange(300) % 3
    >>> tells_class(cells_of([f"{label} m" for label in labels]), labels)
    1.0
    """
    n = len(labels)
    wrong = n - int(np.bincount(labels).max(initial=0))
    if n < _FEWEST or not wrong:
        return 0.0
    fold = np.random.default_rng(seed).permutation(n) % _FOLDS
    errors = 0
    for k in range(_FOLDS):
        seen, held = fold != k, fold == k
        if cells.numbers is not None:
            tree = DecisionTreeClassifier(max_leaf_nodes=_LEAVES, min_samples_leaf=2, random_state=0)
            answers = tree.fit(cells.numbers[seen, None], labels[seen]).predict(cells.numbers[held, None])
        else:
            answers = _majority(cells.codes, labels, seen)[held]
        errors += int((answers != labels[held]).sum())
    return 1 - errors / wrong


def tells_value(cells: Cells, values: Array) -> float:
    """The size of the rank correlation (Spearman) between a column of numbers and the target; 0 for other columns.

    >>> round(tells_value(cells_of([float(i) for i in range(50)]), -np.arange(50.0) ** 3), 3)
    1.0
    """
    if cells.numbers is None:
        return 0.0
    there = np.isfinite(cells.numbers)
    if there.sum() < max(_FEWEST, 0.9 * len(values)):
        return 0.0
    a, b = rankdata(cells.numbers[there]), rankdata(values[there])
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(abs(np.corrcoef(a, b)[0, 1]))


def _majority(codes: Ints, labels: Ints, seen: NDArray[np.bool_]) -> Ints:
    """Each example's answer: the most frequent class among seen examples with its cell, else that of all."""
    n_classes = int(labels.max()) + 1
    usual = int(np.bincount(labels[seen]).argmax())
    keys, counts = np.unique(codes[seen] * n_classes + labels[seen], return_counts=True)
    order = np.argsort(counts, kind="stable")  # the most frequent last, so that it stays
    answer = np.full(int(codes.max()) + 1, usual)
    answer[keys[order] // n_classes] = keys[order] % n_classes
    return answer[codes]
