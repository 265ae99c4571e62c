"""Plots as SVG text, from data alone: forest plots, curves, bars, dots and scatter. No dependency, no script.

The text is safe to place in a page: every label is escaped. Colours come from the page's style sheet, and never carry a
meaning that no shape, dash or text carries too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.core.figure import Figure, number
from assay.pages._svg import Scale, cut, labels, line, mark, quoted, rect, scale, svg, text, ticks, xy
from assay.pages._words import bounds, clean, human, stands

WIDTH = 390.0
LABEL = 118.0  # pixels for the names of rows
DOTS = 2000  # points of a scatter plot that are drawn; more only blacken it
SERIES = 6  # colours and dashes that there are

Series = tuple[str, Sequence[float | None], Sequence[float | None]]


def forest(rows: Sequence[tuple[str, Figure]], line_at: float | None, line_name: str = "all") -> str:
    """Figures of subgroups with their intervals on one scale, and the line that they are held against.

    Args:
        rows: label and figure; all of one metric.
        line_at: the value of the whole, or 0 for differences; ``None`` draws no line.
        line_name: what the line is called.
    """
    figures = [figure for _, figure in rows]
    low, high = _range([x for f in figures for x in (f.low, f.value, f.high)] + [line_at])
    left, right, top, step = LABEL + 8, WIDTH - 98, 26.0, 37.0
    bottom = top + step * len(rows)
    x = scale(low, high, left + 6, right - 6)
    at = ticks(low, high, 3)
    parts = [line(x(t), top, x(t), bottom, "grid") for t in at]
    if line_at is not None and math.isfinite(line_at):
        name = line_name if line_at == 0 else f"{line_name} {number(line_at)}"
        edge = "start" if x(line_at) < left + 40 else "end" if x(line_at) > right - 40 else "middle"
        parts += [line(x(line_at), top - 6, x(line_at), bottom, "line"), text(x(line_at), top - 11, name, "soft", edge)]
    for i, (label, figure) in enumerate(rows):
        y = top + step * (i + 0.5)
        side = stands(figure, line_at)
        known = f"n = {figure.n:,}" if figure.n else ""
        parts.append(f"<g><title>{quoted(label)}: {quoted(str(figure))}</title>")
        parts.append(
            text(0, y - 1 if known else y + 4, cut(clean(label), LABEL)) + text(0, y + 12.5, known, "soft small")
        )
        if ends := bounds(figure):
            parts.append(line(x(ends[0]), y, x(ends[1]), y, f"interval {side or 'whole'}"))
        if math.isfinite(figure.value):
            parts.append(mark(x(figure.value), y, side))
        parts.append(text(WIDTH, y - 1, number(figure.value), "strong", "end"))
        parts.append(text(WIDTH, y + 12.5, figure.interval().strip(), "soft small", "end") + "</g>")
    parts += [text(x(t), bottom + 14, name, "soft small", "middle") for t, name in zip(at, labels(at), strict=True)]
    told = "; ".join(f"{label} {number(figure.value)}{figure.interval()}" for label, figure in rows)
    return svg(
        WIDTH, bottom + 20, parts, f"Interval plot of {human(figures[0].name) if figures else 'nothing'}: {told}"
    )


def strip(figure: Figure, low: float, high: float, line_at: float | None = None, width: float = 160.0) -> str:
    """One interval on a bare scale, as large as a word."""
    x, y = scale(low, high, 6, width - 6), 8.0
    parts = [line(x(low), y, x(high), y, "track")]
    if line_at is not None:
        parts.append(line(x(line_at), 1, x(line_at), 15, "line"))
    if ends := bounds(figure):
        parts.append(line(x(max(ends[0], low)), y, x(min(ends[1], high)), y, "interval whole"))
    side = stands(figure, line_at)
    return svg(width, 16, [*parts, mark(x(figure.value), y, side, 3.4)], str(figure), "strip")


def curves(series: Sequence[Series], x_name: str, y_name: str = "") -> str:
    """Lines over a common x; a point that is ``None`` was not measured, and the line goes on from the one before.

    Args:
        series: name, xs and ys of each, six at most.
        x_name, y_name: of the axes.
    """
    points = [
        (name, [(a, b) for a, b in zip(xs, ys, strict=True) if _finite(a) and _finite(b)])
        for name, xs, ys in series[:SERIES]
    ]
    drawn = [
        (name, [(float(a), float(b)) for a, b in pairs if a is not None and b is not None]) for name, pairs in points
    ]
    low, high = _range([b for _, pairs in drawn for _, b in pairs], 0.04)
    first, last = _range([a for _, pairs in drawn for a, _ in pairs], 0.0)
    many = len(drawn) > 1  # one alone needs no legend: the caption names it
    height, left, top = 240.0, 46.0, 30.0 if many else 10.0
    bottom = height - 36
    x, y = scale(first, last, left + 4, WIDTH - 10), scale(low, high, bottom, top)
    parts = _axes(x, y, (first, last), (low, high), (left, top, WIDTH - 6, bottom), x_name, y_name, whole=True)
    at = left
    for i, (name, pairs) in enumerate(drawn):
        path = " ".join(f"{'L' if j else 'M'}{xy(x(a))} {xy(y(b))}" for j, (a, b) in enumerate(pairs))
        parts.append(f'<path d="{path}" class="curve s{i + 1}"/>')
        if len(pairs) <= 24:
            parts += [f'<circle cx="{xy(x(a))}" cy="{xy(y(b))}" r="2.4" class="fill{i + 1}"/>' for a, b in pairs]
        if many:
            parts += [line(at, 11, at + 20, 11, f"curve s{i + 1}"), text(at + 26, 15, human(name))]
        at += 26 + len(human(name)) * 6.6 + 18
    ends = "; ".join(f"{human(name)} from {number(p[0][1])} to {number(p[-1][1])}" for name, p in drawn if p)
    return svg(WIDTH, height, parts, f"Curves over {human(x_name)}: {ends}")


def bars(names: Sequence[str], values: Sequence[float], value_name: str = "") -> str:
    """Horizontal bars with their values, from 0."""
    step = 24.0
    high = max([*values, 0.0]) or 1.0
    x = scale(0, high, LABEL + 10, WIDTH - 62)
    parts = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y = step * i
        parts.append(text(0, y + 16, cut(clean(name), LABEL)))
        parts.append(rect(LABEL + 10, y + 5, x(value) - LABEL - 10, 14, "fill1", f"{name}: {_count(value)}"))
        parts.append(text(x(value) + 6, y + 16, _count(value), "strong"))
    told = "; ".join(f"{name} {_count(value)}" for name, value in zip(names, values, strict=True))
    return svg(WIDTH, step * len(names) + 4, parts, f"Bars of {human(value_name)}: {told}")


def histogram(edges: Sequence[tuple[float, float]], counts: Sequence[float], x_name: str = "") -> str:
    """Counts over bins (low, high)."""
    height, left, top = 220.0, 46.0, 12.0
    bottom = height - 36
    first, last = min(low for low, _ in edges), max(high for _, high in edges)
    high = max([*counts, 0.0]) or 1.0
    x, y = scale(first, last, left + 2, WIDTH - 8), scale(0, high * 1.05, bottom, top)
    parts = _axes(x, y, (first, last), (0, high * 1.05), (left, top, WIDTH - 6, bottom), x_name, "")
    for (a, b), n in zip(edges, counts, strict=True):
        title = f"{number(a)} to {number(b)}: {_count(n)}"
        parts.append(rect(x(a) + 1, y(n), x(b) - x(a) - 2, bottom - y(n), "fill1", title))
    return svg(WIDTH, height, parts, f"Histogram of {human(x_name)}, {len(counts)} bins, {_count(sum(counts))} in all")


def dots(names: Sequence[str], series: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """A row a name, and on it a dot for each series: shapes differ as well as colours."""
    low, high = _range([value for _, values in series for value in values])
    shapes = ("whole", "better", "apart", "worse")
    left, right, top, step = LABEL + 10, WIDTH - 8, 34.0, 23.0
    bottom = top + step * len(names)
    x = scale(low, high, left + 6, right - 6)
    at = ticks(low, high, 4)
    parts = [line(x(t), top, x(t), bottom, "grid") for t in at]
    parts += [text(x(t), bottom + 14, name, "soft small", "middle") for t, name in zip(at, labels(at), strict=True)]
    place = left
    for i, (name, _) in enumerate(series[: len(shapes)]):
        parts += [f'<g class="dot{i + 1}">{mark(place + 5, 11, shapes[i])}</g>', text(place + 15, 15, human(name))]
        place += 15 + len(human(name)) * 6.6 + 16
    for j, name in enumerate(names):
        y = top + step * (j + 0.5)
        found = [(i, s, values[j]) for i, (s, values) in enumerate(series[: len(shapes)])]
        known = [value for _, _, value in found if value is not None and math.isfinite(value)]
        parts.append(text(0, y + 4, cut(clean(name), LABEL)))
        if known:
            parts.append(line(x(min(known)), y, x(max(known)), y, "track"))
        parts += [
            f'<g class="dot{i + 1}">{mark(x(v), y, shapes[i], 4, f"{name}: {human(s)} {number(v)}")}</g>'
            for i, s, v in reversed(found)
            if v is not None and math.isfinite(v)
        ]
    return svg(WIDTH, bottom + 20, parts, f"Dots of {', '.join(human(s) for s, _ in series)} for {len(names)} rows")


def scatter(across: Sequence[float], up: Sequence[float], x_name: str, y_name: str) -> str:
    """Points and the diagonal on which both are equal; evenly thinned where there are more than 2,000."""
    every = max(1, math.ceil(len(across) / DOTS))
    pairs = [(a, b) for a, b in list(zip(across, up, strict=True))[::every] if math.isfinite(a) and math.isfinite(b)]
    low, high = _range([v for pair in pairs for v in pair])
    size, left, top = 380.0, 52.0, 10.0
    right, bottom = size - 8, size - 40
    x, y = scale(low, high, left, right), scale(low, high, bottom, top)
    parts = _axes(x, y, (low, high), (low, high), (left, top, right, bottom), x_name, y_name)
    parts.append(line(x(low), y(low), x(high), y(high), "line"))
    parts += [f'<circle cx="{xy(x(a))}" cy="{xy(y(b))}" r="2.6" class="point"/>' for a, b in pairs]
    told = f"{len(pairs):,} points of {human(y_name)} against {human(x_name)}; on the line both are equal"
    return svg(size, size, parts, told)


def _axes(
    x: Scale,
    y: Scale,
    across: tuple[float, float],
    up: tuple[float, float],
    box: tuple[float, float, float, float],
    x_name: str,
    y_name: str,
    *,
    whole: bool = False,
) -> list[str]:
    """Grid, ticks and names; ``whole`` keeps the ticks of x to whole numbers."""
    left, top, right, bottom = box
    xs = [t for t in ticks(*across, 6) if not whole or t == int(t)]
    ys = ticks(*up, 4)
    parts = [line(left, y(t), right, y(t), "grid") for t in ys]
    parts += [text(left - 8, y(t) + 4, name, "soft small", "end") for t, name in zip(ys, labels(ys), strict=True)]
    parts += [text(x(t), bottom + 16, name, "soft small", "middle") for t, name in zip(xs, labels(xs), strict=True)]
    parts += [
        line(left, bottom, right, bottom, "axis"),
        text((left + right) / 2, bottom + 32, human(x_name), "soft", "middle"),
    ]
    return [*parts, text(12, (top + bottom) / 2, human(y_name), "soft", "middle", -90)] if y_name else parts


def _range(values: Sequence[float | None], margin: float = 0.03) -> tuple[float, float]:
    """The span of the finite values, a little wider; 0 … 1 where there is none."""
    found = [value for value in values if value is not None and math.isfinite(value)]
    if not found:
        return 0.0, 1.0
    low, high = min(found), max(found)
    if low == high:
        return low - (abs(low) or 1) * 0.05, high + (abs(high) or 1) * 0.05
    return low - (high - low) * margin, high + (high - low) * margin


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else number(value)
