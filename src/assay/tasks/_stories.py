"""A made language whose entropy is known, so that it is known how well its text can be foreseen at best.

Every word is followed by one of a few others, with chances of its own: a Markov chain over words (Shannon 1951 estimated
what is exact here). Words are spelt without spaces, so text and words say the same, and the entropy of the next word, over
the mean length of a word and its space, is the entropy of a character.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.core.demo import Demo
from assay.core.files import write

WORDS, FOLLOWERS = 60, 4
LENGTH = 25_000  # words
STARTS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v")
VOWELS = ("a", "e", "i", "o", "u")


def stories(folder: Path) -> Demo:
    """``story.txt``: some 150,000 characters of a language of sixty words."""
    rng = np.random.default_rng(0)
    words, chain = language(rng)
    bits = entropy(words, chain)
    path = folder / "story.txt"
    write(path, _told(words, chain, rng))
    return Demo(
        data=path,
        about=f"a made language of {WORDS} words, of which each has {FOLLOWERS} that may follow it",
        inputs=(f"{words[0]} {words[int(chain[0].argmax())]} ", f"{words[1]} ", f"{words[2]}"),
        time="45s",
        known=("bits_per_character", bits, "since that is the entropy of the language"),
    )


def language(rng: np.random.Generator) -> tuple[list[str], NDArray[np.float64]]:
    """Words, and the chance that one (row) is followed by another (column), ``[WORDS, WORDS]``."""
    words: list[str] = []
    while len(words) < WORDS:
        parts = [str(rng.choice(STARTS)) + str(rng.choice(VOWELS)) for _ in range(int(rng.integers(1, 4)))]
        word = "".join(parts) + str(rng.choice(["", "", "n", "s"]))
        if word not in words:
            words.append(word)
    chain = np.zeros((WORDS, WORDS))
    for row in range(WORDS):
        others = [
            row + 1,
            *rng.choice([i for i in range(WORDS) if i != (row + 1) % WORDS], FOLLOWERS - 1, replace=False),
        ]
        chain[row, np.array(others) % WORDS] = rng.permutation(
            [0.5, 0.25, 0.15, 0.1]
        )  # one ring: every word comes back
    return words, chain


def entropy(words: list[str], chain: NDArray[np.float64]) -> float:
    """Bits a character: the entropy of the next word over the mean length of a word and its space.

    >>> entropy(["a", "b"], np.full((2, 2), 0.5))
    0.5
    """
    often = np.full(len(words), 1 / len(words))
    for _ in range(2000):
        often = (often + often @ chain) / 2  # lazily, so that no cycle keeps it from settling
    safe = np.where(chain > 0, chain, 1.0)
    each = -(chain * np.log(safe)).sum(axis=1) / math.log(2)
    lengths = np.array([len(word) + 1 for word in words])
    return float((often @ each) / (often @ lengths))


def _told(words: list[str], chain: NDArray[np.float64], rng: np.random.Generator) -> str:
    edges = chain.cumsum(axis=1)
    edges /= edges[:, -1:]
    told, at = [], 0
    for drawn in rng.random(LENGTH):
        told.append(words[at])
        at = int(np.searchsorted(edges[at], drawn, side="right"))
    return " ".join(told) + "\n"
