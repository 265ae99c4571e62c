"""The data as `inspect` looks at it: every example of every split under one number, read once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.core.dataset import Dataset
from assay.core.divide import keys_of
from assay.core.errors import DataError
from assay.core.packing import encode
from assay.core.protocols import FittedInput, FittedOutput
from assay.core.record import Medium
from assay.core.source import Problem, Split
from assay.core.task import Task
from assay.core.verb import Watch
from assay.methods.neighbours import Floats, Ints
from assay.verbs._inspect_target import Target, target_of

FIRST = ("train", "all", "validation", "test")  # the order of splits; codecs are fitted on the first there is
MOST_COMPARED = 200_000  # examples whose features are held in memory
_WHOLE = "input and target"

Draw: TypeAlias = Callable[[tuple[str, str], Any, None], tuple[str, str]]
_BLOCK = 1024


@dataclass(frozen=True)
class Examined:
    """All splits, one after another; an *example* is a number from 0 to T − 1.

    Attributes:
        datasets: the splits, by name, in order.
        split: each example's split, as its position in ``datasets``, ``[T]``.
        fitted: the codec, fitted on the first split.
        problems: by split, what could not become an example or be read.
        readable: which examples can be read, ``[T]``.
        compared: the examples that have features, ``[M]``; fewer than are readable where there are very many.
        features: theirs, ``[M, D]``.
        target: theirs, or ``None`` where no column is the target.
        draw: how the output draws a target onto what is shown of an input, if it does.
    """

    datasets: dict[str, Dataset]
    split: Ints
    fitted: FittedInput
    problems: dict[str, tuple[Problem, ...]]
    readable: NDArray[np.bool_]
    compared: Ints
    features: Floats
    target: Target | None
    draw: Draw | None = None

    def __len__(self) -> int:
        return len(self.split)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The splits' names."""
        return tuple(self.datasets)

    @cached_property
    def starts(self) -> list[int]:
        """The first example of each split."""
        return [0, *np.cumsum([len(dataset) for dataset in self.datasets.values()]).tolist()]

    @cached_property
    def keys(self) -> list[str]:
        """A hash of each example's raw input."""
        return [key for dataset in self.datasets.values() for key in keys_of(dataset)]

    def locate(self, at: int) -> tuple[Dataset, int]:
        """The dataset that holds an example, and its position there."""
        code = int(self.split[at])
        return self.datasets[self.names[code]], at - self.starts[code]

    def place(self, at: int) -> str:
        """Where an example stands on disk."""
        dataset, row = self.locate(at)
        return dataset.place(row)

    def split_name(self, at: int) -> str:
        """The name of an example's split."""
        return self.names[int(self.split[at])]

    def answer(self, at: int) -> str:
        """The target of an example for people; nothing where there is none."""
        return self.target.name(at) if self.target and self.target.there.any() else ""

    def column(self, name: str) -> list[Any]:
        """A column's cells over all splits; ``None`` for the splits that lack it."""
        cells: list[Any] = []
        for dataset in self.datasets.values():
            has = name in dataset.split.columns
            cells += dataset.column(name).tolist() if has else [None] * len(dataset)
        return cells

    def shown(self, name: str, at: int, caption: str) -> Medium:
        """An example for people."""
        dataset, row = self.locate(at)
        kind, data = self.fitted.show(dataset.x[row])
        return Medium(name, kind, data, caption)  # type: ignore[arg-type]  # `FittedInput.show` keeps to the kinds

    def drawn(self, name: str, at: int, caption: str) -> Medium:
        """An example for people with its target drawn onto it, where the output does so."""
        dataset, row = self.locate(at)
        shown = self.shown(name, at, caption)
        if self.draw is None or dataset.y is None:
            return shown
        kind, data = self.draw((shown.kind, shown.data), dataset.y[row], None)
        return Medium(name, kind, data, caption)  # type: ignore[arg-type]  # as `FittedInput.show`

    def sheet(self, name: str, examples: Sequence[tuple[int, str]]) -> tuple[Medium, ...]:
        """Examples with their captions; those that cannot be read are left out."""
        return tuple(self.shown(name, at, caption) for at, caption in examples if self.readable[at])


def examine(task: Task, given: dict[str, Dataset], watch: Watch) -> Examined:
    """Read everything once.

    Raises:
        DataError: a split is empty, or not one of its examples can be read.
    """
    order = sorted(given, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    datasets = {name: given[name] for name in order}
    first = datasets[order[0]]
    if not len(first):
        raise DataError(f"The {order[0]} split holds no examples. {' '.join(map(str, first.split.problems[:3]))}")
    fitted, output, why = _codecs(task, first)
    datasets = {name: _whole(task, dataset) for name, dataset in datasets.items() if len(dataset)}
    if task.input.optional:
        fitted = task.input.fit(datasets[order[0]].x)
    total = sum(map(len, datasets.values()))
    readable = np.zeros(total, dtype=np.bool_)
    problems = {name: given[name].split.problems for name in order if name not in datasets}
    blocks: list[Floats] = []
    compared: list[Ints] = []
    start = 0
    for name, dataset in datasets.items():

        def told(done: int, of: int, name: str = name) -> None:
            watch.progress(f"reading {name}", done, of)

        encoded = encode(dataset, fitted, None, store=task.input.store, skip_bad=True, progress=told)
        problems[name] = encoded.problems
        readable[start + encoded.kept] = True
        some = _spread(len(encoded), math.ceil(MOST_COMPARED * len(dataset) / total))
        for low in range(0, len(some), _BLOCK):
            blocks.append(fitted.features(encoded.take(some[low : low + _BLOCK])[0]))
            watch.progress(f"describing {name}", min(low + _BLOCK, len(some)), len(some))
        compared.append(start + encoded.kept[some])
        start += len(dataset)
    return Examined(
        datasets=datasets,
        split=np.repeat(np.arange(len(datasets)), [len(dataset) for dataset in datasets.values()]),
        fitted=fitted,
        problems=problems,
        readable=readable,
        compared=np.concatenate(compared),
        features=np.concatenate(blocks),
        target=target_of(output, why, datasets),
        draw=getattr(output, "draw", None),
    )


def _spread(n: int, most: int) -> Ints:
    """All of ``n`` positions, or ``most`` of them drawn at random, always the same."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, most, replace=False))


def _whole(task: Task, dataset: Dataset) -> Dataset:
    """Where an example may have no input, its target goes on from it: what is compared is both together."""
    if not task.input.optional or dataset.y is None:
        return dataset
    cells = [f"{x or ''}{y or ''}" for x, y in zip(dataset.x, dataset.y, strict=True)]
    split = Split({**_taken(dataset), _WHOLE: Column(cells)}, dataset.place, dataset.split.problems)
    return replace(dataset, split=split, index=None, roles=replace(dataset.roles, inputs=(_WHOLE,)))


def _taken(dataset: Dataset) -> dict[str, Column]:
    """The further columns: what stands before a text is a part of the whole, and makes no group of its own."""
    return {name: dataset.column(name) for name in dataset.split.columns if name not in dataset.roles.inputs}


def _codecs(task: Task, first: Dataset) -> tuple[FittedInput, FittedOutput | None, str]:
    """The fitted input and output; without targets, or with none that can be learned from, only the input, and why."""
    if first.y is None:
        return task.input.fit(first.x), None, ""
    if task.pair and task.pair.fit:
        return *task.pair.fit(task.input, task.output, first.x, first.y), ""
    given = task.input.fit(first.x)
    try:
        return given, task.output.fit(first.y), ""
    except DataError as error:
        return given, None, str(error)
