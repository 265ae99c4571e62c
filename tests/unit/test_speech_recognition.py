"""Speech recognition from a table of files to a transcript: paths, problems, and the demo's language."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

import assay
from assay.core.errors import DataError
from assay.core.loading import for_training
from assay.core.reading import read
from assay.tasks._tones import LETTERS, WORDS, spell
from assay.tasks.speech_recognition import TASK

RATE = 8_000


@pytest.fixture
def table(tmp_path):
    """Twelve recordings of a second and a table that names them."""
    folder = tmp_path / "data"
    (folder / "sounds").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [("audio", "text")]
    for at in range(12):
        soundfile.write(folder / "sounds" / f"{at}.wav", rng.normal(0, 0.1, RATE), RATE)
        rows.append((f"sounds/{at}.wav", "low" if at % 2 else "high"))
    return folder / "all.csv", rows


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_relative_paths_start_from_the_table(table, monkeypatch, tmp_path):
    path, rows = table
    monkeypatch.chdir(tmp_path)
    splits = for_training(write(path, rows), TASK)
    assert sum(map(len, splits.values())) == 12
    for split in splits.values():
        assert all(cell.parent == path.parent / "sounds" for cell in split.x)
        assert not split.split.problems


def test_what_is_said_must_fit_into_its_recording(table):
    path, rows = table
    added = [(f"sounds/{at}.wav", text) for at, text in enumerate(("a" * 26, "a" * 27, "ab" * 25, "ab" * 26))]
    source = TASK.pair.arrange(read(write(path, [*rows[:3], *added, *rows[3:]])), TASK.input, TASK.output)
    split = source.splits["all"]
    first, second = split.problems  # a second has 51 places
    assert (first.where, second.where) == (f"{path}:5", f"{path}:7")
    assert "has 51 places for symbols, and its transcript needs 53" in first.what
    assert "has 51 places for symbols, and its transcript needs 52" in second.what
    assert [split.place(row) for row in (2, 3, 4)] == [f"{path}:4", f"{path}:6", f"{path}:8"]


def test_bad_rows_are_named_together_before_training(table):
    path, rows = table
    (path.parent / "sounds" / "3.wav").write_bytes(b"words")
    write(path, [*rows, ("sounds/gone.wav", "low"), ("sounds/1.wav", " ")])
    with pytest.raises(DataError) as caught:
        assay.train(TASK, path, epochs=1, quiet=True)
    message = str(caught.value)
    assert "3 of 14 examples" in message
    for part in (
        f"{path}:5: not a sound file",
        f"{path}:14: there is no such file",
        f"{path}:15: the transcript is empty",
    ):
        assert part in message


def test_the_language_of_tones_is_read_by_its_tones():
    """Each letter's chord is the one that its key has: the made transcripts are right."""
    rng = np.random.default_rng(3)
    for word in WORDS:
        assert set(word) <= set(LETTERS)
    low, high = spell("a", rng), spell("u", rng)
    for wave, expected in ((low, (500, 1_500)), (high, (1_180, 2_200))):
        spectrum = np.abs(np.fft.rfft(wave))
        hertz = np.fft.rfftfreq(len(wave), 1 / RATE)
        found = (
            hertz[np.where(hertz < 1_350, spectrum, 0).argmax()],
            hertz[np.where(hertz > 1_350, spectrum, 0).argmax()],
        )
        np.testing.assert_allclose(found, expected, rtol=0.08)
