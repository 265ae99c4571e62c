"""Sounds: files, encoded bytes or samples in; ``int16 [N, W]`` kept; log-mel spectrograms ``[B, T, M]`` out.

Legend: N examples, B batch, W samples, T frames, M mel bands (of a network) or masks (of `keep`), P parts, D features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from numbers import Number
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from assay.codecs.media import SOUNDS, UNREAD
from assay.codecs.sound import log_mel, read_sound, sound_header
from assay.core.errors import ConfigError, DataError
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs import _audio_changes as changes
from assay.inputs import _audio_waves as waves
from assay.inputs._audio_corruptions import KINDS, corrupted
from assay.inputs._audio_fakes import rises, tones
from assay.inputs._audio_parts import cell_names, without
from assay.inputs._audio_picture import picture

LEAST_RATE = 1_000  # samples a second that say anything of speech
MOST_SECONDS = 30.0  # of a sound where nobody says otherwise
ROOM = 1.5  # how much longer than any training sound a sound may be
LEAST_SECONDS = 1.0  # that may always be
STEP, WINDOW = 0.01, 0.025  # seconds from frame to frame, and under the window
NARROW = 8_000  # up to this rate 40 mel bands tell all there is to tell; above, 80
FLOOR = 1e-9  # of the energy in a band: about what the rounding to 16 bits leaves
LIKENESS = (8, 16)  # times and bands of the features


@dataclass(frozen=True)
class Audio:
    """The modality of sounds: speech, calls, machines.

    Attributes:
        rate: samples a second that all sounds are brought to; 0 for the commonest rate of the training data (the higher one
            of two).
        seconds: a longer sound is refused, before it is decoded; 0 for half as many again as the longest training sound
            has, at most 30.
        bands: how many mel bands; 0 for 40 up to 8 kHz and 80 above.
        speed: how much faster or slower training batches are made at random, as a logarithm.
        warp: how much longer or shorter the speaker's vocal tract is made, as a logarithm.
        colour: the spread of a random filter over them, in nats.
        noise: the share of them that noise is put over.
        hide: the share of their time that is hidden, in strips.
    """

    rate: Annotated[int, Within(0, 192_000)] = 0
    seconds: Annotated[float, Within(0, 3_600)] = 0.0
    bands: Annotated[int, Within(0, 512)] = 0
    speed: Annotated[float, Within(0, 1)] = 0.2
    warp: Annotated[float, Within(0, 1)] = 0.15
    colour: Annotated[float, Within(0, 10)] = 1.0
    noise: Annotated[float, Within(0, 1)] = 0.5
    hide: Annotated[float, Within(0, 1)] = 0.2

    names = ("audio", "sound", "speech", "recording", "wav", "clip", "file", "path", "filename", "audio_path", "wave")
    row = False
    store = True
    optional = False
    files = True

    def __post_init__(self) -> None:
        check(self)
        if 0 < self.rate < LEAST_RATE:
            raise ConfigError(f"--set rate={self.rate}: it takes 0 (the data's own), or {LEAST_RATE:,} and more.")

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is a path or name of a sound file, encoded bytes, or samples with their rate."""
        if isinstance(cell, Mapping):
            return "bytes" in cell or "path" in cell or "array" in cell
        if isinstance(cell, str | Path):
            return str(cell).lower().endswith((*SOUNDS, *UNREAD))
        return isinstance(cell, bytes) or (isinstance(cell, tuple) and len(cell) == 2 and isinstance(cell[1], Number))

    def fit(self, xs: Sequence[Any]) -> FittedAudio:
        """Choose the rate and the longest sound from the headers of all training sounds.

        Raises:
            DataError: not one of them can be opened.
        """
        headers = [found for found in _each(_header, xs) if isinstance(found, tuple)]
        if not headers:
            why = next((str(found) for found in _each(_header, xs[:1])), "there are none")
            raise DataError(f"No training sound could be opened ({why}).")
        rates = Counter(rate for rate, _ in headers)
        rate = self.rate or max(rates, key=lambda rate: (rates[rate], rate))
        longest = max((seconds for _, seconds in headers if seconds <= MOST_SECONDS), default=MOST_SECONDS)
        seconds = self.seconds or min(MOST_SECONDS, max(LEAST_SECONDS, ROOM * longest))
        return FittedAudio(
            rate=rate,
            seconds=round(seconds, 3),
            bands=self.bands or (40 if rate <= NARROW else 80),
            speed=self.speed,
            warp=self.warp,
            colour=self.colour,
            noise=self.noise,
            hide=self.hide,
            lower=sum(n for own, n in rates.items() if own < rate),
            sounds=len(headers),
        )

    def load(self, state: JSON) -> FittedAudio:
        """The inverse of `FittedAudio.to_json`."""
        return FittedAudio(**state)

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """A fifth of a second at 8 kHz: a tone that rises (+1) or falls (−1), under noise."""
        return tones(rng, n)

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if rises(x) else -1 for x in xs])


