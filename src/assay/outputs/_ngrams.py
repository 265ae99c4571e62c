"""BLEU and chrF as sums over sentences, equal to sacreBLEU's corpus figures (Post 2018, https://aclanthology.org/W18-6319/).

Both are functions of n-gram counts that add up over sentences, so a row of counts a sentence serves every subgroup and
every bootstrap replicate. Legend: B sentences, k columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric, ratio

if TYPE_CHECKING:
    from sacrebleu import BLEU

WORDS = 4  # BLEU's longest n-gram, in words
CHARACTERS = 6  # chrF's, in characters
BETA = 2  # chrF: recall weighs so many times as much as precision

_LENGTHS = 2  # of answer and reference, in words
_MATCHED = slice(_LENGTHS, _LENGTHS + WORDS)
_GIVEN = slice(_LENGTHS + WORDS, _LENGTHS + 2 * WORDS)
_CHRF = _LENGTHS + 2 * WORDS  # then (answer, reference, matched) for each order
_EXACT = _CHRF + 3 * CHARACTERS
_ONE = _EXACT + 1
COLUMNS = _ONE + 1


def statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Array:
    """What each answer contributes to BLEU, chrF and exact match beside its one reference, ``[B, COLUMNS]``.

    Words are those of sacreBLEU's default tokeniser (13a, cased); chrF counts characters without white space.

    >>> counts = statistics(["a cat sat", "no"], ["the cat sat", "no"])
    >>> counts[0, :10].astype(int).tolist()  # both lengths, matched n-grams, n-grams given
    [3, 3, 2, 1, 0, 0, 3, 2, 1, 0]
    """
    assert len(hypotheses) == len(references)
    counts = np.zeros((len(hypotheses), COLUMNS))
    for row, hypothesis, reference in zip(counts, hypotheses, references, strict=True):
        score = _bleu().sentence_score(hypothesis, [reference])
        row[:_LENGTHS] = score.sys_len, score.ref_len
        row[_MATCHED], row[_GIVEN] = score.counts, score.totals
        row[_CHRF:_EXACT] = _characters(hypothesis, reference)
        row[_EXACT] = hypothesis == reference
    counts[:, _ONE] = 1
    return counts


def metrics(first_column: int = 0) -> tuple[Metric, ...]:
    """BLEU and chrF (0 … 100, as sacreBLEU gives them with its defaults) and the share of answers that are the reference.

    Args:
        first_column: where the columns of `statistics` begin in a tally.

    >>> bleu, chrf, exact = metrics()
    >>> round(float(bleu.of(statistics(["the cat sat on the mat"], ["the cat sat on a mat"])[0])), 4)
    53.7285
    """
    columns = slice(first_column, first_column + COLUMNS)
    return (
        Metric("bleu", lambda sums: _of_bleu(sums[..., columns]), better="higher"),
        Metric("chrf", lambda sums: _of_chrf(sums[..., columns]), better="higher"),
        ratio("exact_match", first_column + _EXACT, first_column + _ONE, better="higher", proportion=True),
    )


@cache
def _bleu() -> BLEU:
    from sacrebleu import BLEU

    return BLEU(effective_order=True)  # keeps it from warning of single sentences; the counts are the same


def _characters(hypothesis: str, reference: str) -> list[int]:
    from sacrebleu.metrics.helpers import extract_all_char_ngrams

    found: list[int] = []
    pairs = zip(
        extract_all_char_ngrams(hypothesis, CHARACTERS), extract_all_char_ngrams(reference, CHARACTERS), strict=True
    )
    for given, wanted in pairs:
        matched = sum(min(count, wanted[ngram]) for ngram, count in given.items() if ngram in wanted)
        found += [given.total() if wanted else 0, wanted.total(), matched]  # no reference, no fault
    return found


def _of_bleu(sums: Array) -> Array:
    """BLEU (Papineni et al. 2002, https://aclanthology.org/P02-1040/), precisions of 0 smoothed as mteval-v13a does."""
    given, wanted = sums[..., 0], sums[..., 1]
    matched, total = sums[..., _MATCHED], sums[..., _GIVEN]
    with np.errstate(divide="ignore", invalid="ignore"):
        brevity = np.where(given < wanted, np.exp(1 - wanted / given), 1.0)
        smooth = 2.0 ** np.cumsum(matched == 0, axis=-1)
        precision = np.where(matched == 0, 100 / (smooth * total), 100 * matched / total)
        score = brevity * np.exp(np.log(precision).mean(axis=-1))
    some = (matched > 0).any(axis=-1) & (total > 0).all(axis=-1)
    return _defined(np.where(some, score, 0.0), sums)


def _of_chrf(sums: Array) -> Array:
    """chrF (Popović 2015, https://aclanthology.org/W15-3049/): F of the mean precision and recall over the orders."""
    given, wanted, matched = (sums[..., _CHRF + at : _EXACT : 3] for at in range(3))
    both = (given > 0) & (wanted > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        orders = both.sum(axis=-1)
        precision = np.where(both, matched / given, 0.0).sum(axis=-1) / orders
        recall = np.where(both, matched / wanted, 0.0).sum(axis=-1) / orders
        score = 100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)
    return _defined(np.where(np.isfinite(score), score, 0.0), sums)


def _defined(values: NDArray[np.float64], sums: Array) -> Array:
    return np.where(sums[..., _ONE] > 0, values, np.nan)
