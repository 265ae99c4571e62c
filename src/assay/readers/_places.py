"""From a row's number to the place that a user can open: values, so that they can be copied to another process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LinePlaces:
    """Rows and the lines that they begin at."""

    path: Path
    lines: Sequence[int] | NDArray[np.int64]

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return f"{self.path}:{self.lines[row]}"


@dataclass(frozen=True)
class Places:
    """The places of rows of several splits, one after another."""

    places: tuple[Callable[[int], str], ...]
    starts: tuple[int, ...]

    def __call__(self, row: int) -> str:
        """The place of a row."""
        part = bisect_right(self.starts, row) - 1
        return self.places[part](row - self.starts[part])


@dataclass(frozen=True)
class RowPlaces:
    """Places in a file that has rows, not lines; the first is row 1."""

    path: Path
    unit: str = "row"

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return f"{self.path} {self.unit} {row + 1}"


@dataclass(frozen=True)
class FilePlaces:
    """Rows that are files."""

    files: Sequence[Path]

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return str(self.files[row])
