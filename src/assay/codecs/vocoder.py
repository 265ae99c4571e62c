"""From a mel spectrogram back to a wave: the linear spectrum that its bands are of, then phases that fit together.

Many spectra have the same bands. The one that is found lies near an outline, which goes smoothly from band to band; what a
spectrum has beside that (harmonics, and the gaps between them) is its detail, and whoever knows it can say so.

Legend: B batch, T frames, F frequencies, M mel bands, n samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from assay.codecs.sound import mel_filters

UNMIXING = 50  # rounds in which the linear spectrum is found; the bands of speech are then met to about 1 %
MOMENTUM = 0.99  # 0 is the plain algorithm of 1984
LEAST = 1e-8
DEEPEST = 1e-4  # detail is of magnitudes above this: below it is the noise of 16 bits


def wave_of(
    log_mel: Tensor, *, rate: int, n_fft: int, hop: int, rounds: int = 60, detail: Tensor | None = None
) -> Tensor:
    """The wave ``[B, (T − 1) · hop]`` whose log-mel spectrogram of magnitudes (`assay.codecs.sound.log_mel` with power 1)
    is ``log_mel`` ``[B, T, M]``, or nearly.

    Args:
        log_mel: natural logarithms of magnitudes.
        rate: samples a second.
        n_fft, hop: as it was made with.
        rounds: of `griffin_lim`.
        detail: of the spectrum, ``[B, T, F]``, as `detail_of` has it.
    """
    return griffin_lim(linear(log_mel.exp(), rate, n_fft, detail=detail), n_fft, hop, rounds)


def linear(mel: Tensor, rate: int, n_fft: int, rounds: int = UNMIXING, detail: Tensor | None = None) -> Tensor:
    """Magnitudes ``[B, T, F]``, none negative, whose mel bands are ``mel`` ``[B, T, M]`` as nearly as can be.

    Non-negative least squares by multiplicative updates (Lee & Seung 2001), from the outline that the transposed filters
    give, with the detail where it is known. The bands are met whatever the detail is.

    Args:
        mel: magnitudes in bands.
        rate: samples a second.
        n_fft: samples that are transformed at once.
        rounds: of the updates.
        detail: ``[B, T, F]``, as `detail_of` has it.

    >>> filters = mel_filters(8_000, 256, 20)
    >>> bands = torch.rand(1, 5, 129, generator=torch.Generator().manual_seed(0)) @ filters
    >>> bool(torch.allclose(linear(bands, 8_000, 256) @ filters, bands, rtol=0.02))
    True
    """
    filters = mel_filters(rate, n_fft, mel.shape[-1]).to(mel.device)
    wanted = mel.float() @ filters.T
    x = wanted / (filters.sum(0) @ filters.T).clamp_min(LEAST)  # a flat spectrum is its own outline
    if detail is not None:
        x = x.clamp_min(DEEPEST) * detail.exp()
    for _ in range(rounds):
        x = x * (wanted / ((x @ filters) @ filters.T).clamp_min(LEAST))
    return x


def detail_of(magnitude: Tensor, mel: Tensor, rate: int, n_fft: int) -> Tensor:
    """By how much magnitudes ``[B, T, F]`` are off the outline that their bands ``mel`` ``[B, T, M]`` give, as natural
    logarithms, ``[B, T, F]``; what the noise of 16 bits would cover does not count.

    >>> magnitude = torch.rand(1, 5, 129, generator=torch.Generator().manual_seed(0)) + 0.1
    >>> mel = magnitude @ mel_filters(8_000, 256, 20)
    >>> detail = detail_of(magnitude, mel, 8_000, 256)
    >>> bool(torch.allclose(linear(mel, 8_000, 256, rounds=0, detail=detail), magnitude, rtol=1e-4))
    True
    """
    return (magnitude.clamp_min(DEEPEST) / linear(mel, rate, n_fft, rounds=0).clamp_min(DEEPEST)).log()


def griffin_lim(magnitude: Tensor, n_fft: int, hop: int, rounds: int = 60) -> Tensor:
    """A wave ``[B, (T − 1) · hop]`` whose spectrogram has nearly these magnitudes ``[B, T, F]``.

    Griffin & Lim 1984 with the momentum of Perraudin, Balazs & Søndergaard 2013: the phases of a spectrogram that some wave
    has are taken over, again and again. They begin as those of steady tones in the middle of each band, so that nothing is
    left to chance.

    Args:
        magnitude: of the short-time Fourier transform (`assay.codecs.sound.transform`).
        n_fft: samples that are transformed at once, under a Hann window.
        hop: samples from frame to frame, at most a quarter of them.
        rounds: how often.
    """
    spectrum = magnitude.float().transpose(1, 2)
    window = torch.hann_window(n_fft, device=magnitude.device)
    frames, bands = magnitude.shape[1:]
    size = (frames - 1) * hop
    if size == 0:
        return magnitude.new_zeros(len(magnitude), 0)
    turn = torch.arange(bands, device=magnitude.device)[:, None] * torch.arange(frames, device=magnitude.device)
    phase = torch.polar(torch.ones_like(turn, dtype=torch.float32), (turn * hop % n_fft) * (2 * math.pi / n_fft))
    before = torch.zeros((), dtype=phase.dtype, device=phase.device)
    for _ in range(rounds):
        fitting = _transform(_inverse(spectrum * phase, window, hop, size), window, hop)
        ahead = fitting + MOMENTUM * (fitting - before)
        phase, before = ahead / ahead.abs().clamp_min(LEAST), fitting
    return _inverse(spectrum * phase, window, hop, size)


def _inverse(spectrum: Tensor, window: Tensor, hop: int, size: int) -> Tensor:
    return torch.istft(spectrum, len(window), hop, window=window, center=True, length=size)


def _transform(wave: Tensor, window: Tensor, hop: int) -> Tensor:
    n_fft = len(window)
    padded = functional.pad(wave, (n_fft // 2, n_fft // 2))
    return torch.stft(padded, n_fft, hop, window=window, center=False, return_complex=True)
