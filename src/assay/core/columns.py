"""A column of raw cells, read lazily; slicing is a view."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Index: TypeAlias = NDArray[np.int64]

# How people write that a cell holds nothing.
ABSENT = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null")


class Column(Sequence[Any]):
    """Raw cells behind an index: an Arrow column, a NumPy array (rows are cells) or a list.

    >>> column = Column(["a", "b", "c"])
    >>> list(column.take(np.array([2, 0]))), column[-1]
    (['c', 'a'], 'c')
    """

    __slots__ = ("_data", "_index")

    def __init__(self, data: pa.ChunkedArray | NDArray[Any] | Sequence[Any], index: Index | None = None) -> None:
        self._data = data
        self._index = index

    def __len__(self) -> int:
        return len(self._data) if self._index is None else len(self._index)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Column: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        at = at % len(self)
        cell = self._data[at if self._index is None else int(self._index[at])]
        return cell.as_py() if isinstance(cell, pa.Scalar) else cell

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @property
    def typed(self) -> bool:
        """Whether all cells are known to be of one type: an Arrow column or an array, and no list of Python values."""
        return (
            isinstance(self._data, pa.ChunkedArray) or getattr(getattr(self._data, "dtype", None), "kind", "O") != "O"
        )

    def take(self, index: Index) -> Column:
        """A view of the cells at ``index``."""
        return Column(self._data, index if self._index is None else self._index[index])

    def forget(self) -> None:
        """Let go of what cells that are read late keep in memory."""
        if forget := getattr(self._data, "forget", None):
            forget()

    def arrow(self) -> pa.ChunkedArray:
        """The cells as an Arrow column (copied where a view or a list must be gathered).

        Raises:
            TypeError: the cells are arrays, which Arrow holds only flat.
        """
        if isinstance(self._data, np.ndarray) and self._data.ndim > 1:
            raise TypeError("cells that are arrays have no Arrow column")
        data = self._data if isinstance(self._data, pa.ChunkedArray) else pa.chunked_array([pa.array(self._data)])
        return data if self._index is None else data.take(pa.array(self._index))

    def tolist(self) -> list[Any]:
        """All cells as Python values."""
        if isinstance(self._data, pa.ChunkedArray):
            return list(self.arrow().to_pylist())
        return list(self)


def joined(columns: Sequence[Column]) -> Column:
    """The cells of several columns one after another; nothing is converted, so an integer stays one beside a number.

    Arrow columns of one type, and arrays of one shape, stay whole; others are chained as they are.

    >>> list(joined([Column(["a"]), Column([1, 2])]))
    ['a', 1, 2]
    """
    if len(columns) == 1:
        return columns[0]
    data = [column._data for column in columns]
    if all(isinstance(part, pa.ChunkedArray) for part in data):
        parts = [column.arrow() for column in columns]
        kinds = {part.type for part in parts if part.type != pa.null()}
        if len(kinds) <= 1:
            kind = kinds.pop() if kinds else pa.null()
            chunks = [part.chunks if part.type == kind else [pa.nulls(len(part), kind)] for part in parts]
            return Column(pa.chunked_array([chunk for part in chunks for chunk in part], kind))
    arrays = [column._data for column in columns if column._index is None and isinstance(column._data, np.ndarray)]
    if len(arrays) == len(columns) and len({(array.dtype, array.shape[1:]) for array in arrays}) == 1:
        return Column(np.concatenate(arrays))
    return Column(_Chain(columns))


class _Chain(Sequence[Any]):
    """Columns one after another, each behind its own index."""

    __slots__ = ("_columns", "_starts")

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._starts = [0, *accumulate(len(column) for column in columns)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, at: Any) -> Any:
        part = bisect_right(self._starts, at) - 1
        return self._columns[part][at - self._starts[part]]


class Rows(Sequence[dict[str, Any]]):
    """Cells of several columns seen as one dict a row; `columns` gives them back whole, for vectorised work."""

    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return Rows({name: column[at] for name, column in self.columns.items()})
        return {name: column[at] for name, column in self.columns.items()}

    def take(self, index: Index) -> Rows:
        """A view of the rows at ``index``."""
        return Rows({name: column.take(index) for name, column in self.columns.items()})