@dataclass(frozen=True)
class FittedAudio:
    """Sounds brought to one rate.

    Attributes:
        rate: samples a second.
        seconds: the longest that is read.
        bands: M.
        speed, warp, colour, noise, hide: as `Audio` has them.
        lower, sounds: how many training sounds have a lower rate, of how many.
        samples: whether networks hear the samples, and not a spectrogram.
    """

    rate: int
    seconds: float
    bands: int
    speed: float
    warp: float
    colour: float
    noise: float
    hide: float
    lower: int = 0
    sounds: int = 0
    samples: bool = False

    absence = "A cell that is absent is as quiet as the sound itself is at that frequency when it is quietest."
    corruptions = KINDS

    @property
    def dims(self) -> JSON:
        """What a body must know."""
        return {"bands": self.bands, "rate": self.rate}

    @property
    def remarks(self) -> tuple[str, ...]:
        """How many training sounds hold less than the rate promises."""
        if not self.lower:
            return ()
        return (
            f"{self.lower:,} of {self.sounds:,} training sounds have fewer than {self.rate:,} samples a second: they are "
            "resampled, and hold nothing of the upper bands.",
        )

    @property
    def width(self) -> int:
        """W: the most samples of a sound."""
        return round(self.rate * self.seconds)

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``wave`` int16 ``[N, W]``, 0 behind its end, and how many samples it has, ``length`` int32 ``[N]``."""
        pack: Pack = {"wave": np.zeros((len(xs), self.width), np.int16), LENGTH: np.ones(len(xs), np.int32)}

        def one(at: int) -> None:
            try:
                wave = read_sound(xs[at], self.rate, self.seconds)[0][: self.width]
            except ValueError as error:
                problems[at] = _advice(error)
                return
            pack["wave"][at, : len(wave)] = np.round(wave * 32_767)
            pack[LENGTH][at] = len(wave)

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, range(len(xs)), chunksize=16))
        return pack

    def notes(self, xs: Sequence[Any]) -> Problems:
        """What was done to a sound: channels mixed, another rate; and whether it is silent or clipped."""

        def one(x: Any) -> str:
            try:
                return " ".join(read_sound(x, self.rate, self.seconds)[1])
            except ValueError:  # a problem, and no note
                return ""

        return {at: note for at, note in enumerate(_each(one, xs)) if note}

    def collate(self, arrays: Tensors) -> Tensors:
        """``mel`` float32 ``[B, T, M]``, the logarithm of the energy in each band, 0 behind the last frame of a sound, and
        ``mask`` bool ``[B, T]``; a frame is 10 ms, and T that of the longest sound here. Where samples are heard, what
        `assay.inputs._audio_waves.collated` gives."""
        return waves.collated(arrays) if self.samples else self._spectrogram(arrays)

    def _spectrogram(self, arrays: Tensors) -> Tensors:
        length = arrays[LENGTH]
        hop, window = self._frames
        wave = arrays["wave"][:, : int(length.max())].float() / 32_768
        size = 1 << (window - 1).bit_length()
        mel = log_mel(wave, rate=self.rate, n_fft=size, hop=hop, n_mels=self.bands, window=window, floor=FLOOR)
        mask = torch.arange(mel.shape[1], device=mel.device) < (1 + length // hop).unsqueeze(1)
        return {"mel": mel * mask.unsqueeze(2), "mask": mask}

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Another pace, another vocal tract, a filter, noise and hidden strips, all by chance; where samples are heard,
        noise and a silent stretch."""
        if self.samples:
            return waves.disturbed(x, self.noise, self.hide, generator)
        mel, mask = changes.paced(x["mel"], x["mask"], self.rate / 2, self.speed, self.warp, generator)
        mel = changes.noisy(changes.coloured(mel, self.colour, generator), mask, self.noise, generator)
        return {"mel": changes.hidden(mel, mask, self.hide, generator) * mask.unsqueeze(2), "mask": mask}

    def parts(self, x: Pack) -> tuple[str, ...]:
        """Up to 8 times by 4 bands of frequency, named by seconds and hertz."""
        return cell_names(int(x[LENGTH][0]), self.rate)

    def pooled(self, x: Pack) -> tuple[str, ...]:
        """The same parts by names that sounds of any length share."""
        return cell_names(int(x[LENGTH][0]), self.rate, pooled=True)

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Cells that are not kept are as quiet as the sound itself is at that frequency when it is quietest; the sound stays
        a wave, so that any network can hear it."""
        length = int(x[LENGTH][0])
        wave = np.zeros((len(mask), x["wave"].shape[1]), dtype=np.int16)
        wave[:, :length] = without(x["wave"][0, :length], self.rate, mask)
        return {"wave": wave, LENGTH: np.full(len(mask), length, dtype=x[LENGTH].dtype)}

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Noise, a room, another pace, clipping, a narrow band, or a lower level (see `assay.inputs._audio_corruptions`)."""
        return corrupted(x, self.rate, kind, severity, rng)

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Spectrograms of 8 times by 16 bands without their mean loudness, each of length 1, ``[N, 128]``: a louder, a
        slightly longer or a re-compressed copy stays near."""
        out = np.empty((len(x[LENGTH]), LIKENESS[0] * LIKENESS[1]), dtype=np.float32)
        for at, length in enumerate(x[LENGTH].tolist()):
            one = {"wave": torch.from_numpy(x["wave"][at : at + 1].copy()), LENGTH: torch.tensor([length])}
            small = functional.adaptive_avg_pool2d(self._spectrogram(one)["mel"], LIKENESS)[0]
            small = small - small.mean()
            out[at] = (small / small.norm().clamp_min(1e-6)).flatten().numpy()
        return out

    def show(self, x: Any) -> tuple[str, str]:
        """The spectrogram of what is read, as a base64 PNG."""
        return "png", picture(read_sound(x, self.rate, self.seconds)[0], self.rate)

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The spectrogram, grey, its cells coloured by what they count for (``values`` ``[P]``), as a base64 PNG."""
        return "png", picture(read_sound(x, self.rate, self.seconds)[0], self.rate, values)

    def to_json(self) -> JSON:
        """Everything that `Audio.load` needs."""
        return asdict(self)

    @property
    def _frames(self) -> tuple[int, int]:
        """Samples from frame to frame, and under the window."""
        return max(1, round(self.rate * STEP)), max(16, round(self.rate * WINDOW))


def _each(function: Callable[[Any], Any], xs: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, (xs[at] for at in range(len(xs))), chunksize=16))


def _header(x: Any) -> tuple[int, float] | str:
    try:
        return sound_header(x)
    except ValueError as error:
        return str(error)


def _advice(error: ValueError) -> str:
    return f"{error} (train with --set seconds=N for more)" if str(error).startswith("it lasts") else str(error)
