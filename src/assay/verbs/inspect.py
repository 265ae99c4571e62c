"""Is the data fit to learn from?

Finds what cannot be read, targets that are missing or unknown, copies and near copies within and across splits, uneven
classes, groups and sources, groups that give the target away, columns that leak it, targets that are likely wrong, and
examples unlike all others; and shows samples. It says nothing where nothing is to be done.

Examples:
  assay inspect image-classification photos/ --out photos.html
  assay inspect tabular-classification people.csv --target income --by sex --by race
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.files import check_parent, writable, write
from assay.core.loading import for_inspection
from assay.core.options import with_options
from assay.core.reading import read
from assay.core.record import Record
from assay.core.task import Task
from assay.core.verb import Outcome, Watch
from assay.pages.report import report_html
from assay.verbs._inspect_balance import classes, shift
from assay.verbs._inspect_columns import columns
from assay.verbs._inspect_copies import copies
from assay.verbs._inspect_counts import odd, things
from assay.verbs._inspect_doubts import strangers, wrong_targets
from assay.verbs._inspect_examples import MOST_COMPARED, Examined, examine
from assay.verbs._inspect_findings import Finding, gathered
from assay.verbs._inspect_groups import groups
from assay.verbs._inspect_problems import targets, unfamiliar, unreadable


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``inspect``.

    Attributes:
        input: the column to learn from; where an example is a whole row, the columns.
        target: the column to predict.
        ignore: columns to leave out.
        by: columns whose values make groups; by default every column with few values that is neither input nor target.
        set: a field of the task's input or output as NAME=VALUE (the task's page lists them).
        out: an HTML page to write, with every finding and its samples.
    """

    input: tuple[str, ...] = ()
    target: str | None = None
    ignore: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    out: Path | None = None


def run(task: Task, data: Any, config: Config, watch: Watch) -> Outcome:
    """Look at all splits of ``data`` and say what should be mended before a model is trained.

    Raises:
        DataError: the data cannot be read at all, or lacks a column.
    """
    began = time.perf_counter()
    if config.out:
        check_parent(config.out)
        writable(config.out.parent)
    task, _ = with_options(task, config.set)
    source = read(data)
    splits = for_inspection(source, task, inputs=config.input, target=config.target, ignore=config.ignore)
    examined = examine(task, splits, watch)
    findings, remarks = _look(examined, task.input.files, config, watch)
    told = next(iter(splits.values())).remarks
    record = Record(
        verb="inspect",
        task=task.name,
        model=None,
        data={
            "fingerprint": source.fingerprint,
            "n": len(examined),
            "split": ", ".join(examined.names),
            "splits": {name: len(dataset) for name, dataset in examined.datasets.items()},
        },
    )
    record = gathered(findings, [*told, *remarks], record)
    record = Record(**{**vars(record), "seconds": time.perf_counter() - began, "when": time.time()})
    if config.out:
        write(config.out, report_html(f"The data of {task.name}", {}, [record]))
        watch.say(f"The page: {config.out}")
    return Outcome(record, record)


def _look(data: Examined, files: bool, config: Config, watch: Watch) -> tuple[list[Finding], list[str]]:
    """All findings, and what a reader must know beside them."""
    findings = [*unreadable(data), *unfamiliar(data, files)]
    remarks: list[str] = []
    target = data.target
    if target is not None:
        findings += [*targets(data, target), *things(data, target), *odd(data, target)]
    else:
        remarks.append("No target column is known, so targets were not looked at; name one with --target.")
    known = target if target is not None and target.there.any() else None
    if known is not None and known.labelled:
        findings += classes(data, known)
    if known is not None and (known.labelled or known.numeric):
        findings += shift(data, known)
    findings += groups(data, known, config.by)
    findings += columns(data, known)
    watch.progress("comparing examples", 0, 1)
    found, told = copies(data)
    findings, remarks = findings + found, remarks + told
    findings += strangers(data)
    watch.progress("comparing examples", 1, 1)
    if known is not None:
        found, told = wrong_targets(data, known, watch)
        findings, remarks = findings + found, remarks + told
    if len(data.compared) < int(data.readable.sum()):
        remarks.append(
            f"Copies, outliers and wrong targets were looked for among {len(data.compared):,} examples drawn at random "
            f"(at most {MOST_COMPARED:,} are compared), exact copies among all."
        )
    return findings, remarks
