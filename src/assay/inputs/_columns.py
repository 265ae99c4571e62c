"""What is learned of one column of a table: the bins of a number, the vocabulary of a category.

Legend: N examples, T bins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.inputs import _cells
from assay.inputs._bins import Floats, edges_of, position
from assay.inputs._cells import Mask

ABSENT, OTHER, FIRST = 0, 1, 2  # slots of a category: missing; rare or never seen; the most frequent value
STRAY = 0.05  # the share of cells of a number (or date) column that may be something else
NUMBERING = re.compile(r"(?:^|[_\W])(?i:id|index|row)$|[a-z](?:Id|ID|Index)$|^Unnamed: 0$")
GONE = -2.0  # stands for a number that is missing among places, which begin at -1
USUAL = 64  # values of a column that stand for it where it is absent: rarer ones than one in so many do not
LEAST, FILLED = 8, 40  # bins of a number: at least so many, beyond that with so many training cells in each
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
        usual: positions that stand for training cells, each for as many of them; `GONE` for those that are missing.
    """

    name: str
    date: bool
    edges: tuple[float, ...]
    mean: float
    scale: float
    typical: float
    usual: tuple[float, ...] = ()

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
        usual: slots that stand for training cells, each for as many of them.
    """

    name: str
    values: tuple[str, ...]
    rare: tuple[str, ...]
    typical: int
    usual: tuple[int, ...] = ()

    @property
    def slots(self) -> int:
        """How many codes there are."""
        return FIRST + len(self.values)

    def codes(self, column: Column) -> tuple[NDArray[np.int64], pa.ChunkedArray, NDArray[np.int64]]:
        """The slots ``[N]``, the cells as text, and the rows whose value was never seen in training."""
        cells = _cells.text(column)
        found = pc.index_in(cells, pa.array([*self.values, *self.rare], pa.string())).fill_null(-1)
        known = np.asarray(found.to_numpy(), dtype=np.int64)
        absent = np.asarray(cells.is_null())
        codes = np.where((known >= 0) & (known < len(self.values)), known + FIRST, OTHER)
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
            return _number(name, date, finite, int(len(values) - wrong.sum() - len(finite)), bins)
    return _category(name, _cells.text(column), vocabulary)


def _number(name: str, date: bool, finite: Floats, gaps: int, bins: int) -> Number | str:
    ordered = np.sort(finite)
    if ordered[0] == ordered[-1] and not gaps:
        return f"it holds one value only ({ordered[0]:g})"
    whole = bool(np.all(np.diff(ordered) > 0) and np.all(ordered == np.round(ordered)))
    if whole and len(ordered) > FEW and NUMBERING.search(name):
        return "it numbers the rows"
    edges = edges_of(ordered, min(bins, max(LEAST, len(ordered) // FILLED)))
    places = position(edges, ordered)
    return Number(
        name=name,
        date=date,
        edges=tuple(edges.tolist()),
        mean=float(places.mean()),
        scale=float(places.std()) or 1.0,
        typical=float(np.median(places)),
        usual=tuple(_spread(np.concatenate([np.full(gaps, GONE), places])).tolist()),
    )


def _spread(ordered: NDArray[Any]) -> NDArray[Any]:
    """So many of ordered values that stand for all: each the middle one of its share."""
    return ordered[((np.arange(USUAL) + 0.5) / USUAL * len(ordered)).astype(np.int64)]


def _category(name: str, cells: pa.ChunkedArray, vocabulary: int) -> Category | str:
    pairs = pc.value_counts(cells.drop_null()).to_pylist()
    counted: dict[Any, int] = {pair["values"]: pair["counts"] for pair in pairs}
    present = sum(counted.values())
    if not present:
        return "it is empty"
    if len(counted) > max(FEW, OWN * present):
        return f"nearly every row has its own value ({len(counted):,} among {present:,})"
    few = min(10, max(2, len(cells) // 1000))  # fewer rows than this cannot teach a value of their own
    ordered = sorted(counted, key=lambda value: (-counted[value], value))
    values = tuple(value for value in ordered[:vocabulary] if counted[value] >= few)
    rare = tuple(ordered[len(values) :])
    sizes = [len(cells) - present, sum(counted[value] for value in rare), *(counted[value] for value in values)]
    if sum(size > 0 for size in sizes) < 2:
        return f'it holds one value only ("{ordered[0]}")' if len(counted) == 1 else "no value of it is frequent"
    usual = tuple(_spread(np.repeat(np.arange(len(sizes)), sizes)).tolist())
    return Category(name=name, values=values, rare=rare, typical=int(np.argmax(sizes)), usual=usual)


def tuples(state: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Number` or `Category` out of JSON."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in state.items()}
