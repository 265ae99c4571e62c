"""A made-up language of tones, whose every recording has one transcript: what a right answer is, is known."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from assay.core.demo import Demo
from assay.core.files import write

RATE = 8_000
LETTERS = "aeimnorstu"  # a letter is a chord of one low and one high tone, as on a telephone's keys
LOW, HIGH = (500, 620, 770, 950, 1_180), (1_500, 2_200)
WORDS = ("moon", "sun", "stone", "rain", "tree", "mountain", "summer", "storm", "no", "more", "iron", "meat")
SIZES = {"train": 500, "validation": 50, "test": 100}


def tones(folder: Path) -> Demo:
    """``train.csv`` … and ``sounds/`` in ``folder``: sentences of one to three words, spelt in chords.

    Every speaker has another pitch, pace and loudness, and hiss lies over all; pauses part words. The same letter twice is
    two chords with a short gap, so that no two sentences sound alike.
    """
    rng = np.random.default_rng(0)
    number = 0
    for split, n in SIZES.items():
        rows = []
        for _ in range(n):
            text = " ".join(rng.choice(WORDS, rng.integers(1, 4)))
            number += 1
            name = f"sounds/{number:04d}.wav"
            write(folder / name, _file(spell(text, rng)))
            rows.append((name, text))
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([("audio", "text"), *rows])
        write(folder / f"{split}.csv", table.getvalue())
    return Demo(
        data=folder,
        about="650 recordings of a made-up language: words of chords, each speaker of another pitch, pace and loudness",
        inputs=(str(folder / "sounds" / f"{number:04d}.wav"),),
        target="text",
        known=("wer", 0.0, "since every sentence has one right transcript"),
        enough=0.1,
        time="60s",
        robustness=True,
    )


def spell(text: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """A text of `LETTERS` and spaces as chords, by a speaker drawn from ``rng``: float32 ``[n]`` at 8 kHz."""
    pitch, pace = rng.uniform(0.94, 1.06), rng.uniform(0.8, 1.25)
    pieces = [_silence(rng.uniform(0.03, 0.1))]
    for letter in text:
        if letter == " ":
            pieces.append(_silence(0.09 * pace))
            continue
        at = LETTERS.index(letter)
        time = np.arange(round(RATE * 0.07 * pace)) / RATE
        chord = sum(np.sin(2 * np.pi * hertz * pitch * time) for hertz in (LOW[at // 2], HIGH[at % 2]))
        pieces += [chord * np.hanning(len(time)), _silence(0.02 * pace)]
    wave = np.concatenate([*pieces, _silence(rng.uniform(0.03, 0.1))]) * rng.uniform(0.1, 0.4)
    return (wave + rng.normal(0, 0.005, len(wave))).astype(np.float32)


def _silence(seconds: float) -> NDArray[np.float64]:
    return np.zeros(round(RATE * seconds))


def _file(wave: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, wave, RATE, format="WAV", subtype="PCM_16")
    return stream.getvalue()
