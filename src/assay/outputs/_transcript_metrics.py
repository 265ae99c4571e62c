"""How well texts were heard: error rates of words and characters, and which words were taken for which.

Legend: B texts, k tally columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric, ratio
from assay.core.record import Table
from assay.outputs._edits import Change, changes, distance

WORD_EDITS, WORDS, CHARACTER_EDITS, CHARACTERS, EXACT, ONE, NATS = range(7)
COMMONEST = 20  # confusions that are listed


def metrics() -> tuple[Metric, ...]:
    """Word error rate, character error rate, exact matches, and nats a character.

    The rates are edits of all texts over words (characters, spaces included) of all true texts, as jiwer has them: above 1
    where more is said than there is.
    """
    return (
        ratio("wer", WORD_EDITS, WORDS, better="lower"),
        ratio("cer", CHARACTER_EDITS, CHARACTERS, better="lower"),
        ratio("exact_match", EXACT, ONE, better="higher", proportion=True),
        ratio("nats_per_character", NATS, CHARACTERS, better="lower", unit="nats"),
    )


def tally(said: Sequence[str], true: Sequence[str], nats: NDArray[np.float64]) -> Array:
    """What each text contributes, ``[B, 7]``.

    >>> tally(["one too"], ["one two"], np.array([2.0])).tolist()
    [[1.0, 2.0, 1.0, 7.0, 0.0, 1.0, 2.0]]
    """
    out = np.zeros((len(true), 7))
    for row, a, b, cost in zip(out, said, true, nats.tolist(), strict=True):
        words = b.split()
        if a != b:
            row[WORD_EDITS], row[CHARACTER_EDITS] = distance(a.split(), words), distance(a, b)
        row[WORDS], row[CHARACTERS], row[EXACT], row[ONE], row[NATS] = len(words), len(b), a == b, 1, cost
    return out


def verdict(said: Sequence[str], true: Sequence[str]) -> NDArray[np.float64]:
    """1 less the word error rate of each text by itself, ``[B]``.

    >>> verdict(["one too"], ["one two"]).tolist()
    [0.5]
    """
    return np.array(
        [1 - distance(a.split(), b.split()) / max(1, len(b.split())) for a, b in zip(said, true, strict=True)]
    )


def tables(said: Sequence[str], true: Sequence[str]) -> tuple[Table, ...]:
    """The kinds of edits, and the commonest ones."""
    found: Counter[Change] = Counter()
    for a, b in zip(said, true, strict=True):
        if a != b:
            found.update(changes(a.split(), b.split()))
    spoken = Counter(word for text in true for word in text.split())
    words = max(1, spoken.total())
    kinds = (
        ("substituted", sum(n for (b, a), n in found.items() if a is not None and b is not None)),
        ("left out", sum(n for (_, a), n in found.items() if a is None)),
        ("put in", sum(n for (b, _), n in found.items() if b is None)),
    )
    commonest = sorted(found.items(), key=lambda one: (-one[1], str(one[0])))[:COMMONEST]
    return (
        Table("edits", ("kind", "words", "share of all"), tuple((kind, n, n / words) for kind, n in kinds)),
        Table(
            "words",
            ("said", "heard as", "times", "of"),
            tuple((b or "(nothing)", a or "(nothing)", n, spoken[str(b)] if b else None) for (b, a), n in commonest),
            f"The commonest {len(commonest)} of {len(found):,} kinds of mistakes; the last column is how often the word is "
            "said."
            if found
            else "No mistake: every word was heard as it was said.",
        ),
    )
