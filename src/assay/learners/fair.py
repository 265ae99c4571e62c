"""Training that is fair to groups: through a weight on each example's loss, or through how often it is drawn.

Where targets are labels, groups are looked at within each label: an example's *cell* is its group and its label. Elsewhere
a cell is a group. What is fair only after training, thresholds by group, is in `assay.learners.evening`.

Legend: N training examples, B batch, C cells, G groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError, choose
from assay.core.packing import Encoded
from assay.core.protocols import FittedOutput
from assay.core.settings import Settings
from assay.methods.groups import groupings

METHODS = ("reweigh", "group-dro", "resample")
THRESHOLDS = "thresholds"
DEFAULT = "group-dro"  # it looks at what is missed; how far the others go depends on how labels differ between groups
STRENGTHS = {"reweigh": 1.0, "group-dro": 0.25, "resample": 1.0, THRESHOLDS: 1.0}  # where none is given
STEP, STEPS = 0.05, 64  # of group-DRO's weights where updates are not counted; and of all updates together,
LARGEST = 0.5  # so that a short training gets as far (Sagawa et al. took 0.01 for many more updates); and at most
EVEN = math.log(2)  # the loss of a label that was given even odds
FEWEST = 2  # examples of a group, or nothing is learned of it


@dataclass(frozen=True)
class Fair:
    """What fair training needs of the training examples.

    Attributes:
        method: one of `METHODS`.
        column: the attribute.
        cells: the cell of each example, int64 ``[N]``, on the device.
        share: of each cell among the examples, ``[C]``.
        label: the label of each cell, int64 ``[C]``; all 0 where targets are no labels.
        weights: of each example, mean 1, ``[N]``; what ``resample`` draws in proportion to.
        names: the groups.
        strength: the way from all weights 1 (0) to these (1).
        step: η, how fast group-DRO's weights change.
    """

    method: str
    column: str
    cells: Tensor
    share: Tensor
    label: Tensor
    weights: Tensor
    names: tuple[str, ...]
    strength: float = 1.0
    step: float = STEP

    @property
    def labelled(self) -> bool:
        """Whether cells are groups within labels."""
        return bool(self.label.any())

    @property
    def adaptive(self) -> bool:
        """Whether the weights are learned while training."""
        return self.method == "group-dro"

    @property
    def drawn(self) -> Tensor | None:
        """How often each example is drawn in proportion, on the CPU; ``None`` where all are drawn once an epoch."""
        return self.weights.cpu() if self.method == "resample" else None

    def note(self, read: bool) -> str:
        """What was done, for the record; ``read`` says whether the network reads the attribute."""
        labels = self.labelled
        how = {
            "reweigh": "losses were weighed so that group and label are independent"
            if labels
            else "losses were weighed so that every group counts the same",
            "group-dro": "where a group's label was missed more often, it came to weigh more"
            if labels
            else "a group with a larger loss came to weigh more",
            "resample": "examples were drawn so that all groups come as often"
            + (" and have each label as often" if labels else ""),
        }[self.method]
        much = "" if self.strength == 1 else f" at strength {self.strength:g}"
        seen = "an input of the network too" if read else "no input of the network"
        what = f"{self.method}{much}, {len(self.names)} groups"
        return f"Fair training by {self.column} ({what}): {how}. {self.column} is {seen}."

    def begun(self) -> Tensor:
        """Group-DRO's weight of each cell before the first update, ``[C]``: its share."""
        return self.share.clone()

    def weighed(self, loss: Tensor, rows: Tensor, state: Tensor | None) -> Tensor:
        """The loss of the examples at ``rows``, ``[B]``, with their weights; ``state`` are group-DRO's by cell."""
        if self.method == "resample":
            return loss
        rows = rows.to(loss.device)
        if state is None:
            return loss * self.weights[rows]
        return loss * torch.lerp(torch.ones_like(state), state / self.share, self.strength)[self.cells[rows]]

    def learned(self, state: Tensor, loss: Tensor, rows: Tensor) -> Tensor:
        """Group-DRO's weights after an update whose examples had this plain loss ``[B]`` (Sagawa et al. 2020, algorithm 1).

        ``q ← q exp(η · mean)`` by cell, of the loss in deviations of the batch. Of labels it is the mean of what is missed
        (less than even odds for the right one): cross-entropy is larger in a group where a label is rare even if it is
        found as often, and evening it out was measured to turn the gap round. Each label keeps its share, else the rarer
        one would gain on the other, and accuracy would pay for a balance that nobody asked for.
        """
        cells = self.cells[rows.to(loss.device)]
        if self.labelled:
            loss = (loss > EVEN).to(loss.dtype)
        elif len(loss) > 1:
            loss = (loss - loss.mean()) / loss.std().clamp_min(1e-12)
        else:
            loss = torch.zeros_like(loss)
        count = torch.zeros_like(state).index_add_(0, cells, torch.ones_like(loss))
        total = torch.zeros_like(state).index_add_(0, cells, loss)
        q = state * (self.step * total / count.clamp_min(1)).exp()
        labels = int(self.label.max()) + 1
        whole = torch.zeros(labels, device=q.device)
        now = whole.index_add(0, self.label, q)
        before = whole.index_add(0, self.label, self.share)
        return q * (before / now)[self.label]


