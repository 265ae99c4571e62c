"""One history as it is given: a list of items, or such a list as JSON text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from assay.codecs.catalogue import item_name


def raw_items(x: Any) -> list[Any] | str:
    """The raw items of a history, or in words why there are none."""
    if isinstance(x, str):
        try:
            x = json.loads(x)
        except json.JSONDecodeError:
            return f'{x[:60]!r} is no list of items. Accepted: a JSON list, as ["50", "181"]; [] for a new user.'
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if not isinstance(x, list | tuple):
        what = "there is no history" if x is None else f"{str(x)[:60]!r} is no list of items"
        return f'{what}. Accepted: a list, as ["50", "181"]; [] for a new user.'
    for at, cell in enumerate(x):
        if not isinstance(cell, str | int | float | np.number) or item_name(cell) is None:
            return f"item {at + 1} of the history is {cell!r}; an item is text or a whole number."
    return list(x)
