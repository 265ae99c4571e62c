"""Arrow's CSV engine, all cells as strings, with the line of every row and of every ragged one.

Arrow parses in parallel and then does not number what it skips. So rows are counted against the lines of the file:
where they agree, a row's line follows from its number. Only where they do not (line breaks in quoted cells, blank
lines, ragged rows) are the lines scanned, and only where rows were ragged is the file parsed a second time, in one
thread, for their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from assay.core.errors import DataError
from assay.core.source import Problem
from assay.readers._places import LinePlaces

_BLOCK = 1 << 20
_MOST_BLOCK = 1 << 30  # no record is longer


@dataclass(frozen=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: one character.
        quote: whether quotation marks quote (they are plain characters otherwise).
        encoding: of the bytes.
        names: the columns.
        header: whether the first record holds them, spelled as in ``names``.
        missing: cells that mean that there is none.
        escape: whether a backslash takes the next character as it is.
    """

    delimiter: str
    quote: bool
    encoding: str
    names: tuple[str, ...]
    header: bool = True
    missing: tuple[str, ...] = ("",)
    escape: bool = False


@dataclass(frozen=True)
class Ragged:
    """A record with the wrong number of fields: its number among the records (the first is 1), or 0 where unknown."""

    number: int
    fields: int
    text: str


def parse(
    stream: Callable[[], Any], dialect: Dialect, *, threads: bool = True, only_first: bool = False
) -> tuple[pa.Table, list[Ragged]]:
    """The table and its ragged records, which are numbered only without ``threads``.

    Raises:
        DataError: a record is longer than 1 GiB.
        pa.ArrowInvalid: quotation marks do not pair up.
    """
    ragged: list[Ragged] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        ragged.append(Ragged(row.number or 0, row.actual_columns, row.text[:60]))
        return "skip"

    block = _BLOCK
    while True:
        ragged.clear()
        try:
            table = arrow_csv.read_csv(
                stream(),
                read_options=arrow_csv.ReadOptions(
                    use_threads=threads,
                    block_size=block,
                    encoding="utf8" if dialect.encoding == "utf-8-sig" else dialect.encoding,
                    column_names=None if dialect.header else dialect.names,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char='"' if dialect.quote else False,
                    newlines_in_values=dialect.quote,
                    escape_char="\\" if dialect.escape else False,
                    invalid_row_handler=skip,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types={name: pa.string() for name in dialect.names},
                    strings_can_be_null=True,
                    null_values=list(dialect.missing),
                    include_columns=list(dialect.names[:1]) if only_first else None,
                    check_utf8=False,  # the survey did
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" in str(error):  # no line but the header, or not even that
                return pa.table({name: pa.array([], pa.string()) for name in dialect.names}), []
            if "straddling" not in str(error):
                raise
            if block >= _MOST_BLOCK:
                raise DataError("one record is longer than 1 GiB: is a quotation mark left open?") from error
            block *= 16 if block < _MOST_BLOCK >> 4 else _MOST_BLOCK // block
        else:
            return table, ragged


def place(
    path: Path, rows: int, ragged: Sequence[Ragged], starts: NDArray[np.int64] | None, dialect: Dialect
) -> tuple[LinePlaces, tuple[Problem, ...]]:
    """The line of every row, and a problem for every ragged (numbered) record."""
    first = 1 if dialect.header else 0
    if starts is None:
        return LinePlaces(path, range(1 + first, 1 + first + rows)), ()
    wrong = np.array([record.number for record in ragged], dtype=np.int64) - 1
    kept = np.delete(starts, wrong)[first:]
    assert len(kept) == rows, "lines and rows are counted by the same rule"
    wide = len(dialect.names)
    problems = tuple(
        Problem(
            f"{path}:{starts[record.number - 1]}",
            f"{record.fields} {'field' if record.fields == 1 else 'fields'} where the "
            f"{'header names' if dialect.header else 'names file has'} {wide}: {record.text!r}",
        )
        for record in ragged
    )
    return LinePlaces(path, kept), problems
