"""Parquet files: typed cells, images as the bytes that they were encoded to, class numbers as their names."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest_file
from assay.core.source import Source, Split
from assay.readers._names import check_columns
from assay.readers._places import RowPlaces
from assay.readers._splits import Part, files_of, gather, holds_splits, is_file_of
from assay.readers._tables import features, hints, split_of

FORMAT = "parquet"
LAYOUT = "rows.parquet; or a folder (or its data/) with train.parquet or train-00000-of-00002.parquet …, test.parquet …"

SUFFIXES = (".parquet",)
EAGER_BYTES = 512 << 20  # a column that is larger is read a row group at a time
MOST_ROWS_A_BYTE = 100  # beyond 10 million rows; a file of a few bytes may claim any number


def reads(path: object) -> bool:
    """Whether ``path`` is a Parquet file, or a folder with one for a split (also in its folder ``data``)."""
    if not isinstance(path, Path):
        return False
    return holds_splits(_folder(path), SUFFIXES) if path.is_dir() else is_file_of(path, SUFFIXES)


def read(path: Path) -> Source:
    """The table at ``path``; HuggingFace's class labels become their names where the file holds them.

    Raises:
        DataError: a file is damaged, holds no rows, or differs in its columns from its fellow shards.
    """
    return gather(path, FORMAT, files_of(_folder(path) if path.is_dir() else path, SUFFIXES), _part)


def _folder(path: Path) -> Path:
    return path / "data" if not holds_splits(path, SUFFIXES) and (path / "data").is_dir() else path


def _part(path: Path) -> Part:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            _check_size(path, file.metadata)
            check_columns(file.schema_arrow.names, str(path))
            late = _large(file)
            eager = [name for name in file.schema_arrow.names if name not in late]
            table = file.read(columns=eager)
            split = split_of(table, RowPlaces(path), str(path)) if eager else None
            described = features(file.schema_arrow)
            groups = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            names = file.schema_arrow.names
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    columns = {name: Column(LateCells(path, name, groups)) for name in late}
    if split is not None:
        columns |= dict(split.columns)
    given, wanted = hints(described)
    ordered = {name: columns[name] for name in names}
    return Part(Split(ordered, RowPlaces(path)), digest_file(path), (), given, wanted)


class LateCells(Sequence[Any]):
    """The cells of one column, decoded a row group at a time; the last group is kept."""

    def __init__(self, path: Path, name: str, groups: Sequence[int]) -> None:
        self._path, self._name = path, name
        self._starts = [0, *accumulate(groups)]
        self._held: tuple[int, Any] = (-1, None)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._starts[-1]

    def forget(self) -> None:
        """Let go of the group that is held; it is read again when it is asked for."""
        self._held = (-1, None)

    def __getitem__(self, at: Any) -> Any:
        if not 0 <= at < len(self):
            raise IndexError(at)
        group = bisect_right(self._starts, at) - 1
        with self._lock:
            if self._held[0] != group:
                with pq.ParquetFile(self._path, memory_map=True) as file:
                    self._held = (group, file.read_row_group(group, columns=[self._name]).column(0))
            cells = self._held[1]
        return cells[at - self._starts[group]].as_py()


def _large(file: pq.ParquetFile) -> list[str]:
    """The columns of bytes, text or nested values that are larger than `EAGER_BYTES`."""
    sizes: dict[str, int] = {}
    for group in range(file.num_row_groups):
        meta = file.metadata.row_group(group)
        for leaf in range(meta.num_columns):
            chunk = meta.column(leaf)
            sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_uncompressed_size
    large = []
    for field in file.schema_arrow:
        size = sum(n for leaf, n in sizes.items() if leaf == field.name or leaf.startswith(f"{field.name}."))
        if size > EAGER_BYTES and not pa.types.is_primitive(field.type) and not pa.types.is_dictionary(field.type):
            large.append(field.name)
    return large


def _check_size(path: Path, meta: pq.FileMetaData) -> None:
    size = path.stat().st_size
    if meta.num_rows > max(10_000_000, MOST_ROWS_A_BYTE * size):
        raise DataError(f"{path} claims {meta.num_rows:,} rows in {size:,} bytes, which no honest table does.")
