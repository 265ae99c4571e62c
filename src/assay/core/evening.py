"""Answers by group: probabilities of classes shifted so that every group has its own thresholds.

Legend: N examples, G groups, C classes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.columns import Index
from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError, nearest
from assay.core.grouped import MISSING, UNSEEN, Groups, missing
from assay.core.metric import Array
from assay.core.protocols import FittedOutput, Pack, Problems

TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Evening:
    """What a model adds to its log-probabilities, by group (Hardt, Price & Srebro 2016, arXiv:1610.02413).

    Attributes:
        groups: who belongs to which.
        offsets: ``[G, C]``; 0 for a group that is answered as the network does.
    """

    groups: Groups
    offsets: Array

    def even(self, answers: Pack, codes: Index, output: FittedOutput) -> Pack:
        """Answers ``[N, …]`` of examples in these groups ``[N]``, with their probabilities shifted."""
        column = probabilities(output)
        assert column is not None
        unseen = np.zeros((1, self.offsets.shape[1]))  # -1, the last row
        return {**answers, column: shifted(answers[column], np.concatenate([self.offsets, unseen])[codes])}

    def of(self, dataset: Dataset) -> Index:
        """The group of every example of a dataset.

        Raises:
            DataError: it lacks the column; says what it is needed for.
        """
        column = self.groups.column
        if column not in dataset.split.columns:
            raise DataError(
                f'There is no column "{column}" in {dataset.words}. {self._why} '
                f"{nearest(column, dataset.split.columns)}"
            )
        return self.groups.codes(dataset.column(column))

    def of_inputs(self, xs: Sequence[Any]) -> Index:
        """The group of each raw input: a row of cells tells it.

        Raises:
            DataError: a row lacks the column.
            ConfigError: an input is no row.
        """
        column = self.groups.column
        for at, x in enumerate(xs):
            if not isinstance(x, Mapping):
                raise ConfigError(
                    f'input {at + 1} alone does not tell its "{column}". {self._why} Name a table (.csv, .jsonl …) that has '
                    f'the inputs and a column "{column}".'
                )
            if column not in x:
                raise DataError(f'input {at + 1} has no "{column}". {self._why} {nearest(column, map(str, x))}')
        return self.groups.codes([x[column] for x in xs])

    def notes(self, cells: Sequence[Any]) -> Problems:
        """Which of these cells of the column are of no group that was seen in training, by position."""
        column = self.groups.column
        said = {at: MISSING if missing(cell) else f'"{cell}"' for at, cell in enumerate(cells)}
        return {
            at: f"{column}={said[at]} was not seen in training, and is answered without the thresholds of a group"
            for at in np.flatnonzero(self.groups.codes(cells) == UNSEEN).tolist()
        }

    @property
    def _why(self) -> str:
        return f"This model answers by {self.groups.column} (it was trained with --fair-method thresholds)."

    def to_json(self) -> dict[str, Any]:
        """Everything that `from_json` needs."""
        return {"groups": self.groups.to_json(), "offsets": self.offsets.tolist()}

    @staticmethod
    def from_json(state: Mapping[str, Any], output: FittedOutput) -> Evening:
        """The inverse of `to_json`, for answers of ``output``.

        Raises:
            ValueError: the state is none that it gives, or does not go with these answers.
        """
        groups, offsets = Groups.from_json(state["groups"]), np.array(state["offsets"], dtype=np.float64)
        wanted = (len(groups.names), len(output.classes))
        if probabilities(output) is None or offsets.shape != wanted or not np.isfinite(offsets).all():
            raise ValueError(f"no {wanted[0]} groups × {wanted[1]} classes of offsets: {json.dumps(state)[:80]}")
        return Evening(groups, offsets)


def probabilities(output: Any) -> str | None:
    """The column of an output's answers that holds the probability of each of its classes; ``None`` where there is none."""
    return getattr(output, "probabilities", None)


def shifted(probability: NDArray[Any], offsets: Array) -> NDArray[Any]:
    """Probabilities ``[N, C]`` with ``offsets`` ``[N, C]`` added to their logarithms, renormalised.

    A row without offsets stays as it is, to the bit.

    >>> shifted(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([[0.0, 0.0], [0.0, np.log(4)]]))
    array([[0.8, 0.2],
           [0.5, 0.5]])
    """
    moved = offsets.any(axis=1)
    if not moved.any():
        return probability
    logs = np.log(np.maximum(probability[moved].astype(np.float64), TINY)) + offsets[moved]
    raised = np.exp(logs - logs.max(axis=1, keepdims=True))
    found = probability.copy()
    found[moved] = raised / raised.sum(axis=1, keepdims=True)
    return found
