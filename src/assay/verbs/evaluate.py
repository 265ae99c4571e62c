"""How good is a model, and for whom? Every metric with its 95 % interval, on the whole and by subgroup.

Where the data holds splits, the test split is judged. Without one, and if it is the very data that the model was trained
on, the same part is held out again: nothing is judged on what it was trained on.

Examples:
  assay evaluate models/photos photos/
  assay evaluate models/income people.csv --by sex --by race
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from assay.core.dataset import Dataset
from assay.core.figure import Figure, human
from assay.core.loading import for_judging
from assay.core.model import Answers, Model
from assay.core.options import answering
from assay.core.packing import Encoded, left_out
from assay.core.record import Medium, Record, Table
from assay.core.seen import Hashes, hashes, recall
from assay.core.verb import Outcome, Watch
from assay.learners.devices import device
from assay.methods.groups import groupings, remarks
from assay.methods.intervals import figures
from assay.methods.proportions import wilson
from assay.methods.speed import speed
from assay.verbs._evidence import keep_evidence
from assay.verbs._oddities import oddities

WORST = 20  # examples listed with the largest losses
PICTURED = 12
FEW = 20  # answers that may all be the same by chance
SHOWN = 160  # characters of an input that is a text


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``evaluate``.

    Attributes:
        by: columns whose values make subgroups; numbers are cut at their quartiles.
        split: the split to judge; the test split by default.
        set: how answers are searched for, as NAME=VALUE (the task's page lists what there is).
        device: auto, cpu, cuda, mps.
        skip_bad: go on without examples that cannot be read, and say so in the record.
    """

    by: tuple[str, ...] = ()
    split: str | None = None
    set: tuple[str, ...] = ()
    device: str = "auto"
    skip_bad: bool = False


def run(model: Model, data: Any, config: Config, watch: Watch) -> Outcome:
    """Judge ``model`` on ``data`` and put the record on its card.

    Raises:
        DataError: the data cannot be read, or lacks a column.
    """
    began = time.perf_counter()
    model = model.to(device(config.device))
    model = replace(model, output=answering(model.output, config.set))
    dataset = for_judging(data, model.task, model.roles, split=config.split, made=model.lineage.get("made"))
    record = judge(model, dataset, by=config.by, skip_bad=config.skip_bad, began=began, watch=watch)
    keep_evidence(model, record, watch)
    return Outcome(record, record)


def judge(
    model: Model,
    dataset: Dataset,
    *,
    watch: Watch,
    began: float,
    by: Sequence[str] = (),
    skip_bad: bool = False,
    brief: bool = False,
    known: Hashes | None = None,
) -> Record:
    """The record of a model on one dataset; a ``brief`` one leaves out speed and the worst examples.

    ``known`` is what the model was fitted to or selected on, where the caller has it at hand.
    """
    columns = {name: dataset.column(name) for name in by}  # a wrong name is refused before the work
    answers = model.answer(dataset, skip_bad=skip_bad, watch=watch)
    encoded = answers.encoded
    assert answers.tallies is not None
    groups = groupings({name: column.take(encoded.kept) for name, column in columns.items()})
    found = list(figures(model.output.metrics, answers.tallies, groups=groups or None))
    constant = unvarying(found)
    found.append(Figure("parameters", float(model.parameters), n=1, better="lower"))
    tables = list(model.output.tables(answers.columns, encoded.y))
    media: list[Medium] = []
    notes = [*dataset.remarks, *oddities(model, dataset), *_one_answer(model, answers), *constant, *remarks(groups)]
    if not brief and encoded.y:
        timed, how = getattr(model.output, "timed", (model.output, ""))
        found += speed(replace(model, output=timed), encoded)
        notes += [how] if how else []
        table, media = _worst(model, dataset, answers)
        tables.append(table)
    if note := left_out(encoded, dataset):
        notes.append(note)
    if dataset.name in ("train", "validation") and model.lineage:
        notes.append(f"These figures are of the {dataset.name} split, which the model was fitted to or selected on.")
    elif note := seen_before(encoded, recall(model.hash) if known is None else known):
        notes.append(note)
    return Record(
        verb="evaluate",
        task=model.task.name,
        model={"hash": model.hash},
        data={"fingerprint": dataset.fingerprint, "n": len(encoded), "split": dataset.name},
        figures=tuple(found),
        tables=tuple(tables),
        media=tuple(media),
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )


