"""Raw targets of object detection: lists of objects, in Python or as JSON, checked one by one.

Legend: N examples, M places for objects.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.columns import Column
from assay.core.protocols import Pack, Problems

SIDES = ("x0", "y0", "x1", "y1")
BEYOND = 0.01  # how far, as a share of the side, a box may reach out of the image and is cut
_MOST_TEXT = 1 << 24  # characters of one target


@dataclass(frozen=True)
class Object:
    """One true object: its class, its box in shares of the image's sides, and whether it is not to be judged by."""

    label: str
    box: tuple[float, float, float, float]
    ignore: bool


def objects_of(cell: Any) -> list[Object]:
    """The objects of a raw target.

    >>> objects_of('[{"label": "cat", "x0": 0.1, "y0": 0, "x1": 0.5, "y1": 1}]')
    [Object(label='cat', box=(0.1, 0.0, 0.5, 1.0), ignore=False)]

    Raises:
        ValueError: it is no such list; says which object and what of it.
    """
    if isinstance(cell, str):
        if len(cell) > _MOST_TEXT:
            raise ValueError(f"it has {len(cell):,} characters; at most {_MOST_TEXT:,} are read")
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"its objects are no JSON ({error}); accepted is {_EXAMPLE}") from error
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        raise ValueError("it has no objects; write [] for an image that shows none")
    if isinstance(cell, Mapping | bytes) or not isinstance(cell, Sequence | np.ndarray):
        raise ValueError(f"{str(cell)[:60]!r} is no list of objects; accepted is {_EXAMPLE}")
    return [_object(given, at) for at, given in enumerate(cell, 1)]


_EXAMPLE = '[{"label": "cat", "x0": 0.1, "y0": 0.2, "x1": 0.5, "y1": 0.9}, …], in shares of width and height'


def _object(given: Any, at: int) -> Object:
    if not isinstance(given, Mapping):
        raise ValueError(f"object {at} is {str(given)[:60]!r}; accepted is {_EXAMPLE}")
    label = str(given.get("label") if given.get("label") is not None else "").strip()
    if not label:
        raise ValueError(f"object {at} has no label")
    lacking = [side for side in SIDES if given.get(side) is None]
    if lacking:
        raise ValueError(f"object {at} ({label}) has no {', '.join(lacking)}; accepted is {_EXAMPLE}")
    try:
        x0, y0, x1, y1 = (float(given[side]) for side in SIDES)
    except (TypeError, ValueError, OverflowError):
        shown = ", ".join(f"{side}={given[side]!r}" for side in SIDES)
        raise ValueError(f"object {at} ({label}) has a corner that is no number: {shown[:120]}") from None
    told = f"object {at} ({label}: x0={x0:.4g}, y0={y0:.4g}, x1={x1:.4g}, y1={y1:.4g})"
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise ValueError(f"{told} has a corner that is no number")
    if x1 < x0 or y1 < y0:
        raise ValueError(f"{told} has its corners in the wrong order: x0 is left of x1, y0 above y1")
    if min(x0, y0) < -BEYOND or max(x1, y1) > 1 + BEYOND:
        pixels = " (pixels? They are to be divided by the image's width and height)" if max(x1, y1) > 2 else ""
        raise ValueError(f"{told} reaches out of the image{pixels}; corners are shares of its sides, 0 to 1")
    x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, 1.0), min(y1, 1.0)
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"{told} has no area; remove it or draw it again")
    return Object(label, (x0, y0, x1, y1), bool(given.get("ignore", False)))


def parsed(ys: Sequence[Any], problems: Problems) -> list[list[Object]]:
    """The objects of each raw target; those that are none go to ``problems``."""
    found: list[list[Object]] = []
    for at, cell in enumerate(ys.tolist() if isinstance(ys, Column) else ys):
        try:
            found.append(objects_of(cell))
        except ValueError as error:
            problems[at] = str(error)
            found.append([])
    return found


def packed(found: Sequence[Sequence[Object]], labels: Sequence[str], most: int, problems: Problems) -> Pack:
    """The objects as arrays of ``most`` places, see `assay.outputs.boxes.FittedBoxes.encode`."""
    positions = {label: at for at, label in enumerate(labels)}
    exact = np.zeros((len(found), most, 4))
    code = np.full((len(found), most), -1, dtype=np.int64)
    ignore = np.zeros((len(found), most), dtype=np.bool_)
    for at, objects in enumerate(found):
        if len(objects) > most:
            problems[at] = f"it has {len(objects)} objects; this model takes at most {most} (--set most=… in training)"
            continue
        unknown = next((thing.label for thing in objects if thing.label not in positions), None)
        if unknown is not None:
            problems[at] = _unknown(unknown, labels)
            continue
        for place, thing in enumerate(objects):
            exact[at, place] = thing.box
            code[at, place] = positions[thing.label]
            ignore[at, place] = thing.ignore
    return {"boxes": exact.astype(np.float32), "code": code, "ignore": ignore, "exact": exact}


def _unknown(label: str, labels: Sequence[str]) -> str:
    close = difflib.get_close_matches(label, labels, n=1, cutoff=0.6)
    offer = f' Did you mean "{close[0]}"?' if close else ""
    shown = ", ".join(labels[:10]) + (" …" if len(labels) > 10 else "")
    return f'an object of the class "{label}", which was not in the training data.{offer} Known: {shown}'
