"""What a text is made of: its words for explanations, hashed counts for likeness; and rows of unequal length as arrays.

Legend: N texts, L places, D features.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

GONE = "\N{REPLACEMENT CHARACTER}"  # what stands for a text of which nothing is left
FEATURES = 1024
PIECE = 4  # characters of a piece of a word
# A word with the white space after it; of scripts without spaces each character is one.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
SEGMENT = re.compile(rf"(?:[{UNSPACED}]|(?:(?![{UNSPACED}])\w)+(?:['’](?:(?![{UNSPACED}])\w)+)*|[^\w\s]|\s)\s*")


def segments(text: str) -> list[str]:
    """The words and signs of a text, each with the white space after it; together they are the text.

    >>> segments("It's good, 很好")
    ["It's ", 'good', ', ', '很', '好']
    """
    return SEGMENT.findall(text)


def as_written(written: str, read: str, last: bool = False) -> tuple[list[str], int]:
    """The pieces of a text as it was written, and how many there are before the first that was read.

    A tokenizer gives back a text in small letters, with other spaces, or with unknown words. Where the pieces of both are
    the same but for that, people are shown those that were written; else those that were read.

    Args:
        written, read: the text, and what was read of it.
        last: whether it was read at its end, and not from its beginning.

    >>> as_written("Good, strange tea too", "good , \N{REPLACEMENT CHARACTER} tea")
    (['Good', ', ', 'strange ', 'tea ', 'too'], 0)
    """
    own, found = segments(written), segments(read)
    before = max(0, len(own) - len(found)) if last else 0
    edge = 0 if last else len(found) - 1  # of the word there a part may be read
    for at, (a, b) in enumerate(zip(own[before:], found, strict=False)):
        a, b = a.strip().casefold(), b.strip().casefold()
        if b not in (a, GONE) and not (at == edge and (a.endswith(b) if last else a.startswith(b))):
            return found, 0
    return (own[before:], before) if len(own) >= len(found) else (found, 0)


def bag(texts: Sequence[str]) -> NDArray[np.float32]:
    """Hashed features ``[N, D]``: words, pairs of neighbours and pieces of four characters, rows of length 1.

    A count counts by its root. The sign of a feature comes from its hash too: what shares a place cancels on average
    (Weinberger et al. 2009, arXiv:0902.2206).
    """
    out = np.zeros((len(texts), FEATURES), dtype=np.float32)
    for row, text in zip(out, texts, strict=True):
        words = text.split() if " " in text else segments(text)
        counts = Counter(words)
        counts.update(f"{a} {b}" for a, b in pairwise(words))
        counts.update(text[at : at + PIECE] + "\n" for at in range(len(text) - PIECE + 1))
        for name, count in counts.items():
            code = zlib.crc32(name.encode())
            row[(code >> 1) % FEATURES] += count**0.5 if code & 1 else -(count**0.5)
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    return out


def padded(rows: Sequence[NDArray[np.int32]], width: int, fill: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows of unequal length as one array ``[N, width]``, cut or filled, and how much of each is used, ``[N]``.

    >>> padded([np.array([7, 8], np.int32), np.array([9], np.int32)], 3, 0)[0].tolist()
    [[7, 8, 0], [9, 0, 0]]
    """
    length = np.array([min(len(row), width) for row in rows], dtype=np.int32)
    out = np.full((len(rows), width), fill, dtype=np.int32)
    if len(rows):
        out[np.arange(width) < length[:, None]] = np.concatenate([row[:width] for row in rows])
    return out, length


def sentences(rng: np.random.Generator, n: int) -> list[str]:
    """Sentences of four to nine words, one of which is ``good`` or ``bad``."""
    filler = ["the", "film", "a", "story", "is", "and", "of", "it", "one", "actor", "was", "scene", "with", "that"]
    made: list[Any] = []
    for sign in rng.choice(["good", "bad"], n):
        words = list(rng.choice(filler, int(rng.integers(3, 9))))
        words.insert(int(rng.integers(0, len(words) + 1)), str(sign))
        made.append(" ".join(map(str, words)))
    return made
