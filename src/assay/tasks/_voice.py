"""A made-up voice that reads English letters by a few rules, so that the right answer is known.

Vowels and the like are buzzes through three formants, the others noises in a band (a formant synthesiser, as in Klatt 1980).
What a letter sounds like takes its neighbours to know: ``sh``, ``th`` and ``ch`` are one sound, an ``e`` that ends a word is
silent and lengthens the vowel before it; and how high the voice is takes the whole sentence: it rises at the end of a
question and falls at the end of anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from assay.core.demo import Demo
from assay.core.files import write

Array = NDArray[np.float64]

RATE, STEP = 16_000, 32  # samples a second; samples from one setting of the voice to the next
HARMONICS = 32
PITCH, RISE, FALL = 120.0, 1.5, 0.75  # Hz at the beginning; at the end, that many times
SMOOTH = 10  # settings that a change takes: 20 ms
BANDS = ((300, 1_500), (1_500, 4_000), (4_500, 7_800))  # Hz: of h, of sh, of s
SIZES = {"train": 300, "validation": 30, "test": 40}


@dataclass(frozen=True)
class Sound:
    """One sound: its formants in Hz, how loud its buzz and its three noises are, how long it lasts in seconds, and for how
    much of that it is silent first (a stop)."""

    formants: tuple[float, float, float]
    buzz: float
    noise: tuple[float, float, float] = (0.0, 0.0, 0.0)
    seconds: float = 0.07
    closed: float = 0.0


VOWELS = {
    "a": (750.0, 1_250.0, 2_500.0), "e": (550.0, 1_800.0, 2_500.0), "i": (300.0, 2_300.0, 3_000.0),
    "o": (500.0, 900.0, 2_400.0), "u": (320.0, 800.0, 2_300.0), "y": (350.0, 2_000.0, 2_800.0),
}  # fmt: skip
SOFT = {
    "l": (350.0, 1_100.0, 2_700.0), "m": (250.0, 1_000.0, 2_100.0), "n": (250.0, 1_500.0, 2_400.0),
    "r": (400.0, 1_200.0, 1_700.0), "w": (300.0, 650.0, 2_200.0), "j": (280.0, 2_200.0, 2_900.0),
}  # fmt: skip
HISSES = {
    "f": (0.1, 0.25, 0.3), "s": (0.0, 0.1, 1.0), "sh": (0.1, 1.0, 0.2), "th": (0.2, 0.2, 0.2), "h": (0.5, 0.2, 0.0),
    "x": (0.2, 0.5, 0.9), "v": (0.05, 0.15, 0.15), "z": (0.0, 0.1, 0.6),
}  # fmt: skip
STOPS = {
    "p": (0.8, 0.2, 0.0), "t": (0.0, 0.4, 0.9), "k": (0.2, 0.9, 0.1), "ch": (0.0, 1.0, 0.4), "b": (0.5, 0.1, 0.0),
    "d": (0.0, 0.3, 0.5), "g": (0.2, 0.6, 0.0), "c": (0.2, 0.9, 0.1), "q": (0.2, 0.9, 0.1),
}  # fmt: skip
NEUTRAL = (500.0, 1_500.0, 2_500.0)
SOUNDS = {
    **{letter: Sound(formants, 1.0, seconds=0.09) for letter, formants in VOWELS.items()},
    **{letter: Sound(formants, 0.5) for letter, formants in SOFT.items()},
    **{letter: Sound(NEUTRAL, 0.3 if letter in "vz" else 0.0, noise, 0.08) for letter, noise in HISSES.items()},
    **{letter: Sound(NEUTRAL, 0.2 if letter in "bdg" else 0.0, noise, 0.08, 0.5) for letter, noise in STOPS.items()},
    " ": Sound(NEUTRAL, 0.0, seconds=0.04), ",": Sound(NEUTRAL, 0.0, seconds=0.15),
    ".": Sound(NEUTRAL, 0.0, seconds=0.2), "?": Sound(NEUTRAL, 0.0, seconds=0.2),
}  # fmt: skip

WHO = ("the cat", "a small dog", "the old man", "my mother", "a white horse", "the thin king", "that chef", "a fish")
DOES = ("saw", "made", "likes", "took", "sold", "heard of", "ran from", "shut", "chose", "held")
WHAT = ("the ship", "a cake", "five shoes", "the red box", "a chair", "some wine", "the path", "a huge lake", "his hat")
WHEN = ("", "", "", " today", " at home", ", then slept")


def voice(folder: Path) -> Demo:
    """``train.csv``, ``validation.csv`` and ``test.csv`` in ``folder``, each with the columns ``text`` and ``speech``, and
    the sounds beside them; no sentence stands in two of the splits."""
    rng = np.random.default_rng(0)
    texts: dict[str, None] = {}
    while len(texts) < sum(SIZES.values()):
        words = [str(rng.choice(choices)) for choices in (WHO, DOES, WHAT, WHEN)]
        text = f"{words[0]} {words[1]} {words[2]}{words[3]}{'?' if rng.random() < 0.3 else '.'}"
        texts[text[0].upper() + text[1:]] = None
    lines = iter(texts)
    for split, n in SIZES.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        rows = []
        for at in range(n):
            text = next(lines)
            name = f"{split}/{at + 1}.wav"
            soundfile.write(folder / name, said(text), RATE, subtype="PCM_16")
            rows.append(f'"{text}",{name}\n')
        write(folder / f"{split}.csv", "text,speech\n" + "".join(rows))
    return Demo(
        data=folder,
        about="370 sentences read by a made-up voice of formants and noises that knows how letters sound together",
        inputs=("The white fish likes cheese.", "Is that a horse?"),
        target="speech",
        known=("mel_cepstral_distortion", 0.0, "since each sentence has one right sound"),
        enough=4.0,
        time="60s",
        robustness=True,
    )


def said(text: str) -> NDArray[np.float32]:
    """The sound ``[n]`` of a text at 16,000 samples a second; characters that it has no sound for are passed over.

    >>> len(said("shh")) < len(said("sah"))
    True
    """
    sounds = [(SOUNDS[name], longer) for name, longer in spelt(text)]
    settings = [_settings(sound, longer) for sound, longer in sounds]
    if not settings:
        return np.zeros(RATE // 10, dtype=np.float32)
    controls = np.concatenate(settings)
    kernel = np.ones(SMOOTH) / SMOOTH
    controls = np.stack([np.convolve(column, kernel, "same") for column in controls.T], axis=1)
    n = len(controls) * STEP
    end = RISE if text.rstrip().endswith("?") else FALL
    pitch = PITCH * np.linspace(1, end, len(controls))
    buzz = _buzz(pitch, controls[:, :3], controls[:, 3], n)
    noise = sum(np.repeat(controls[:, 4 + i], STEP) * _noise(i)[:n] for i in range(3))
    return (0.25 * buzz + 0.1 * noise).clip(-1, 1).astype(np.float32)


def spelt(text: str) -> list[tuple[str, float]]:
    """The sounds of a text and how many times their usual length they last.

    >>> [name for name, _ in spelt("Cheese?")], spelt("made")[1]
    (['ch', 'e', 'e', 's', '?'], ('a', 1.5))
    """
    found: list[tuple[str, float]] = []
    for piece in re.findall(r"[a-z]+|[ ,.?]", " ".join(text.lower().split())):
        silent = len(piece) > 3 and piece.endswith("e")
        letters = piece[:-1] if silent else piece
        names = re.findall("sh|th|ch|[a-z]|[ ,.?]", letters)
        vowels = [at for at, name in enumerate(names) if name in VOWELS]
        long = vowels[-1] if silent and vowels else -1
        found += [(name, 1.5 if at == long else 1.0) for at, name in enumerate(names)]
    return found


def _settings(sound: Sound, longer: float) -> Array:
    """Formants, buzz and noises ``[S, 7]`` of one sound."""
    steps = round(sound.seconds * longer * RATE / STEP)
    rows = np.tile(np.array([*sound.formants, sound.buzz, *sound.noise]), (steps, 1))
    rows[: round(sound.closed * steps), 4:] = 0.0
    return rows


def _buzz(pitch: Array, formants: Array, loud: Array, n: int) -> Array:
    """Harmonics of the pitch ``[S]``, each as loud as the formants ``[S, 3]`` make it."""
    hertz = pitch[:, None] * np.arange(1, HARMONICS + 1)
    width = np.array([80.0, 120.0, 180.0])
    near = 1 / (1 + ((hertz[:, :, None] - formants[:, None, :]) / width) ** 2)
    level = ((near * np.array([1.0, 0.6, 0.3])).sum(2) + 0.01) * loud[:, None] * (hertz < 0.45 * RATE)
    phase = 2 * np.pi * np.cumsum(np.repeat(pitch, STEP)) / RATE
    tone, wave = np.exp(1j * phase), np.zeros(n)
    turning = tone.copy()  # e to the power of i · (k + 1) · phase, without a sine for each harmonic
    for k in range(HARMONICS):
        wave += np.repeat(level[:, k], STEP) * turning.imag
        turning *= tone
    return wave


@lru_cache(maxsize=3)
def _noise(band: int) -> Array:
    """Ten seconds of noise in a band, the same in every sound."""
    n = 10 * RATE
    spectrum = np.fft.rfft(np.random.default_rng(band).normal(size=n))
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    low, high = BANDS[band]
    found = np.fft.irfft(spectrum * ((hertz >= low) & (hertz <= high)), n)
    return np.asarray(found / found.std())
