"""Intervals of many groups, each with its verdict in a word and by a shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.figure import number
from assay.pages._svg import cut, labels, line, mark, quoted, scale, svg, text, ticks, xy
from assay.pages._words import clean, human

WIDTH, LABEL = 430.0, 138.0
# How verdicts begin → the shape that `mark` draws; any other verdict is a disc, and one that cannot be given a ring.
SHAPES = {"worse": "worse", "better": "better", "changed": "apart", "higher": "apart", "lower": "apart"}
UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Judged:
    """A group's difference with its interval and verdict."""

    name: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    verdict: str


def verdicts(rows: Sequence[Judged], name: str, line_at: float = 0.0) -> str:
    """A row a group: ▼ worse, ▲ better, ● nothing shown, a ring where it cannot be told; in words at the right."""
    ends = [x for row in rows for x in (row.low, row.value, row.high) if x is not None and math.isfinite(x)] + [line_at]
    low, high = min(ends), max(ends)
    low, high = (low - (high - low) * 0.03, high + (high - low) * 0.03) if low < high else (low - 0.05, high + 0.05)
    left, right, top, step = LABEL + 8, WIDTH - 104, 24.0, 37.0
    bottom = top + step * len(rows)
    x = scale(low, high, left + 6, right - 6)
    at = ticks(low, high, 3)
    parts = [line(x(t), top, x(t), bottom, "grid") for t in at]
    edge = "start" if x(line_at) < left + 40 else "end" if x(line_at) > right - 40 else "middle"
    parts += [
        line(x(line_at), top - 5, x(line_at), bottom, "line"),
        text(x(line_at), 14, "no difference", "soft", edge),
    ]
    for i, row in enumerate(rows):
        y = top + step * (i + 0.5)
        side, ring = shape(row.verdict), row.verdict.startswith(UNKNOWN)
        within = _within(row)
        known = f"n = {row.n:,}" if row.n else ""
        parts.append(f"<g><title>{quoted(f'{row.name}: {number(row.value)}{within}, {row.verdict}')}</title>")
        parts.append(text(0, y - 1 if known else y + 4, cut(clean(row.name), LABEL)))
        parts.append(text(0, y + 12.5, known, "soft small") if known else "")
        if within and row.low is not None and row.high is not None:
            parts.append(line(x(row.low), y, x(row.high), y, f"interval {'unknown' if ring else side or 'whole'}"))
        if math.isfinite(row.value):
            if ring:
                parts.append(f'<circle cx="{xy(x(row.value))}" cy="{xy(y)}" r="4.2" class="ring"/>')
            else:
                parts.append(mark(x(row.value), y, side))
        plus = "+" if row.value > 0 else ""
        parts.append(text(WIDTH, y - 1, plus + number(row.value), "strong", "end"))
        parts.append(
            text(WIDTH, y + 12.5, cut(clean(brief(row.verdict)), 100), f"small {side or 'soft'}", "end") + "</g>"
        )
    parts += [text(x(t), bottom + 14, tick, "soft small", "middle") for t, tick in zip(at, labels(at), strict=True)]
    told = "; ".join(f"{row.name} {number(row.value)}{_within(row)} {row.verdict}" for row in rows)
    return svg(WIDTH, bottom + 20, parts, f"Interval plot of {human(name)} with verdicts: {told}")


def shape(verdict: str) -> str:
    """What `assay.pages._svg.mark` draws for a verdict.

    >>> shape("worse than the rest"), shape("no gap shown")
    ('worse', '')
    """
    return SHAPES.get(verdict.partition(" ")[0], "")


def brief(verdict: str) -> str:
    """A verdict in as many words as stand beside an interval.

    >>> brief("worse than the rest"), brief("cannot tell at this n"), brief("no gap shown")
    ('worse', 'cannot tell', 'no gap shown')
    """
    return verdict.partition(" than ")[0].partition(" at this ")[0]


def _within(row: Judged) -> str:
    if row.low is None or row.high is None or not math.isfinite(row.low + row.high):
        return ""
    return f" [{number(row.low)}, {number(row.high)}]"
