"""Arrow tables as columns: plain types, and the names that HuggingFace keeps for class labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import Split
from assay.readers._names import check_columns

_BATCH = 1 << 16


def features(schema: pa.Schema) -> dict[str, Any]:
    """HuggingFace's description of the columns, by name; empty where there is none."""
    try:
        info = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        found = info["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def hints(described: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The input and the target, where exactly one column is an image (or sound) and exactly one a class label."""
    inputs = [name for name in described if _kind(described[name]) in {"Image", "Audio", "Video"}]
    targets = [name for name in described if _kind(described[name]) == "ClassLabel"]
    return inputs[0] if len(inputs) == 1 else None, targets[0] if len(targets) == 1 else None


def plain(column: pa.ChunkedArray, feature: Any, where: str) -> pa.ChunkedArray:
    """The column with class numbers as names, and dictionaries and views as what they stand for.

    Raises:
        DataError: a class number has no name.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string_view(column.type) or pa.types.is_large_string(column.type):
        column = column.cast(pa.string()) if column.nbytes < 1 << 31 else column.cast(pa.large_string())
    names = feature.get("names") if _kind(feature) == "ClassLabel" else None
    if not names or not pa.types.is_integer(column.type):
        return column
    known = pc.if_else(pc.greater_equal(column, 0), column, pa.scalar(None, column.type))  # −1 is "no label" there
    most = pc.max(known).as_py()
    if most is not None and most >= len(names):
        raise DataError(f"{where} holds the class number {most}, but there are names for 0 to {len(names) - 1} only.")
    return pa.chunked_array([pa.array(names, pa.string()).take(chunk) for chunk in known.chunks], pa.string())


def split_of(table: pa.Table, place: Callable[[int], str], where: str) -> Split:
    """A table as a split.

    Raises:
        DataError: columns cannot be told apart, or there is no row.
    """
    check_columns(table.column_names, where)
    if not table.num_rows:
        raise DataError(f"{where} holds no rows.")
    described = features(table.schema)
    return Split(
        {
            name: Column(plain(table.column(at), described.get(name), f'{where}: the column "{name}"'))
            for at, name in enumerate(table.column_names)
        },
        place,
    )


def records(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Dicts as columns, in the order in which their keys first appear; a missing key is ``None``.

    A column of one plain type becomes an Arrow column; one of mixed types, or of values that Arrow would change, stays
    a list of the values themselves.

    >>> {name: column.tolist() for name, column in records([{"a": 1}, {"a": 2.5, "b": "x"}]).items()}
    {'a': [1, 2.5], 'b': [None, 'x']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _column([row.get(name) for row in rows]) for name in names}


def digest_table(table: pa.Table) -> str:
    """The hash of the content of a table (its Arrow IPC bytes), however it is chunked."""
    bare = table.replace_schema_metadata(None).combine_chunks()
    batches = bare.to_batches(max_chunksize=_BATCH)
    return digest(str(bare.schema), *(batch.serialize().to_pybytes() for batch in batches))


def _column(values: list[Any]) -> Column:
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) <= 1 and kinds <= {bool, int, float, str, bytes}:
        try:
            cells = pa.array(values)
            return Column(cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells]))
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):  # an integer beyond 64 bits, or half a surrogate
            pass
    return Column(values)


def _kind(feature: Any) -> Any:
    return feature.get("_type") if isinstance(feature, dict) else None
