"""BLEU and chrF of summed counts are sacreBLEU's corpus figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.outputs._ngrams import COLUMNS, metrics, statistics

BLEU, CHRF, EXACT = metrics()
WORD = st.sampled_from(
    ["a", "cat", "Cat", "sat", "on", "3.5", "1,000", "x-y", "&quot;", "Straße", "猫", "ends.", "(so)", "!?"]
)
SENTENCE = st.lists(WORD, max_size=9).map(" ".join)
PAIR = st.one_of(st.tuples(SENTENCE, SENTENCE), SENTENCE.map(lambda s: (s, s)), SENTENCE.map(lambda s: ("", s)))


def both(pairs):
    hypotheses, references = zip(*pairs, strict=True)
    return list(hypotheses), list(references)


@settings(max_examples=300, deadline=None)
@given(st.lists(PAIR, min_size=1, max_size=12))
def test_sums_give_sacrebleus_corpus_figures(pairs):
    hypotheses, references = both(pairs)
    sums = statistics(hypotheses, references).sum(axis=0)
    assert BLEU.of(sums) == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references]).score, abs=1e-9)
    assert CHRF.of(sums) == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [references]).score, abs=1e-9)
    assert EXACT.of(sums) == np.mean([h == r for h, r in pairs])


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_at_all(hypothesis, reference):
    sums = statistics([hypothesis], [reference])[0]
    assert BLEU.of(sums) == pytest.approx(sacrebleu.corpus_bleu([hypothesis], [[reference]]).score, abs=1e-9)
    assert CHRF.of(sums) == pytest.approx(sacrebleu.corpus_chrf([hypothesis], [[reference]]).score, abs=1e-9)


def test_weights_stand_for_repeated_sentences():
    pairs = [("a cat sat on it", "the cat sat on it"), ("no", "yes"), ("so it is , friend", "so it is, friend")]
    rows = statistics(*both(pairs))
    weights = np.array([[1, 0, 2], [0, 3, 0], [2, 1, 1]])
    sums = weights @ rows
    values = BLEU.of(sums), CHRF.of(sums)
    for at, counts in enumerate(weights):
        hypotheses, references = both([pair for pair, n in zip(pairs, counts, strict=True) for _ in range(n)])
        assert values[0][at] == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references]).score, abs=1e-9)
        assert values[1][at] == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [references]).score, abs=1e-9)


def test_leading_dimensions_stay():
    rows = statistics(["a b", "c d", "e", ""], ["a b", "c", "f", "g"]).reshape(2, 2, COLUMNS)
    for metric in metrics():
        values = metric.of(rows)
        assert values.shape == (2, 2)
        assert values[1, 0] == metric.of(rows[1, 0])


def test_no_sentence_has_no_figure():
    assert all(math.isnan(metric.of(np.zeros(COLUMNS))) for metric in metrics())


def test_columns_can_begin_anywhere():
    rows = np.pad(statistics(["the cat sat on the mat"], ["the cat sat on a mat"]), ((0, 0), (3, 2)))
    assert metrics(3)[0].of(rows)[0] == pytest.approx(53.7285, abs=1e-4)
