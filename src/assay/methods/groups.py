"""Groupings: who belongs to which subgroup, from columns as people have them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import DataError
from assay.core.figure import count
from assay.core.group_names import group_of
from assay.core.grouped import MISSING, Groups, missing, number, text, unknown

MOST = 50  # more groups than this are no longer read, and leave a few examples each
CATEGORIES = 10  # numbers with more distinct values than this are binned


@dataclass(frozen=True)
class Grouping:
    """A partition of the examples.

    Attributes:
        name: the column.
        codes: each example's position in ``labels``, ``[N]``.
        labels: the groups that have examples, in the order of reading.
        remark: what was made of cells without a value, where there are any.
    """

    name: str
    codes: NDArray[np.int64]
    labels: tuple[str, ...]
    remark: str = ""


def labelled(labels: Sequence[str]) -> Grouping:
    """The partition that one label an example makes, in the order of the labels.

    >>> labelled(["b", "a", "b"]).labels
    ('a', 'b')
    """
    names, codes = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return Grouping("", codes.astype(np.int64), tuple(str(name) for name in names))


def groupings(columns: Mapping[str, Iterable[Any]]) -> tuple[Grouping, ...]:
    """One grouping a column, its groups labelled ``column=value``.

    Numbers (also as text, as some tables hold them) with more than 10 distinct values are binned at their quartiles,
    and a bin is named by the smallest and largest value in it. Empty cells, ``None`` and NaN are the group
    ``(missing)``, and so is ``NA``, ``?`` and the like among numbers. Among texts it is a value (Namibia, North America);
    a remark says either.

    Args:
        columns: name → cells, one an example: a `Column`, an array or a list.

    Raises:
        DataError: a column that is not numeric has more than 50 distinct values.

    >>> for grouping in groupings({"sex": ["M", "F", None], "age": [18, 40, 40]}):
    ...     print(grouping.labels, grouping.codes)
    ('sex=F', 'sex=M', 'sex=(missing)') [1 0 2]
    ('age=18', 'age=40') [0 1 1]
    >>> groupings({"age": range(17, 33)})[0].labels
    ('age=17–20', 'age=21–24', 'age=25–28', 'age=29–32')
    """
    return tuple(_grouping(name, values) for name, values in columns.items())


def remarks(found: Sequence[Grouping]) -> tuple[str, ...]:
    """What was made of cells without a value, a column after the other."""
    return tuple(grouping.remark for grouping in found if grouping.remark)


def learned(name: str, values: Iterable[Any]) -> tuple[Groups, NDArray[np.int64]]:
    """The groups of `groupings`, able to find their members among other cells too; and each example's, ``[N]``.

    Raises:
        DataError: as `groupings`.

    >>> groups, codes = learned("age", range(17, 33))
    >>> groups.names, groups.cuts, groups.codes([3, "24", 60])
    (('17–20', '21–24', '25–28', '29–32'), (20.0, 24.0, 28.0), array([0, 1, 3]))
    """
    cells = [cell if isinstance(cell, Hashable) else str(cell) for cell in values]
    (grouping,) = groupings({name: cells})
    names = tuple(label.removeprefix(group_of(name, "")) for label in grouping.labels)
    held = [(value, code) for cell, code in zip(cells, grouping.codes.tolist(), strict=True)
            if not missing(cell) and (value := number(cell)) is not None]  # fmt: skip
    there = sum(names[code] != MISSING for code in grouping.codes.tolist())
    if len(held) < there or len({value for value, _ in held}) <= CATEGORIES:
        return Groups(name, names), grouping.codes
    most: dict[int, float] = {}
    for value, code in held:
        most[code] = max(value, most.get(code, value))
    return Groups(name, names, tuple(most[code] for code in sorted(most)[:-1])), grouping.codes


def _grouping(name: str, values: Iterable[Any]) -> Grouping:
    tolist = getattr(values, "tolist", None)  # of columns and arrays: far faster than cell by cell
    cells: list[Any] = tolist() if tolist else list(values)
    cells = [cell if isinstance(cell, Hashable) else str(cell) for cell in cells]
    present = [cell for cell in dict.fromkeys(cells) if not missing(cell)]
    numbers = {cell: value for cell in present if (value := number(cell)) is not None}
    marks = [cell for cell in present if unknown(cell)]
    if numbers and len(numbers) + len(marks) == len(present):
        present = list(numbers)
    if len(numbers) < len(present):
        texts = {cell: text(cell) for cell in present}
        labels = sorted(set(texts.values()))
        if len(labels) > MOST:
            raise DataError(_too_many(name, len(cells), labels, texts, len(numbers)))
    else:
        texts = _bins(cells, numbers) if len(set(numbers.values())) > CATEGORIES else {c: text(c) for c in present}
        labels = list(dict.fromkeys(texts[cell] for cell in sorted(present, key=numbers.__getitem__)))
    if any(cell not in texts for cell in set(cells)) and MISSING not in labels:
        labels.append(MISSING)
    position = {label: i for i, label in enumerate(labels)}
    codes = np.fromiter((position[texts.get(cell, MISSING)] for cell in cells), np.int64, len(cells))
    return Grouping(name, codes, tuple(group_of(name, label) for label in labels), _remark(name, cells, texts, marks))


def _remark(name: str, cells: list[Any], texts: dict[Any, str], marks: list[Any]) -> str:
    """What was made of cells that hold nothing, and of those that say that they hold nothing."""
    which = ", ".join(dict.fromkeys(f'"{text(mark)}"' for mark in marks))
    marked = sum(cell in texts for cell in cells if cell in marks) if marks else 0
    empty = sum(cell not in texts for cell in cells)
    of = f"of {count(len(cells), 'example')}"
    said = []
    if empty:
        how = f" or with {which}" if which and not marked else ""
        said.append(f"The group {group_of(name, MISSING)} is of the {empty:,} {of} without a value{how}.")
    if marked:
        said.append(
            f'{which} in column "{name}" is judged as a value ({marked:,} {of}); leave such cells empty where it means that '
            "there is none."
        )
    return " ".join(said)


def _bins(cells: list[Any], numbers: dict[Any, float]) -> dict[Any, str]:
    """The label of each distinct cell: the range of values found in its quartile."""
    ordered = np.sort([numbers[cell] for cell in cells if cell in numbers])
    # Cuts are values of the sample, so ties stay together; a value that fills several quartiles is one bin.
    cuts = np.unique([ordered[math.ceil(len(ordered) * q / 4) - 1] for q in (1, 2, 3)])
    distinct = np.unique(ordered)
    place = np.searchsorted(cuts, distinct, side="left")
    ends = [(float(distinct[place == p][0]), float(distinct[place == p][-1])) for p in np.unique(place)]
    written = _write(sorted({end for pair in ends for end in pair}))
    between = " to " if distinct[0] < 0 else "–"
    names = [written[low] if low == high else f"{written[low]}{between}{written[high]}" for low, high in ends]
    at = np.unique(place, return_inverse=True)[1]
    name_of = {float(value): names[i] for value, i in zip(distinct, at, strict=True)}
    return {cell: name_of[value] for cell, value in numbers.items()}


def _write(values: list[float]) -> dict[float, str]:
    """Numbers as short as they can be and still differ."""
    for digits in (4, 6, 9, 17):
        texts = [text(value) if len(text(value)) <= 8 else f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return dict(zip(values, texts, strict=True))


def _too_many(name: str, n: int, labels: list[str], texts: dict[Any, str], numbers: int) -> str:
    shown = ", ".join(f'"{label}"' for label in labels[:3])
    message = (
        f'Column "{name}" has {len(labels):,} distinct values in {n:,} examples ({shown} …), and a grouping by a '
        f"column that is not numeric may have at most {MOST}. Group by a coarser column, or add one to the data that "
        "puts these values into fewer groups."
    )
    if 2 * numbers > len(texts):
        odd = next(label for cell, label in texts.items() if number(cell) is None)
        message += f' Most of them are numbers, which are binned at their quartiles, but "{odd}" is not: '
        message += "leave such cells empty."
    return message
