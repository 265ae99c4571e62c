"""What can be answered or judged, but not as it stands: a text that is cut, a category that training never saw."""

from __future__ import annotations

from collections.abc import Callable, Sized

import numpy as np

from assay.core.dataset import Dataset
from assay.core.model import Model
from assay.core.protocols import Problems
from assay.core.source import WHOLE

LOOKED = 2_000  # inputs of a training split, which are many, and read once more for this


def oddities(model: Model, dataset: Dataset, *, inputs: bool = True) -> list[str]:
    """How many inputs (where they are asked for) and targets of a dataset are odd, of how many, and the first of them. Of a
    training split some inputs are looked at."""
    part = "" if dataset.name == WHOLE else f" of the {dataset.name} split"
    found = []
    if inputs and dataset.name == "train":  # which is not asked for answers
        some = dataset.take(np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), LOOKED)).astype(int)))
        drawn = "" if len(some) == len(dataset) else " that were looked at"
        if odd := odd_inputs(model, some):
            found.append(f"{_count(odd, some, f'input{{}}{part}{drawn}')} odd{_first(odd, some.place)}")
    elif inputs:
        found.append(said(odd_inputs(model, dataset), dataset, dataset.place, part))
    looked = getattr(model.output, "notes", None)
    if looked is not None and dataset.y is not None and (odd := looked(dataset.y)):
        found.append(f"{_count(odd, dataset, f'target{{}}{part}')} odd{_first(odd, dataset.place)}")
    return [note for note in found if note]


def odd_inputs(model: Model, dataset: Dataset) -> Problems:
    """What is odd in each input of a dataset, its group included where the model answers by group, by position."""
    by = model.evening.notes(dataset.column(model.evening.groups.column)) if model.evening else {}
    return both(model.input.notes(dataset.x), by)


def both(a: Problems, b: Problems) -> Problems:
    """What is odd by either, one after the other.

    >>> both({1: "It is cut."}, {1: "so", 2: "so"})
    {1: 'It is cut; so', 2: 'so'}
    """
    return {at: "; ".join(held[at].rstrip(".") for held in (a, b) if at in held) for at in sorted({*a, *b})} if b else a


def said(odd: Problems, among: Sized, place: Callable[[int], str], part: str = "") -> str:
    """A sentence on odd inputs; nothing where there are none.

    >>> said({2: "only the first 8 of its 9 tokens are read."}, range(5), "row {}".format)
    '1 of 5 inputs is odd, and its answer less certain (row 2: only the first 8 of its 9 tokens are read).'
    """
    if not odd:
        return ""
    theirs = "its answer" if len(odd) == 1 else "their answers"
    return f"{_count(odd, among, f'input{{}}{part}')} odd, and {theirs} less certain{_first(odd, place)}"


def _count(odd: Problems, among: Sized, noun: str) -> str:
    plural = noun.format("" if len(among) == 1 else "s")
    return f"{len(odd):,} of {len(among):,} {plural} {'is' if len(odd) == 1 else 'are'}"


def _first(odd: Problems, place: Callable[[int], str]) -> str:
    at = min(odd)
    return f" ({'' if len(odd) == 1 else 'the first, '}{place(at)}: {odd[at].rstrip('.')})."
