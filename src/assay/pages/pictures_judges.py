"""Which plot a table of an explanation or an audit is drawn as: by its name and its columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from assay.core.figure import Figure
from assay.core.record import Table
from assay.pages._words import clean, human, is_number
from assay.pages.plots_judges import MOST, Bar, Line, banded, roc, signed_bars, signed_matrix
from assay.pages.plots_verdicts import Judged, shape, verdicts

ROWS = 20  # bars or intervals of one plot
METRICS = 6  # plots of one table of verdicts
INPUTS = 30  # rows of a matrix
Drawn = tuple[str, str, bool]  # SVG text, caption, and whether it is one of many side by side
Columns = dict[str, list[Any]]


def judged(table: Table) -> list[Drawn]:
    """The plots of a table that a judge wrote; none where it is another table, or its cells are not what they should be."""
    draw = TABLES.get(table.name)
    return draw(columns_of(table)) if draw and table.rows else []


def budget(figures: Sequence[Figure]) -> list[Drawn]:
    """The privacy that a training claims beside what canaries show of it; none where nothing was claimed."""
    values = {figure.name: figure.value for figure in figures if figure.group is None}
    if not is_number(values.get("epsilon_claimed")):
        return []
    names = {
        "epsilon_claimed": "claimed: at most",
        "epsilon_lower_bound": "shown: at least",
        "epsilon_lower_bound_expected": "an honest run",
        "epsilon_lower_bound_ceiling": "could be shown",
    }
    bars = [Bar(told, values[name]) for name, told in names.items() if is_number(values.get(name))]
    caption = (
        "ε: what the training claims to spend at most, what canaries show that it spent at least, what they show of an "
    )
    return [
        (
            signed_bars(bars, "ε", signed=False),
            caption + "honest run of this length, and what they can show at best",
            False,
        )
    ]


def columns_of(table: Table) -> Columns:
    """The cells of a table by column."""
    return {name: [row[i] for row in table.rows] for i, name in enumerate(table.columns)}


def _attribution(columns: Columns) -> list[Drawn]:
    bars = bars_of(columns)
    if not bars:
        return []
    shown = sorted(bars, key=lambda bar: -abs(bar.value))[:ROWS]
    asked = any(bar.sure is not None for bar in shown)
    pale = "; pale where chance could have done it" if asked and not all(bar.sure for bar in shown) else ""
    caption = f"What each part adds to the answer: red speaks for it, blue against it{_of(shown, bars, 'part')}{pale}"
    return [(signed_bars(shown, "what each part adds"), caption, False)]


def _importance(columns: Columns) -> list[Drawn]:
    bars = bars_of(columns, tested=True)
    if not bars:
        return []
    shown = sorted(bars, key=lambda bar: -abs(bar.value))[:ROWS]
    signed = any(bar.value < 0 for bar in bars)
    pale = "; pale where it is not shown to help" if any(bar.sure is False for bar in shown) else ""
    caption = f"How much each counts on average over examples, with 95 % intervals{_of(shown, bars, 'row')}{pale}"
    return [(signed_bars(shown, "importance", signed=signed), caption, False)]


def bars_of(columns: Columns, *, tested: bool = False) -> list[Bar]:
    """Rows with a name and a value; the ends of the interval are given, or two standard errors away.

    Where the rows of a table are ``tested``, one without a verdict had too few examples, and nothing is shown of it; else
    none was asked for.
    """
    name, value = _first(columns, NAMES), _first(columns, VALUES)
    if not name or not value:
        return []
    count = len(columns[value])
    lows, highs = (columns.get(end, [None] * count) for end in ("low", "high"))
    errors, sure = columns.get("error", [None] * count), columns.get("significant", [None] * count)
    found = []
    for i in range(count):
        at = columns[value][i]
        if not is_number(at):
            continue
        low, high = (end if is_number(end) else None for end in (lows[i], highs[i]))
        if low is None and high is None and is_number(errors[i]) and errors[i] > 0:
            low, high = at - 2 * errors[i], at + 2 * errors[i]
        told = sure[i] if isinstance(sure[i], bool) else False if tested and "significant" in columns else None
        found.append(Bar(str(columns[name][i]), float(at), low, high, told))
    return found


def _matrix(columns: Columns) -> list[Drawn]:
    """Rows are parts of the input and columns of the output, as they come; of many those that count most anywhere."""
    listed = cells_of(columns)
    cells = {(row, column): value for row, column, value in listed}
    if not cells:
        return []
    most: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for names, value in cells.items():
        for known, name in zip(most, names, strict=True):
            known[name] = max(known.get(name, 0.0), abs(value))
    whole = whole_of(listed)
    rows, across = _largest(most[0], INPUTS), _largest(most[1], MOST)
    if whole is not None:
        across = [whole, *(name for name in across if name != whole)][:MOST]
    values = [[cells.get((row, column)) for column in across] for row in rows]
    caption = "Rows are parts of the input, columns of the output: red squares speak for it, blue discs against it"
    caption += _of(rows, list(most[0]), "row") + _of(across, list(most[1]), "column")
    caption += f"; {clean(whole)} is all the others together, by shades of its own" if whole is not None else ""
    return [(signed_matrix(rows, across, values, apart=whole is not None), caption, False)]


def whole_of(cells: Sequence[tuple[str, str, float]]) -> str | None:
    """The first output of `cells_of`, where for every input it counts what all the others together do (a text and its
    symbols), up to rounding; ``None`` where it is one of several.

    >>> whole_of([("so", "text", 3.0), ("so", "1: a", 1.0), ("so", "2: b", 2.0)])
    'text'
    """
    sums: dict[str, float] = {}
    outputs = list(dict.fromkeys(output for _, output, _ in cells))
    for row, output, value in cells:
        sums[row] = sums.get(row, 0.0) + (value if output == outputs[0] else -value)
    near = 1e-4 * max((abs(value) for *_, value in cells), default=0.0)
    return outputs[0] if len(outputs) > 2 and all(abs(rest) <= near for rest in sums.values()) else None


def _largest(sizes: dict[str, float], most: int) -> list[str]:
    """The names of the largest, in the order that they came in."""
    kept = set(sorted(sizes, key=lambda name: -sizes[name])[:most])
    return [name for name in sizes if name in kept]


def cells_of(columns: Columns) -> list[tuple[str, str, float]]:
    """What each part of the input counts for in each part of the output: (input, output, value)."""
    if not set(PAIRS) <= set(columns):
        return []
    cells = zip(*(columns[name] for name in PAIRS), strict=True)
    return [(str(row), str(column), float(value)) for row, column, value in cells if is_number(value)]


def _faithfulness(columns: Columns) -> list[Drawn]:
    """Curves of what the answer keeps as parts are put in, or taken out, by the explanation's order and at random."""
    if not {"curve", "share", "value"} <= set(columns):
        return []
    captions = {
        "insertion": "Parts put in, the most important first: the faster it rises above random order, the better",
        "deletion": "Parts taken out, the most important first: the faster it falls below random order, the better",
    }
    found = []
    for name in dict.fromkeys(columns["curve"]):
        at = [i for i, other in enumerate(columns["curve"]) if other == name and is_number(columns["share"][i])]
        lines = [_line("explanation", columns, at, "value", "low", "high")]
        if "random" in columns:
            lines.append(_line("random order", columns, at, "random", "random_low", "random_high"))
        found.append((banded(lines, "share of the parts"), captions.get(str(name), clean(name)), False))
    return found


