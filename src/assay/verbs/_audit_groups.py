"""Who is compared with whom: the groups that columns make, and their crossings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod

import numpy as np

from assay.core.columns import Index
from assay.core.dataset import Dataset
from assay.core.errors import DataError
from assay.core.group_names import column_of
from assay.methods.groups import MOST, Grouping, groupings

LEAST = 20  # examples of a crossing, and of a group of which much can be said


def attributes(dataset: Dataset) -> list[str]:
    """The columns that groups can be made of: all but the target and, where it is one cell, the input."""
    taken = () if dataset.roles.row else dataset.roles.inputs
    return [name for name in dataset.split.columns if name != dataset.roles.target and name not in taken]


def named(dataset: Dataset, by: Sequence[str], kept: Index | None = None) -> tuple[Grouping, ...]:
    """The groups of each column, of the examples ``kept``.

    Raises:
        DataError: there is no such column, or it has one value or too many.
    """
    found = []
    for name in dict.fromkeys(by):
        column = dataset.column(name)
        grouping = groupings({name: column if kept is None else column.take(kept)})[0]
        if len(grouping.labels) < 2:
            only = column_of(grouping.labels[0])[1] if grouping.labels else ""
            many = f"{len(grouping.codes):,} examples"
            raise DataError(
                f'Column "{name}" is "{only}" in all {many} of {dataset.words}, so there are no groups to compare. '
                "Give another column to --by, or judge data that holds several values of it."
            )
        found.append(grouping)
    return tuple(found)


def crossings(found: Sequence[Grouping]) -> tuple[tuple[Grouping, ...], tuple[str, ...]]:
    """The crossing of every two columns and, of three or more, that of all; and what a reader should know of them.

    A cell is a group where it holds `LEAST` examples or more and is not simply a group of one of its columns again; of more
    than 50 cells the largest 50 are.

    >>> sex, age = groupings({"sex": ["F", "M"] * 50, "age": ["old"] * 52 + ["young"] * 48})
    >>> crossed, notes = crossings([sex, age])
    >>> crossed[0].name, crossed[0].labels[:2]
    ('sex & age', ('sex=F & age=old', 'sex=F & age=young'))
    """
    made, notes = [], []
    sets = [*combinations(found, 2), *([tuple(found)] if len(found) > 2 else [])]
    for parts in sets:
        name = " & ".join(part.name for part in parts)
        sizes = [len(part.labels) for part in parts]
        if prod(sizes) > np.iinfo(np.int64).max:
            continue
        cells = np.ravel_multi_index([part.codes for part in parts], sizes)
        values, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
        where = np.stack(np.unravel_index(values, sizes))
        again = np.zeros(len(values), dtype=bool)
        for codes, part in zip(where, parts, strict=True):
            again |= counts == np.bincount(part.codes, minlength=len(part.labels))[codes]
        small = counts < LEAST
        kept = np.flatnonzero(~(small | again))
        if len(kept) > MOST:
            notes.append(f"Of {len(kept):,} crossings of {name} the largest {MOST} are judged.")
            kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:MOST]])
        if small.any():
            notes.append(
                f"{int(small.sum()):,} of {len(values):,} crossings of {name} hold fewer than {LEAST} examples and are not "
                "judged."
            )
        if not len(kept):
            continue
        place = np.full(len(values), -1)
        place[kept] = np.arange(len(kept))
        labels = [" & ".join(p.labels[c] for p, c in zip(parts, where[:, at], strict=True)) for at in kept]
        made.append(Grouping(name, place[inverse].astype(np.int64), tuple(labels)))
    return tuple(made), tuple(notes)


def searchable(dataset: Dataset, kept: Index) -> tuple[tuple[Grouping, ...], tuple[str, ...]]:
    """The groupings that groups are searched for in, and the columns that make none: of one value, or of too many."""
    found: list[Grouping] = []
    without: list[str] = []
    for name in attributes(dataset):
        try:
            found += named(dataset, [name], kept)
        except DataError:
            without.append(name)
    return tuple(found), tuple(without)
