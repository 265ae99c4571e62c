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

    weights: Tensor
    items: Tensor
    length: Tensor
    power: Tensor
    scale: Tensor

    def scores(self, row: Tensor, after: Tensor) -> Tensor:
        """As `assay.networks.recommendation.Memory.scores`."""
        return weighed(self.items[row].long(), after, self.power, self.weights.shape[1]) @ self.weights.T * self.scale


def plain(*, items: int) -> PlainBody:
    """Histories as they are: a catalogue of ``items`` has at most `MOST` with weights."""
    return PlainBody(min(items, MOST) + 1)


class PlainBody(nn.Module):
    """A body that learns nothing."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, items: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        """Codes ``[B, T]`` and how many there are, ``[B]``, as they are."""
        return items, length


class LinearHead(nn.Module):
    """Item-to-item weights that are worked out from all training examples, times a scale that is learned.

    Args:
        features: H + 1, for the most frequent items.
        items: V.
    """

    weights: Tensor
    power: Tensor

    def __init__(self, features: int, *, items: int) -> None:
        super().__init__()
        self.score = ScoreHead(items, biased=False)
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.register_buffer("weights", torch.zeros(items + 1, features))
        self.register_buffer("power", torch.zeros(()))

    @torch.no_grad()
    def observe(self, x: dict[str, Tensor], y: dict[str, Tensor]) -> None:
        """Fit the weights to histories and what came next, as `History` and `Ranking` encode them."""
        items, length = x["items"].long(), x["length"].long()
        whole = nn.functional.pad(items, (0, 1)).scatter(1, length[:, None], y["next"][:, -1:].long())
        found, power = learned(whole, length + 1, self.weights.shape[1])
        self.weights[: len(found)] = found.T
        self.power.fill_(power)

    def forward(self, memory: tuple[Tensor, Tensor], given: Tensor | None = None) -> Tensor:
        """As `assay.networks.recommendation.ScoreHead.forward`."""
        return self.score(Weighed(self.weights, *memory, self.power, self.scale), given)  # type: ignore[no-any-return]
