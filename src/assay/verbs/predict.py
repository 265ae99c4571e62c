"""A model's answers to inputs: single ones, or all of a file or folder of data.

An INPUT is data in any format that `train` takes (a table, a folder …), or one raw input as the task knows it; what a file
is, is seen from its name. Answers are JSON lines, or a table with --out FILE.csv. Answers that are files are
written beside that table; a single one is written to --out FILE itself where that has its suffix. Some tasks write files
of their own: labels for label tools, say, with --out found.coco.json (a task's page says which).

Examples:
  assay predict models/photos cat.jpg dog.jpg
  assay predict models/income new_people.csv --out answers.csv
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError, DataError
from assay.core.figure import count, finite
from assay.core.files import check_parent, digest, write
from assay.core.loading import for_judging
from assay.core.model import Model
from assay.core.options import answering
from assay.core.protocols import JSON, Problems
from assay.core.record import Record
from assay.core.verb import Outcome, Watch
from assay.learners.devices import device
from assay.verbs._attached import alone, earlier, written
from assay.verbs._forms import check_room, form_of, put
from assay.verbs._given import amount, neither, opened, shortened
from assay.verbs._oddities import both, odd_inputs, said

SUFFIXES = (".jsonl", ".csv")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``predict``.

    Attributes:
        out: the file to write: .jsonl or .csv, or what the task's page lists; standard output without one.
        split: of data with splits, the one to answer; the test split by default.
        set: how answers are searched for, as NAME=VALUE (the task's page lists what there is).
        device: auto, cpu, cuda, mps.
        skip_bad: leave out what cannot be read, and say so.
    """

    out: Path | None = None
    split: str | None = None
    set: tuple[str, ...] = ()
    device: str = "auto"
    skip_bad: bool = False


def run(model: Model, inputs: Sequence[Any], config: Config, watch: Watch) -> Outcome:
    """Answers to ``inputs``, in their order, each with the place of its input.

    Raises:
        DataError: an input cannot be read; names it.
        ConfigError: there is no input, or --out is in no format that is written, or in no folder.
    """
    began = time.perf_counter()
    files = getattr(model.output, "suffix", None)  # of an answer that is a file
    forms: tuple[str, ...] = getattr(model.output, "forms", ())
    form = form_of(config.out, forms) if config.out else None
    endings = (*SUFFIXES, files) if files else SUFFIXES
    if config.out and not form and config.out.suffix not in endings:
        raise ConfigError(f"--out {config.out} ends in none of: {', '.join([*endings, *(f'.{f}' for f in forms)])}.")
    if config.out:
        check_parent(config.out)
    if config.out and form:
        check_room(config.out)
    old = earlier(config.out, files) if config.out and files and config.out.suffix in SUFFIXES else []
    if not len(inputs):
        raise ConfigError("There is no input to answer. Name a file, a folder, or one raw input.")
    model = model.to(device(config.device))
    model = replace(model, output=answering(model.output, config.set))
    found: list[JSON] = []
    notes: list[str] = []
    cells: list[tuple[str, Any]] = []
    raw: list[Any] | None = [] if form else None  # the inputs answered, where files are written of them
    for name, given, is_data in opened(model, inputs):
        if is_data:
            found += _answer_cells(model, cells, config, notes, raw)
            cells = []
            found += _answer_data(model, given, config, notes, raw, watch)
        else:
            cells.append((name, given))
    found += _answer_cells(model, cells, config, notes, raw)
    if config.out and form:
        put(model.output.written(form, raw, found), config.out)  # type: ignore[attr-defined]  # goes with ``forms``
    elif config.out and config.out.suffix == files:
        alone(found, config.out)
    elif config.out:
        found = written(found, config.out)
        write(config.out, _csv(found) if config.out.suffix == ".csv" else _lines(found))
        for path in old:
            if int(path.stem) > len(found):
                path.unlink(missing_ok=True)
    elif files:
        notes.append(
            f"The answers are files, and none was written: name one with --out FILE{files}, or --out FILE.jsonl."
        )
    if config.out:
        watch.say(f"{count(len(found), 'answer')}: {config.out}")
    for note in notes:
        watch.say(note)
    record = Record(
        verb="predict",
        task=model.task.name,
        model={"hash": model.hash},
        data={"fingerprint": digest(*(str(given) for given in inputs)), "n": len(found)},
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )
    return Outcome(found, record, "" if config.out else _lines(found))


def _answer_data(
    model: Model, data: Any, config: Config, notes: list[str], raw: list[Any] | None, watch: Watch
) -> list[JSON]:
    try:
        dataset = for_judging(data, model.task, model.roles, split=config.split, made=None, target=False)
    except DataError as error:
        raise neither(data, model, error) from error
    dataset = replace(dataset, roles=replace(dataset.roles, target=None))
    answers = model.answer(dataset, skip_bad=config.skip_bad, watch=watch)
    encoded = answers.encoded
    notes += dataset.remarks
    if encoded.problems:
        notes.append(f"{amount(len(encoded.problems))} of {data} could not be read: no answer.")
    odd = odd_inputs(model, dataset)
    notes += [note] if (note := said(odd, dataset, dataset.place)) else []
    rows = model.output.rows(answers.columns)
    places = [dataset.place(int(at)) for at in encoded.kept]
    if raw is not None:
        raw += [dataset.x[int(at)] for at in encoded.kept]
    return [_row(place, row, odd.get(int(at))) for place, row, at in zip(places, rows, encoded.kept, strict=True)]


def _answer_cells(
    model: Model, cells: Sequence[tuple[str, Any]], config: Config, notes: list[str], raw: list[Any] | None
) -> list[JSON]:
    if not cells:
        return []
    problems: Problems = {}
    xs, by = [cell for _, cell in cells], model.evening
    groups = by.of_inputs(xs) if by else None
    x = model.input.encode(xs, problems)
    if problems and not config.skip_bad:
        listed = "\n".join(f"  {shortened(cells[at][0])}: {what}" for at, what in sorted(problems.items())[:10])
        raise DataError(f"{len(problems)} of {amount(len(cells))} cannot be read:\n{listed}")
    kept = [at for at in range(len(cells)) if at not in problems]
    if problems:
        notes.append(f"{amount(len(problems))} could not be read: no answer.")
    if not kept:
        return []
    if raw is not None:
        raw += [cells[at][1] for at in kept]
    at_kept = np.array(kept)
    whose = None if groups is None else groups[at_kept]
    rows = model.output.rows(model.decode({name: array[at_kept] for name, array in x.items()}, whose))
    odd = both(model.input.notes(xs), by.notes([row[by.groups.column] for row in xs]) if by else {})
    notes += [note] if (note := said(odd, cells, lambda at: shortened(cells[at][0]))) else []
    return [_row(cells[at][0], row, odd.get(at)) for at, row in zip(kept, rows, strict=True)]


def _row(place: str, row: JSON, odd: str | None) -> JSON:
    return {"input": place, **row} | ({"note": odd} if odd else {})


def _lines(rows: Sequence[JSON]) -> str:
    return "".join(_json(row) + "\n" for row in rows)


def _json(value: Any) -> str:
    return json.dumps(finite(value), ensure_ascii=False, allow_nan=False, default=str)


def _csv(rows: Sequence[JSON]) -> str:
    flat = [{k: _json(v) if isinstance(v, dict | list) else finite(v) for k, v in r.items()} for r in rows]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(dict.fromkeys(name for row in flat for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue()
