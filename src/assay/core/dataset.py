"""A dataset is one split seen through roles: which columns are input, which is target, and what else is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.columns import Column, Index, Rows
from assay.core.errors import DataError, nearest
from assay.core.files import digest
from assay.core.source import WHOLE, Split


@dataclass(frozen=True)
class Roles:
    """Which columns are what.

    Attributes:
        inputs: the columns that make ``x``; none where every ``x`` is ``None`` (an input that is optional).
        row: whether ``x`` is a whole row (a dict) or the one cell.
        target: the column of ``y``; ``None`` where there is none (prediction).
    """

    inputs: tuple[str, ...]
    row: bool
    target: str | None

    def to_json(self) -> dict[str, Any]:
        """The roles as a JSON object."""
        return {"inputs": list(self.inputs), "row": self.row, "target": self.target}

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> Roles:
        """The inverse of `to_json`."""
        return Roles(inputs=tuple(state["inputs"]), row=state["row"], target=state["target"])


@dataclass(frozen=True)
class Example:
    """One example, still raw: a path, bytes, a cell or a row of cells."""

    id: str
    x: Any
    y: Any
    where: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Dataset:
    """Examples of one split, read lazily; slicing is a view.

    Attributes:
        name: the split's name.
        split: the raw columns.
        roles: which of them are input and target.
        index: the rows of ``split`` that this view holds; ``None`` is all of them.
        origin: the fingerprint of the source.
        stored: the name of the split on disk, where ``name`` is a part that was made of it.
        remarks: what a user should know of how the data was read.
    """

    name: str
    split: Split
    roles: Roles
    origin: str
    index: Index | None = None
    stored: str | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.split) if self.index is None else len(self.index)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        attributes = {
            name: self.column(name)[at]
            for name in self.split.columns
            if name != self.roles.target and name not in self.roles.inputs
        }
        y = None if self.y is None else self.y[at]
        return Example(id=str(self.row(at)), x=self.x[at], y=y, where=self.place(at), attributes=attributes)

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    @property
    def x(self) -> Sequence[Any]:
        """The raw inputs: cells, or rows of cells."""
        if self.roles.row:
            return Rows({name: self.column(name) for name in self.roles.inputs})
        if not self.roles.inputs:
            return Column([None] * len(self))
        return self.column(self.roles.inputs[0])

    @property
    def y(self) -> Column | None:
        """The raw targets, or ``None``."""
        return None if self.roles.target is None else self.column(self.roles.target)

    @property
    def fingerprint(self) -> str:
        """A hash of the content: the source's, the split, the rows taken and their roles."""
        rows = b"" if self.index is None else np.ascontiguousarray(self.index, dtype=np.int64).tobytes()
        return digest(self.origin, self.name, rows, repr(self.roles))

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return "the data" if self.name == WHOLE else f"the {self.name} data"

    def column(self, name: str) -> Column:
        """The cells of any column of the split (an attribute, an input or the target).

        Raises:
            DataError: there is no such column; offers the nearest.
        """
        column = self.split.columns.get(name)
        if column is None:
            raise DataError(f'There is no column "{name}" in {self.words}. {nearest(name, self.split.columns)}')
        return column if self.index is None else column.take(self.index)

    def row(self, at: int) -> int:
        """The row of the split that example ``at`` of this view is."""
        return at if self.index is None else int(self.index[at])

    def place(self, at: int) -> str:
        """Where example ``at`` stands on disk: a file, and a line where it has one."""
        return self.split.place(self.row(at))

    def take(self, index: Index) -> Dataset:
        """A view of the examples at ``index``."""
        rows = index if self.index is None else self.index[index]
        return replace(self, index=np.asarray(rows, dtype=np.int64))

    def named(self, name: str) -> Dataset:
        """The same examples as the part ``name`` of what they were."""
        return replace(self, name=name, stored=self.stored or self.name)
