"""A catalogue: the items that a history holds and a recommendation is chosen from, as codes.

Legend: V items. Code 0 is no item (padding, or one that was never seen); items have the codes 1 to V.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import nearest

NONE = 0
"""The code of no item."""

OFFERED = 20_000  # in a larger catalogue the nearest name is not looked for


@dataclass(frozen=True)
class Catalogue:
    """Items by name, those with the most events first.

    Attributes:
        items: their names, ``[V]``; the item at position ``p`` has the code ``p + 1``.
    """

    items: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.items, 1)}

    def code(self, cell: Any) -> int:
        """The code of a raw item; `NONE` where it is missing or was never seen.

        >>> shop = Catalogue(("tea", "7"))
        >>> shop.code("tea"), shop.code(7.0), shop.code("rum")
        (1, 2, 0)
        """
        name = item_name(cell)
        return NONE if name is None else self._codes.get(name, NONE)

    def codes(self, cells: Sequence[Any]) -> NDArray[np.int32]:
        """The code of each raw item, ``[n]``."""
        return np.fromiter((self.code(cell) for cell in cells), np.int32, len(cells))

    def name(self, code: int) -> str:
        """The item of a code from 1 to V.

        >>> Catalogue(("tea", "7")).name(2)
        '7'
        """
        assert 1 <= code <= len(self.items), code
        return self.items[code - 1]

    def offer(self, name: str) -> str:
        """A sentence on what an unseen item may have meant; empty in a catalogue too large to look through."""
        return nearest(name, self.items) if len(self.items) <= OFFERED else ""


def learn(histories: Iterable[Iterable[Any]]) -> Catalogue:
    """The catalogue of all items in ``histories``, by the number of their events; ties go by name.

    >>> learn([["a", "b"], ["b", 3, 3.0, None]]).items
    ('3', 'b', 'a')
    """
    counts = Counter(name for items in histories for cell in items if (name := item_name(cell)) is not None)
    return Catalogue(tuple(sorted(counts, key=lambda name: (-counts[name], name))))


def item_name(cell: Any) -> str | None:
    """A raw item (text or a number) as the name that it has in a catalogue; ``None`` where there is none.

    >>> item_name(3), item_name(3.0), item_name(" tea "), item_name(float("nan")), item_name("")
    ('3', '3', 'tea', None, None)
    """
    if cell is None or (isinstance(cell, float | np.floating) and math.isnan(cell)):
        return None
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        cell = int(cell)
    return str(cell).strip() or None
