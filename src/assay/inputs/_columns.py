"""What is learned of one column of a table: the bins of a number, the vocabulary of a category.

Legend: N examples, T bins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.inputs import _cells
from assay.inputs._cells import Floats, Mask

ABSENT, OTHER, FIRST = 0, 1, 2  # slots of a category: missing; rare or never seen; the most frequent value
STRAY = 0.05  # the share of cells of a number (or date) column that may be something else
OWN = 0.5  # more distinct texts than this share of the rows name rows, not categories
FEW = 20  # … but so many may do so in a small table


@dataclass(frozen=True)
class Number:
    """A column of numbers, or of dates as seconds.

    Attributes:
        name: the column.
        date: whether its cells are dates.
        edges: of T bins, ascending, ``[T + 1]``: about as many training cells in each, frequent values on an edge.
        mean, scale: of the training cells' positions.
        typical: the position of the median.
    """

    name: str
    date: bool
    edges: tuple[float, ...]
    mean: float
    scale: float
    typical: float

    def values(self, column: Column) -> tuple[Floats, Mask]:
        """The cells as numbers, NaN where missing, and which of them are neither."""
        return _cells.dates(column) if self.date else _cells.numbers(column)

    def position(self, values: Floats) -> Floats:
        """Where values stand among the edges, ``[N]``: 0 is the first, T the last, 2.5 the middle of the third bin.

        Positions end one bin beyond the edges. NaN stays.
        """
        return position(np.asarray(self.edges), values)

    def accepted(self) -> str:
        """What a cell may be, for people."""
        if self.date:
            return 'a date such as "2024-12-31" or "2024-12-31T23:59:00", or nothing where it is not known'
        return 'a number such as 12, "3.5" or "1e-3", or nothing (or ?, NA) where it is not known'


@dataclass(frozen=True)
class Category:
    """A column of categories.

    Attributes:
        name: the column.
        values: those with a slot of their own, from slot 2 on, most frequent first; slot 0 is missing, 1 any other.
        rare: those seen in training that share slot 1.
        typical: the most frequent slot.
    """

    name: str
    values: tuple[str, ...]
    rare: tuple[str, ...]
    typical: int

    @property
    def slots(self) -> int:
        """How many codes there are."""
        return FIRST + len(self.values)

    def codes(self, column: Column) -> tuple[NDArray[np.int64], pa.ChunkedArray, NDArray[np.int64]]:
        """The slots ``[N]``, the cells as text, and the rows whose value was never seen in training."""
        cells = _cells.text(column)
        found = pc.index_in(cells, pa.array([*self.values, *self.rare], pa.string()))
        known = found.fill_null(-1).to_numpy().astype(np.int64)
        codes = np.where(known < len(self.values), known + FIRST, OTHER)
        absent = np.asarray(cells.is_null())
        codes[(known < 0)] = OTHER
        codes[absent] = ABSENT
        return codes, cells, np.flatnonzero((known < 0) & ~absent)


def learn(name: str, column: Column, *, bins: int, vocabulary: int) -> Number | Category | str:
    """What the column is; or, as a phrase, why nothing can be learned from it."""
    kind = _cells.arrow(column).type
    if pa.types.is_nested(kind):
        return "its cells are lists or objects"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "its cells are bytes"
    for date in (False, True):
        if pa.types.is_boolean(kind) or (date and _cells.is_number(kind)):
            continue
        values, wrong = _cells.dates(column) if date else _cells.numbers(column)
        finite = values[np.isfinite(values)]
        if len(finite) and wrong.sum() <= STRAY * (len(finite) + wrong.sum()):
            return _number(name, date, finite, len(finite) < len(values) - wrong.sum(), bins)
    return _category(name, _cells.text(column), vocabulary)


def position(edges: Floats, values: Floats) -> Floats:
    """Where ``values`` stand among ascending ``edges``, one bin beyond them at most; NaN stays.

    >>> position(np.array([0.0, 10.0, 1000.0]), np.array([-1e9, 5.0, 10.0, 505.0])).tolist()
    [-1.0, 0.5, 1.0, 1.5]
    """
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    low = edges[at]
    with np.errstate(over="ignore", invalid="ignore"):
        # Halves, so that the width of a bin is finite whatever its ends are.
        share = (values / 2 - low / 2) / (edges[at + 1] / 2 - low / 2)
    return np.clip(at + share, -1.0, float(len(edges)))


def edges_of(values: Floats, bins: int) -> Floats:
    """At most ``bins + 1`` ascending edges: every value where they are few; else each value that fills a bin alone, and
    the quantiles of the others.

    >>> edges_of(np.array([0.0] * 90 + list(range(1, 11))), 4).tolist()
    [0.0, 1.0, 4.0, 7.0, 10.0]
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 1:
        return np.array([distinct[0], np.nextafter(distinct[0], np.inf)])
    if len(distinct) <= bins + 1:
        return distinct
    heavy = counts > len(values) / bins
    left = np.repeat(distinct[~heavy], counts[~heavy])
    shares = np.linspace(0, 1, max(2, bins + 1 - int(heavy.sum())))
    return np.unique(np.concatenate([distinct[heavy], np.quantile(left, shares, method="closest_observation")]))


def _number(name: str, date: bool, finite: Floats, gaps: bool, bins: int) -> Number | str:
    ordered = np.sort(finite)
    if ordered[0] == ordered[-1] and not gaps:
        return f"it holds one value only ({ordered[0]:g})"
    named = re.search(r"(?:^|[_\W]|(?<=[a-z])(?=I))(?:id|index|row)$|^Unnamed: 0$|^$", name, re.IGNORECASE)
    if named and len(ordered) > FEW and np.all(np.diff(ordered) > 0) and np.all(ordered == np.round(ordered)):
        return "it numbers the rows"
    edges = edges_of(ordered, bins)
    places = position(edges, ordered)
    return Number(
        name=name,
        date=date,
        edges=tuple(edges.tolist()),
        mean=float(places.mean()),
        scale=float(places.std()) or 1.0,
        typical=float(np.median(places)),
    )


def _category(name: str, cells: pa.ChunkedArray, vocabulary: int) -> Category | str:
    counted: dict[Any, int] = {
        pair["values"].as_py(): pair["counts"].as_py() for pair in pc.value_counts(cells.drop_null())
    }
    present = sum(counted.values())
    if not present:
        return "it is empty"
    if len(counted) > max(FEW, OWN * present):
        return f"nearly every row has its own value ({len(counted):,} among {present:,})"
    few = min(10, max(2, len(cells) // 1000))
    ordered = sorted(counted, key=lambda value: (-counted[value], value))
    values = tuple(value for value in ordered[:vocabulary] if counted[value] >= few)
    rare = tuple(ordered[len(values) :])
    absent, other = len(cells) - present, sum(counted[value] for value in rare)
    if (len(values) > 0) + (absent > 0) + (other > 0) + (len(values) > 1) < 2:
        return f'it holds one value only ("{ordered[0]}")' if len(counted) == 1 else "no value of it is seen twice"
    sizes = [absent, other, *(counted[value] for value in values[:1])]
    return Category(name=name, values=values, rare=rare, typical=int(np.argmax(sizes)))
