"""What befalls rows of a table where they are collected: cells that are missing, noisy, of another unit or category.

Legend: N rows, F number columns, C category columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.protocols import Pack
from assay.inputs._bins import value
from assay.inputs._columns import ABSENT, OTHER, Category, Number
from assay.inputs._severity import check_corruption

MISSING = (0.02, 0.05, 0.1, 0.2, 0.4)  # share of the cells
NOISE = (0.05, 0.1, 0.2, 0.4, 0.8)  # deviation, of a number's own spread
UNITS = (0.01, 0.03, 0.08, 0.15, 0.3)  # share of the numbers
SWAPPED = (0.02, 0.05, 0.1, 0.2, 0.4)  # share of the categories
TIMES = np.array([10.0, 1000.0])  # what a number in the wrong unit is multiplied by: cm for mm, m for mm, kg for g


def kinds(numbers: Sequence[Number], categories: Sequence[Category]) -> tuple[str, ...]:
    """What can befall rows with such columns. A date has no unit."""
    found = ["missing cells"]
    found += ["noise"] if numbers else []
    found += ["units"] if any(not number.date for number in numbers) else []
    return (*found, "swapped categories") if any(category.slots > OTHER + 1 for category in categories) else (*found,)


def corrupted(
    x: Pack,
    numbers: Sequence[Number],
    categories: Sequence[Category],
    kind: str,
    severity: int,
    rng: np.random.Generator,
) -> Pack:
    """Rows (``numbers``, ``missing`` ``[N, F]`` and ``categories`` ``[N, C]``) that one of `kinds` befell.

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, kinds(numbers, categories))
    out = {name: array.copy() for name, array in x.items()}
    if kind == "missing cells":
        lost = rng.random(x["numbers"].shape) < MISSING[severity - 1]
        out["numbers"][lost], out["missing"][lost] = 0, 1
        out["categories"][rng.random(x["categories"].shape) < MISSING[severity - 1]] = ABSENT
    elif kind == "swapped categories":
        _swap(out["categories"], categories, SWAPPED[severity - 1], rng)
    else:
        for at, number in enumerate(numbers):
            drawn = rng.random(len(out["numbers"])), rng.standard_normal(len(out["numbers"]))
            if kind == "noise":
                changed = _noisy(x["numbers"][:, at], number, NOISE[severity - 1], drawn[1])
            elif number.date:
                continue
            else:
                changed = _scaled(x["numbers"][:, at], number, UNITS[severity - 1], drawn[0])
            out["numbers"][:, at] = np.where(x["missing"][:, at] > 0, x["numbers"][:, at], changed)
    return out


def _noisy(
    places: NDArray[np.float32], number: Number, share: float, drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Noise in the column's own unit, of a share of its spread: half the way from one deviation of its places below their
    mean to one above, which no outlier widens."""
    edges = np.asarray(number.edges)
    low, high = value(
        edges, np.clip(np.array([number.mean - number.scale, number.mean + number.scale]), 0, len(edges) - 1)
    )
    return number.position(value(edges, places.astype(np.float64)) + share * (high - low) / 2 * drawn)


def _scaled(
    places: NDArray[np.float32], number: Number, share: float, drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    values = value(np.asarray(number.edges), places.astype(np.float64))
    times = TIMES[
        (drawn * (1 << 20)).astype(np.int64) % 2
    ]  # of other digits of the draw than those that choose the cell
    return np.where(drawn < share, number.position(values * times), places)


def _swap(codes: NDArray[np.int64], categories: Sequence[Category], share: float, rng: np.random.Generator) -> None:
    """Another category, each as likely, where a cell has one; in place."""
    for at, category in enumerate(categories):
        hit = rng.random(len(codes)) < share
        step = rng.integers(1, max(2, category.slots - OTHER), len(codes))
        here = codes[:, at]
        other = OTHER + (here - OTHER + step) % (category.slots - OTHER)
        codes[:, at] = np.where(hit & (here != ABSENT), other, here)
