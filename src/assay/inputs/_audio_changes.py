"""Random changes of log-mel spectrograms that leave what is said as it is: other voices, rooms, noises and paces.

All are made on spectrograms and not on waves: there a change of pace or of the vocal tract is one interpolation for the
whole batch, on its device, and what a filter does to a recording is a curve that is added.

Legend: B batch, T frames, M mel bands.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from assay.codecs.sound import hz_to_mel

KNOTS = 5  # of a random curve over the bands
SNR = (0.0, 30.0)  # decibels between a clip and the noise that is put over it
STRIPS = 2  # that are hidden in time, and as many in frequency
BAND = 0.2  # the widest strip of bands that is hidden
FEWEST = 8  # frames that a faster clip keeps


def paced(
    mel: Tensor, mask: Tensor, high: float, speed: float, warp: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each clip up to ``speed`` faster or slower and spoken by a vocal tract up to ``warp`` longer or shorter.

    Lengths of vocal tracts scale all frequencies (Jaitly & Hinton 2013); both changes are drawn as ``exp(±…)``, evenly.

    Args:
        mel: ``[B, T, M]``.
        mask: ``[B, T]``, true in front.
        high: the frequency at which the last band ends, in Hz.
        speed, warp: the largest changes, as logarithms: 0.1 is about a tenth.
    """
    device, (batch, frames, bands) = mel.device, mel.shape
    length = mask.sum(1)
    pace = _even(batch, speed, generator, device).exp()
    longer = torch.maximum((length * pace).round().long(), length.clamp_max(FEWEST))
    time = torch.arange(int(longer.max()), device=device) * (length - 1).div((longer - 1).clamp_min(1)).unsqueeze(1)
    tract = _even(batch, warp, generator, device).exp()
    place = _bands(bands, high, tract)
    across, along = place * (2 / (bands - 1)) - 1, time * (2 / max(frames - 1, 1)) - 1  # −1 … 1, as grids are
    grid = torch.empty(batch, time.shape[1], bands, 2, device=device)
    grid[..., 0], grid[..., 1] = across.unsqueeze(1), along.unsqueeze(2)
    moved = functional.grid_sample(mel.unsqueeze(1), grid, padding_mode="border", align_corners=True).squeeze(1)
    there = torch.arange(moved.shape[1], device=device) < longer.unsqueeze(1)
    return moved * there.unsqueeze(2), there


def coloured(mel: Tensor, colour: float, generator: torch.Generator) -> Tensor:
    """Each clip through a random filter: a smooth curve over the bands is added, of a spread of ``colour`` (in nats)."""
    return mel + _curves(mel, colour, generator)


def noisy(mel: Tensor, mask: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A ``share`` of the clips under noise of a random colour and loudness, which is independent of the clip: energies
    add."""
    batch, device = len(mel), mel.device
    energy = mel.exp() * mask.unsqueeze(2)
    mean = energy.sum((1, 2)) / (mask.sum(1) * mel.shape[2])
    below = SNR[0] + (SNR[1] - SNR[0]) * torch.rand(batch, generator=generator, device=device)
    level = mean * 10 ** (-below / 10) * (torch.rand(batch, generator=generator, device=device) < share)
    normal = torch.randn(2, *mel.shape, generator=generator, device=device)
    noise = level[:, None, None] * _curves(mel, 1.0, generator).exp() * normal.square().mean(0)
    return torch.where(level[:, None, None] > 0, (energy + noise).clamp_min(1e-20).log(), mel)


def hidden(mel: Tensor, mask: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Strips of time, together up to ``share`` of each clip, and strips of bands at the clip's mean (SpecAugment, Park et
    al. 2019, arXiv:1904.08779)."""
    if share <= 0:
        return mel
    length = mask.sum(1).to(mel.dtype)
    mean = (mel * mask.unsqueeze(2)).sum((1, 2), keepdim=True) / (length * mel.shape[2])[:, None, None]
    everywhere = torch.full_like(length, mel.shape[2])
    for _ in range(STRIPS):
        mel = torch.where(_strip(mel.shape[1], length, share / STRIPS, generator).unsqueeze(2), mean, mel)
        mel = torch.where(_strip(mel.shape[2], everywhere, BAND, generator).unsqueeze(1), mean, mel)
    return mel


def _strip(places: int, length: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """One run of places for each example, ``[B, places]``, of up to ``share`` of its ``length`` ``[B]``."""
    wide = torch.rand(len(length), generator=generator, device=length.device) * share * length
    start = torch.rand(len(length), generator=generator, device=length.device) * (length - wide)
    at = torch.arange(places, device=length.device)
    return (at >= start.unsqueeze(1)) & (at < (start + wide).unsqueeze(1))


def _even(n: int, most: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return (torch.rand(n, generator=generator, device=device) * 2 - 1) * most


def _curves(mel: Tensor, spread: float, generator: torch.Generator) -> Tensor:
    """A random smooth curve over the bands for each clip, ``[B, 1, M]``."""
    knots = torch.randn(len(mel), 1, KNOTS, generator=generator, device=mel.device) * spread
    return functional.interpolate(knots, mel.shape[2], mode="linear", align_corners=True)


def _bands(bands: int, high: float, tract: Tensor) -> Tensor:
    """Where in the bands of a clip each band of the scaled clip is found, ``[B, M]``."""
    step = float(hz_to_mel(high)) / (bands + 1)  # bands begin at 0 Hz
    mel = torch.arange(1, bands + 1, device=tract.device) * step
    # Slaney's scale, linear below 1,000 Hz (15 mel) and logarithmic above.
    rate = 27 / torch.log(torch.tensor(6.4, device=tract.device))
    hz = torch.where(mel < 15, mel * (200 / 3), 1_000 * ((mel.clamp_min(15) - 15) / rate).exp())
    scaled = hz * tract.unsqueeze(1)
    found = torch.where(scaled < 1_000, scaled * (3 / 200), 15 + rate * (scaled.clamp_min(1_000) / 1_000).log())
    return (found / step - 1).clamp(0, bands - 1)
