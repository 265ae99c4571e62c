"""A record on a terminal, or in a pipe: what matters first, and a line that says where the rest is."""

from __future__ import annotations

import math
from collections import Counter

from rich.console import Console

from assay.core.figure import Figure, number
from assay.core.record import Record, Table
from assay.pages import _marks as marks
from assay.pages._screen import BOLD, DIM, HEAD, Screen
from assay.pages._terminal_judges import shown as _judges
from assay.pages._words import (
    ARROWS,
    amount,
    cells,
    clean,
    count,
    duration,
    grouped,
    human,
    numeric,
    parted,
    reference,
    short,
    stands,
)

ROWS = 12  # of a table
FIGURES = 15  # of an audit
GROUPS = 20  # of a grouping
CONFUSIONS = 8
CELL = 30  # characters
DIFFERENCE = "_difference"
LABEL, LABEL_LEAST = 26, 14
BAR = (9, 25)  # characters of an interval
REST = "in the report, and in the file that --json writes"


def show(record: Record, console: Console) -> None:
    """Print ``record`` for people; fits 80 columns and wider, and says the same without colour."""
    out = Screen(console)
    _header(out, record)
    for note in record.notes:  # what a reader must know comes before the figures
        out.note(note)
    if record.notes:
        out.line()
    of_all, of_groups = parted(record)
    _figures(out, of_all, FIGURES if record.verb == "audit" else len(of_all))
    if any(table.name == "gaps" for table in record.tables):
        out.indented(("▲ ▼ go by one interval each; verdicts below are corrected for their number.", DIM))
        out.line()
    groups = grouped(of_groups)
    whole = {f.name: f for f in of_all}
    for column, values in groups.items():
        _groups(out, column, values, whole)
    if groups:
        out.line(("┊ the whole (0 for a difference)   ● not told apart from it   ▲ better   ▼ worse", DIM))
        out.line()
    for table in record.tables:
        _table(out, table)
    _media(out, record)


def _header(out: Screen, record: Record) -> None:
    parts = [human(record.task)] if record.task else []
    if record.model and record.model.get("hash"):
        parts.append(f"model {short(record.model['hash'])}")
    if record.data.get("split"):
        parts.append(clean(record.data["split"]))
    if isinstance(n := record.data.get("n"), int) and n:
        parts.append(count(n, "example"))
    if record.seconds:
        parts.append(duration(record.seconds))
    verb, rest = clean(record.verb), " · ".join(parts)
    if len(verb) + 2 + len(rest) <= out.width:
        out.line((verb, HEAD), (f"  {rest}", DIM))
    else:
        out.line((verb, HEAD))
        out.line((rest, DIM))
    out.line(("─" * out.width, DIM))


def _figures(out: Screen, figures: list[Figure], most: int) -> None:
    """Figures in their order; where there are more than ``most``, those that stand apart from what is ideal go first."""
    if not figures:
        return
    told = (
        sorted(figures, key=lambda f: not stands(f, reference(f.name, None)))[:most] if len(figures) > most else figures
    )
    rows = []
    for f in told:
        side = stands(f, reference(f.name, None))
        better = f"{ARROWS[f.better]} {f.better}" if f.better != "neither" else ""
        name = (f"{marks.MARKS[side]} " if side else "") + human(f.name)
        rows.append(
            [
                (name, marks.STYLES[side]),
                (amount(f), BOLD),
                (f.interval().strip(), ""),
                (f"{f.n:,}" if f.n else "", ""),
                (better, DIM),
            ]
        )
    heads = [("figure", False), ("value", True), ("95 % interval", False), ("n", True), ("better", False)]
    if out.needed(heads, rows) > out.width:  # every verdict's direction is in its mark
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    left = len(figures) - len(told)
    out.grid(heads, rows, f"{left:,} more: {REST}" if left else "")


