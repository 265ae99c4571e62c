"""What stands for a column that is absent: its usual values, each as often as it is met.

One typical value says nothing of a cell that happens to be typical (of a married man among married men), so several rows
stand in, and what a model says of them is averaged. Each column runs through its own quantiles, or categories in their
shares, in an order of its own: a Latin hypercube of the columns as they are alone (McKay, Beckman & Conover 1979). Rows of
training data would keep columns together, and would put people into the model's folder.

Legend: N training cells, K rows that stand in, M masks, F numbers, C categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assay.core.protocols import Pack
from assay.inputs._bins import Floats
from assay.inputs._columns import GONE, Category, Number


@lru_cache(16)  # every block of masks asks for them
def rows(numbers: tuple[Number, ...], categories: tuple[Category, ...]) -> Pack:
    """K rows of usual values, as `FittedTable.encode` gives them; one typical row of models from before there were any."""
    lengths = {len(number.usual) for number in numbers} | {len(category.usual) for category in categories}
    count = max(lengths)
    if not min(lengths):
        middle = np.array([[number.typical for number in numbers]], dtype=np.float32)
        usual = np.array([[category.typical for category in categories]], dtype=np.int64)
        return {"numbers": middle, "missing": np.zeros_like(middle), "categories": usual}
    order = np.random.default_rng(0)
    places = _shuffled([number.usual for number in numbers], count, order)
    codes = _shuffled([category.usual for category in categories], count, order)
    gone = places == GONE
    return {
        "numbers": np.where(gone, 0, places).astype(np.float32),
        "missing": gone.astype(np.float32),
        "categories": codes.astype(np.int64),
    }


def filled(x: Pack, stand_ins: Pack, kept: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Pack:
    """One row under masks of its numbers ``[M, F]`` and categories ``[M, C]``, with each of K rows for what is absent:
    ``[M × K, …]``, those of one mask together."""
    count = len(stand_ins["numbers"])
    masks = {"numbers": kept, "missing": kept, "categories": chosen}
    return {
        name: np.where(masks[name][:, None], x[name][:, None], array[None]).reshape(len(kept) * count, -1)
        for name, array in stand_ins.items()
    }


def _shuffled(columns: Sequence[Sequence[float]], count: int, order: np.random.Generator) -> Floats:
    made = [order.permutation(np.asarray(column, dtype=np.float64)) for column in columns]
    return np.stack(made, axis=1) if made else np.zeros((count, 0))
