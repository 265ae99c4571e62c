"""Plots of what was taken for what, and of how far confidence can be believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.core.figure import number
from assay.pages._svg import cut, labels, line, quoted, rect, scale, svg, text, ticks, xy
from assay.pages._words import clean, count

NUMBERED = 12  # classes whose cells have room for a count
NAMED = 40  # classes whose rows have room for a name
MOST = 100  # classes that can be drawn


def heat_map(names: Sequence[str], counts: Sequence[Sequence[float]]) -> str:
    """A confusion matrix: a row an actual class, a column a predicted one, shaded by the share of the row.

    Right answers and mistakes have two colours, so that a mistake is seen at once.

    Args:
        names: the classes.
        counts: ``[actual][predicted]``.

    Raises:
        ValueError: there are more than 100 classes: draw the most frequent mistakes as bars instead.
    """
    k = len(names)
    if k > MOST:
        raise ValueError(f"a matrix of {k} classes cannot be read")
    side = 46.0 if k <= 6 else 33.0 if k <= NUMBERED else max(3.4, 400 / k)
    longest = max((len(clean(name)) for name in names), default=0) * 6.3
    room = min(110.0, longest) + 8 if k <= NAMED else 8.0
    left, top = room + 18, 18.0
    end, bottom = left + side * k, top + side * k
    parts = [text(left + side * k / 2, 12, "predicted", "soft", "middle")]
    parts.append(text(11, top + side * k / 2, "actual", "soft", "middle", -90))
    for i, row in enumerate(counts):
        whole = sum(row)
        if k <= NAMED:
            parts.append(text(left - 8, top + side * (i + 0.5) + 4, cut(clean(names[i]), room), "small", "end"))
        for j, n in enumerate(row):
            share = n / whole if whole else 0.0
            kind = "right" if i == j else "wrong"
            x, y = left + side * j, top + side * i
            title = f"{names[i]} taken for {names[j]}: {n:,.0f} ({share:.1%})"
            gap = 1.5 if side > 8 else 0.2
            # Mistakes are rare, so their shade rises fast: the root of their share.
            shade = share if i == j else math.sqrt(share)
            parts.append(rect(x, y, side - gap, side - gap, kind, title, 0.05 + 0.95 * shade))
            if k <= NUMBERED and n:
                strong = " on" if 0.05 + 0.95 * shade > 0.6 else ""
                parts.append(text(x + side / 2 - 1, y + side / 2 + 3.5, _brief(n), f"small{strong}", "middle"))
    if k <= NAMED:
        for j, name in enumerate(names):
            x = left + side * (j + 0.5) + 3
            parts.append(text(x, bottom + 10, cut(clean(name), room), "small", "end", -50))
    right = sum(counts[i][i] for i in range(k))
    all_ = sum(sum(row) for row in counts)
    height = bottom + (room * 0.8 + 14 if k <= NAMED else 6)
    return svg(end + 4, height, parts, f"Confusion matrix of {k} classes: {right:,.0f} of {all_:,.0f} right")


def reliability(bins: Sequence[tuple[float, float, float | None, float | None, int]]) -> str:
    """How often answers of a confidence are right, against the diagonal of perfect calibration.

    Args:
        bins: (low, high, mean confidence, accuracy, n); below the plot stands how many answers fell into each.
    """
    width, left, top, side, strip = 360.0, 46.0, 10.0, 300.0, 46.0
    bottom = top + side
    x, y = scale(0, 1, left, left + side), scale(0, 1, bottom, top)
    at = ticks(0.0, 1.0)
    named = list(zip(at, labels(at), strict=True))
    parts = [
        line(left, y(t), left + side, y(t), "grid") + text(left - 8, y(t) + 4, n, "soft small", "end") for t, n in named
    ]
    parts.append(line(x(0), y(0), x(1), y(1), "line"))
    most = max([n for *_, n in bins], default=0) or 1
    known = [(m, a, n) for _, _, m, a, n in bins if m is not None and a is not None and n]
    parts += [
        f'<line x1="{xy(x(m))}" y1="{xy(y(m))}" x2="{xy(x(m))}" y2="{xy(y(a))}" class="gap"/>' for m, a, _ in known
    ]
    path = " ".join(f"{'L' if i else 'M'}{xy(x(m))} {xy(y(a))}" for i, (m, a, _) in enumerate(known))
    parts.append(f'<path d="{path}" class="curve s1"/>' if path else "")
    for m, a, n in known:
        title = quoted(f"confidence {number(m)}, right {number(a)}, n = {n:,}")
        size = 2.5 + 4.5 * math.sqrt(n / most)
        parts.append(
            f'<circle cx="{xy(x(m))}" cy="{xy(y(a))}" r="{xy(size)}" class="mark whole"><title>{title}</title></circle>'
        )
    base = bottom + strip
    for low, high, _, _, n in bins:
        tall = (strip - 8) * n / most
        parts.append(rect(x(low) + 1, base - tall, x(high) - x(low) - 2, tall, "count", count(n, "answer")))
    parts.append(line(left, bottom, left + side, bottom, "axis") + line(left, base, left + side, base, "axis"))
    parts += [text(x(t), base + 15, n, "soft small", "middle") for t, n in named]
    parts.append(text(left + side / 2, base + 32, "confidence (bars: how many answers)", "soft", "middle"))
    parts.append(text(12, top + side / 2, "share that is right", "soft", "middle", -90))
    told = "; ".join(f"confidence {number(m)} is right {number(a)} of the time" for m, a, _ in known)
    return svg(width, base + 38, parts, f"Reliability curve: {told}")


def _brief(n: float) -> str:
    return f"{n:,.0f}" if n < 10000 else f"{n / 1000:,.0f}k"
