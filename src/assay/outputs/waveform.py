"""A sound as the answer: its mel spectrogram is what networks give and losses compare, a vocoder makes the wave of it.

Legend: N examples, B batch, T frames, M mel bands, k tally columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.sound import read_sound, sound_header
from assay.core.errors import ConfigError, DataError
from assay.core.protocols import JSON
from assay.core.ranges import Within, check
from assay.outputs._fitted_waveform import FittedWaveform, mel_of

LONGEST = 30.0  # seconds of a sound where nobody says otherwise
ROOM = 1.5  # how much longer than any training sound an answer may be
LOOKED_AT = 256  # training sounds that the mean of each band is taken from
LEAST = 0.1  # a band that never changes is not made much of
SHORTEST = 10  # hops a second, at least


@dataclass(frozen=True)
class Waveform:
    """A sound as the answer.

    Attributes:
        rate: samples a second of the answer; targets are resampled to it.
        hop: samples from frame to frame of the spectrogram; each frame sees four times as many.
        bands: mel bands of the spectrogram.
        seconds: the most that a sound lasts; 0 for half as long again as the longest training sound, at most 30.
        rounds: of the vocoder; fewer are faster and rougher.
        detail: whether the network learns what lies between the bands, beside them; the voice is clearer by it.
    """

    rate: Annotated[int, Within(4_000, 96_000)] = 16_000
    hop: Annotated[int, Within(16, 9_600)] = 256
    bands: Annotated[int, Within(8, 256)] = 80
    seconds: Annotated[float, Within(0, 600)] = 0.0
    rounds: Annotated[int, Within(1, 10_000)] = 32
    detail: bool = True

    names = ("speech", "audio", "sound", "wav", "recording", "waveform", "target", "file", "path", "y")
    files = True

    def __post_init__(self) -> None:
        check(self)
        if self.hop * SHORTEST > self.rate:
            raise ConfigError(
                f"--set rate={self.rate} --set hop={self.hop}: a hop is a tenth of a second at most, {self.rate // 10}."
            )

    def fit(self, ys: Sequence[Any]) -> FittedWaveform:
        """How long sounds are, and the mean and spread of each band.

        Raises:
            DataError: not one of them can be read.
        """
        most = self.seconds or LONGEST
        lasts, why = [], "there is none"
        for y in ys:
            try:
                lasts.append(sound_header(y)[1])
            except ValueError as error:
                why = str(error)
        frames = []
        for at in np.unique(np.linspace(0, len(ys) - 1, num=min(len(ys), LOOKED_AT)).astype(int)):
            try:
                wave, _ = read_sound(ys[int(at)], self.rate, most)
                frames.append(mel_of(wave, self.rate, self.hop, self.bands))
            except ValueError as error:
                why = str(error)
        if not frames:
            raise DataError(f"No training sound can be read ({why}).")
        every = np.concatenate(frames).astype(np.float64)
        longest = self.seconds or min(LONGEST, ROOM * max(*lasts, *(len(f) * self.hop / self.rate for f in frames)))
        return FittedWaveform(
            rate=self.rate,
            hop=self.hop,
            longest=1 + math.ceil(longest * self.rate / self.hop),
            mean=tuple(every.mean(0).round(4).tolist()),
            spread=tuple(every.std(0).clip(LEAST).round(4).tolist()),
            rounds=self.rounds,
            detail=self.detail,
        )

    def load(self, state: JSON) -> FittedWaveform:
        """The inverse of `FittedWaveform.to_json`."""
        return FittedWaveform(**{**state, "mean": tuple(state["mean"]), "spread": tuple(state["spread"])})

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """About 0.8 s of a tone that is high where the sign is +1 and low where it is −1, with some noise."""
        made = []
        for sign in signs:
            t = np.arange(int(self.rate * rng.uniform(0.75, 0.85))) / self.rate
            tone = np.sin(2 * np.pi * (1_200 if sign > 0 else 300) * t)
            made.append(((8_000 * tone + rng.normal(0, 80, len(t))).astype(np.int16), self.rate))
        return made
