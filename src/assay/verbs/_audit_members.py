"""Whom a model was trained on, and who was held out: the two sides that an attack on its privacy must tell apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.core.columns import joined
from assay.core.dataset import Dataset
from assay.core.divide import divide, validation_share
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.loading import for_judging
from assay.core.metric import Array
from assay.core.model import Model
from assay.core.packing import Encoded
from assay.core.seen import hashes, recall
from assay.core.source import Split
from assay.core.verb import Watch


@dataclass(frozen=True)
class Sides:
    """Examples of one table, first the members and then the others.

    Attributes:
        pool: all of them.
        members: whether each is one that the model was trained on, ``[N]``.
        losses: of the model, ``[N]``.
        validation: what it was selected on, where that is known; on neither side.
        notes: how the members were found, and what was left out.
    """

    pool: Dataset
    members: np.ndarray[Any, np.dtype[np.bool_]]
    losses: Array
    validation: Dataset | None
    notes: tuple[str, ...]


def sides(model: Model, others: Dataset, encoded: Encoded, data: Any, *, skip_bad: bool, watch: Watch) -> Sides:
    """The members among ``data``, against ``others``, which are encoded already.

    An example that stands on both sides, as the network sees it, is left out of both.

    Raises:
        DataError: it cannot be told who was trained on; says what would help.
    """
    learned, validation, exact = _learned(model, data)
    known = model.encode(learned, skip_bad=skip_bad, watch=watch)
    ours, theirs = hashes(known), hashes(encoded)
    notes = []
    if not exact:
        seen = recall(model.hash)
        if seen is None:
            raise DataError(
                "It cannot be told whom this model was trained on: this is not the data of its training as it was then, "
                "and what a model has seen is remembered only where it was trained. Name that data with --train."
            )
        mine = np.isin(ours, seen)
        if not mine.any():
            raise DataError(
                "Not one example of this data is among those that the model was trained on. Name the data of its training "
                "with --train."
            )
        notes.append(
            "The training data has changed since: members are those of it that the model was fitted to or selected on."
        )
        away = np.isin(theirs, seen)
    else:
        mine, away = np.ones(len(ours), dtype=bool), np.isin(theirs, ours)
        if validation is not None:
            away |= np.isin(theirs, hashes(model.encode(validation, skip_bad=skip_bad, watch=watch)))
        mine &= ~np.isin(ours, theirs)
    if away.any():
        notes.append(
            f"{int(away.sum()):,} held-out examples equal ones that were trained on; they are on neither side."
        )
    m, n = int(mine.sum()), int((~away).sum())
    losses = np.concatenate([model.losses(known)[mine], model.losses(encoded)[~away]])
    pool = _pooled(learned.take(known.kept[mine]), others.take(encoded.kept[~away]))
    return Sides(pool, np.arange(m + n) < m, losses, validation, tuple(notes))


def _learned(model: Model, data: Any) -> tuple[Dataset, Dataset | None, bool]:
    """What was trained on, what was selected on, and whether the first is known exactly: by its fingerprint."""
    made, known = model.lineage.get("made"), dict(model.lineage.get("data", {}))
    group = (made or {}).get("group")
    try:
        learned = for_judging(data, model.task, model.roles, split="train", made=made)
    except DataError:
        learned = for_judging(data, model.task, model.roles, made=None)
    wanted = known.get("train", {}).get("fingerprint")
    if learned.fingerprint == wanted:
        try:
            own = for_judging(data, model.task, model.roles, split="validation")
        except DataError:
            own = None
        return learned, own, True
    held = known.get("validation", {}).get("n", 0)
    for share in {validation_share(len(learned)), held / max(len(learned), 1)} if held else ():
        if not 0 < share < 1:
            continue
        parts = divide(learned, {"train": 1 - share, "validation": share}, group=group)
        if parts["train"].fingerprint == wanted:
            return parts["train"], parts["validation"], True
    return learned, None, False


def _pooled(members: Dataset, others: Dataset) -> Dataset:
    """Both as one table, of the columns that both have."""
    assert members.index is not None
    assert others.index is not None
    if members.origin == others.origin and (members.stored or members.name) == (others.stored or others.name):
        both = Dataset(members.name, members.split, members.roles, members.origin, None, members.stored)
        return both.take(np.concatenate([members.index, others.index]))
    names = [name for name in members.split.columns if name in others.split.columns]
    columns = {name: joined([members.split.columns[name], others.split.columns[name]]) for name in names}
    first = len(members.split)

    def place(row: int) -> str:
        return members.split.place(row) if row < first else others.split.place(row - first)

    origin = digest("pool", members.origin, members.stored or members.name, others.origin, others.stored or others.name)
    both = Dataset("pool", Split(columns, place), members.roles, origin)
    return both.take(np.concatenate([members.index, first + others.index]))
