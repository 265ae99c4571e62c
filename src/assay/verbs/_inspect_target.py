"""The targets as `inspect` looks at them: one class or number an example, or a set of things of several kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.dataset import Dataset
from assay.core.protocols import FittedOutput, Problems
from assay.methods.neighbours import Ints


@dataclass(frozen=True)
class Counted:
    """Things that targets are made of, where a target is a set of them.

    Attributes:
        noun: what they are.
        labels: their kinds, ``K``.
        at: the example of each, ``[n]``.
        kind: its position in ``labels``, ``[n]``.
    """

    noun: str
    labels: tuple[str, ...]
    at: Ints
    kind: Ints


@dataclass(frozen=True)
class Target:
    """What the examples' targets are.

    Attributes:
        classes: their names; none where targets are numbers.
        values: codes ``int64 [T]`` or numbers ``float64 [T]``; what stands where there is none means nothing.
        there: which examples have a target of this task, ``[T]``.
        wrong: why others have none, by example.
        error: why nothing can be learned from the targets; then all else is empty.
        odd: what is odd in targets that can be learned from still, by example.
        counted: what targets are made of, where they are sets of things.
    """

    classes: tuple[str, ...]
    values: NDArray[Any]
    there: NDArray[np.bool_]
    wrong: Problems
    error: str = ""
    odd: Problems = field(default_factory=dict)
    counted: Counted | None = None

    @property
    def labelled(self) -> bool:
        """Whether there are classes."""
        return bool(self.classes)

    @property
    def numeric(self) -> bool:
        """Whether there are numbers."""
        return self.values.dtype.kind == "f" and bool(self.there.any())

    def name(self, at: int) -> str:
        """The target of an example for people."""
        if not self.there[at]:
            return "none"
        return self.classes[self.values[at]] if self.labelled else f"{self.values[at]:g}"


def target_of(fitted: FittedOutput | None, why: str, datasets: Mapping[str, Dataset]) -> Target | None:
    """The targets of all splits, as ``fitted`` reads them; where it could not be fitted, ``why``. ``None`` without both."""
    if fitted is None and not why:
        return None
    total = sum(map(len, datasets.values()))
    if fitted is None:
        return Target((), np.zeros(total), np.zeros(total, np.bool_), {}, why)
    values: list[NDArray[Any]] = []
    wrong: Problems = {}
    odd: Problems = {}
    things: list[tuple[Ints, Ints]] = []
    count, notes = getattr(fitted, "count", None), getattr(fitted, "notes", None)
    scarce = getattr(fitted, "scarce", None)  # what is too rare to be learned; asked of what is learned from
    start = 0
    for dataset in datasets.values():
        found: Problems = {}
        if dataset.roles.target not in dataset.split.columns:
            found = dict.fromkeys(range(len(dataset)), "this split has no target column")
            values.append(np.zeros(len(dataset), values[0].dtype))
        else:
            assert dataset.y is not None
            y = fitted.encode(dataset.y, found)
            plain = fitted.plain(y)
            if notes:
                odd.update({start + row: what for row, what in notes(dataset.y).items() if row not in found})
            if scarce and not start:
                odd.update({row: what for row, what in scarce(dataset.y).items() if row not in found})
            if count:
                at, kind = count(y)
                things.append((start + at, kind))
            if plain is None:  # targets that are neither classes nor numbers are checked, and looked at no further
                plain = np.zeros(len(dataset))
                found = {**dict.fromkeys(range(len(dataset)), ""), **found}
            values.append(plain)
        wrong.update({start + row: what for row, what in found.items()})
        start += len(dataset)
    there = np.ones(total, dtype=np.bool_)
    there[np.fromiter(wrong, np.int64, len(wrong))] = False
    return Target(
        classes=fitted.classes,
        values=np.concatenate(values),
        there=there,
        wrong={at: what for at, what in wrong.items() if what},
        odd=odd,
        counted=_counted(fitted, things) if things else None,
    )


def _counted(fitted: Any, things: Sequence[tuple[Ints, Ints]]) -> Counted:
    at, kind = (np.concatenate([pair[i] for pair in things]) for i in (0, 1))
    return Counted(fitted.counted, fitted.labels, at, kind)
