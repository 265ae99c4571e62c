"""Tables that are in memory already: data frames, Arrow tables and lists of dicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import interchange

from assay.core.errors import DataError
from assay.core.files import digest, digest_file
from assay.core.source import WHOLE, Source, Split
from assay.readers._names import check_columns
from assay.readers._tables import digest_table, features, hints, records, split_of

FORMAT = "memory"
LAYOUT = "in Python: a pandas or polars DataFrame, a pyarrow Table, or a list of dicts"

_NAME = "table in memory"


@dataclass(frozen=True)
class MemoryPlaces:
    """Rows of a table in memory; the first is row 0, as Python counts."""

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return f"row {row}"


def reads(path: object) -> bool:
    """Whether ``path`` is a table: it exports itself to Arrow, or it is a list of dicts."""
    if isinstance(path, str | bytes | Path | Source):
        return False
    if hasattr(path, "__arrow_c_stream__") or hasattr(path, "__dataframe__"):
        return True
    return isinstance(path, Sequence) and len(path) > 0 and isinstance(path[0], Mapping)


def read(path: Any) -> Source:
    """The table as the one split, its columns as typed as they are; the index of a data frame is left out.

    Raises:
        DataError: it has no rows, columns without names, or cells that Arrow cannot hold.
    """
    if not hasattr(path, "__arrow_c_stream__") and not hasattr(path, "__dataframe__"):
        return _rows(path)
    table = _table(path)
    split = split_of(table, MemoryPlaces(), f"The {_NAME}")
    given, target = hints(features(table.schema))
    return Source(_NAME, FORMAT, {WHOLE: split}, digest(FORMAT, digest_table(table)), given, target)


def _rows(rows: Sequence[Any]) -> Source:
    strange = next((at for at, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if strange is not None:
        raise DataError(f"The list holds dicts, but element {strange} is a {type(rows[strange]).__name__}.")
    columns = records(rows)
    check_columns([name if isinstance(name, str) else "" for name in columns], f"The {_NAME}")
    content = (part for name, column in columns.items() for part in (name.encode(), *map(_content, column)))
    split = Split(columns, MemoryPlaces())
    return Source(_NAME, FORMAT, {WHOLE: split}, digest(FORMAT, *content))


def _table(frame: Any) -> pa.Table:
    try:
        table = pa.table(frame) if hasattr(frame, "__arrow_c_stream__") else interchange.from_dataframe(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        if "uplicate column" in str(error):
            raise DataError(f"The {_NAME} has two columns of one name ({error}). Rename one.") from error
        raise DataError(
            f"The {_NAME} holds a column whose cells are not of one type: {' '.join(map(str, error.args))}. "
            "Make them one, or pass a list of dicts."
        ) from error
    kept = [name for name in table.column_names if not re.fullmatch(r"__index_level_\d+__", name)]
    return table.select(kept) if len(kept) < table.num_columns else table


def _content(cell: Any) -> bytes:
    """What a cell is hashed as: its type and its value, a file by its content."""
    if isinstance(cell, np.ndarray):
        return f"array {cell.dtype} {cell.shape} ".encode() + np.ascontiguousarray(cell).tobytes()
    if isinstance(cell, bytes):
        return b"bytes " + cell
    if isinstance(cell, Path):
        return f"file {digest_file(cell)}".encode() if cell.is_file() else f"path {cell}".encode()
    if isinstance(cell, Iterable) and not isinstance(cell, str):
        return json.dumps(cell, default=lambda other: _content(other).hex(), sort_keys=True).encode()
    return f"{type(cell).__name__} {cell!r}".encode()
