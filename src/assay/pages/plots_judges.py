"""Plots of what an explanation or an audit found: signed bars, curves with bands, a matrix of signed cells, an ROC curve.

As in `assay.pages.plots`, colours come from the page's style sheet and every label is escaped. What speaks for an answer is
red and lies right of 0 or carries a plus, what speaks against it is blue and lies left.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.core.figure import number
from assay.pages._svg import CHARACTER, Scale, cut, labels, line, quoted, rect, scale, svg, text, ticks, xy
from assay.pages._words import clean, human

WIDTH, LABEL, LONG, VALUE = 390.0, 128.0, 172.0, 54.0  # pixels; of the names, of long ones, and of the values of rows
SMALL = 200.0  # width of one of many
MOST = 40  # rows and columns of a matrix
APART = 5.0  # pixels between the first column of a matrix and the others
SERIES = 6


@dataclass(frozen=True)
class Bar:
    """A value with the ends of its interval; ``sure`` where it is told apart from 0 (``None``: nobody asked)."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    sure: bool | None = None


@dataclass(frozen=True)
class Line:
    """A curve, perhaps within a band. A point that is not finite is left out."""

    name: str
    across: Sequence[float]
    up: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


def signed_bars(bars: Sequence[Bar], name: str, *, signed: bool = True) -> str:
    """Horizontal bars from 0 to either side, with whiskers; pale and dashed where ``sure`` is false.

    Args:
        bars: in the order to show.
        name: what the values are of.
        signed: whether the two sides have two colours; else all bars are of one.
    """
    names = [clean(bar.name) for bar in bars]
    room = min(LONG, max([LABEL, *(len(name) * CHARACTER for name in names)]))
    step, left, right = 25.0, room + 10, WIDTH - VALUE
    ends = [x for bar in bars for x in (bar.value, bar.low, bar.high) if x is not None and math.isfinite(x)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    x = scale(low, high or 1.0, left + 4, right - 6) if low or high else scale(0, 1, left + 4, right - 6)
    bottom = 4 + step * len(bars)
    parts = [line(x(0), 2, x(0), bottom, "axis")]
    for i, bar in enumerate(bars):
        y = 4 + step * i
        side = "fill1" if not signed else "for" if bar.value > 0 else "against"
        faint = " unsure" if bar.sure is False else ""
        within = f" [{number(bar.low)}, {number(bar.high)}]" if bar.low is not None and bar.high is not None else ""
        told = f"{bar.name}: {number(bar.value)}{within}" + (", not shown to count" if bar.sure is False else "")
        parts.append(text(0, y + 16, cut(names[i], room), "soft" if faint else ""))
        if math.isfinite(bar.value):
            start, end = sorted((x(0), x(bar.value)))
            parts.append(rect(start, y + 5, max(end - start, 0.8), 14, side + faint, told))
        if bar.low is not None and bar.high is not None and math.isfinite(bar.low + bar.high):
            a, b = x(bar.low), x(bar.high)
            if b - a >= 1:  # an exact value has none
                parts.append(line(a, y + 12, b, y + 12, "whisker") + line(a, y + 9, a, y + 15, "whisker"))
                parts.append(line(b, y + 9, b, y + 15, "whisker"))
        plus = "+" if signed and bar.value > 0 else ""
        parts.append(text(WIDTH, y + 16, plus + number(bar.value), "soft small" if faint else "strong", "end"))
    told = "; ".join(f"{bar.name} {number(bar.value)}" for bar in bars)
    return svg(WIDTH, bottom + 4, parts, f"Bars of {human(name)}: {told}")


def banded(
    lines: Sequence[Line], x_name: str, y_name: str = "", *, small: bool = False, up: tuple[float, float] | None = None
) -> str:
    """Curves over a common x, each with its 95 % band.

    Args:
        lines: six at most.
        x_name, y_name: of the axes.
        small: one of many that stand side by side.
        up: the range of the upright axis, where several plots share it.
    """
    lines = lines[:SERIES]
    known = [_points(one) for one in lines]
    width, height = (SMALL, 132.0) if small else (WIDTH, 240.0)
    across = _span([p[0] for points in known for p in points], 0.0)
    up = up or _span([v for points in known for p in points for v in p[1:] if v is not None])
    left, top = 40.0, 28.0 if len(lines) > 1 else 8.0
    right, bottom = width - 8, height - (26.0 if small else 38.0)
    x, y = scale(*across, left + 5, right - 4), scale(*up, bottom, top)
    parts = _grid(x, y, ticks(*across, 5), ticks(*up, 3 if small else 4), (left, top, right, bottom))
    if not small:
        parts.append(text((left + right) / 2, height - 5, human(x_name), "soft", "middle"))
    if y_name:
        parts.append(text(11, (top + bottom) / 2, human(y_name), "soft", "middle", -90))
    at = left
    for i, (one, points) in enumerate(zip(lines, known, strict=True)):
        band = [(a, low, high) for a, _, low, high in points if low is not None and high is not None]
        if len(band) > 1:
            there = [f"{xy(x(a))} {xy(y(high))}" for a, _, high in band]
            back = [f"{xy(x(a))} {xy(y(low))}" for a, low, _ in reversed(band)]
            parts.append(f'<path d="M{" L".join(there + back)} Z" class="band fill{i + 1}"/>')
        if points:
            path = " L".join(f"{xy(x(p[0]))} {xy(y(p[1]))}" for p in points)
            parts.append(f'<path d="M{path}" class="curve s{i + 1}"/>')
        if len(points) <= 12:
            parts += [
                f'<circle cx="{xy(x(p[0]))}" cy="{xy(y(p[1]))}" r="2.6" class="fill{i + 1}">'
                f"<title>{quoted(_told(one.name, p))}</title></circle>"
                for p in points
            ]
        if len(lines) > 1:
            parts += [line(at, 10, at + 20, 10, f"curve s{i + 1}"), text(at + 26, 14, human(one.name))]
        at += 26 + len(human(one.name)) * 6.6 + 18
    told = "; ".join(
        f"{human(one.name)} from {number(p[0][1])} to {number(p[-1][1])}"
        for one, p in zip(lines, known, strict=True)
        if p
    )
    return svg(width, height, parts, f"Curves over {human(x_name)}: {told}")


def signed_matrix(
    rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float | None]], *, apart: bool = False
) -> str:
    """Cells shaded by how much each row speaks for (red squares) or against (blue discs) each column.

    Args:
        rows: their names.
        columns: their names.
        values: by row and column; ``None`` where there is none.
        apart: whether the first column stands a little apart, its shades by a scale of its own.

    Raises:
        ValueError: there are more than 40 rows or columns, which nobody could read.
    """
    if max(len(rows), len(columns)) > MOST:
        raise ValueError(f"a matrix of {len(rows)} by {len(columns)} cannot be read")
    most = [_largest(row[:apart] for row in values), _largest(row[apart:] for row in values)]
    room = min(LONG, max((len(clean(name)) for name in rows), default=0) * 6.6) + 8
    over = min(90.0, max((len(clean(name)) for name in columns), default=0) * 5.4) + 10
    side = min(34.0, max(9.0, (WIDTH * 1.4 - room) / max(1, len(columns))))
    lefts = [room + side * j + (APART if apart and j else 0) for j in range(len(columns) + 1)]
    width, height = lefts[-1] + over * 0.7, over + side * len(rows) + 4
    parts = []
    for j, name in enumerate(columns):
        parts.append(text(lefts[j] + side / 2 - 2, over - 5, cut(clean(name), 100), "small", "start", -50))
    for i, (name, cells) in enumerate(zip(rows, values, strict=True)):
        y = over + side * i
        parts.append(text(room - 7, y + side / 2 + 4, cut(clean(name), room), "small", "end"))
        for j, value in enumerate(cells):
            if value is None or not math.isfinite(value):
                continue
            kind = "for" if value > 0 else "against"
            share = abs(value) / most[j >= apart]
            said = f"{name} → {columns[j]}: {'+' if value > 0 else ''}{number(value)}"
            shade = 0.04 + 0.96 * share
            if value > 0:
                parts.append(rect(lefts[j], y, side - 1.2, side - 1.2, kind, said, shade))
            else:  # round: the shape tells what the colour does
                at = f'cx="{xy(lefts[j] + side / 2)}" cy="{xy(y + side / 2)}" r="{xy(side / 2 - 0.8)}"'
                parts.append(
                    f'<circle {at} class="{kind}" fill-opacity="{shade:.2f}"><title>{quoted(said)}</title></circle>'
                )
            if side >= 26 and share > 0.35:
                shown = ("+" if value > 0 else "−") + f"{abs(value):.1f}"
                on = " on" if share > 0.55 else ""
                parts.append(text(lefts[j] + side / 2, y + side / 2 + 4, shown, f"small{on}", "middle"))
    largest = [(abs(v or 0), rows[i], columns[j]) for i, row in enumerate(values) for j, v in enumerate(row)]
    _, row, column = max(largest, default=(0, "nothing", "nothing"))
    told = f"Matrix of {len(rows)} inputs by {len(columns)} outputs; the largest value is of {row} for {column}"
    return svg(width, height, parts, told)


