"""Sound: files, bytes and arrays as one wave of samples, and the spectral maths on batches of waves in plain PyTorch.

Legend: B batch, n samples, T frames, F frequencies, M mel bands.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly
from torch import Tensor
from torch.nn import functional

from assay.codecs._sound_given import MOST_CHANNELS, floats, opened, plausible, source_of
from assay.codecs._sound_given import Wave as Wave
from assay.codecs.mp3 import says_its_length
from assay.codecs.ogg import broken_off
from assay.codecs.riff import cut_off

BLOCK = 1 << 16  # frames decoded at once
SILENT = 1e-4  # a peak below this is −80 dB
FULL, CLIPPED = 0.99, 1e-3  # a clip of which more than a thousandth is at full scale was cut off there
ENDLESS = 1 << 62  # frames: what the header of a stream says that does not know how long it is
SLACK = 1_152  # frames that writers of MP3 miscount by: one of its blocks
FINEST = 4_096  # of the two whole numbers whose ratio a rate is changed by: 44,101 Hz is as good as 44,100


def read_sound(x: Any, rate: int, most_seconds: float) -> tuple[Wave, list[str]]:
    """One sound as float32 ``[n]`` in −1 … 1 at ``rate``, its channels mixed, and what was done to it that is odd.

    Args:
        x: a path, the bytes of a file, ``(samples, rate)``, or a mapping with ``path``, ``bytes``, or ``array`` and
            ``sampling_rate``. Samples are ``[n]`` or ``[n, channels]``, floats in −1 … 1 or whole numbers.
        rate: samples a second of what comes out.
        most_seconds: a longer sound is refused. The header is looked at before anything is decoded, and no more than that
            is decoded whatever the header says.

    Raises:
        ValueError: it cannot be read, has no samples, has some that are no numbers, or is too long; says which.
    """
    samples, given, cut = _samples(x, most_seconds)
    if samples.size == 0:
        raise ValueError("it has 0 samples")
    if not np.isfinite(samples).all():
        raise ValueError(f"{int((~np.isfinite(samples)).sum()):,} of its samples are no numbers (NaN or infinite)")
    notes = [cut] if cut else []
    peak = float(np.abs(samples).max())
    if peak < SILENT:
        notes.append("it is silent.")
    elif peak > 1.0:
        samples = samples / peak
        notes.append(f"its peak of {peak:.3g} is scaled to 1.")
    elif (share := float((np.abs(samples) >= FULL).mean())) > CLIPPED:
        notes.append(f"it is clipped: {share:.1%} of its samples are at full scale.")
    wave = samples.mean(axis=1, dtype=np.float32)
    if samples.shape[1] > 1:
        gone = ": they cancel each other out, and it is silent" if peak >= SILENT > float(np.abs(wave).max()) else ""
        notes.append(f"its {samples.shape[1]} channels are mixed to one{gone}.")
    if given != rate:
        lost = f": nothing above {given // 2:,} Hz is in it" if given < rate else ""
        notes.append(f"it is resampled from {given:,} to {rate:,} Hz{lost}.")
        ratio = Fraction(rate, given).limit_denominator(FINEST)
        wave = np.clip(resample_poly(wave, ratio.numerator, ratio.denominator), -1, 1).astype(np.float32)
    return wave, notes


def sound_header(x: Any) -> tuple[int, float]:
    """Samples a second of a sound and how many seconds it lasts, by its header; the latter 0 where that does not say, and a
    guess for an MP3 that does not.

    Raises:
        ValueError: it cannot be read; says why.
    """
    source = source_of(x)
    if isinstance(source, tuple):
        return source[1], len(floats(source[0])) / source[1]
    with opened(source) as file:
        rate = plausible(int(file.samplerate))
        return rate, file.frames / rate if 0 < file.frames < ENDLESS else 0.0


def spectrogram(wave_BT: Tensor, n_fft: int, hop: int, window: int = 0) -> Tensor:
    """Power ``[B, 1 + n // hop, 1 + n_fft // 2]`` of the short-time Fourier transform, as `librosa.stft` centres it.

    Beyond its ends a wave is zero, so that what stands behind a shorter wave of a padded batch (zeros) changes none of the
    frames that the wave has alone.

    Args:
        wave_BT: ``[B, n]``.
        n_fft: samples that are transformed at once, even.
        hop: samples from frame to frame.
        window: samples under the Hann window, in the middle of these; 0 for all of them.
    """
    return transform(wave_BT, n_fft, hop, window).abs().square()


def transform(wave_BT: Tensor, n_fft: int, hop: int, window: int = 0) -> Tensor:
    """The complex short-time Fourier transform ``[B, 1 + n // hop, 1 + n_fft // 2]``; arguments as `spectrogram`."""
    hann = torch.hann_window(window or n_fft, device=wave_BT.device)
    padded = functional.pad(wave_BT.float(), (n_fft // 2, n_fft // 2))
    found = torch.stft(padded, n_fft, hop, window or n_fft, hann, center=False, return_complex=True)
    return found.transpose(1, 2)


def log_mel(
    wave_BT: Tensor,
    *,
    rate: int,
    n_fft: int,
    hop: int,
    n_mels: int,
    window: int = 0,
    low: float = 0.0,
    high: float = 0.0,
    power: float = 2.0,
    floor: float = 1e-10,
) -> Tensor:
    """The natural logarithm of the energy in each mel band, ``[B, 1 + n // hop, M]``.

    Args:
        wave_BT: ``[B, n]``.
        rate: samples a second.
        n_fft, hop, window: as `spectrogram` takes them.
        n_mels, low, high: as `mel_filters` takes them.
        power: 2 for energies, 1 for magnitudes.
        floor: what is less is as much as this, since silence has no logarithm.
    """
    spectrum = spectrogram(wave_BT, n_fft, hop, window)
    if power != 2.0:
        spectrum = spectrum.pow(power / 2)
    filters = mel_filters(rate, n_fft, n_mels, low, high).to(spectrum.device)
    return (spectrum @ filters).clamp_min(floor).log()


@lru_cache(maxsize=32)
def mel_filters(rate: int, n_fft: int, n_mels: int, low: float = 0.0, high: float = 0.0) -> Tensor:
    """Triangles of equal area over a mel scale, float32 ``[F, M]``: to be read, not written to.

    The scale is Slaney's (Auditory Toolbox, 1998): linear up to 1,000 Hz, logarithmic above, as `librosa.filters.mel`.

    Args:
        rate: samples a second.
        n_fft: samples that are transformed at once: F is ``1 + n_fft // 2``.
        n_mels: M.
        low, high: where the first band begins and the last one ends, in Hz; a ``high`` of 0 is half the rate.

    >>> mel_filters(16_000, 512, 40).shape
    torch.Size([257, 40])
    """
    edges = mel_to_hz(np.linspace(hz_to_mel(low), hz_to_mel(high or rate / 2), n_mels + 2))
    bins = np.linspace(0, rate / 2, 1 + n_fft // 2)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))
    with torch.inference_mode(False):  # kept for all later calls, gradients among them
        return torch.from_numpy(filters.astype(np.float32))


def hz_to_mel(hz: Any) -> Any:
    """Frequencies on Slaney's mel scale.

    >>> float(hz_to_mel(1_000.0)), float(hz_to_mel(200.0))
    (15.0, 3.0)
    """
    hz = np.asarray(hz, dtype=np.float64)
    return np.where(hz < 1_000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1_000) / 1_000) / math.log(6.4))


def mel_to_hz(mel: Any) -> Any:
    """The inverse of `hz_to_mel`.

    >>> float(mel_to_hz(hz_to_mel(4_321.0)).round(6))
    4321.0
    """
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1_000 * np.exp((np.maximum(mel, 15) - 15) * math.log(6.4) / 27))


def _samples(x: Any, most_seconds: float) -> tuple[Wave, int, str]:
    """Samples float32 ``[n, channels]``, their rate, and a sentence where the file was cut off."""
    source = source_of(x)
    if isinstance(source, tuple):
        samples, rate = floats(source[0]), source[1]
        _short_enough(len(samples), rate, most_seconds)
        return samples, rate, ""
    with opened(source) as file:
        rate = plausible(int(file.samplerate))
        if file.channels > MOST_CHANNELS:
            raise ValueError(f"it has {file.channels} channels; at most {MOST_CHANNELS} are accepted")
        stated = _stated(file, source)
        _short_enough(stated, rate, most_seconds)
        samples, broken = _decoded(file, rate, most_seconds)
    cut, frames = cut_off(source), len(samples)
    if broken_off(source):
        cut = "it is cut off within a page, and what is there was used."
    elif broken:
        of = f"of the {stated:,} samples in its header " if stated else ""
        cut = f"it is cut off or damaged: {of}only the first {frames:,} can be decoded, and were used."
    elif not cut and frames + SLACK < stated:
        cut = f"it is cut off: its header says {stated:,} samples, and {frames:,} are there, which were used."
    return samples, rate, cut


def _decoded(file: soundfile.SoundFile, rate: int, most_seconds: float) -> tuple[Wave, bool]:
    """All samples float32 ``[n, channels]`` up to the first that cannot be decoded, and whether there is such a one.

    Raises:
        ValueError: there are too many, or the very first cannot be decoded.
    """
    blocks, frames, broken = [np.zeros((0, file.channels), dtype=np.float32)], 0, False
    while not broken:
        block = np.empty((BLOCK, file.channels), dtype=np.float32)
        try:
            block = file.read(out=block)
        except soundfile.LibsndfileError as error:
            block, broken = block[: file.tell() - frames], True  # what stands before the error is there already
            if not frames + len(block):
                raise ValueError(f"it cannot be decoded ({error.error_string}); it is cut off or damaged") from error
        if not len(block):
            break
        blocks.append(block)
        frames += len(block)
        _short_enough(frames, rate, most_seconds)
    return np.concatenate(blocks), broken


def _stated(file: soundfile.SoundFile, source: str | bytes) -> int:
    """How many frames there should be; 0 where the file does not say. Of an MP3 that does not, libsndfile makes a guess."""
    known = 0 < file.frames < ENDLESS and (file.format != "MP3" or says_its_length(source))
    return int(file.frames) if known else 0


def _short_enough(frames: int, rate: int, most_seconds: float) -> None:
    if frames > math.ceil(most_seconds * rate):
        raise ValueError(f"it lasts {_spoken(frames / rate)}; at most {_spoken(most_seconds)} are accepted")


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else f"{seconds:,.4g} seconds"
