"""Waves out of spectrograms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.codecs.sound import log_mel, mel_filters, spectrogram
from assay.codecs.vocoder import griffin_lim, linear, wave_of

RATE, N_FFT, HOP = 16_000, 1_024, 256


def _glide(seconds: float = 1.0) -> torch.Tensor:
    """Harmonics of a pitch that rises, louder and softer in turn: ``[1, n]``."""
    t = np.arange(int(RATE * seconds)) / RATE
    phase = 2 * np.pi * (120 * t + 40 * t * t)
    wave = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    return torch.from_numpy((0.2 * wave).astype(np.float32))[None]


def _misfit(wave: torch.Tensor, magnitude: torch.Tensor) -> float:
    found = spectrogram(wave, N_FFT, HOP).sqrt()
    return float((found - magnitude).norm() / magnitude.norm())


def test_a_wave_comes_back_from_its_magnitudes():
    wave = _glide()
    magnitude = spectrogram(wave, N_FFT, HOP).sqrt()
    found = griffin_lim(magnitude, N_FFT, HOP, 60)
    assert found.shape == (1, (magnitude.shape[1] - 1) * HOP)
    assert _misfit(found, magnitude) < 0.1
    assert _misfit(found, magnitude) < 0.5 * _misfit(griffin_lim(magnitude, N_FFT, HOP, 1), magnitude)


def test_momentum_fits_better_than_the_algorithm_of_1984_does(monkeypatch):
    magnitude = spectrogram(_glide(), N_FFT, HOP).sqrt()
    fast = _misfit(griffin_lim(magnitude, N_FFT, HOP, 40), magnitude)
    monkeypatch.setattr("assay.codecs.vocoder.MOMENTUM", 0.0)
    assert fast < _misfit(griffin_lim(magnitude, N_FFT, HOP, 40), magnitude)


def test_what_is_linear_has_the_bands_it_is_made_of_and_is_never_negative():
    magnitude = spectrogram(_glide(), N_FFT, HOP).sqrt()
    filters = mel_filters(RATE, N_FFT, 80)
    bands = magnitude @ filters
    found = linear(bands, RATE, N_FFT)
    assert float(found.min()) >= 0
    assert float((found @ filters - bands).norm() / bands.norm()) < 0.02


def test_a_tone_comes_back_with_its_pitch_from_80_bands():
    wave = torch.sin(2 * torch.pi * 440 * torch.arange(RATE) / RATE)[None] * 0.3
    mel = log_mel(wave, rate=RATE, n_fft=N_FFT, hop=HOP, n_mels=80, power=1.0, floor=1e-5)
    found = wave_of(mel, rate=RATE, n_fft=N_FFT, hop=HOP)
    spectrum = np.abs(np.fft.rfft(found[0].numpy()))
    assert abs(np.argmax(spectrum) * RATE / found.shape[1] - 440) < 15
    again = log_mel(found, rate=RATE, n_fft=N_FFT, hop=HOP, n_mels=80, power=1.0, floor=1e-5)
    loud = mel[0, 4:-4] > mel.max() - 5  # its own bands, away from the ends
    assert float((again - mel)[0, 4:-4][loud].abs().mean()) < 0.2


def test_the_same_magnitudes_give_the_same_wave_and_silence_gives_silence():
    magnitude = spectrogram(_glide(0.3), N_FFT, HOP).sqrt()
    assert torch.equal(griffin_lim(magnitude, N_FFT, HOP, 4), griffin_lim(magnitude, N_FFT, HOP, 4))
    silence = wave_of(torch.full((1, 6, 80), float(np.log(1e-5))), rate=RATE, n_fft=N_FFT, hop=HOP, rounds=4)
    assert float(silence.abs().max()) < 1e-3


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_sounds(frames):
    wave = griffin_lim(torch.ones(2, frames, 1 + N_FFT // 2), N_FFT, HOP, 2)
    assert wave.shape == (2, (frames - 1) * HOP)
    assert bool(wave.isfinite().all())
