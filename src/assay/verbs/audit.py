"""Is a model fair to groups, does it keep its training data to itself, does it hold when inputs get worse?

Groups are those of columns (--by), or are searched for (--find-groups). Every figure has its 95 % interval, and verdicts
are corrected for how many were given: where the data is too small to tell, the audit says so, and what it could have seen.
Without a part named, robustness is judged, and groups are searched for where the data has further columns.

Examples:
  assay audit models/income people.csv --by sex --by race
  assay audit models/income people.csv --find-groups
  assay audit models/photos photos/ --privacy --robustness
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError
from assay.core.loading import for_judging
from assay.core.model import Answers, Model
from assay.core.options import answering
from assay.core.packing import left_out
from assay.core.record import Record
from assay.core.seen import recall
from assay.core.verb import Outcome, Watch
from assay.learners.devices import device
from assay.learners.recipes import check_ranges
from assay.verbs._audit_groups import named, searchable
from assay.verbs._evidence import keep_evidence
from assay.verbs._findings import Findings, together
from assay.verbs._oddities import oddities
from assay.verbs.evaluate import seen_before

MOST_REFERENCES = 256


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``audit``.

    Attributes:
        by: columns whose values make groups, and with several of them their crossings too; numbers are cut at quartiles.
        find_groups: search the columns beside input and target for groups that the model is worse for.
        privacy: whether it can be told what the model was trained on.
        robustness: how figures fall as inputs get worse, in five steps.
        references: models that the audit of privacy trains to compare with; 4 by default, 0 for the cheap form.
        train: the data that the model was trained on, where it is not DATA.
        split: the split to judge; the test split by default.
        set: how answers are searched for, as NAME=VALUE (the task's page lists what there is).
        device: auto, cpu, cuda, mps.
        seed: of all that is random.
        skip_bad: go on without examples that cannot be read, and say so in the record.
    """

    by: tuple[str, ...] = ()
    find_groups: bool = False
    privacy: bool = False
    robustness: bool = False
    references: int | None = None
    train: str | None = None
    split: str | None = None
    set: tuple[str, ...] = ()
    device: str = "auto"
    seed: int = 0
    skip_bad: bool = False


def run(model: Model, data: Any, config: Config, watch: Watch) -> Outcome:
    """Audit ``model`` on ``data`` and put the record on its card.

    Raises:
        DataError: the data cannot be read, lacks a column, or a column makes no groups.
        ConfigError: an option is out of its range.
        Unsupported: a part that was asked for does not apply to the model; with the reason.
    """
    began = time.perf_counter()
    _check(config)
    model = model.to(device(config.device))
    model = replace(model, output=answering(model.output, config.set))
    dataset = for_judging(data, model.task, model.roles, split=config.split, made=model.lineage.get("made"))
    named(dataset, config.by)  # a wrong name is refused before the work
    answers = model.answer(dataset, skip_bad=config.skip_bad, watch=watch)
    config = replace(config, train=data if config.train is None else config.train)
    found = together(_parts(model, dataset, answers, config, watch))
    encoded = answers.encoded
    notes = [*found.notes, *dataset.remarks, *oddities(model, dataset)]
    if note := left_out(encoded, dataset):
        notes.append(note)
    if dataset.name in ("train", "validation") and model.lineage:
        notes.append(f"These figures are of the {dataset.name} split, which the model was fitted to or selected on.")
    elif note := seen_before(encoded, recall(model.hash)):
        notes.append(note)
    record = Record(
        verb="audit",
        task=model.task.name,
        model={"hash": model.hash},
        data={"fingerprint": dataset.fingerprint, "n": len(encoded), "split": dataset.name},
        figures=found.figures,
        tables=found.tables,
        media=found.media,
        notes=tuple(notes),
        seconds=time.perf_counter() - began,
    )
    keep_evidence(model, record, watch)
    return Outcome(record, record)


def _check(config: Config) -> None:
    """Refuse what is out of its range or would have no effect."""
    check_ranges({"seed": config.seed})
    for option, given in (("--references", config.references), ("--train", config.train)):
        if given is not None and not config.privacy:
            raise ConfigError(f"{option} is about the audit of privacy only; give --privacy too.")
    if config.references is not None and not 0 <= config.references <= MOST_REFERENCES:
        raise ConfigError(f"--references {config.references}: it takes a whole number from 0 to {MOST_REFERENCES}.")


def _parts(model: Model, dataset: Dataset, answers: Answers, config: Config, watch: Watch) -> Iterator[Findings]:
    """The findings of each part that was asked for; a part is loaded only then."""
    unnamed = not (config.by or config.find_groups or config.privacy or config.robustness)
    if unnamed:
        robust = bool(getattr(model.input, "corruptions", ()))
        config = replace(config, robustness=robust, find_groups=bool(searchable(dataset, answers.encoded.kept)[0]))
    if config.by or config.find_groups:
        from assay.verbs import _audit_fairness

        yield _audit_fairness.audit(model, dataset, answers, config, watch)
    if config.privacy:
        from assay.verbs import _audit_privacy

        yield _audit_privacy.audit(model, dataset, answers, config, watch)
    if config.robustness:
        from assay.verbs import _audit_robustness

        yield _audit_robustness.audit(model, dataset, answers, config, watch)
    if unnamed:
        yield Findings(notes=("Not judged: gaps between groups that you name (--by COLUMN), and privacy (--privacy).",))