def _robustness(columns: Columns) -> list[Drawn]:
    """A small plot a corruption, of the first metric and of calibration: severity across, clean at 0."""
    if not {"corruption", "severity", "metric", "value"} <= set(columns):
        return []
    rows = [i for i, s in enumerate(columns["severity"]) if is_number(s)]
    if not rows:
        return []
    metrics = list(dict.fromkeys(columns["metric"][i] for i in rows))
    kinds = list(dict.fromkeys(columns["corruption"][i] for i in rows if columns["severity"][i] > 0))
    spans = {}
    for metric in [metrics[0], *(m for m in metrics[1:] if m == "calibration_error")]:
        own = [i for i in rows if columns["metric"][i] == metric]
        ends = [
            columns[c][i] for c in ("low", "value", "high") if c in columns for i in own if is_number(columns[c][i])
        ]
        margin = (max(ends, default=1.0) - min(ends, default=0.0)) * 0.06 or 0.05
        spans[metric] = (min(ends, default=0.0) - margin, max(ends, default=1.0) + margin)
    found = []
    for kind in kinds:  # one metric beside the other
        for metric, span in spans.items():
            at = [i for i in rows if columns["metric"][i] == metric]
            at = [i for i in at if columns["corruption"][i] == kind or columns["severity"][i] == 0]
            at.sort(key=lambda i: columns["severity"][i])
            line = _line(str(kind), columns, at, "value", "low", "high", across="severity")
            caption = f"{human(str(kind))}: {human(str(metric))}"
            found.append((banded([line], "severity", small=True, up=span), caption, True))
    return found


