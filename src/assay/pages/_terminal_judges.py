"""Tables of explanations and audits on a terminal: what counts most, with its interval, and verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from assay.core.figure import number
from assay.core.record import Table
from assay.pages import _marks as marks
from assay.pages._screen import BOLD, DIM, Screen
from assay.pages._words import clean, count, human, is_number
from assay.pages.pictures_judges import bars_of, cells_of, columns_of, rows_of, whole_of
from assay.pages.plots_verdicts import brief, shape

ROWS = 12
LABEL, BAR, BAR_LEAST = 26, 21, 15  # characters
REST = "in the report, and in the file that --json writes"


def shown(out: Screen, table: Table) -> bool:
    """Print a judge's table without its name and note; ``False`` where this is another table."""
    show = TABLES.get(table.name)
    return bool(show and table.rows and show(out, table))


def _bars(out: Screen, table: Table) -> bool:
    """The parts that count most, each with its interval about a line at 0."""
    bars = sorted(bars_of(columns_of(table), tested=table.name == "importance"), key=lambda bar: -abs(bar.value))
    if not bars:
        return False
    kept = bars[:ROWS]
    scale = _scale([x for bar in kept for x in (bar.low, bar.value, bar.high)])
    rows = []
    for bar in kept:
        style = DIM if bar.sure is False else ""
        mark = "●" if bar.sure is not False else "·"
        drawn = marks.interval(bar.value, bar.low, bar.high, scale, BAR, mark, 0.0)
        rows.append([(_label(bar.name), style), (number(bar.value), BOLD if not style else DIM), (drawn, style)])
    left = len(bars) - len(kept)
    pale = ", · not shown" if any(bar.sure is False for bar in kept) else ""
    out.grid([("", False), ("value", True), (f"95 % interval, ┊ 0{pale}", False)], rows, _rest(left, "more part"))
    return True


def _verdicts(out: Screen, table: Table) -> bool:
    """Differences with their intervals and verdicts, the first metric's where there are several."""
    by_metric = rows_of(columns_of(table))
    for metric, judged in by_metric.items():
        told = sorted(judged, key=lambda row: not shape(row.verdict))[:ROWS]
        scale = _scale([x for row in told for x in (row.low, row.value, row.high)])
        bar = BAR if max(len(row.name) for row in told) <= LABEL else BAR_LEAST
        rows = []
        for row in told:
            side = shape(row.verdict)
            drawn = marks.interval(row.value, row.low, row.high, scale, bar, marks.MARKS[side], 0.0)
            plus = "+" if row.value > 0 else ""
            cells = [(clean(row.name), ""), (f"{row.n:,}" if row.n else "", ""), (plus + number(row.value), BOLD)]
            rows.append([*cells, (drawn, marks.STYLES[side]), (clean(brief(row.verdict)), marks.STYLES[side])])
        heads = [
            (human(metric), False),
            ("n", True),
            ("difference", True),
            ("95 % interval", False),
            ("verdict", False),
        ]
        out.grid(heads, rows, _rest(len(judged) - len(told), "more row"))
    return bool(by_metric)


def _robustness(out: Screen, table: Table) -> bool:
    """The first metric by severity: a row a corruption."""
    columns = columns_of(table)
    if not {"corruption", "severity", "metric", "value"} <= set(columns):
        return False
    metric = columns["metric"][0]
    cells: dict[str, dict[int, str]] = {}
    clean_value = ""
    for kind, severity, name, value in zip(
        *(columns[c] for c in ("corruption", "severity", "metric", "value")), strict=True
    ):
        if name != metric or not isinstance(severity, int):
            continue
        told = number(value) if is_number(value) else "–"
        if severity == 0:
            clean_value = told
        else:
            cells.setdefault(str(kind), {})[severity] = told
    severities = sorted({s for found in cells.values() for s in found})
    rows = [
        [(_label(kind), ""), (clean_value, DIM), *((found.get(s, "–"), "") for s in severities)]
        for kind, found in cells.items()
    ]
    heads = [(f"{human(str(metric))} at severity", False), ("clean", True), *((str(s), True) for s in severities)]
    out.grid(heads, rows, f"intervals, other metrics: {REST}")
    return True


def _matrix(out: Screen, table: Table) -> bool:
    """The strongest pairs of a part of the input and one of the output, which the whole output is none of."""
    cells = cells_of(columns_of(table))
    whole = whole_of(cells)
    order = sorted((cell for cell in cells if cell[1] != whole), key=lambda cell: -abs(cell[2]))
    rows = [[(_label(i), ""), (_label(o), ""), (number(v), BOLD)] for i, o, v in order[:ROWS]]
    heads = [("input", False), ("output", False), ("value", True)]
    out.grid(heads, rows, _rest(len(order) - len(rows), "weaker pair"))
    return bool(order)


def _drawn(out: Screen, table: Table) -> bool:
    out.line((f"  {count(len(table.rows), 'point')}, drawn in the report", DIM))
    out.line()
    return True


def _scale(values: Sequence[float | None]) -> tuple[float, float]:
    ends = [x for x in values if x is not None and math.isfinite(x)] + [0.0]
    return min(ends), max(ends)


def _label(name: str) -> str:
    return marks.fit(clean(name), LABEL)


def _rest(left: int, noun: str) -> str:
    return f"{count(left, noun)}: {REST}" if left > 0 else ""


TABLES: dict[str, Callable[[Screen, Table], bool]] = {
    "attribution": _bars,
    "importance": _bars,
    "corruptions": _verdicts,
    "gaps": _verdicts,
    "found groups": _verdicts,
    "robustness": _robustness,
    "matrix": _matrix,
    "faithfulness": _drawn,
    "membership curve": _drawn,
}
