"""A text whose words are coloured by what they count for, as SVG.

A font is not known here: each word is given the room that its characters take in a usual one, and is set to fill it. Words
of scripts that run to the left are set from the right.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.codecs.drawing import LEGEND, PAD, cut, legend, patch, quoted, scaled, sheet, signed, text

WIDTH, LINE, SIZE = 540, 27, 15  # pixels: of the drawing, from line to line, of a letter
GAP = 4.5  # between words
MOST = 500  # words that are drawn
LONGEST = 48  # characters of a word that are drawn
NARROW, WIDE = frozenset("iljtfrI.,:;'’!|()[]`-·"), frozenset("mwMW@%—…")


def words(pieces: Sequence[str], values: NDArray[np.float64], unread: int = 0) -> tuple[str, str]:
    """``("svg", …)`` of a text in pieces, each with the white space after it.

    Of a long text the stretch of `MOST` pieces is drawn that counts most.

    Args:
        pieces: ``[P]`` and perhaps more, which were not read and are grey.
        values: ``[P]``.
        unread: how many pieces there are before the first one.
    """
    shares, most = scaled(np.asarray(values, dtype=np.float64))
    first = _heaviest(np.abs(shares))
    shown = pieces[first : first + MOST]
    before, after = unread + first, len(pieces) - first - len(shown)
    parts, x, y = [], 0.0, float(PAD)
    backwards = _runs_left(shown)
    room = WIDTH - 2 * PAD
    if before:
        parts.append(text(PAD, y + 13, f"… {before:,} before", "soft"))
        y += LINE
    for at, piece in enumerate(shown, first):
        body = piece.strip()
        word = cut(body, LONGEST) if body else "␣"
        width = min(advance(word) * SIZE + 6, room)
        if x and x + width > room:
            x, y = 0.0, y + LINE
        left = PAD + (room - x - width if backwards else x)
        parts.append(_word(word, left, y, width, float(shares[at]) if at < len(shares) else None, values, at))
        x += width + (GAP if piece[len(piece.rstrip()) :] else 0)
        if "\n" in piece:
            x, y = 0.0, y + LINE
    y += LINE
    if after:
        parts.append(text(PAD, y + 13, f"… {after:,} more", "soft"))
        y += LINE
    parts.append(legend(PAD, y + 4, most))
    return "svg", sheet(WIDTH, y + LEGEND, parts, "Words by what they count for")


def advance(word: str) -> float:
    """About how wide a word is, in ems.

    >>> advance("mm"), advance("好"), advance("e\\u0301") == advance("e")
    (1.72, 1.0, True)
    """
    return max(0.3, sum(map(_wide, word)))


def _wide(letter: str) -> float:
    if letter in NARROW:
        return 0.3
    if letter in WIDE:
        return 0.86
    if letter.isascii():
        return 0.65 if letter.isupper() else 0.56
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(letter) in "WF" else 0.6


def _word(
    word: str, x: float, y: float, width: float, share: float | None, values: NDArray[np.float64], at: int
) -> str:
    told = "not read" if share is None else signed(float(values[at])) if np.isfinite(values[at]) else "not defined"
    fit = f' textLength="{width - 6:.1f}" lengthAdjust="spacingAndGlyphs"' if len(word) > 1 else ""
    kind = "soft" if share is None else "ink"
    drawn = text(x + width / 2, y + 16, word, kind, "middle", f' font-size="{SIZE}"{fit}')
    behind = patch(x, y, width, LINE - 5, share or 0.0, told)
    return f"{behind}{drawn.replace('</text>', f'<title>{quoted(told)}</title></text>')}"


def _heaviest(sizes: NDArray[np.float64]) -> int:
    """Where the stretch of `MOST` words begins that has most of all sizes: the start where that has as much as any, else
    the middle one of those that have as much."""
    if len(sizes) <= MOST:
        return 0
    sums = np.concatenate([[0.0], np.cumsum(sizes)])
    held = sums[MOST:] - sums[:-MOST]
    most = np.flatnonzero(held >= held.max() - 1e-9)
    return 0 if most[0] == 0 else int(most[len(most) // 2])


def _runs_left(pieces: Sequence[str]) -> bool:
    """Whether the first letter that has a direction is of a script that runs from right to left."""
    turns = (unicodedata.bidirectional(letter) for piece in pieces for letter in piece)
    return next((turn for turn in turns if turn in ("L", "R", "AL")), "L") != "L"
