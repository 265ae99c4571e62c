"""Transcripts: their probability is exact, the search finds the likeliest, and error rates are jiwer's."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import jiwer
import numpy as np
import pytest
import torch

from assay.core.errors import ConfigError, DataError
from assay.outputs import _ctc
from assay.outputs._edits import changes, distance
from assay.outputs._transcript_metrics import tables
from assay.outputs.transcript import Transcript

WORDS = ["moon", "sun", "tree", "noon", "a"]
TEXTS = [*WORDS, "a sun"]


def logits(rows, frames, symbols, seed=0, scale=2.0):
    return scale * torch.randn(rows, frames, symbols, generator=torch.Generator().manual_seed(seed))


def chances(log_p):
    """The probability of every text, by listing all alignments."""
    found = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        text = tuple(c for c, _ in itertools.groupby(path) if c)
        found[text] = found.get(text, 0) + math.exp(sum(log_p[t, c].item() for t, c in enumerate(path)))
    return found


def fitted_y(fitted, texts):
    return {name: torch.from_numpy(array) for name, array in fitted.encode(texts, {}).items()}


class Says(torch.nn.Module):
    """A network that answers what it is given."""

    def forward(self, raw):
        return raw


def test_the_loss_is_the_probability_summed_over_all_alignments():
    raw = logits(3, 5, 4)
    for row in raw:
        for text, p in itertools.islice(chances(row.log_softmax(-1)).items(), 1, 40):
            nats = _ctc.nats(row[None], torch.tensor([[*text, 0]]), torch.tensor([len(text)]), 0)
            assert float(nats) == pytest.approx(-math.log(p), rel=1e-4)


def test_frames_behind_the_end_change_neither_loss_nor_answer_nor_gap():
    fitted = Transcript().fit(TEXTS)
    raw, other = logits(2, 6, fitted.tokenizer.size), logits(2, 6, fitted.tokenizer.size, seed=1)
    gone = torch.full((2, 3, fitted.tokenizer.size), _ctc.GONE)
    gone[..., fitted.tokenizer.pad] = 0
    y = fitted_y(fitted, ["sun", "noon"])
    longer = torch.cat([raw, gone], 1)
    torch.testing.assert_close(fitted.loss(longer, y), fitted.loss(raw, y))
    warm = replace(fitted, temperature=3.0)
    assert warm.loss(longer, fitted_y(fitted, ["noon noon", "sun"]))[0] == _ctc.IMPOSSIBLE
    torch.testing.assert_close(fitted.gap(longer, torch.cat([other, gone], 1)), fitted.gap(raw, other))
    assert fitted.rows(fitted.decode(Says(), {"raw": longer})) == fitted.rows(fitted.decode(Says(), {"raw": raw}))


def test_a_text_with_too_few_frames_is_impossible_and_teaches_nothing():
    fitted = Transcript().fit(TEXTS)
    raw = logits(2, 4, fitted.tokenizer.size).requires_grad_()
    y = fitted_y(fitted, ["noon", "sun"])  # noon: n o _ o n
    assert fitted.loss(raw, y)[0] == _ctc.IMPOSSIBLE
    assert fitted.loss(raw, y)[1] < 100
    fitted.objective(raw, y, 0.0).sum().backward()
    assert raw.grad[0].abs().max() == 0
    assert raw.grad[1].abs().max() > 0
    assert torch.isfinite(raw.grad).all()


def test_a_beam_finds_the_likeliest_text_where_greed_does_not():
    better = 0
    for seed in range(20):
        log_p = logits(1, 5, 3, seed, scale=0.7)[0].log_softmax(-1)
        found = chances(log_p)
        wide = tuple(_ctc.prefix_beam(log_p.tolist(), 0, 200))
        assert found[wide] == pytest.approx(max(found.values()), rel=1e-5)
        better += found[wide] > found[tuple(_ctc.greedy(log_p[None], 0)[0])] * 1.001
    assert better > 3


def test_edits_are_the_fewest_and_the_changes_make_them():
    rng = np.random.default_rng(0)
    for _ in range(300):
        a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 12))) for _ in range(2))
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            before, row = row, [i]
            for j, y in enumerate(b, 1):
                row.append(min(before[j - 1] + (x != y), before[j] + 1, row[-1] + 1))
        assert distance(a, b) == distance(b, a) == len(changes(a, b)) == row[-1]


def test_error_rates_equal_jiwer():
    rng = np.random.default_rng(1)
    fitted = Transcript().fit([" ".join(WORDS)])
    true = [" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(60)]
    said = [" ".join(rng.choice(WORDS, rng.integers(0, 9))) if rng.random() < 0.7 else text for text in true]
    answers = fitted.encode([text or "a" for text in said], {})
    y = fitted.encode(true, {})
    columns = {"answer": answers["tokens"], "symbols": answers["symbols"], "nll": np.ones(60)}
    columns["symbols"][[not text for text in said]] = 0
    tally = fitted.tally(columns, y)
    wer, cer, exact, nats = (metric.over(tally) for metric in fitted.metrics)
    assert wer == pytest.approx(jiwer.wer(true, said))
    assert cer == pytest.approx(jiwer.cer(true, said))
    assert exact == np.mean([a == b for a, b in zip(said, true, strict=True)])
    assert nats == pytest.approx(60 / sum(map(len, true)))
    one = fitted.verdict(columns, y)
    assert one[0] == pytest.approx(1 - jiwer.wer(true[0], said[0] or " "))
    own = jiwer.process_words(true, said)
    kinds = {row[0]: row[1] for row in fitted.tables(columns, y)[0].rows}
    assert sum(kinds.values()) == own.substitutions + own.deletions + own.insertions
    assert kinds["put in"] - kinds["left out"] == own.insertions - own.deletions


def test_the_commonest_confusion_is_named():
    fitted = Transcript().fit(TEXTS)
    y, said = fitted.encode(["sun moon", "moon", "tree"], {}), fitted.encode(["sun noon", "noon", "tree a"], {})
    columns = {"answer": said["tokens"], "symbols": said["symbols"], "nll": np.zeros(3)}
    assert fitted.tables(columns, y)[1].rows == (("moon", "noon", 2, 2), ("(nothing)", "a", 1, None))


def test_without_a_mistake_the_words_say_so():
    assert tables(["one two"], ["one two"])[1].note == "No mistake: every word was heard as it was said."
    assert tables(["one too"], ["one two"])[1].note.startswith("The commonest 1 of 1 kinds")


def test_what_is_no_transcript_is_a_problem_that_names_the_characters():
    fitted = Transcript().fit(TEXTS)
    problems = {}
    fitted.encode(["Sun  moon", "sun 5£", "", None, 4, "a" * 500], problems)
    assert '"5" (U+0035), "£" (U+00A3)' in problems[1]
    assert problems[2] == "the transcript is empty"
    assert problems[3] == "there is no text"
    assert "not text" in problems[4]
    assert "500 symbols" in problems[5]
    assert 0 not in problems


def test_characters_that_one_or_two_transcripts_hold_are_told():
    texts = ["lo hi mi"] * 9 + ["lo ☃ mi", "Éa", "éa", "aa"]
    fitted = Transcript().fit(texts)
    assert fitted.encode(texts, {})["tokens"].shape[0] == 13
    scarce = fitted.scarce(texts)
    assert list(scarce) == [9, 10, 11]
    assert 'the transcript holds "☃" (U+2603), which no more than 1 of 13 do' in scarce[9]
    assert '"é" (U+00E9), which no more than 2 of 13 do' in scarce[10]
    assert fitted.scarce(["lo hi mi"] * 13) == {}
    words = Transcript(tokenizer="words").fit(texts)
    assert '"☃"' in words.scarce(texts)[9]
    assert Transcript(tokenizer="bpe").fit(texts).scarce(texts) == {}


def test_byte_pairs_leave_no_character_out():
    fitted = Transcript(tokenizer="bpe").fit(WORDS * 5)
    problems = {}
    y = fitted.encode(["the moon is 5 £"], problems)
    assert not problems
    assert (
        fitted.rows({"answer": y["tokens"], "symbols": y["symbols"], "log_probability": np.array([-1.0])})[0]["text"]
        == "the moon is 5 £"
    )


def test_words_are_symbols_where_few_are_said():
    fitted = Transcript(tokenizer="words").fit(["six seven", "seven"])
    problems = {}
    y = fitted.encode(["seven six six", "seven eight nine"], problems)
    assert y["symbols"].tolist() == [3, 1]
    assert list(problems) == [1]
    assert 'holds "eight", "nine", which' in problems[1]
    assert fitted._texts(y["tokens"][:1], y["symbols"][:1]) == ["seven six six"]


def test_the_temperature_is_the_one_at_which_held_out_texts_are_likeliest():
    fitted = Transcript().fit(TEXTS)
    y = fitted_y(fitted, ["sun", "moon"] * 20)
    raw = logits(40, 8, fitted.tokenizer.size, scale=6.0)
    warm = fitted.calibrated([(raw, y)])
    assert warm.temperature > 1.5
    assert warm.loss(raw, y).mean() < fitted.loss(raw, y).mean()
    assert Transcript().load(warm.to_json()) == warm


def test_smoothing_and_confidence_stay_in_range():
    fitted = Transcript().fit(TEXTS)
    y = fitted_y(fitted, ["sun", "moon"])
    raw = logits(2, 9, fitted.tokenizer.size)
    plain, smooth = fitted.objective(raw, y, 0.0), fitted.objective(raw, y, 0.1)
    assert torch.isfinite(smooth).all()
    assert not torch.equal(plain, smooth)
    for row in fitted.rows(fitted.decode(Says(), {"raw": raw}, y)):
        assert 0 <= row["confidence"] <= 1
        assert math.log(max(row["confidence"], 1e-300)) * max(1, len(row["text"])) <= 1e-9


def test_options_out_of_range_are_refused():
    with pytest.raises(DataError, match="nothing to learn"):
        Transcript().fit(["", None])
    with pytest.raises(ConfigError, match=r'no tokenizer "bbe".*bpe'):
        Transcript(tokenizer="bbe").fit(WORDS)
    with pytest.raises(ConfigError, match="beam=0"):
        Transcript(beam=0).fit(WORDS)
