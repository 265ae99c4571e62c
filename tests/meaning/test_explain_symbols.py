"""Each symbol of a transcript is explained by the part of the recording in which it is spoken."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

import assay
from assay.core.errors import ConfigError

RATE, SLOT = 4_000, 0.2
PITCH = {"a": 300, "b": 700, "c": 1_500}
PLAYED = {"method": "shapley", "budget": 128, "quiet": True}


def recording(text, rng):
    """One tone a letter, each at the beginning of its fifth of a second."""
    wave = rng.normal(0, 0.005, round(SLOT * RATE) * len(text))
    time = np.arange(round(0.08 * RATE)) / RATE
    for at, letter in enumerate(text):
        start = round((SLOT * at + 0.01) * RATE)
        wave[start : start + len(time)] += 0.3 * np.sin(2 * np.pi * PITCH[letter] * time) * np.hanning(len(time))
    return {"array": wave.astype(np.float32), "sampling_rate": RATE}


def rows(n, seed):
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list(PITCH), 4)) for _ in range(n)]
    return [{"audio": recording(text, rng), "text": text} for text in texts]


def explained(model, row):
    return assay.explain(model, row["audio"], target=row["text"], **PLAYED)


def slot(cell):
    return int(float(cell.split("–")[0]) / SLOT + 1e-6)


@pytest.fixture(scope="module")
def model():
    found = assay.train(
        "speech-recognition",
        rows(120, 0),
        size="tiny",
        epochs=8,
        batch_size=16,
        augment=False,
        device="cpu",
        quiet=True,
    )
    data = rows(20, 1)
    said = assay.predict(found, [row["audio"] for row in data], quiet=True)
    assert sum(one["text"] == row["text"] for one, row in zip(said, data, strict=True)) >= 19
    return found


def test_what_counts_most_for_a_symbol_is_where_it_is_spoken(model):
    alone, in_runs = [], []
    for row in rows(7, 2):
        matrix = {}
        for cell, claim, value in explained(model, row).table("matrix").rows:
            matrix.setdefault(claim, {})[cell] = value
        assert list(matrix) == ["text", *(f"{at}: {c}" for at, c in enumerate(row["text"], 1)), "5: (end)"]
        together = np.sum([list(cells.values()) for claim, cells in matrix.items() if claim != "text"], axis=0)
        assert list(matrix["text"].values()) == pytest.approx(together.tolist(), abs=1e-5)
        runs = [at for at, (_, same) in enumerate(groupby(row["text"])) for _ in same]
        for at, letter in enumerate(row["text"]):
            cells = matrix[f"{at + 1}: {letter}"]
            where = slot(max(cells, key=cells.get))
            if runs.count(runs[at]) == 1:
                alone.append(where == at)
            else:  # that there are two of a letter, both tones say
                in_runs.append(runs[where] == runs[at])
    assert min(len(alone), len(in_runs)) > 8
    assert np.mean(alone) > 0.9, alone
    assert np.mean(in_runs) > 0.9, in_runs


def test_one_symbol_is_named_of_the_answer_or_of_a_target(model):
    sound = recording("abca", np.random.default_rng(3))
    record = assay.explain(model, sound, claim="3", **PLAYED)
    assert record.notes[0].startswith('The answer "abca", 3: c: for it speak most 0.40–0.50 s')
    assert slot(record.table("attribution").rows[0][0]) == 2
    other = assay.explain(model, sound, target="abab", claim="3: a", **PLAYED)
    assert other.notes[0].startswith('"abab" instead of "abca", 3: a: for it speak most 0.60–0.70 s, 0–')
    assert "; against it 0.40–0.50 s" in other.notes[0], "where the c is"
    with pytest.raises(ConfigError, match=r'no claim "3: b".*3: c'):
        assay.explain(model, sound, claim="3: b", **PLAYED)


def test_of_many_those_without_the_symbol_are_left_out_and_that_is_said(model):
    rng = np.random.default_rng(4)
    data = [{"audio": recording(text, rng), "text": text} for text in ("abca", "bac", "cabc", "ab")]
    record = assay.explain(model, [data], claim="4", method="occlusion", quiet=True)
    assert record.data["n"] == 3, "the fourth claim of three letters is their end"
    assert '1 input whose answer makes no claim "4" was left out.' in record.notes
    told = [medium.caption for medium in record.media]
    assert [text.split(": red")[0] for text in told] == ["abca, 4: a", "bac, 4: (end)", "cabc, 4: c"]
    with pytest.raises(ConfigError, match='no claim "7"'):
        assay.explain(model, [data], claim="7", method="occlusion", quiet=True)
