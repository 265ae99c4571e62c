"""The made-up voice of the demo: what is known of it is so."""

from __future__ import annotations

import csv

import numpy as np
import soundfile

import assay
from assay.tasks import _voice
from assay.tasks._voice import RATE, said, spelt


def _pitch(wave) -> float:
    """Hz of a stretch of buzz, by autocorrelation."""
    same = np.correlate(wave, wave, "full")[len(wave) - 1 :]
    low, high = RATE // 220, RATE // 70
    return RATE / (low + int(np.argmax(same[low:high])))


def _bands(wave):
    """Energy below and above 3,500 Hz."""
    power = np.abs(np.fft.rfft(wave)) ** 2
    edge = int(3_500 * len(wave) / RATE)
    return power[:edge].sum(), power[edge:].sum()


def test_letters_sound_as_the_rules_have_it():
    assert [name for name, _ in spelt("She chose the path.")] == ["sh", "e", " ", "ch", "o", "s", " ", "th", "e", " ",
                                                                  "p", "a", "th", "."]  # fmt: skip
    assert dict(spelt("made"))["a"] > dict(spelt("mad"))["a"]
    low, high = _bands(said("sss"))
    assert high > 5 * low
    low, high = _bands(said("aaa"))
    assert low > 5 * high
    assert not np.array_equal(said("sh")[:1_000], said("s")[:1_000])
    assert np.array_equal(said("A  man."), said("a man."))


def test_a_question_rises_and_anything_else_falls():
    for end, sign in (("?", 1), (".", -1)):
        wave = said("aaaaaaaaaaaa" + end)
        first, last = wave[800:3_200], wave[-8_000:-5_600]
        assert sign * (_pitch(last) - _pitch(first)) > 10


def test_no_sentence_stands_in_two_splits_and_every_sound_is_its_text(tmp_path, monkeypatch):
    monkeypatch.setattr(_voice, "SIZES", {"train": 12, "validation": 4, "test": 4})
    demo = _voice.voice(tmp_path)
    seen: list[str] = []
    for split, n in _voice.SIZES.items():
        with (tmp_path / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == n
        seen += [row["text"] for row in rows]
        wave, rate = soundfile.read(tmp_path / rows[0]["speech"], dtype="float32")
        assert rate == RATE
        np.testing.assert_allclose(wave, said(rows[0]["text"]), atol=1e-4)
    assert len(set(seen)) == 20
    assert demo.target == "speech"
    assert not set(demo.inputs) & set(seen)


def test_what_cannot_be_said_is_passed_over():
    assert np.array_equal(said("a(%)b"), said("ab"))
    assert not said("123").any()


def test_the_worst_answers_are_shown_with_their_sentences():
    texts = [f"a {word} b" for word in ("cat", "dog", "cow", "hen", "pig", "bee", "ant", "fox", "owl", "elk")]
    rows = [{"text": text, "speech": (said(text), RATE)} for text in texts]
    model = assay.train("speech-synthesis", rows, epochs=1, size="tiny", device="cpu", quiet=True)
    record = assay.evaluate(model, rows, split="train", quiet=True)
    worst = record.table("largest losses")
    told = [row[worst.columns.index("input")] for row in worst.rows]
    assert set(told) <= set(texts)
    assert [medium.caption.split(" (")[0] for medium in record.media] == told