def _largest(rows: Iterable[Sequence[float | None]]) -> float:
    """The largest size of a value; 1 where there is none."""
    return max((abs(v) for row in rows for v in row if v is not None and math.isfinite(v)), default=0.0) or 1.0


def roc(curves: Sequence[Line], least: float) -> str:
    """True against false positive rates on logarithmic axes, and the diagonal of guessing (Carlini et al. 2022).

    Args:
        curves: false positive rates across, true ones up, each from 0 to 1.
        least: the smallest rate that is shown; rates below it cannot be told apart at this n.
    """
    size, left, top = 340.0, 52.0, 28.0 if len(curves) > 1 else 10.0
    right, bottom = size - 10, size - 42
    decades = max(1, math.ceil(-math.log10(min(max(least, 1e-6), 0.1)) - 1e-9))
    start = -float(decades)
    across, up = scale(start, 0, left, right), scale(start, 0, bottom, top)
    powers = [float(p) for p in range(-decades, 1)]
    names = {0: "1", -1: "0.1", -2: "0.01", -3: "0.001"}
    parts = [line(left, up(p), right, up(p), "grid") + line(across(p), top, across(p), bottom, "grid") for p in powers]
    for p in powers:
        name = names.get(int(p), f"1e{int(p)}")
        parts.append(text(left - 7, up(p) + 4, name, "soft small", "end"))
        parts.append(text(across(p), bottom + 16, name, "soft small", "middle"))
    parts.append(line(left, bottom, right, top, "line"))
    at = left
    for i, one in enumerate(curves[:SERIES]):
        points = sorted((a, b) for a, b, *_ in _points(one))
        height = max((b for a, b in points if a <= 10**start), default=0.0)
        path = [f"M{xy(left)} {xy(up(_log(height, start)))}"]  # a staircase, as the curve of a sample is
        for a, b in points:
            if a > 10**start:
                path.append(f"H{xy(across(_log(a, start)))} V{xy(up(_log(b, start)))}")
        parts.append(f'<path d="{" ".join(path)} H{xy(right)}" class="curve s{i + 1}"/>')
        if len(curves) > 1:
            parts += [line(at, 10, at + 20, 10, f"curve s{i + 1}"), text(at + 26, 14, human(one.name))]
        at += 26 + len(human(one.name)) * 6.6 + 18
    parts.append(line(left, bottom, right, bottom, "axis") + line(left, top, left, bottom, "axis"))
    parts.append(text((left + right) / 2, bottom + 34, "false positive rate", "soft", "middle"))
    parts.append(text(12, (top + bottom) / 2, "true positive rate", "soft", "middle", -90))
    told = "; ".join(f"{human(one.name)}, {len(one.across)} points" for one in curves)
    return svg(size, size, parts, f"ROC curve on logarithmic axes, guessing is the dashed diagonal: {told}")


