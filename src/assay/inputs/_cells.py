"""Raw cells of a table's columns as arrays: numbers, dates and trimmed text, each with its missing cells.

A cell means the same whatever stands beside it: the fast ways through Arrow accept no more than the slow ones do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from assay.core.columns import ABSENT, Column

MISSING = (*ABSENT, "None")
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def arrow(column: Column) -> pa.ChunkedArray:
    """The cells as one Arrow column; those of mixed types, or that Arrow cannot hold, as text."""
    if not column.typed:
        kinds = {type(cell) for cell in column} - {type(None)}
        if len(kinds) > 1 and not all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
            return _spelled(column)  # what Arrow would make of them depends on which comes first
    try:
        cells = column.arrow()
    except (pa.ArrowException, TypeError, OverflowError):
        return _spelled(column)
    return cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells


def text(column: Column) -> pa.ChunkedArray:
    """The cells as trimmed text, null where they are missing (see `MISSING`).

    >>> text(Column([" a", "?", None, "b "])).to_pylist()
    ['a', None, None, 'b']
    """
    cells = arrow(column)
    if not is_text(cells.type):
        cells = _by_value(cells, spell, pa.string())
    cells = pc.utf8_trim_whitespace(cells.cast(pa.string()))
    return pc.if_else(pc.is_in(cells, pa.array(MISSING)), pa.scalar(None, pa.string()), cells)


def numbers(column: Column) -> tuple[Floats, Mask]:
    """The cells as numbers ``[N]``, NaN where they are missing; and which cells hold something that is not one (as yes
    and no are not).

    >>> values, wrong = numbers(Column(["1.5", " 2 ", "NA", "x"]))
    >>> values.tolist(), wrong.tolist()
    ([1.5, 2.0, nan, nan], [False, False, False, True])
    """
    cells = arrow(column)
    kind = cells.type
    if pa.types.is_null(kind) or is_number(kind):
        return _floats(cells), np.zeros(len(cells), np.bool_)
    return _parsed(cells, column, pa.float64(), _number)


def dates(column: Column) -> tuple[Floats, Mask]:
    """The cells as seconds since 1970 (UTC where no zone is given), and which cells hold something that is no date.

    Text is a date in the forms of ISO 8601 that `datetime.fromisoformat` reads.

    >>> dates(Column(["1970-01-02", "soon"]))[0].tolist()
    [86400.0, nan]
    """
    cells = arrow(column)
    if is_date(cells.type):
        return _seconds(cells), np.zeros(len(cells), np.bool_)
    return _parsed(cells, column, pa.timestamp("us"), _date)


def is_number(kind: pa.DataType) -> bool:
    """Whether cells of this type are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_date(kind: pa.DataType) -> bool:
    """Whether cells of this type are days or points in time."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def spell(cell: Any) -> str | None:
    """A cell of any type as text: whole numbers without a point, yes and no as in JSON, no number as nothing.

    >>> [spell(cell) for cell in (3.0, 2.5, True, float("nan"), b"a")]
    ['3', '2.5', 'true', None, 'a']
    """
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    if isinstance(cell, float | np.floating):
        value = float(cell)
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(cell, bytes):
        return cell.decode(errors="backslashreplace")
    return cell.isoformat() if isinstance(cell, date | datetime) else str(cell)


def _spelled(column: Column) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([spell(cell) for cell in column], pa.string())])


def _parsed(
    cells: pa.ChunkedArray, column: Column, kind: pa.DataType, one: Callable[[str | None], float | None]
) -> tuple[Floats, Mask]:
    """Text as numbers: all of it by Arrow, or, where it stumbles over a cell, each distinct text by ``one``."""
    sure = np.zeros(len(cells), np.bool_)
    if is_text(cells.type) and (quick := _cast(cells, kind)) is not None:
        return quick, sure
    trimmed = text(column)
    if (quick := _cast(trimmed, kind)) is not None:
        return quick, sure
    found = _floats(_by_value(trimmed, one, pa.float64()))
    return found, np.isnan(found) & np.asarray(trimmed.is_valid())


def _cast(cells: pa.ChunkedArray, kind: pa.DataType) -> Floats | None:
    """The cells read by Arrow, or nothing where it cannot read one of them (a few first: it is slow to fail)."""
    try:
        for some in (cells[:50], cells):
            found = some.cast(kind)
    except pa.ArrowInvalid:
        return None
    return _floats(found) if kind == pa.float64() else _seconds(found)


def _by_value(cells: pa.ChunkedArray, one: Callable[[Any], Any], kind: pa.DataType) -> pa.ChunkedArray:
    """``one`` of every cell, worked out once for each distinct one."""
    try:
        coded = cells.combine_chunks().dictionary_encode()
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists and the like
        return pa.chunked_array([pa.array([one(cell) for cell in cells.to_pylist()], kind)])
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    values = pa.array([one(cell) for cell in coded.dictionary.to_pylist()], kind)
    return pa.chunked_array([values.take(coded.indices)])


def _floats(cells: pa.ChunkedArray) -> Floats:
    return np.asarray(cells.cast(pa.float64(), safe=False).fill_null(math.nan).to_numpy(), dtype=np.float64)


def _seconds(cells: pa.ChunkedArray) -> Floats:
    stamps = cells.cast(pa.timestamp("us", getattr(cells.type, "tz", None)), safe=False).cast(pa.int64())
    return _floats(stamps) / 1e6


def _number(cell: str | None) -> float | None:
    try:
        return None if cell is None or "_" in cell else float(cell)
    except ValueError:
        return None


def _date(cell: str | None) -> float | None:
    if cell is None:
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
