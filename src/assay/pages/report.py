"""One self-contained HTML page about a model, or about data alone, made from records."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from assay.core.figure import Figure, number
from assay.core.record import Record, Table
from assay.pages import pictures, plots
from assay.pages._words import (
    DIRECTIONS,
    bounds,
    capital,
    cell,
    cells,
    clean,
    count,
    duration,
    headed,
    human,
    numeric,
    parted,
    reference,
    short,
    stands,
    warns,
)
from assay.pages.pictures_judges import budget

CARDS = 8  # headline figures
ROWS = 300  # of a table; a longer one says where the rest is

# In the order of a model's life, with the question that each answers. Any other verb comes after them.
QUESTIONS = {
    "inspect": "Is the data fit to learn from?",
    "choose": "Which network, and how large?",
    "train": "How was it trained?",
    "evaluate": "How good is it, and for whom?",
    "explain": "Why does it answer as it does?",
    "audit": "Is it fair, private and robust?",
    "compress": "How small can it be?",
    "compare": "What changed?",
}
HEADLINES = (
    "evaluate",
    "compress",
    "audit",
    "explain",
    "train",
    "compare",
    "inspect",
)  # whose figures come first, where there are any
FITTED = ("train", "validation")  # splits on which figures are too good


@dataclass(frozen=True)
class Row:
    """A figure as text."""

    name: str
    value: str
    unit: str
    interval: str
    n: str
    better: str
    side: str
    strip: Markup


@dataclass(frozen=True)
class Sheet:
    """A table: its columns as (name, whether numbers), cells as (text, what to sort by)."""

    name: str
    note: str
    columns: list[tuple[str, bool]]
    rows: list[list[tuple[str, str]]]
    rest: str
    plots: list[tuple[Markup, str]]
    small: bool  # whether the plots are many small ones
    wide: bool  # whether one of them needs the whole line


@dataclass(frozen=True)
class Section:
    """What one record says."""

    id: str
    title: str
    question: str
    meta: str
    notes: list[tuple[str, bool]]  # with whether each warns
    figures: list[Row]
    plots: list[tuple[Markup, str]]
    forests: list[tuple[str, list[tuple[Markup, str]]]]
    tables: list[Sheet]
    images: list[tuple[str, list[list[pictures.Image]]]]
    large: bool  # whether the images need room: an explanation is looked into


def report_html(title: str, model_facts: Mapping[str, Any], records: Sequence[Record]) -> str:
    """The page: no request leaves it, it works without its script, and nothing in a record can act on it.

    Args:
        title: of the page.
        model_facts: as `assay.pages.facts.facts_of` gives them; empty where only data was judged.
        records: in any order; they are shown in the order of a model's life.
    """
    known = list(QUESTIONS)
    order = sorted(records, key=lambda r: (known.index(r.verb) if r.verb in known else len(known), r.when))
    sections = [_section(record, i, order, model_facts.get("hash")) for i, record in enumerate(order)]
    headline = _headline(order)
    template, script = _template()
    page = template.render(
        title=clean(title),
        tags=_tags(model_facts),
        cards=[_row(figure) for figure in _leading(headline)] if headline else [],
        headline=_meta(headline) if headline else "",
        fitted=headline is not None and _fitted(headline),
        sections=sections,
        facts=_facts(model_facts),
        lineage=[(human(k), v) for k, v in _flat(model_facts.get("lineage") or {})],
        sources=[_source(record) for record in order],
        script=Markup(script),  # noqa: S704 - our own
        policy=_hash(script),
    )
    return page.strip() + "\n"


def _headline(records: Sequence[Record]) -> Record | None:
    """The record whose figures come first: the latest one of the first verb, and none of data that the model was fitted to
    while there is another."""
    able = [r for verb in HEADLINES for r in reversed(records) if r.verb == verb and parted(r)[0]]
    return next((r for r in able if not _fitted(r)), next(iter(able), None))


def _fitted(record: Record) -> bool:
    """Whether its figures are of data that the model was fitted to or selected on (those of training itself are of the test
    split)."""
    return record.verb not in ("train", "inspect") and record.data.get("split") in FITTED


@cache
def _template() -> tuple[Template, str]:
    loader = PackageLoader("assay.pages", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["capital"] = capital
    script = loader.get_source(environment, "sort.js")[0].strip()
    return environment.get_template("report.html.j2"), script


def _hash(script: str) -> str:
    """What the page's policy knows its only script by: no other one may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


