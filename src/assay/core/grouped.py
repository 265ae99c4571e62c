"""Groups of a column as they were learned from some examples: they find their members among others too."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from assay.core.columns import ABSENT, Index
from assay.core.group_names import group_of

MISSING = "(missing)"
UNSEEN = -1  # the code of a group that was not among those learned

# Not "007" or "01234": leading zeros are the mark of a code.
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Groups:
    """The groups of one column.

    Attributes:
        column: its name.
        names: of the groups, in the order of their codes: values, or ranges of numbers; `MISSING` where cells were empty.
        cuts: the largest number of each range but the last, ascending; ``None`` where groups are values.
    """

    column: str
    names: tuple[str, ...]
    cuts: tuple[float, ...] | None = None

    def codes(self, cells: Iterable[Any]) -> Index:
        """The position of each cell's group in ``names``, int64 ``[N]``; `UNSEEN` where it is none of them.

        A number is the same as text (of another file, say) as it is as a number.

        >>> Groups("sex", ("F", "M")).codes(["M", " F ", "X", None])
        array([ 1,  0, -1, -1])
        >>> Groups("age", ("17–29", "30–90", MISSING), cuts=(29.0,)).codes([99, "29", 29.5, "old", float("nan"), "NA"])
        array([ 1,  0,  1, -1,  2,  2])
        """
        tolist = getattr(cells, "tolist", None)  # of columns and arrays: far faster than cell by cell
        held = tolist() if tolist else list(cells)
        known: dict[tuple[type, Hashable], int] = {}
        found = np.empty(len(held), dtype=np.int64)
        for at, cell in enumerate(held):
            held_as = cell if isinstance(cell, Hashable) else str(cell)
            key = (type(held_as), held_as)
            if key not in known:
                known[key] = self._code(held_as)
            found[at] = known[key]
        return found

    def label(self, code: int) -> str:
        """The group as people read it, as `group_of` writes it."""
        return group_of(self.column, self.names[code])

    def to_json(self) -> dict[str, Any]:
        """The groups as a JSON object."""
        return {
            "column": self.column,
            "names": list(self.names),
            "cuts": None if self.cuts is None else list(self.cuts),
        }

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> Groups:
        """The inverse of `to_json`.

        Raises:
            ValueError: the state is none that it gives.
        """
        column, names, cuts = state["column"], tuple(state["names"]), state["cuts"]
        if not isinstance(column, str) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"no groups of a column: {str(state)[:80]}")
        if cuts is not None:
            cuts = tuple(float(cut) for cut in cuts)
            ranges = len(names) - (MISSING in names)
            if not all(map(math.isfinite, cuts)) or sorted(set(cuts)) != list(cuts) or len(cuts) != ranges - 1:
                raise ValueError(f"no {ranges} ranges of numbers: {str(cuts)[:80]}")
        if not names or len(set(names)) < len(names):
            raise ValueError(f"no groups, or two of one name: {str(names)[:80]}")
        return Groups(column, names, cuts)

    @cached_property
    def _numeric(self) -> bool:
        return self.cuts is not None or len(self._numbers) == len(self.names) - (MISSING in self.names)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}

    @cached_property
    def _numbers(self) -> dict[float, int]:
        return {value: at for at, name in enumerate(self.names) if (value := number(name)) is not None}

    def _code(self, cell: Any) -> int:
        if missing(cell) or (self._numeric and unknown(cell)):
            return self._positions.get(MISSING, UNSEEN)
        value = number(cell)
        if self.cuts is not None:
            return UNSEEN if value is None else int(np.searchsorted(self.cuts, value, side="left"))
        by_number = UNSEEN if value is None else self._numbers.get(value, UNSEEN)
        return self._positions.get(text(cell), by_number)


def missing(cell: Any) -> bool:
    """Whether a cell holds nothing: ``None``, NaN, an empty text."""
    if isinstance(cell, str):
        return not cell.strip()
    return bool(cell is None or cell != cell)  # NaN, NaT


def unknown(cell: Any) -> bool:
    """Whether a cell is text that among numbers means that there is none; among texts it may be a value.

    >>> unknown(" NA "), unknown("Namibia"), unknown("")
    (True, False, False)
    """
    return isinstance(cell, str) and bool(cell.strip()) and cell.strip() in ABSENT


def number(cell: Any) -> float | None:
    """The number that a cell is, also as text; ``None`` where it is none (codes as 007, truth values).

    >>> number(" 1e3 "), number("007"), number(True)
    (1000.0, None, None)
    """
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell.strip()) else None
    if isinstance(cell, bool | np.bool_) or not hasattr(cell, "__float__"):
        return None
    return float(cell)


def text(cell: Any) -> str:
    """A cell as the name of a group; whole numbers without a point.

    >>> text(3.0), text(" a ")
    ('3', 'a')
    """
    value = None if isinstance(cell, str) else number(cell)
    if value is not None and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(cell).strip()
