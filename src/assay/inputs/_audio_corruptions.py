"""What befalls sounds where they are recorded and sent: noise, rooms, pace, clipping, telephones, and a distant microphone.

Noise at given ratios and telephone bands are those of robust speech recognition (Hirsch & Pearce 2000, "Aurora"); a room is
a tail of noise that dies away exponentially (Polack 1988).

Legend: N sounds, W samples of an array.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from assay.core.protocols import LENGTH, Pack
from assay.inputs._severity import blocks, check_corruption

Floats = NDArray[np.float32]

NOISE = (30.0, 20.0, 10.0, 5.0, 0.0)  # decibels between a sound and the noise
ROOM = ((0.15, 15.0), (0.3, 10.0), (0.5, 6.0), (0.8, 2.0), (1.2, -2.0))  # seconds to −60 dB; decibels, direct to tail
PACE = (Fraction(21, 20), Fraction(11, 10), Fraction(6, 5), Fraction(27, 20), Fraction(3, 2))
CLIPPED = (0.01, 0.03, 0.08, 0.16, 0.3)  # share of the samples
BAND = ((60, 7_000), (120, 5_000), (300, 3_400), (400, 2_500), (500, 1_800))  # Hz; the third is a telephone's
GAIN = (-3.0, -6.0, -12.0, -20.0, -30.0)  # decibels
KINDS = ("noise", "reverberation", "speed", "clipping", "band-pass", "gain")
ORDER = 4  # of the band's Butterworth edges
FULL = 32_767


def corrupted(x: Pack, rate: int, kind: str, severity: int, rng: np.random.Generator) -> Pack:
    """Sounds ``wave`` int16 ``[N, W]`` with their ``length`` ``[N]`` that one of `KINDS` befell: the same arrays, and
    another length only where the speed is another (half of the sounds are faster, half slower; what has no room is cut).

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, KINDS)
    wave, length = x["wave"], x[LENGTH]
    out = {"wave": np.zeros_like(wave), LENGTH: length.copy()}
    for block in blocks(len(wave), wave.shape[1]):
        sound = np.asarray(wave[block] / np.float32(FULL), dtype=np.float32)
        if kind == "speed":
            sound, out[LENGTH][block] = _paced(sound, length[block], PACE[severity - 1], rng)
        else:
            sound = _changed(sound, length[block], rate, kind, severity - 1, rng)
        sound[np.arange(wave.shape[1]) >= out[LENGTH][block][:, None]] = 0
        out["wave"][block] = np.rint(np.clip(sound, -1, 1) * FULL)
    return out


def _changed(
    sound: Floats, length: NDArray[np.int32], rate: int, kind: str, step: int, rng: np.random.Generator
) -> Floats:
    if kind == "noise":
        white = rng.standard_normal(sound.shape, dtype=np.float32)
        return sound + white * _loudness(sound, length) * np.float32(10 ** (-NOISE[step] / 20))
    if kind == "reverberation":
        return _in_a_room(sound, length, rate, *ROOM[step], rng)
    if kind == "clipping":
        size = np.sort(np.abs(sound), axis=1)[:, ::-1]
        at = np.minimum((CLIPPED[step] * length).astype(np.int64), sound.shape[1] - 1)
        most = np.take_along_axis(size, at[:, None], axis=1)
        return np.clip(sound, -most, most)
    if kind == "band-pass":
        return _within(sound, rate, *BAND[step])
    return sound * np.float32(10 ** (GAIN[step] / 20))


def _in_a_room(
    sound: Floats, length: NDArray[np.int32], rate: int, seconds: float, direct: float, rng: np.random.Generator
) -> Floats:
    """As loud as before, but with a tail of ``seconds`` behind every sound, ``direct`` decibels below it in all."""
    longest = round(rate * ROOM[-1][0])
    tail = rng.standard_normal((len(sound), longest), dtype=np.float32)
    tail *= np.exp(-np.log(1000) * np.arange(longest) / (rate * seconds)).astype(np.float32)
    tail[:, 0] = 0
    tail *= np.float32(10 ** (-direct / 20)) / np.linalg.norm(tail, axis=1, keepdims=True)
    tail[:, 0] = 1
    heard = fftconvolve(sound, tail, axes=1)[:, : sound.shape[1]].astype(np.float32)
    return np.asarray(heard * (_loudness(sound, length) / np.maximum(_loudness(heard, length), 1e-9)), dtype=np.float32)


def _within(sound: Floats, rate: int, low: float, high: float) -> Floats:
    """Without what is below ``low`` and above ``high`` Hz; of sounds that hold no more than that, without the top tenth."""
    hz = np.fft.rfftfreq(2 * sound.shape[1], 1 / rate)
    low, high = min(low, rate / 16), min(high, 0.45 * rate)
    with np.errstate(divide="ignore", over="ignore"):
        passed = ((1 + (low / hz) ** (2 * ORDER)) * (1 + (hz / high) ** (2 * ORDER))) ** -0.5
    spectrum = np.fft.rfft(sound, 2 * sound.shape[1], axis=1) * passed
    return np.fft.irfft(spectrum, axis=1)[:, : sound.shape[1]].astype(np.float32)


def _paced(
    sound: Floats, length: NDArray[np.int32], pace: Fraction, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.int32]]:
    """Half of the sounds faster and half slower by ``pace``, and their lengths."""
    out, lengths = np.zeros_like(sound), length.copy()
    faster = rng.random(len(sound)) < 0.5
    for rows, up, down in (
        (faster, pace.denominator, pace.numerator),
        (~faster, pace.numerator, pace.denominator),
    ):
        if rows.any():
            made = resample_poly(sound[rows], up, down, axis=1)[:, : sound.shape[1]]
            out[rows, : made.shape[1]] = made
            lengths[rows] = np.clip(np.rint(length[rows] * (up / down)), 1, sound.shape[1])
    return out, lengths


def _loudness(sound: Floats, length: NDArray[np.int32]) -> Floats:
    """The root of the mean power of each sound, ``[N, 1]``."""
    power = np.square(sound, dtype=np.float64).sum(axis=1) / np.maximum(length, 1)
    return np.asarray(np.sqrt(power)[:, None], dtype=np.float32)