def _roc(columns: Columns) -> list[Drawn]:
    across, up = (_first(columns, names) for names in (("false_positive_rate", "fpr"), ("true_positive_rate", "tpr")))
    if not across or not up:
        return []
    attacks = columns.get("attack", ["attack"] * len(columns[across]))
    lines = []
    for name in dict.fromkeys(attacks):
        at = [i for i, other in enumerate(attacks) if other == name and is_number(columns[across][i])]
        at.sort(key=lambda i: (columns[across][i], columns[up][i] if is_number(columns[up][i]) else 0.0))
        lines.append(_line(str(name), columns, at, up, "low", "high", across=across))
    rates = [rate for rate in columns[across] if is_number(rate) and rate > 0]
    caption = "How often members are recognised, against how often others are taken for one; the diagonal is guessing"
    return [(roc(lines, min(rates, default=0.01)), caption, False)]


def _verdicts(columns: Columns) -> list[Drawn]:
    """A plot of intervals with verdicts for each metric."""
    value = _first(columns, GAPS)
    found = []
    for metric, rows in list(rows_of(columns).items())[:METRICS]:
        told = [row for row in rows if shape(row.verdict)]
        shown = rows if len(rows) <= ROWS else [*told, *(row for row in rows if row not in told)][:ROWS]
        what = f"{human(metric)}: " if metric else ""
        caption = f"{what}{human(value)}, with 95 % intervals and verdicts{_of(shown, rows, 'row')}"
        found.append((verdicts(shown, metric or value), caption, False))
    return found


def rows_of(columns: Columns) -> dict[str, list[Judged]]:
    """Differences with their verdicts, by metric (``""`` where there is no such column).

    A metric of a class (``recall of cat``) belongs to that of all classes. A table without verdicts lists what is worse.
    """
    name, value = _first(columns, GROUPS), _first(columns, GAPS)
    if not name or not value:
        return {}
    found: dict[str, list[Judged]] = {}
    for i, at in enumerate(columns[value]):
        if is_number(at):
            low, high, n = (columns[c][i] if c in columns and is_number(columns[c][i]) else None for c in ENDS)
            verdict = str(columns["verdict"][i] or "") if "verdict" in columns else "worse"
            metric, _, of = str(columns["metric"][i] if "metric" in columns else "").partition(" of ")
            label = f"{columns[name][i]}, {of}" if of else str(columns[name][i])
            found.setdefault(metric, []).append(Judged(label, float(at), low, high, n, verdict))
    return found


def _line(name: str, columns: Columns, at: Sequence[int], up: str, low: str, high: str, across: str = "share") -> Line:
    def cells(column: str) -> list[float]:
        return [v if is_number(v) else math.nan for v in (columns[column][i] for i in at)]

    ends = (cells(low), cells(high)) if low in columns and high in columns else ((), ())
    return Line(name, cells(across), cells(up), *ends)


def _first(columns: Columns, names: Sequence[str]) -> str:
    return next((name for name in names if name in columns), "")


def _of(shown: Sequence[Any], all_: Sequence[Any], noun: str) -> str:
    return f"; the {len(shown)} of {len(all_):,} {noun}s that matter most" if len(shown) < len(all_) else ""


PAIRS = ("input", "output", "value")
GROUPS, GAPS, ENDS = ("group", "corruption"), ("gap", "difference"), ("low", "high", "n")
NAMES = ("part", "feature", "column", "name")
VALUES = ("value", "importance", "mean", "mean_absolute_value")
TABLES: dict[str, Callable[[Columns], list[Drawn]]] = {
    "attribution": _attribution,
    "importance": _importance,
    "matrix": _matrix,
    "faithfulness": _faithfulness,
    "robustness": _robustness,
    "corruptions": _verdicts,
    "gaps": _verdicts,
    "found groups": _verdicts,
    "membership curve": _roc,
}
