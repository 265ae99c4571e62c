"""A table that names the split of each of its rows in a column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.columns import Index
from assay.core.source import SPLITS, WHOLE, Source, Split

COLUMN = "split"
WORDS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class TakenPlaces:
    """The places of some rows of a split."""

    place: Callable[[int], str]
    rows: Index

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return self.place(int(self.rows[row]))


def by_column(source: Source) -> Source:
    """The source with the splits that its column ``split`` names, and without that column.

    Every cell has to name one (``train``, ``validation`` or ``val`` or ``dev``, ``test``), and some have to be ``train``;
    else the column is one like any other. A line that became no row is a problem of each split.
    """
    whole = source.splits.get(WHOLE)
    if whole is None or len(source.splits) > 1 or COLUMN not in whole.columns:
        return source
    named = [_word(cell) for cell in whole.columns[COLUMN]]
    if "train" not in named or None in named:
        return source
    rows = {name: np.flatnonzero([name == other for other in named]) for name in SPLITS if name in named}
    kept = {name: column for name, column in whole.columns.items() if name != COLUMN}
    splits = {
        name: Split(
            {column: cells.take(index) for column, cells in kept.items()},
            TakenPlaces(whole.place, index),
            whole.problems,
        )
        for name, index in rows.items()
    }
    counts = ", ".join(f"{name} {len(index):,}" for name, index in rows.items())
    return replace(source, splits=splits, notes=(*source.notes, f'The column "split" makes the splits: {counts}.'))


def _word(cell: Any) -> str | None:
    return WORDS.get(cell.strip().lower()) if isinstance(cell, str) else None
