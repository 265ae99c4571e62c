"""Made sounds that a network can tell apart: tones that rise and tones that fall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def tones(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
    """A fifth of a second at 8 kHz each: a tone that rises or falls, under noise."""
    time = np.arange(1_600) / 8_000
    made = []
    for sign in rng.choice([-1, 1], n):
        middle, turn = rng.uniform(900, 1_100), rng.uniform(0, 2 * np.pi)
        phase = 2 * np.pi * (middle * time + sign * 2_000 * (time - 0.1) ** 2) + turn
        wave = 0.5 * np.sin(phase) + rng.normal(0, 0.02, len(time))
        made.append({"array": (wave * 32_767 / 1.2).astype(np.int16), "sampling_rate": 8_000})
    return made


def rises(tone: dict[str, Any]) -> bool:
    """Whether it is a tone that rises: it crosses zero more often in its second half."""
    return _crossings(tone["array"][:800]) < _crossings(tone["array"][800:])


def _crossings(wave: NDArray[Any]) -> int:
    return int((np.diff(np.sign(wave.astype(np.int64))) != 0).sum())