def _groups(out: Screen, column: str, values: dict[str, dict[str, Figure]], whole: dict[str, Figure]) -> None:
    names = list(dict.fromkeys(name for figures in values.values() for name in figures))
    lines = {name: reference(name, whole.get(name)) for name in names}
    shown = _most_telling(values, lines)
    apart = all(name.endswith(DIFFERENCE) for name in names)  # said once, and not by every column
    title = f"{'difference ' if apart else ''}by {human(column)}"
    longest = max(len(title), *(len(clean(v)) for v in shown))
    ns = {value: max(figure.n for figure in values[value].values()) for value in shown}  # some tell nothing of a figure
    n_width = max(len(f"{n:,}") for n in ns.values())
    texts = {name: {v: number(values[v][name].value) for v in shown if name in values[v]} for name in names}
    wide = {name: max((len(t) for t in texts[name].values()), default=1) + 1 for name in names}
    need = sum(wide[name] + BAR[0] + 2 for name in names)
    spare = out.width - 2 - n_width - 4
    label = min(longest, LABEL if longest <= spare - need else max(LABEL_LEAST, min(LABEL, spare - need)))
    room = spare - label
    per_row = max(1, min(len(names), room // (max(wide.values()) + BAR[0] + 2)))
    per_row = math.ceil(len(names) / math.ceil(len(names) / per_row))  # as many in each of the tables
    for start in range(0, len(names), per_row):
        part = names[start : start + per_row]
        bar = max(BAR[0], min(BAR[1], (room - sum(wide[name] + 2 for name in part)) // len(part)))
        heads = [(title, False), ("n", True)]
        heads += [(marks.fit(_title(name, values, apart), wide[name] + bar), False) for name in part]
        rows: list[list[tuple[str, str]]] = []
        scales = {name: _scale([values[v][name] for v in shown if name in values[v]], lines[name]) for name in part}
        for value in shown:
            row = [(marks.fit_each(clean(value), label), ""), (f"{ns[value]:,}", "")]
            for name in part:
                figure = values[value].get(name)
                if figure is None:
                    row.append(("–", DIM))
                    continue
                side = stands(figure, lines[name])
                line = math.nan if lines[name] is None else float(lines[name] or 0.0)
                drawn = marks.interval(
                    figure.value, figure.low, figure.high, scales[name], bar, marks.MARKS[side], line
                )
                row.append((f"{texts[name][value]:<{wide[name]}}{drawn}", marks.STYLES[side]))
            rows.append(row)
        left = len(values) - len(shown)
        out.grid(heads, rows, f"{count(left, 'more group')}: {REST}" if left else "")


def _title(name: str, values: dict[str, dict[str, Figure]], apart: bool) -> str:
    figure = next(figures[name] for figures in values.values() if name in figures)
    told = human(name.removesuffix(DIFFERENCE) if apart else name)
    return " ".join(part for part in (told, ARROWS[figure.better], clean(figure.unit)) if part)


def _most_telling(values: dict[str, dict[str, Figure]], lines: dict[str, float | None]) -> list[str]:
    """The groups to show, in their order; where there are too many, those that stand apart go first."""
    if len(values) <= GROUPS:
        return list(values)
    apart = [v for v in values if any(stands(f, lines[f.name]) for f in values[v].values())]
    kept = set([*apart, *(v for v in values if v not in apart)][:GROUPS])
    return [v for v in values if v in kept]


def _scale(figures: list[Figure], line: float | None) -> tuple[float, float]:
    ends = [x for f in figures for x in (f.low, f.value, f.high) if x is not None and math.isfinite(x)]
    ends += [] if line is None or not math.isfinite(line) else [line]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _table(out: Screen, table: Table) -> None:
    out.line((human(table.name), BOLD))
    if table.note:
        out.indented((clean(table.note), DIM))
    if not table.rows:
        out.line(("  none", DIM))
        out.line()
        return
    if _judges(out, table):
        return
    if table.name == "learning curve" and len(table.rows) > 1 and not out.ascii:
        _curves(out, table)
        return
    if table.name == "residuals":
        out.line((f"  {count(len(table.rows), 'pair')}, drawn in the report", DIM))
        out.line()
        return
    rows = table.rows
    if table.name == "confusion":
        rows = _confusions(table)
        if not rows:
            out.line(("  no mistake", DIM))
            out.line()
            return
    shown = rows[: CONFUSIONS if table.name == "confusion" else ROWS]
    columns = [cells([row[i] for row in shown], name) for i, name in enumerate(table.columns)]
    heads = [human(name) for name in table.columns]
    widths = _widths(
        [max(len(text) for text in (head, *column)) for head, column in zip(heads, columns, strict=True)], out
    )
    right = [numeric([row[i] for row in shown]) for i in range(len(widths))]
    left = [count(len(rows) - len(shown), "more row")] if len(rows) > len(shown) else []
    left += [count(len(heads) - len(widths), "more column")] if len(widths) < len(heads) else []
    out.grid(
        [(marks.fit(head, width), side) for head, width, side in zip(heads, widths, right, strict=False)],
        [
            [(marks.fit(column[at], width), "") for column, width in zip(columns, widths, strict=False)]
            for at in range(len(shown))
        ],
        f"{' and '.join(left)}: {REST}" if left else "",
    )


def _widths(natural: list[int], out: Screen) -> list[int]:
    """The widths of the columns that fit: the widest give way first, and then the last ones go."""
    widths = list(natural)
    while sum(widths) + 2 * len(widths) > out.width and max(widths) > CELL:
        widths[widths.index(max(widths))] -= 1
    while len(widths) > 1 and sum(widths) + 2 * len(widths) > out.width:
        widths.pop()
    return widths


def _curves(out: Screen, table: Table) -> None:
    columns = {c: [row[i] for row in table.rows] for i, c in enumerate(table.columns)}
    rows = []
    for name, values in columns.items():
        curve = [float(v) if isinstance(v, int | float) else math.nan for v in values]
        points = [v for v in curve if math.isfinite(v)]
        if name not in {"epoch", "seconds"} and points:
            drawn = marks.spark(curve, 40)
            rows.append(
                [(human(name), ""), (number(points[0]), ""), (drawn, "cyan"), (number(points[-1]), BOLD)],
            )
    out.grid([("", False), ("first", True), (f"{len(table.rows)} epochs", False), ("last", True)], rows)


def _confusions(table: Table) -> tuple[tuple[object, ...], ...]:
    """What is most often taken for something else."""
    wrong = [row for row in table.rows if len(row) == 3 and row[0] != row[1] and row[2]]
    return tuple(sorted(wrong, key=lambda row: -row[2]))


def _media(out: Screen, record: Record) -> None:
    kinds = Counter("text sample" if medium.kind == "text" else "picture" for medium in record.media)
    if kinds:
        out.line((f"{' and '.join(count(n, kind) for kind, n in kinds.items())}: in the report", DIM))
        out.line()
