"""Intervals and curves drawn with characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

MARKS = {"": "●", "better": "▲", "worse": "▼", "apart": "◆"}
STYLES = {"": "", "better": "blue", "worse": "red", "apart": "magenta"}
LINE, CROSSED = "┊", "┼"
LEAST = 5  # characters of a part of a name

# Where the encoding of the output is not Unicode, each of these has a stand-in of the same width.
_ASCII = str.maketrans("●▲▼◆┊┼─╶╴━…–−×→·⏎�", "o^v*|+---=.--x>./?")
_SPARKS = "▁▂▃▄▅▆▇█"


def plain(text: str) -> str:
    """``text`` in ASCII, for an output that can show nothing else.

    >>> plain("a ╶─●─╴ … é")
    'a --o-- . ?'
    """
    text = text.translate(_ASCII).replace("↑", "^").replace("↓", "v").replace("∞", "inf")
    return text.encode("ascii", "replace").decode()


def interval(
    value: float, low: float | None, high: float | None, scale: tuple[float, float], width: int, mark: str, line: float
) -> str:
    """An interval on a scale of ``width`` characters, with its value and a reference line (nan draws none).

    >>> interval(0.5, 0.2, 0.8, (0, 1), 21, "●", 0.9), interval(0.5, 0.2, 0.8, (0, 1), 21, "●", 0.7)
    ('    ╶─────●─────╴ ┊  ', '    ╶─────●───┼─╴    ')
    """

    def at(x: float) -> int:
        span = scale[1] - scale[0]
        share = (x - scale[0]) / span if span > 0 else 0.5
        return round(min(max(share, 0.0), 1.0) * (width - 1))

    cells = [" "] * width
    if low is not None and high is not None and math.isfinite(low + value + high):
        left, right = at(low), at(high)
        cells[left : right + 1] = "─" * (right - left + 1)
        if left < right:
            cells[left], cells[right] = "╶", "╴"
    if math.isfinite(line):
        cells[at(line)] = LINE if cells[at(line)] == " " else CROSSED
    if math.isfinite(value):
        cells[at(value)] = mark
    return "".join(cells)


def spark(values: Sequence[float], width: int) -> str:
    """A curve as blocks of eight heights; each stands for the mean of its part of ``values``.

    A value that is nan (not measured at that point) is drawn as the one before it.

    >>> spark([3, 2, math.nan, 1], 4)
    '█▅▅▁'
    """
    points: list[float] = []
    for value in values:
        if math.isfinite(value) or points:
            points.append(value if math.isfinite(value) else points[-1])
    if not points:
        return ""
    n = min(width, len(points))
    parts = [points[i * len(points) // n : (i + 1) * len(points) // n] for i in range(n)]
    means = [sum(part) / len(part) for part in parts]
    low, span = min(means), max(means) - min(means)
    return "".join(_SPARKS[round((mean - low) / span * 7) if span > 0 else 3] for mean in means)


def fit(text: str, width: int) -> str:
    """``text`` in ``width`` characters: what is too long loses its middle, since paths differ at their ends.

    >>> fit("photos/train/cat/0001.jpg", 16)
    'photos/…0001.jpg'
    """
    if len(text) <= width:
        return text
    tail = (width - 1) * 9 // 16
    return text[: width - 1 - tail] + "…" + (text[-tail:] if tail else "")


def fit_each(name: str, width: int) -> str:
    """`fit`, but of a crossing of groups each part loses its own middle, the longest first, so that all can be told.

    >>> fit_each("sex=Female & race=Asian-Pac-Islander", 30)
    'sex=Female & race=As…-Islander'
    """
    parts = name.split(" & ")
    room = width - 3 * (len(parts) - 1)
    if len(name) <= width or room < LEAST * len(parts):
        return fit(name, width)
    wide = [len(part) for part in parts]
    while sum(wide) > room:
        wide[wide.index(max(wide))] -= 1
    return " & ".join(fit(part, most) for part, most in zip(parts, wide, strict=True))
