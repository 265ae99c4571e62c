"""Cells of time and frequency of one sound: their names, and the sound without some of them.

Legend: W samples, M masks, P parts, F frequencies, T frames.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs.sound import hz_to_mel, mel_to_hz, transform

TIMES, BANDS = 8, 4
SHORTEST = 0.04  # seconds of a cell
QUIET = 0.1  # a frequency is quiet at what a tenth of its frames fall short of


def cell_names(samples: int, rate: int, *, pooled: bool = False) -> tuple[str, ...]:
    """The cells of a sound, time after time and from low to high; ``pooled`` by names that do not depend on its length: of a
    short sound with fewer times, each is the eighth of the sound that its middle lies in.

    >>> cell_names(800, 8_000)[:2]
    ('0.00–0.05 s, 0–586 Hz', '0.00–0.05 s, 586–1194 Hz')
    >>> cell_names(800, 8_000, pooled=True)[::4], cell_names(8_000, 8_000, pooled=True)[8]
    (('time 3 of 8, 0–586 Hz', 'time 7 of 8, 0–586 Hz'), 'time 3 of 8, 0–586 Hz')
    """
    count, edges = times(samples, rate), _edges(rate)
    seconds = samples / rate
    if pooled:
        eighths = [int((t + 0.5) * TIMES / count) + 1 for t in range(count)]
        return tuple(f"time {t} of {TIMES}, {low:.0f}–{high:.0f} Hz" for t in eighths for low, high in pairwise(edges))
    return tuple(
        f"{seconds * t / count:.2f}–{seconds * (t + 1) / count:.2f} s, {low:.0f}–{high:.0f} Hz"
        for t in range(count)
        for low, high in pairwise(edges)
    )


def without(wave: NDArray[np.int16], rate: int, mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    """One sound ``[W]`` with the cells of each mask ``[M, P]`` only, ``[M, W]``.

    What is not kept is as quiet as the sound itself is at that frequency when nobody speaks: its short-time spectrum is
    turned down to that level there, and what is turned down keeps its phase. So nothing that a network has never heard
    stands in its place, neither digital silence nor a hiss.
    """
    out = np.repeat(wave[None], len(mask), axis=0)
    partly = np.flatnonzero(~mask.all(1))
    if not len(partly) or not len(wave):
        return out
    size = 1 << max(6, (rate // 40).bit_length())
    padded = torch.zeros(-(-len(wave) // (size // 4)) * (size // 4))
    padded[: len(wave)] = torch.from_numpy(wave.astype(np.float32))
    spectrum = transform(padded[None], size, size // 4)[0]  # [T, F]
    loud = spectrum.abs()
    level = loud.quantile(QUIET, dim=0)
    turned = torch.minimum(level / loud.clamp_min(1e-9), torch.ones(()))
    cells = torch.from_numpy(_cells(len(loud), size, rate, times(len(wave), rate)))
    for row in partly:
        kept = torch.from_numpy(mask[row])[cells]
        sound = torch.istft(
            (spectrum * torch.where(kept, torch.ones(()), turned)).T[None],
            size,
            size // 4,
            window=torch.hann_window(size),
            length=len(padded),
        )
        out[row] = sound[0, : len(wave)].round().clamp(-32768, 32767).numpy().astype(np.int16)
    return out


def times(samples: int, rate: int) -> int:
    """How many stretches of time the cells of a sound are of."""
    return max(1, min(TIMES, int(samples / rate / SHORTEST)))


def _cells(frames: int, size: int, rate: int, count: int) -> NDArray[np.int64]:
    """Which part each place of a spectrum is of, ``[T, F]``."""
    time = np.minimum(np.arange(frames) * count // max(frames - 1, 1), count - 1)
    hz = np.arange(size // 2 + 1) * rate / size
    band = np.clip(np.searchsorted(_edges(rate), hz, side="right") - 1, 0, BANDS - 1)
    return np.asarray(time[:, None] * BANDS + band[None, :], dtype=np.int64)


def _edges(rate: int) -> NDArray[np.float64]:
    """Bands that are equally wide to the ear, in Hz."""
    return np.asarray(mel_to_hz(np.linspace(0, float(hz_to_mel(rate / 2)), BANDS + 1)))