def _section(record: Record, at: int, records: Sequence[Record], model: str | None) -> Section:
    same = [r for r in records if r.verb == record.verb]
    title = headed(record.verb)
    if len(same) > 1:
        title += f" ({clean(record.data.get('split') or same.index(record) + 1)})"
    notes = [(clean(note), warns(note)) for note in record.notes]
    other = (record.model or {}).get("hash")
    if model and other and other != model:
        notes.insert(0, (f"This speaks of another model (hash {short(other)}), not of the one in the title.", True))
    whole, groups = parted(record)
    return Section(
        id=f"s{at + 1}",
        title=title,
        question=QUESTIONS.get(record.verb, ""),
        meta=_meta(record),
        notes=notes,
        figures=[_row(figure) for figure in whole],
        plots=_safe([pictures.Picture(*drawn) for drawn in budget(whole)]),
        forests=[(column, _safe(drawn)) for column, drawn in pictures.forests(whole, groups)],
        tables=[_sheet(table) for table in record.tables],
        images=pictures.side_by_side([pictures.image(medium) for medium in record.media]),
        large=record.verb == "explain",
    )


def _leading(record: Record) -> list[Figure]:
    """The figures of a headline; what an explanation leaves over is small print."""
    return sorted(parted(record)[0], key=lambda figure: figure.name == "efficiency_gap")[:CARDS]


def _safe(drawn: Sequence[pictures.Picture]) -> list[tuple[Markup, str]]:
    """Plots that may stand in the page: our own, whose labels are escaped where they are drawn."""
    return [(Markup(picture.svg), picture.caption) for picture in drawn]  # noqa: S704


def _row(figure: Figure) -> Row:
    line = reference(figure.name, None)
    strip = ""
    if ends := bounds(figure):
        if line == 0:
            far = max(abs(ends[0]), abs(ends[1])) * 1.1 or 1.0
            strip = plots.strip(figure, -far, far, 0.0)
        elif not figure.unit and ends[0] >= 0 and ends[1] <= 1:
            strip = plots.strip(figure, 0.0, 1.0, line)
    return Row(
        name=human(figure.name),
        value=number(figure.value),
        unit=clean(figure.unit),
        interval=figure.interval().strip(),
        n=f"{figure.n:,}" if figure.n else "",
        better=DIRECTIONS[figure.better],
        side=stands(figure, line),
        strip=Markup(strip),  # noqa: S704
    )


def _sheet(table: Table) -> Sheet:
    shown = table.rows[:ROWS]
    columns = [[row[i] for row in shown] for i in range(len(table.columns))]
    texts = [cells(values, name) for values, name in zip(columns, table.columns, strict=True)]
    keys = [[repr(v) if numeric([v]) else "" for v in values] for values in columns]
    rows = [[(texts[i][j], keys[i][j]) for i in range(len(columns))] for j in range(len(shown))]
    left = len(table.rows) - len(shown)
    drawn = pictures.drawn(table)
    return Sheet(
        name=human(table.name),
        note=clean(table.note),
        columns=[(human(name), numeric(values)) for name, values in zip(table.columns, columns, strict=True)],
        rows=rows,
        rest=f"The first {ROWS} of {len(table.rows):,} rows; all of them are in the record (--json)." if left else "",
        plots=_safe(drawn),
        small=any(picture.small for picture in drawn),
        wide=any("min-width" in picture.svg for picture in drawn),
    )


def _meta(record: Record) -> str:
    n = record.data.get("n")
    parts = [
        human(record.task),
        f"{clean(record.data['split'])} data" if record.data.get("split") else "",
        count(n, "example") if isinstance(n, int) and n else "",
        f"took {duration(record.seconds)}" if record.seconds else "",
    ]
    return " · ".join(part for part in parts if part)


def _tags(facts: Mapping[str, Any]) -> list[str]:
    network = " ".join(clean(facts[key]) for key in ("network", "size") if facts.get(key))
    weights = f"{facts['parameters']:,} weights" if facts.get("parameters") else ""
    return [tag for tag in (clean(facts.get("task") or ""), network, weights) if tag]


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in facts.items():
        if key == "lineage" or value in (None, "", []):
            continue
        many = isinstance(value, list | tuple)
        text = ", ".join(cell(part) for part in value[:40]) if many else cell(value, "id" if key == "hash" else "")
        more = f" and {len(value) - 40:,} more" if many and len(value) > 40 else ""
        found.append((human(key), text + more))
    return found


def _flat(state: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested facts as (path, text); what was not set is left out."""
    found: list[tuple[str, str]] = []
    for key, value in state.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name} · ")
        elif value is not None and value not in ("", [], ()):
            found.append((name, cell(value, "seed") if isinstance(value, int) else cell(value)))
    return found


def _source(record: Record) -> tuple[str, list[tuple[str, str]]]:
    """Where a record came from."""
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(record.when)) if record.when else ""
    facts = [("when", when), ("took", duration(record.seconds) if record.seconds else "")]
    facts += [(f"model · {human(k)}", v) for k, v in _flat(record.model or {})]
    facts += [(f"data · {human(k)}", v) for k, v in _flat(record.data)]
    return human(record.verb), [(k, v) for k, v in facts if v]
