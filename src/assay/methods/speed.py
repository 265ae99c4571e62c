"""How fast a model answers, through the path that serves: latency of one example, throughput of many, size on disk."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assay.core.figure import Better, Figure
from assay.core.model import Model
from assay.core.packing import Encoded

REPEATS = 41
SECONDS = 1.0  # at most, for each of the two


def speed(model: Model, encoded: Encoded) -> list[Figure]:
    """The median latency of one example and the throughput in batches of up to 256 (16 where one takes more than 50 ms), on
    the device at hand.

    Intervals are of the median over repetitions, from order statistics: they speak of this machine now, not of another.
    """
    one, _ = encoded.take(np.array([0]))
    alone = _seconds(lambda: model.decode(one))
    many, _ = encoded.take(np.arange(min(256 if np.median(alone) < 0.05 else 16, len(encoded))))
    n = len(next(iter(many.values())))
    together = _seconds(lambda: model.decode(many))
    found = [
        _median("latency", 1000 * alone, "ms", "lower"),
        _median("throughput", n / together[::-1], "examples/s", "higher"),
    ]
    if model.folder is not None:
        size = sum((model.folder / name).stat().st_size for name in ("model.safetensors", "model.json"))
        found.append(Figure("size", size / 1e6, n=1, unit="MB", better="lower"))
    return found


def _seconds(call: Callable[[], object]) -> NDArray[np.float64]:
    began = time.perf_counter()
    call()
    least = 5 if time.perf_counter() - began < SECONDS else 2
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < REPEATS and (len(times) < least or time.perf_counter() - began < SECONDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return np.sort(np.array(times))


def _median(name: str, ordered: NDArray[np.float64], unit: str, better: Better) -> Figure:
    n = len(ordered)
    reach = 0.98 * math.sqrt(n)  # ranks within ± 1.96 √n / 2 of the middle hold the median with 95 %
    low, high = ordered[max(0, math.floor(n / 2 - reach))], ordered[min(n - 1, math.ceil(n / 2 + reach))]
    return Figure(name, float(np.median(ordered)), float(low), float(high), n, unit, better)
