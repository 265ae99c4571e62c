"""What befalls texts where people type them: slips of the finger, lost words, no punctuation, capitals.

Typing errors are those of robustness tests of translation and classification (Belinkov & Bisk 2018, arXiv:1711.02173):
a neighbouring key, two letters swapped, one lost, one doubled. In scripts without spaces a word is one character here, so
that characters are lost and swapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.core.protocols import Pack
from assay.inputs._severity import check_corruption
from assay.inputs._text_parts import segments

SHARES = {  # by severity
    "typing errors": (0.01, 0.025, 0.05, 0.1, 0.2),  # of the letters and digits
    "lost words": (0.03, 0.08, 0.15, 0.3, 0.5),  # of the words
    "lost punctuation": (0.2, 0.4, 0.6, 0.8, 1.0),  # of the marks
    "capitals": (0.1, 0.25, 0.5, 0.75, 1.0),  # of the words
}
KINDS = tuple(SHARES)
BOARDS = (("qwertyuiop", "asdfghjkl", "zxcvbnm"), ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"))
NEIGHBOUR, SWAPPED, LOST = 0.4, 0.6, 0.8  # shares of typing errors, summed up; the rest are doubled


def corrupted(texts: Sequence[str], kind: str, severity: int, rng: np.random.Generator) -> list[str]:
    """Texts that one of `KINDS` befell; of none that has words all of them are lost.

    Raises:
        ConfigError: there is no such kind or severity.

    >>> corrupted(["Tea, please!"], "lost punctuation", 5, np.random.default_rng(0))
    ['Tea please']
    """
    check_corruption(kind, severity, KINDS)
    share = SHARES[kind][severity - 1]
    whole = kind in ("typing errors", "lost punctuation")
    pieces: list[Sequence[str]] = [text if whole else segments(text) for text in texts]
    ends = np.cumsum([0, *map(len, pieces)])
    drawn = rng.random((2, int(ends[-1])))
    made = []
    for text, found, begin, end in zip(texts, pieces, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        chance = drawn[0, begin:end]
        hit = np.flatnonzero(chance < share)
        if kind == "lost words" and len(hit) == len(found) > 0:
            hit = np.delete(hit, int(chance.argmax()))
        if kind == "typing errors":
            changed = _mistyped(found, hit, drawn[1, begin:end])
        else:
            changed = _CHANGES[kind](found, set(hit.tolist()))
        made.append(changed if changed.strip() else text)
    return made


def _mistyped(text: Sequence[str], hit: NDArray[np.int64], how: NDArray[np.float64]) -> str:
    letters = list(text)
    for at in hit.tolist():
        letter, chance = text[at], float(how[at])
        if not letter.isalnum():
            continue
        near = _KEYS.get(letter.lower(), "")
        if chance < NEIGHBOUR and near:
            key = near[int(chance / NEIGHBOUR * len(near))]
            letters[at] = key.upper() if letter.isupper() else key
        elif chance < SWAPPED and at + 1 < len(text) and text[at + 1].isalnum():
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
        elif chance < LOST:
            letters[at] = ""
        else:
            letters[at] = 2 * letters[at]
    return "".join(letters)


def _without_marks(text: Sequence[str], hit: set[int]) -> str:
    marks = {at for at in hit if unicodedata.category(text[at]).startswith("P")}
    return _without(text, marks)


def _without(pieces: Sequence[str], hit: set[int]) -> str:
    return "".join(piece for at, piece in enumerate(pieces) if at not in hit)


def _louder(words: Sequence[str], hit: set[int]) -> str:
    return "".join(word.upper() if at in hit else word for at, word in enumerate(words))


def _neighbours() -> dict[str, str]:
    """The keys that lie around each letter's, on the boards of Latin and Cyrillic letters."""
    found: dict[str, str] = {}
    for rows in BOARDS:
        for at, row in enumerate(rows):
            for place, key in enumerate(row):
                above = rows[at - 1][place : place + 2] if at else ""
                below = rows[at + 1][max(0, place - 1) : place + 1] if at + 1 < len(rows) else ""
                found[key] = row[max(0, place - 1) : place] + row[place + 1 : place + 2] + above + below
    return found


_CHANGES = {"lost words": _without, "lost punctuation": _without_marks, "capitals": _louder}
_KEYS = _neighbours()


def rewritten(x: Pack, before: Sequence[str], after: Sequence[str], pack: Callable[[Sequence[str]], Pack]) -> Pack:
    """The arrays of texts that were ``before`` and are ``after``: those that did not change keep their codes."""
    out = {name: array.copy() for name, array in x.items()}
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    for name, array in pack([after[at] for at in changed]).items():
        out[name][changed] = array
    return out
