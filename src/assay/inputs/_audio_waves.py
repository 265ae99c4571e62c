"""Sounds as the samples themselves, for networks that make their own of them.

Legend: B batch, W samples of an array, n samples of the longest sound.
"""

from __future__ import annotations

import torch
from torch import Tensor

from assay.core.protocols import LENGTH, Tensors

SNR = (0.0, 30.0)  # decibels between a sound and the noise that is put over it


def collated(arrays: Tensors) -> Tensors:
    """``wave`` int16 ``[B, W]`` and ``length`` ``[B]`` → ``wave`` float32 ``[B, n]`` in −1 … 1, 0 behind the end of a sound,
    and ``mask`` bool ``[B, n]``."""
    length = arrays[LENGTH]
    wave = arrays["wave"][:, : int(length.max())].float() / 32_768
    mask = torch.arange(wave.shape[1], device=wave.device) < length.unsqueeze(1)
    return {"wave": wave * mask, "mask": mask}


def disturbed(x: Tensors, noise: float, hide: float, generator: torch.Generator) -> Tensors:
    """A share ``noise`` of the sounds under white noise, and of each sound a stretch of at most ``hide`` of it silent."""
    wave, mask = x["wave"], x["mask"]
    length = mask.sum(1)
    power = wave.square().sum(1) / length
    below = SNR[0] + (SNR[1] - SNR[0]) * _even(wave, generator)
    level = (power * 10 ** (-below / 10)).sqrt() * (_even(wave, generator) < noise)
    white = torch.randn(wave.shape, generator=generator, device=generator.device).to(wave.device)
    size = hide * _even(wave, generator) * length
    begin = (_even(wave, generator) * (length - size)).unsqueeze(1)
    at = torch.arange(wave.shape[1], device=wave.device)
    silent = (at >= begin) & (at < begin + size.unsqueeze(1))
    return {"wave": (wave + level.unsqueeze(1) * white).masked_fill(silent | ~mask, 0), "mask": mask}


def _even(wave: Tensor, generator: torch.Generator) -> Tensor:
    """A number from 0 to 1 for each sound, ``[B]``."""
    return torch.rand(len(wave), generator=generator, device=generator.device).to(wave.device)
