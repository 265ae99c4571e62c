"""The spectrograms that Whisper hears, of samples, as its own feature extractor makes them (Radford et al. 2022,
arXiv:2212.04356).

Legend: B batch, n samples, T frames, M mel bands.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from assay.codecs.sound import mel_filters
from assay.core.errors import DataError
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks._pretrained_preprocessing import SOUND, stated

EXTRACTOR = "WhisperFeatureExtractor"
HIGHEST = 8_000.0  # Hz, where the last band ends
QUIETEST = 1e-10  # energy of a band: what is less is as much as this
DEPTH = 8.0  # decades below the loudest cell of a sound: what is quieter is as loud as that
STRIDE = 2  # frames of a place of the encoder
MOST = 1 << 20  # samples of a window


@dataclass(frozen=True)
class Spectra:
    """How a checkpoint makes spectrograms.

    Attributes:
        rate: samples a second.
        bands: M.
        window: samples that are transformed at once.
        hop: samples from frame to frame.
        frames: T of every sound: what is shorter has silence behind it.
    """

    rate: int
    bands: int
    window: int
    hop: int
    frames: int

    @property
    def seconds(self) -> float:
        """How long a sound may be."""
        return self.frames * self.hop / self.rate

    def of(self, wave: Tensor) -> Tensor:
        """Samples in −1 … 1 ``[B, n]``, 0 behind the end of a sound, as spectrograms ``[B, M, T]``.

        Logarithms to the base of ten, the quiet ones brought to eight decades below the loudest of the same sound.
        """
        size = self.frames * self.hop
        wave = functional.pad(wave.float()[:, :size], (0, max(0, size - wave.shape[1])))
        hann = torch.hann_window(self.window, device=wave.device)
        with torch.autocast(wave.device.type, enabled=False):
            found = torch.stft(wave, self.window, self.hop, window=hann, pad_mode="reflect", return_complex=True)
            power = found[..., :-1].abs().square()
            filters = mel_filters(self.rate, self.window, self.bands, high=HIGHEST).to(wave.device)
            decades = (filters.T @ power).clamp_min(QUIETEST).log10()
        return (torch.maximum(decades, decades.amax((1, 2), keepdim=True) - DEPTH) + 4) / 4

    def to_json(self) -> dict[str, int]:
        """The arguments that make it again."""
        return asdict(self)


def spectra(source: Checkpoint) -> Spectra:
    """How a checkpoint makes spectrograms of sounds.

    Raises:
        DataError: it does not say, or what it says does not fit its network.
    """
    said, config = stated(source, SOUND), source.config
    if said.get("feature_extractor_type", EXTRACTOR) != EXTRACTOR:
        raise DataError(
            f"The processor of {source.name} is a {said['feature_extractor_type']}; a network of the kind "
            f'"{config["model_type"]}" hears what a {EXTRACTOR} makes.'
        )
    rate, bands, window, hop = (
        _whole(said, name, source, least, most)
        for name, least, most in (
            ("sampling_rate", 1_000, 192_000),
            ("feature_size", 1, 4_096),
            ("n_fft", 2, MOST),
            ("hop_length", 1, MOST),
        )
    )
    if bands != config.get("num_mel_bins", bands):
        raise DataError(
            f"The processor of {source.name} makes {bands} mel bands and its network hears {config['num_mel_bins']}: they "
            "are not of one checkpoint."
        )
    places = config.get("max_source_positions")
    if not isinstance(places, int) or not window < STRIDE * places * hop <= rate * 3_600:
        raise DataError(f"The configuration of {source.name} states max_source_positions = {places!r}.")
    return Spectra(rate=rate, bands=bands, window=window, hop=hop, frames=STRIDE * places)


def _whole(said: dict[str, Any], name: str, source: Checkpoint, least: int, most: int) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise DataError(
            f"The processor of {source.name} states {name} = {value!r}; a whole number from {least:,} to {most:,} is needed."
        )
    return value
