"""Rows of a table: numbers as places among their quantiles, categories as slots, and what is missing.

Legend: N examples, B batch, F number columns, C category columns, M masks, P = F + C parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from assay.core.columns import Column, Rows
from assay.core.errors import DataError, nearest
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs._cells import MISSING, spell
from assay.inputs._columns import OTHER, Category, Number, learn, tuples
from assay.inputs._shade_bars import bars
from assay.inputs._table_absence import filled
from assay.inputs._table_absence import rows as stand_ins
from assay.inputs._table_corruptions import corrupted, kinds

OFFERED = 100  # among more values than this, the nearest is not looked for
ALIKE = 32  # the categories of a column that neighbours are told apart by; the rarer ones count as one


@dataclass(frozen=True)
class Table:
    """The modality of rows: a dict by column name, of numbers, text, dates, yes and no, and nothing.

    A cell is missing where it is null, NaN, or empty, ``?``, ``NA`` and the like (`assay.inputs._cells.MISSING`). A
    column is a number (or a date) when at least 95 % of its training cells are; anything else is a category.

    Attributes:
        bins: the most quantiles that a number is placed among; small tables have fewer.
        vocabulary: the most categories of a column that have a slot of their own.
    """

    bins: Annotated[int, Within(2, 4096)] = 128
    vocabulary: Annotated[int, Within(1, 1_000_000)] = 1000

    names = ()
    row = True
    store = False
    optional = False
    files = False

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell can stand in a table: it is nothing, text, a number or a date."""
        return cell is None or isinstance(cell, str | int | float | date | np.number | np.bool_)

    def fit(self, xs: Sequence[Any]) -> FittedTable:
        """Learn what each column is, and the quantiles and vocabularies, from all training rows.

        Raises:
            DataError: there is not one column to learn from; says why each is left out.
        """
        columns = xs.columns if isinstance(xs, Rows) else _columns(xs)
        found = {n: learn(n, column, bins=self.bins, vocabulary=self.vocabulary) for n, column in columns.items()}
        numbers = tuple(column for column in found.values() if isinstance(column, Number))
        categories = tuple(column for column in found.values() if isinstance(column, Category))
        left_out = {name: reason for name, reason in found.items() if isinstance(reason, str)}
        if not numbers and not categories:
            why = "; ".join(f'"{name}": {reason}' for name, reason in list(left_out.items())[:10])
            raise DataError(f"There is no column to learn from. {why or 'The rows are empty'}.")
        return FittedTable(tuple(columns), numbers, categories, left_out)

    def load(self, state: JSON) -> FittedTable:
        """The inverse of `FittedTable.to_json`."""
        return FittedTable(
            order=tuple(state["order"]),
            numbers=tuple(Number(**tuples(number)) for number in state["numbers"]),
            categories=tuple(Category(**tuples(category)) for category in state["categories"]),
            left_out=dict(state["left_out"]),
        )

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Rows whose ``signal`` is above (+1) or below (−1) 0, beside a category and a number that tell nothing."""
        signal = rng.choice([-1, 1], n) * rng.uniform(0.5, 2.0, n)
        noise = rng.normal(size=n)
        colour = rng.choice(["red", "green", "blue"], n)
        return [
            {"signal": float(s), "noise": float(e), "colour": str(c)}
            for s, e, c in zip(signal, noise, colour, strict=True)
        ]

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if x["signal"] > 0 else -1 for x in xs])


@dataclass(frozen=True)
class FittedTable:
    """Rows brought to arrays.

    Attributes:
        order: the columns as they were given.
        numbers, categories: what was learned of each.
        left_out: the columns that nothing is learned from, each with its reason; new rows may lack them.
    """

    order: tuple[str, ...]
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]
    left_out: Mapping[str, str]

    absence = (
        "A column that is absent holds its usual values, each as often as in the training data, whatever the others hold: "
        "answers are averaged over them."
    )

    @property
    def dims(self) -> JSON:
        """What a body must know: the bins of every number and the slots of every category."""
        return {
            "numbers": [len(number.edges) - 1 for number in self.numbers],
            "categories": [category.slots for category in self.categories],
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the columns that are left out."""
        return tuple(f'The column "{name}" is left out: {why}.' for name, why in self.left_out.items())

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``numbers`` float32 ``[N, F]`` (places among the edges, see `Number.position`; 0 where missing), ``missing``
        float32 ``[N, F]`` (0 or 1) and ``categories`` int64 ``[N, C]``.

        A cell that is neither a number nor missing in a column of numbers, an infinite one, and a row that lacks a
        column are problems. A category that was never seen is not: see `notes`.
        """
        return self._read(xs, problems, None)

    def notes(self, xs: Sequence[Any]) -> Problems:
        """The categories of each row that were never seen in training."""
        notes: Problems = {}
        self._read(xs, {}, notes)
        return notes

    def collate(self, arrays: Tensors) -> Tensors:
        """The arrays as they are."""
        return arrays

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Nothing changes: no change of a row is known to keep its label."""
        return x

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The columns, in the order in which they were given."""
        return tuple(self._parts())

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Columns that are not kept hold a typical value: the median of a number, the most frequent category."""
        numbers, categories = self._masks(mask)
        middle = np.array([number.typical for number in self.numbers], dtype=np.float32)
        usual = np.array([category.typical for category in self.categories], dtype=np.int64)
        return {
            "numbers": np.where(numbers, x["numbers"], middle),
            "missing": np.where(numbers, x["missing"], np.float32(0)),
            "categories": np.where(categories, x["categories"], usual),
        }

    def fill(self, x: Pack, mask: NDArray[np.bool_], count: int, seed: tuple[int, ...]) -> Pack:
        """As `keep`, ``[M × K, …]``: each of K = ``count`` rows of usual values stands in for what is not kept (1 row of
        models from before there were several)."""
        return filled(x, stand_ins(self.numbers, self.categories, count, seed), *self._masks(mask))

    @property
    def corruptions(self) -> tuple[str, ...]:
        """What can befall rows with such columns."""
        return kinds(self.numbers, self.categories)

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Cells that are missing, noisy, of another unit or category (see `assay.inputs._table_corruptions`)."""
        return corrupted(x, self.numbers, self.categories, kind, severity, rng)

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Standardised places of the numbers (missing ones in the middle), then one-hot categories, ``[N, D]``.

        Two categories are as far apart as one standard deviation of a number.
        """
        mean = np.array([number.mean for number in self.numbers], dtype=np.float32)
        scale = np.array([number.scale for number in self.numbers], dtype=np.float32)
        blocks = [np.where(x["missing"] > 0, np.float32(0), (x["numbers"] - mean) / scale)]
        for at, category in enumerate(self.categories):
            width = min(category.slots, ALIKE)
            codes = x["categories"][:, at]
            hot = np.eye(width, dtype=np.float32) * np.float32(0.5**0.5)
            blocks.append(hot[np.where(codes < width, codes, OTHER)])
        return np.concatenate(blocks, axis=1, dtype=np.float32)

    def show(self, x: Any) -> tuple[str, str]:
        """The row as lines ``column: value``, with a dash where there is none."""
        return "text", "\n".join(f"{name}: {_shown(x, name)}" for name in self.order)

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The columns with their cells and a bar each for what they count for (``values`` ``[P]``), as SVG."""
        names = self._parts()
        return bars(names, [_shown(x, name) for name in names], values)

    def to_json(self) -> JSON:
        """Everything that `Table.load` needs."""
        return {
            "order": list(self.order),
            "numbers": [asdict(number) for number in self.numbers],
            "categories": [asdict(category) for category in self.categories],
            "left_out": dict(self.left_out),
        }

    def _masks(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which numbers and which categories are kept, under masks of parts."""
        kept = dict(zip(self._parts(), mask.T, strict=True))
        none = np.zeros((len(mask), 0), dtype=np.bool_)
        numbers, categories = (
            np.column_stack([none, *(kept[column.name] for column in some)]) for some in (self.numbers, self.categories)
        )
        return numbers, categories

    def _parts(self) -> list[str]:
        used = {*(number.name for number in self.numbers), *(category.name for category in self.categories)}
        return [name for name in self.order if name in used]

    def _read(self, xs: Sequence[Any], problems: Problems, notes: Problems | None) -> Pack:
        n = len(xs)
        columns = self._columns(xs, problems)
        numbers = np.zeros((n, len(self.numbers)), dtype=np.float32)
        missing = np.zeros((n, len(self.numbers)), dtype=np.float32)
        categories = np.zeros((n, len(self.categories)), dtype=np.int64)
        for at, number in enumerate(self.numbers):
            column = columns[number.name]
            values, wrong = number.values(column)
            for row in np.flatnonzero(wrong | np.isinf(values)).tolist():
                cell = spell(column[row])
                what = f'column "{number.name}": {_short(cell)} is not accepted. Accepted: {number.accepted()}.'
                _add(problems, row, what)
            places = number.position(values)
            gaps = np.isnan(places)
            numbers[:, at] = np.where(gaps, 0, places)
            missing[:, at] = gaps
        for at, category in enumerate(self.categories):
            categories[:, at], cells, unseen = category.codes(columns[category.name])
            if notes is not None:
                texts = cells.take(pa.array(unseen)).to_pylist()
                words = {cell: _unseen(category, cell) for cell in set(texts)}
                for row, cell in zip(unseen.tolist(), texts, strict=True):
                    _add(notes, row, words[cell])
        return {"numbers": numbers, "missing": missing, "categories": categories}

    def _columns(self, xs: Sequence[Any], problems: Problems) -> Mapping[str, Column]:
        """The columns that are needed, whole; where a row lacks one, its cell is missing and the row a problem."""
        names = self._parts()
        if isinstance(xs, Rows):
            given = xs.columns
            lacking = {name: list(range(len(xs))) for name in names if name not in given}
            columns = {name: given.get(name) or Column([None] * len(xs)) for name in names}
        else:
            rows = [row if isinstance(row, Mapping) else {} for row in xs]
            columns = {name: Column([row.get(name) for row in rows]) for name in names}
            lacking = {name: [at for at, row in enumerate(rows) if name not in row] for name in names}
        for name, where in lacking.items():
            for at in where:
                row = xs[at]
                has = nearest(name, row) if isinstance(row, Mapping) else f"A row is columns with values, not {row!r}."
                _add(problems, at, f'there is no column "{name}" (write null where it is not known). {has}')
        return columns


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: Column([row.get(name) for row in rows]) for name in names}


def _shown(row: Mapping[str, Any], name: str) -> str:
    cell = spell(row.get(name))
    return "—" if cell is None or cell in MISSING else cell


def _unseen(category: Category, cell: str) -> str:
    what = f'column "{category.name}": {_short(cell)} was not in the training data.'
    return f"{what} {nearest(cell, category.values)}" if len(category.values) <= OFFERED else what


def _short(cell: str | None) -> str:
    shown = str(cell)
    return f'"{shown[:60]}…"' if len(shown) > 60 else f'"{shown}"'


def _add(found: Problems, row: int, what: str) -> None:
    found[row] = f"{found[row]} {what}" if row in found else what
