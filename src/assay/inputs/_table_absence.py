"""What stands for a column that is absent: its usual values, each as often as it is met.

One typical value says nothing of a cell that happens to be typical (of a married man among married men), so several rows
stand in, and what a model says of them is averaged. The columns are taken as they are alone: rows of training data would
keep them together, and would put people into the model's folder. Each column runs through its quantiles, or categories in
their shares, and columns meet one another evenly: a scrambled Sobol sequence (Matoušek 1998), drawn by a seed. Two draws
differ as much as the stand-ins matter; and each stretch of 2^k rows is even by itself, so that stretches of one draw show
it too.

Legend: N training cells, K rows that stand in, M masks, F numbers, C categories.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assay.core.protocols import Pack
from assay.inputs._bins import Floats
from assay.inputs._columns import GONE, Category, Number


@lru_cache(64)  # every block of masks asks for them
def rows(
    numbers: tuple[Number, ...], categories: tuple[Category, ...], count: int = 1, seed: tuple[int, ...] = (0,)
) -> Pack:
    """``count`` rows of usual values (a power of two) as `FittedTable.encode` gives them; one typical row of models from
    before there were any."""
    each = [*(number.usual for number in numbers), *(category.usual for category in categories)]
    usual = [np.asarray(values, dtype=np.float64) for values in each]
    if not all(map(len, usual)):
        middle = np.array([[number.typical for number in numbers]], dtype=np.float32)
        codes = np.array([[category.typical for category in categories]], dtype=np.int64)
        return {"numbers": middle, "missing": np.zeros_like(middle), "categories": codes}
    shares = _even(len(usual), count, np.random.default_rng(seed))
    drawn = np.column_stack([u[(shares[:, at] * len(u)).astype(np.int64)] for at, u in enumerate(usual)])
    places = drawn[:, : len(numbers)]
    gone = places == GONE
    return {
        "numbers": np.where(gone, 0, places).astype(np.float32),
        "missing": gone.astype(np.float32),
        "categories": drawn[:, len(numbers) :].astype(np.int64),
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


def _even(columns: int, count: int, rng: np.random.Generator) -> Floats:
    """Evenly spread points of the unit cube, ``[K, columns]``, none at 1; of more columns than a sequence is known for each
    is even by itself."""
    from scipy.stats import qmc

    engine = qmc.Sobol if columns <= qmc.Sobol.MAXDIM else qmc.LatinHypercube
    points: Floats = engine(columns, seed=rng).random(count)
    return np.asarray(np.minimum(points, np.nextafter(1.0, 0.0)))