def asked(settings: Settings) -> tuple[str, float] | None:
    """The method and how much of it; ``None`` where training is to be as usual.

    Raises:
        ConfigError: there is no such method, the strength is out of its range, or no column is named.
    """
    if settings.fair_by is None:
        if (settings.fair_method, settings.fair_strength) != (None, None):
            raise ConfigError(
                "--fair-method and --fair-strength say how; name the column whose groups count with --fair-by."
            )
        return None
    if not 0 <= (settings.fair_strength or 0) <= 1:
        raise ConfigError(f"--fair-strength is {settings.fair_strength:g}; it must be at least 0 and at most 1.")
    method = choose("method of fair training", settings.fair_method or DEFAULT, (*METHODS, THRESHOLDS))
    return method, STRENGTHS[method] if settings.fair_strength is None else settings.fair_strength


def of_examples(settings: Settings, learn: Dataset) -> str:
    """The column of ``fair_by``, which may be any but the target.

    Raises:
        ConfigError: it is the target.
    """
    column = settings.fair_by
    assert column is not None
    if column == learn.roles.target:
        raise ConfigError(f'--fair-by "{column}" is the target: groups of examples take another column.')
    return column


def several(column: str, names: Sequence[str]) -> None:
    """Refuse a column that makes no two groups.

    Raises:
        DataError: it has one value only.
    """
    if len(names) < 2:
        raise DataError(f'--fair-by "{column}" has one value only ({names[0]}): there are no groups to be fair to.')


def fair(
    settings: Settings, learn: Dataset, encoded: Encoded, output: FittedOutput, updates: int, device: torch.device
) -> Fair | None:
    """The weights that were asked for, worked out on the training examples, for so many updates; ``None`` for none.

    Raises:
        DataError: there is no such column, or it makes no groups that anything can be learned of.
        ConfigError: there is no such method, or the strength is out of its range.
    """
    wanted = asked(settings)
    if wanted is None or wanted[0] == THRESHOLDS:
        return None
    method, strength = wanted
    column = of_examples(settings, learn)
    (grouping,) = groupings({column: learn.column(column).take(encoded.kept)})
    groups = grouping.codes
    counts = np.bincount(groups, minlength=len(grouping.labels))
    several(column, grouping.labels)
    if counts.min() < FEWEST:
        rare = grouping.labels[int(counts.argmin())]
        raise DataError(
            f'--fair-by "{column}": the group {rare} has {counts.min()} of {len(groups):,} training examples, and its '
            f"weight would be the largest of all. Put it into another group, or leave it out of the data."
        )
    labels = output.plain(encoded.y) if output.classes else None
    labels = np.zeros(len(groups), dtype=np.int64) if labels is None else labels.astype(np.int64)
    cells, share, label = _cells(groups, labels)
    static = 1 + strength * (weights(groups, labels, balanced=method == "resample") - 1)
    return Fair(
        method=method,
        column=column,
        cells=torch.from_numpy(cells).to(device),
        share=torch.from_numpy(share).float().to(device),
        label=torch.from_numpy(label).to(device),
        weights=torch.from_numpy(static).float().to(device),
        names=grouping.labels,
        strength=strength,
        step=STEP if settings.seconds is not None else min(LARGEST, STEPS / updates),
    )


def weights(groups: NDArray[np.int64], labels: NDArray[np.int64], *, balanced: bool) -> NDArray[np.float64]:
    """A weight an example, mean 1, ``[N]``, under which group and label are independent.

    ``P(g) P(y) / P(g, y)`` (Kamiran & Calders 2012, *Data preprocessing techniques for classification without
    discrimination*); where ``balanced``, all groups count the same besides: ``P(y) / (G P(g, y))``. With one label only,
    both are the inverse frequency of the group.

    >>> weights(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), balanced=False).round(3)
    array([0.857, 0.857, 1.714, 0.571])
    >>> weights(np.array([0, 0, 0, 1]), np.zeros(4, dtype=int), balanced=False)
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    n = len(groups)
    group, label = np.bincount(groups), np.bincount(labels)
    both = np.zeros((len(group), len(label)))
    np.add.at(both, (groups, labels), 1)
    wanted = np.full(len(group), 1 / np.count_nonzero(group))
    if not balanced and np.count_nonzero(label) > 1:
        wanted = group / n
    raw = wanted[groups] * label[labels] / both[groups, labels]
    return np.asarray(raw / raw.mean(), dtype=np.float64)


def _cells(
    groups: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """The cell of each example, the share of each cell and its label."""
    pairs, cells, counts = np.unique(np.column_stack([groups, labels]), axis=0, return_inverse=True, return_counts=True)
    return cells.reshape(-1).astype(np.int64), counts / len(groups), pairs[:, 1].astype(np.int64)
