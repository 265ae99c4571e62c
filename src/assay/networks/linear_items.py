"""A linear network of histories: item-to-item weights in closed form, so that training has a scale to learn and no more.

On small data it ranks better than deeper networks, in seconds; on large data the weights of all pairs of items are too many.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from assay.core.recipe import Recipe
from assay.networks._item_weights import learned, weighed
from assay.networks.recommendation import ScoreHead

MOST = 4096  # items, the most frequent ones, that have weights: more would take too long to invert

RECIPE = Recipe(optimizer="adamw", lr=1e-2, batch_size=32, epochs=1, updates=1, schedule="linear")


class Weighed(NamedTuple):
    """Histories as weights of their items; see `assay.networks.recommendation.Memory`."""

    vectors: Tensor
    items: Tensor
    length: Tensor
    power: Tensor
    scale: Tensor

    def at(self, row: Tensor, after: Tensor) -> Tensor:
        """The items by age, ``[M, H + 1]``, of the histories ``row`` after so many of their items."""
        return weighed(self.items[row].long(), after, self.power, self.vectors.shape[1]) * self.scale


def linear(*, items: int) -> LinearBody:
    """Weights between the most frequent items."""
    return LinearBody(items)


def unbiased(features: int, *, items: int) -> ScoreHead:  # noqa: ARG001 - the weights come from the body
    """The head that scores a catalogue of ``items`` by the weights alone."""
    return ScoreHead(items, biased=False)


class LinearBody(nn.Module):
    """Item-to-item weights that `initialise` works out, times a scale."""

    weights: Tensor
    power: Tensor

    def __init__(self, items: int) -> None:
        super().__init__()
        self.features = min(items, MOST) + 1
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.register_buffer("weights", torch.zeros(items + 1, self.features))
        self.register_buffer("power", torch.zeros(()))

    def initialise(self, items: Tensor, length: Tensor) -> None:
        """Fit the weights to histories ``[N, T]``."""
        found, power = learned(items.long(), length.long(), self.features)
        self.weights[: self.features] = found.T
        self.power.fill_(power)

    def forward(self, items: Tensor, length: Tensor) -> Weighed:
        """The histories ``[B, T]`` and what they are weighed with."""
        return Weighed(self.weights, items, length, self.power, self.scale)