def _one_answer(model: Model, answers: Answers) -> tuple[str, ...]:
    """A sentence where every example is given the same class, and not all are of it: accuracy then only says how common it
    is."""
    classes, y = model.output.classes, answers.encoded.y
    given = model.output.plain(model.output.own(answers.columns)) if classes and y else None
    true = model.output.plain(y) if given is not None else None
    if given is None or true is None or len(given) < FEW or len(np.unique(given)) > 1 or len(np.unique(true)) < 2:
        return ()
    name, share = classes[int(given[0])], 100 * float((true == given[0]).mean())
    return (
        f'Every one of the {len(given):,} examples is given the answer "{name}", as {share:.1f} % of them are: the model '
        "has learned nothing that tells them apart.",
    )


def unvarying(found: Sequence[Figure]) -> tuple[str, ...]:
    """A sentence, for each number of examples, on figures that none of these would change: the bootstrap can say nothing of
    them.

    >>> unvarying([Figure("ap50", 1.0, n=8), Figure("f1", 1.0, n=8), Figure("accuracy", 1.0, 0.7, 1.0, n=8)])
    ('No interval can be stated for AP50 and F1: all 8 examples agree. Up to 32.4 % of new ones may not (95 %).',)
    """
    by_n: dict[int, list[str]] = {}
    for f in found:
        # Of two, half of all resamples are one example twice.
        if f.group is None and f.low is None and math.isfinite(f.value) and f.n >= 3:
            by_n.setdefault(f.n, []).append(human(f.name))
    return tuple(
        f"No interval can be stated for {' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)}: "
        f"all {n:,} examples agree. Up to {100 * wilson(0, n)[1]:.3g} % of new ones may not (95 %)."
        for n, names in by_n.items()
    )


def seen_before(encoded: Encoded, known: Hashes | None) -> str:
    """A sentence where ``known``, what a model was fitted to or selected on, holds examples that it is judged on."""
    count = 0 if known is None else int(np.isin(hashes(encoded), known).sum())
    if not count:
        return ""
    share = 100 * count / len(encoded)
    return (
        f"{count:,} of these {len(encoded):,} examples ({share:.3g} %) have the input of ones that the model was fitted to "
        "or selected on (targets were not compared): where the target is the same too, figures on them are too good."
    )


def _worst(model: Model, dataset: Dataset, answers: Answers) -> tuple[Table, list[Medium]]:
    """The examples that the model is most wrong about: mistakes of the model, or of the labels."""
    encoded = answers.encoded
    losses = model.losses(encoded)
    summary = getattr(model.output, "summary", str)  # of a target that is no single word
    order = np.argsort(-losses, kind="stable")[:WORST]
    given = model.output.rows({name: column[order] for name, column in answers.columns.items()})
    rows, media = [], []
    for rank, (at, row) in enumerate(zip(order.tolist(), given, strict=True)):
        example = dataset[int(encoded.kept[at])]
        answer = next(iter(row.values()))  # none where the target was scored, and no answer looked for
        told = None if answer is None else str(answer)
        actual = summary(example.y)
        text = None  # of an input that is one
        if isinstance(example.x, str) and not model.task.input.files:
            text = " ".join(example.x.split())[:SHOWN]
        rows.append((example.where, actual, told, row.get("confidence"), float(losses[at]), text))
        if rank < PICTURED:
            kind, content = model.input.show(example.x)
            if draw := getattr(model.output, "draw", None):  # the target and the answer onto what was given
                kind, content = draw((kind, content), example.y, row)
            caption = f"{actual} ({example.where})" if told is None else f"{actual}, answered {told} ({example.where})"
            if text is not None and kind != "text":  # a drawing, in which a text is small
                caption = f"{text} ({example.where})"
            media.append(Medium("worst", kind, content, caption))  # type: ignore[arg-type]
    columns = ("where", "actual", "predicted", "confidence", "loss", "input")
    there = [at for at in range(len(columns)) if any(row[at] is not None for row in rows)]
    note = "The largest losses: look whether the model or the target is wrong."
    kept = tuple(tuple(row[at] for at in there) for row in rows)
    return Table("largest losses", tuple(columns[at] for at in there), kept, note), media
