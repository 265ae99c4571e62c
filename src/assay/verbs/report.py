"""Write one self-contained HTML page about a model, from the evidence on its card.

The page holds every figure with its interval, by subgroup where that was asked for, the plots, the notes and where all
of it came from. Nothing is measured again. The file needs no network and no other file, so it can be sent to anybody.

Examples:
  assay report models/photos
  assay report models/photos --out photos.html --records inspection.json
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from assay.core.errors import ConfigError, DataError
from assay.core.figure import Better, Figure
from assay.core.files import check_parent, digest, write
from assay.core.folder import read_card
from assay.core.model import Model
from assay.core.record import Record
from assay.core.verb import Outcome, Watch
from assay.pages.facts import facts_of
from assay.pages.report import report_html


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``report``.

    Attributes:
        out: the HTML file to write; MODEL/report.html by default.
        records: further record files to show, as --json of any verb writes them (of inspect, say).
        title: the title of the page; the name of the model's folder by default.
    """

    out: Path | None = None
    records: tuple[Path, ...] = ()
    title: str | None = None


def run(model: Model, config: Config, watch: Watch) -> Outcome:
    """Write the page and hand back its path.

    Raises:
        ConfigError: no file to write is known, it is a folder, or a record file is missing.
        DataError: a record file holds no record.
        ModelError: the card is damaged, or speaks of another model.
        BudgetError: the disk is full.
    """
    began = time.perf_counter()
    out = _place(model, config)
    kept = [_sound(record, "the model's card") for record in read_card(model)]
    records = _different([*kept, *(record for path in config.records for record in read_records(path))])
    if not records:
        watch.say("There is no evidence about this model yet, so the page is almost empty: run assay evaluate first.")
    facts = facts_of(model)
    page = report_html(config.title or facts["folder"] or model.task.name, facts, records)
    write(out, page)
    size = len(page.encode()) / 1e6
    record = Record(
        verb="report",
        task=model.task.name,
        model={"hash": model.hash},
        data={"fingerprint": digest(*(json.dumps(r.to_json(), sort_keys=True) for r in records)), "n": 0},
        figures=(
            Figure("records", float(len(records)), unit="records"),
            Figure("page_size", size, unit="MB", better="lower"),
        ),
        notes=(f"The report is at {out}.",),
        seconds=time.perf_counter() - began,
    )
    return Outcome(out, record)


def read_records(path: Path) -> list[Record]:
    """The records in a file that ``--json`` wrote, or in a model's ``card.json``.

    Raises:
        ConfigError: there is no such file.
        DataError: it holds no record; says what is wrong with it.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The record file {path} cannot be read ({error.strerror}). Write one with --json {path} of any verb."
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}). Give a file that --json wrote.") from error
    states = state["records"] if isinstance(state, dict) and isinstance(state.get("records"), list) else [state]
    try:
        return [_sound(Record.from_json(entry), str(path)) for entry in states]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} holds no record ({type(error).__name__}: {error}). Give a file that --json wrote."
        ) from error


def _sound(record: Record, where: str) -> Record:
    """The record, when all that is drawn of it is of the type that it says it is: files come from strangers.

    Raises:
        DataError: it is not.
    """
    for figure in record.figures:
        ends = [end for end in (figure.low, figure.high) if end is not None]
        texts = [figure.name, figure.unit, *([] if figure.group is None else [figure.group])]
        numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in (figure.value, *ends))
        if not (numbers and isinstance(figure.n, int) and all(isinstance(text, str) for text in texts)):
            raise DataError(f"A figure in {where} is damaged: {str(figure.name)[:80]}.")
        if figure.better not in get_args(Better):
            raise DataError(f'The figure {figure.name[:80]} in {where} has the direction "{str(figure.better)[:80]}".')
    for table in record.tables:
        if any(len(row) != len(table.columns) for row in table.rows):
            raise DataError(f"The table {table.name[:80]} in {where} is damaged: a row is not as long as its columns.")
    for medium in record.media:
        if medium.kind not in {"svg", "png", "text"} or not isinstance(medium.data, str):
            raise DataError(
                f"The medium {medium.name[:80]} in {where} is damaged: its kind is {str(medium.kind)[:80]}."
            )
    if not (isinstance(record.verb, str) and isinstance(record.data, dict) and isinstance(record.seconds, int | float)):
        raise DataError(f"A record in {where} is damaged: its verb, data or time is missing.")
    return record


def _place(model: Model, config: Config) -> Path:
    if config.out is None:
        if model.folder is None:
            raise ConfigError(
                "This model is in memory alone, so there is no folder for its report: name a file with out."
            )
        return model.folder / "report.html"
    if config.out.is_dir():
        raise ConfigError(f"{config.out} is a folder; name the file to write, such as {config.out / 'report.html'}.")
    check_parent(config.out)
    return config.out


def _different(records: list[Record]) -> list[Record]:
    """Each record once: a file may hold one that the card has too."""
    return list({json.dumps(record.to_json(), sort_keys=True): record for record in records}.values())