def _log(rate: float, least: float) -> float:
    return max(least, math.log10(rate)) if rate > 0 else least


def _points(one: Line) -> list[tuple[float, float, float | None, float | None]]:
    lows = list(one.low) or [None] * len(one.across)
    highs = list(one.high) or [None] * len(one.across)
    found = []
    for a, b, low, high in zip(one.across, one.up, lows, highs, strict=True):
        if math.isfinite(a) and math.isfinite(b):
            whole = low is not None and high is not None and math.isfinite(low + high)
            found.append((a, b, low if whole else None, high if whole else None))
    return found


def _told(name: str, point: tuple[float, float, float | None, float | None]) -> str:
    a, b, low, high = point
    within = f" [{number(low)}, {number(high)}]" if low is not None and high is not None else ""
    return f"{human(name)} at {number(a)}: {number(b)}{within}"


def _span(values: Sequence[float], margin: float = 0.05) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low == high:
        return low - (abs(low) or 1) * 0.05, high + (abs(high) or 1) * 0.05
    return low - (high - low) * margin, high + (high - low) * margin


def _grid(
    x: Scale, y: Scale, xs: Sequence[float], ys: Sequence[float], box: tuple[float, float, float, float]
) -> list[str]:
    left, _, right, bottom = box
    parts = [line(left, y(t), right, y(t), "grid") for t in ys]
    parts += [text(left - 6, y(t) + 4, name, "soft small", "end") for t, name in zip(ys, labels(list(ys)), strict=True)]
    parts += [
        text(x(t), bottom + 15, name, "soft small", "middle") for t, name in zip(xs, labels(list(xs)), strict=True)
    ]
    return [*parts, line(left, bottom, right, bottom, "axis")]
