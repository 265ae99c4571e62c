"""Fairness after training: thresholds by group, found on the held-out answers of a network that knows of no groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from assay.core.dataset import Dataset
from assay.core.errors import DataError, Unsupported, nearest
from assay.core.evening import TINY, Evening, probabilities
from assay.core.grouped import UNSEEN, Groups
from assay.core.metric import Array
from assay.core.model import Model
from assay.core.packing import Encoded
from assay.core.settings import Settings
from assay.core.task import Task
from assay.learners.fair import METHODS, THRESHOLDS, asked, of_examples, several
from assay.methods.groups import learned
from assay.methods.thresholds import FEWEST, Shifts, shifts

LISTED = 6  # groups, and classes of each, that a note names


def for_task(settings: Settings, task: Task) -> None:
    """Refuse fair training of a kind that there is not, or that the task's answers cannot have.

    Raises:
        ConfigError: as `assay.learners.fair.asked`.
        Unsupported: thresholds, where answers are no probabilities of labels; names the other methods.
    """
    wanted = asked(settings)
    if wanted and wanted[0] == THRESHOLDS and probabilities(task.output) is None:
        raise Unsupported(
            f"--fair-method {THRESHOLDS} moves the probabilities of labels, and the answers of {task.name} have none. "
            f"Accepted: {', '.join(METHODS)}."
        )


def groups_of(settings: Settings, splits: Mapping[str, Dataset], encoded: Encoded) -> Groups | None:
    """The groups that thresholds are asked for, as the training examples have them; ``None`` where none are.

    Raises:
        DataError: a split lacks the column, or it makes no groups.
        ConfigError: it is the target.
    """
    wanted = asked(settings)
    if wanted is None or wanted[0] != THRESHOLDS:
        return None
    column = of_examples(settings, splits["train"])
    for name, dataset in splits.items():
        if column not in dataset.split.columns:
            raise DataError(
                f'There is no column "{column}" in the {name} data, and with --fair-method {THRESHOLDS} the model answers '
                f"by it. {nearest(column, dataset.split.columns)}"
            )
    groups, _ = learned(column, splits["train"].column(column).take(encoded.kept))
    several(column, [groups.label(at) for at in range(len(groups.names))])
    return groups


def not_kept(parent: Model, groups: Groups | None) -> str:
    """A sentence where a training goes on from a model with thresholds, and finds none of its own."""
    if parent.evening is None or groups is not None:
        return ""
    by = parent.evening.groups.column
    return (
        f"The thresholds by {by} of the model that this one began with are not kept: they fit its own answers. "
        f"--fair-by {by} --fair-method {THRESHOLDS} finds new ones."
    )


def evened(
    model: Model, groups: Groups, held: Dataset, encoded: Encoded, settings: Settings
) -> tuple[Model, list[str]]:
    """The model with thresholds by group, found on its answers to ``held``; and what was done, for the record.

    A model whose groups are all to be answered as they are stays as it is.
    """
    wanted, column = asked(settings), probabilities(model.output)
    assert wanted is not None
    assert column is not None
    scores = np.log(np.maximum(model.answer(encoded).columns[column].astype(np.float64), TINY))
    labels = model.output.plain(encoded.y)
    assert labels is not None
    codes = groups.codes(held.column(groups.column).take(encoded.kept))
    found = shifts(scores, labels.astype(np.int64), codes, len(groups.names), wanted[1])
    read = model.roles.row and groups.column in model.roles.inputs
    held_out = f"{int((codes != UNSEEN).sum()):,} {held.name} examples"
    notes = _told(groups, model.output.classes, found, wanted[1], held_out, read=read)
    return (replace(model, evening=Evening(groups, found.offsets)) if found.offsets.any() else model), notes


def _told(
    groups: Groups, classes: tuple[str, ...], found: Shifts, strength: float, held: str, *, read: bool
) -> list[str]:
    """What was found on ``held``, in sentences; ``read`` says whether the network reads the column."""
    by, offsets, labels = groups.column, found.offsets, [groups.label(at) for at in range(len(groups.names))]
    much = "" if strength == 1 else f" at strength {strength:g}"
    first = f"Fair training by {by} ({THRESHOLDS}{much}, {len(labels)} groups)"
    moved = np.flatnonzero(offsets.any(axis=1))
    if len(moved):
        shown = _some([_moved(labels[at], classes, offsets[at]) for at in moved.tolist()], "; ")
        before, after = float(found.before[moved].max()), float(found.after[moved].max())
        notes = [
            f"{first}: the network was trained as usual, and thresholds by group were found on {held}, so that each label "
            f"is recognised as often in a group as in all: {shown}. Recall in a group, summed over labels, was up to "
            f"{before:.3f} away from that of all there, and is up to {after:.3f} now.",
            f"The model answers by {by}, which must be known of everybody who is answered; the network "
            f"{'reads it too' if read else 'does not read it'}.",
        ]
    else:
        chance = strength > 0 and (found.enough.sum(axis=1) >= 2).any()
        why = f", since on {held} groups differ by no more than chance" if chance else ""
        notes = [f"{first}: nothing was moved{why}. The model answers everybody alike."]
    enough = found.enough.sum(axis=1)
    if few := [label for label, of in zip(labels, enough, strict=True) if of < 2]:
        notes.append(
            f"No thresholds for {_some(few)}: of the {held}, fewer than two labels have {FEWEST} in such a group."
        )
    if partly := [at for at, of in enumerate(enough) if 2 <= of < len(classes)]:
        left = [f"{labels[at]} ({_some(np.array(classes)[~found.enough[at]].tolist())})" for at in partly]
        notes.append(
            f"Labels with fewer than {FEWEST} of the {held} in a group were not moved there: {_some(left, '; ')}."
        )
    return notes


def _some(names: Sequence[str], between: str = ", ") -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return between.join(names[:LISTED]) + more


def _moved(label: str, classes: tuple[str, ...], offsets: Array) -> str:
    """One group's thresholds in words.

    >>> _moved("sex=F", ("no", "yes"), np.array([-0.2, 0.2]))
    'sex=F: yes from 0.401 on'
    """
    if len(classes) == 2:
        return f"{label}: {classes[1]} from {1 / (1 + np.exp(offsets[1] - offsets[0])):.3f} on"
    largest = np.argsort(-np.abs(offsets), kind="stable").tolist()
    return f"{label}: {_some([f'{classes[at]} {offsets[at]:+.2f}' for at in largest if offsets[at]])}"
