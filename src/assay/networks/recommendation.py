"""Networks for what comes next in a history: causal attention or a GRU over items, and scores of the whole catalogue.

One pass over a history gives an answer after every one of its items (a place sees no later one), and each is trained with
the full cross-entropy over the catalogue: what SASRec (Kang & McAuley 2018, arXiv:1808.09781) lacks to be ahead of later
networks, as Klenitskiy and Vasilev found (Turning Dross Into Gold Loss, RecSys 2023, arXiv:2309.07602). Items that a user
has had are left out of it, as they are left out of what is recommended.

Legend: B batch, T items of the longest history, W places for targets, M targets, V items (codes 1 to V; 0 is none), D width.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from assay.core.recipe import Recipe
from assay.networks.attention import Block, residual_scale

# Width, layers and heads: about 0.1, 1, 10 and 100 million weights beside the vectors of the items.
SIZES = {"tiny": (64, 2, 2), "small": (192, 2, 4), "base": (512, 3, 8), "large": (1024, 8, 16)}
GRU_SIZES = {"tiny": (64, 1), "small": (192, 1), "base": (512, 2), "large": (1472, 2)}  # width and layers
DROPOUT = 0.3
AT_ONCE = 1 << 25  # scores that are held at once while training

RECIPE = Recipe(
    optimizer="adamw", lr=2e-3, batch_size=32, epochs=24, updates=600, schedule="linear", warmup=0.05, clip=1.0
)


class Memory(Protocol):
    """What a body makes of histories."""

    @property
    def items(self) -> Tensor:
        """Codes, ``[B, T]``."""

    @property
    def length(self) -> Tensor:
        """How many there are, ``[B]``."""

    def scores(self, row: Tensor, after: Tensor) -> Tensor:
        """Those of all items after so many items of the histories ``row``, ``[M, V + 1]``."""


class Read(NamedTuple):
    """Histories that were read place by place.

    Attributes:
        features: after 0, 1 … T items, ``[B, T + 1, D]``.
        vectors: of the catalogue, ``[V + 1, D]``: features are multiplied with them.
        items, length: as `Memory` has them.
    """

    features: Tensor
    vectors: Tensor
    items: Tensor
    length: Tensor

    def scores(self, row: Tensor, after: Tensor) -> Tensor:
        """As `Memory.scores`."""
        return self.features[row, after] @ self.vectors.T


def attention(size: str, *, items: int) -> AttentionBody:
    """Causal attention over the items, in one of four `SIZES`; the catalogue's vectors come on top."""
    width, layers, heads = SIZES[size]
    return AttentionBody(items, width, layers, heads)


def gru(size: str, *, items: int) -> GRUBody:
    """A GRU over the items, in one of four `GRU_SIZES` (Hidasi et al. 2016, arXiv:1511.06939)."""
    width, layers = GRU_SIZES[size]
    return GRUBody(items, width, layers)


class _Items(nn.Module):
    """The vectors of items, and of the start of every history."""

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(items + 1, width)
        self.start = nn.Parameter(torch.randn(width))
        self.dropout = nn.Dropout(DROPOUT)
        nn.init.normal_(self.vectors.weight, std=width**-0.5)

    def forward(self, items: Tensor) -> Tensor:
        """``[B, T]`` → ``[B, T + 1, D]``, of unit variance."""
        x = self.vectors(items.long()) * math.sqrt(self.vectors.embedding_dim)
        start = self.start.to(x.dtype).expand(len(x), 1, -1)
        return self.dropout(torch.cat([start, x], dim=1))  # type: ignore[no-any-return]


class AttentionBody(nn.Module):
    """Blocks of causal attention with rotary positions. Padding stands after all items, so no place sees it."""

    def __init__(self, items: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.features = width
        self.items = _Items(items, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, causal=True, mlp="relu2", dropout=DROPOUT) for _ in range(layers)
        )
        residual_scale(self.blocks)
        self.norm = nn.RMSNorm(width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, items: Tensor, length: Tensor) -> Read:
        """The features of every history after each of its items.

        Args:
            items: codes, left-aligned, int ``[B, T]``.
            length: how many there are, int ``[B]``.
        """
        x = self.items(items)
        for block in self.blocks:
            x = block(x)
        return Read(self.dropout(self.norm(x)), self.items.vectors.weight, items, length)


class GRUBody(nn.Module):
    """Layers of a GRU, brought back to the width of the items."""

    def __init__(self, items: int, width: int, layers: int) -> None:
        super().__init__()
        self.features = width
        self.items = _Items(items, width)
        self.layers = nn.GRU(width, 2 * width, layers, batch_first=True, dropout=DROPOUT if layers > 1 else 0.0)
        self.back = nn.Linear(2 * width, width)
        self.norm = nn.RMSNorm(width)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, items: Tensor, length: Tensor) -> Read:
        """The features of every history after each of its items; arguments as `AttentionBody.forward` takes them."""
        x, _ = self.layers(self.items(items))
        return Read(self.dropout(self.norm(self.back(x))), self.items.vectors.weight, items, length)


def scored(features: int, *, items: int) -> ScoreHead:  # noqa: ARG001 - the vectors come from the body
    """The head that scores a catalogue of ``items`` by the vectors of the body, which are as wide as its features."""
    return ScoreHead(items)


class ScoreHead(nn.Module):
    """The scores of all items, and a bias each; −∞ for what the user has had.

    Args:
        items: V.
        biased: whether the biases learn; they are 0 otherwise.
    """

    def __init__(self, items: int, *, biased: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(items + 1), requires_grad=biased)

    def forward(self, memory: Memory, given: Tensor | None = None) -> Tensor:
        """Scores of all items after the whole history ``[B, V + 1]``; with targets their log-probabilities ``[B, 2]``.

        Args:
            memory: of B histories.
            given: targets, right-aligned, int ``[B, W]``: the last one follows the whole history, the one before the history
                without its last item …; 0 where there is none, negative where it is of no catalogue.
        """
        first = self._first(memory)
        if given is None:
            rows = torch.arange(len(memory.items), device=first.device)
            return self._scores(memory, first, rows, memory.length.long())[0]
        row, place = (given != 0).nonzero(as_tuple=True)
        after = memory.length.long()[row] - (given.shape[1] - 1 - place)  # how many items the target follows
        row, place, after = row[after >= 0], place[after >= 0], after[after >= 0]
        target = given[row, place].long()
        most = max(1, AT_ONCE // first.shape[1])
        parts = []
        for start in range(0, max(1, len(row)), most):
            part = [each[start : start + most] for each in (row, after, target)]
            if len(row) > most and torch.is_grad_enabled():  # scores are worked out again for the gradient, not kept
                parts.append(checkpoint(self._likely, memory, first, *part, use_reentrant=False))
            else:
                parts.append(self._likely(memory, first, *part))
        found = torch.cat(parts)
        return found.new_zeros(len(given), 2).index_add(0, row, found)

    def _likely(self, memory: Memory, first: Tensor, row: Tensor, after: Tensor, target: Tensor) -> Tensor:
        """The log-probability of each target, and its mean over all that could have been it, ``[M, 2]``."""
        scores, had = self._scores(memory, first, row, after)
        scores = scores.float()
        total = scores.logsumexp(1)
        least = math.log(torch.finfo(torch.float32).tiny)
        own = scores.gather(1, target.clamp_min(0)[:, None])[:, 0] - total
        mean = scores.masked_fill(had, 0).sum(1) / (had.shape[1] - had.sum(1)) - total
        return torch.stack([own.masked_fill(target < 0, least).clamp_min(least), mean], dim=1)

    def _scores(self, memory: Memory, first: Tensor, row: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        """Scores ``[M, V + 1]`` and which items were had, where they are −∞."""
        had = first[row] < after[:, None]
        return (memory.scores(row, after) + self.bias).masked_fill_(had, -math.inf), had

    def _first(self, memory: Memory) -> Tensor:
        """Where each item stands first in each history, ``[B, V + 1]``: after all where it does not, −1 for item 0."""
        items = memory.items.long()
        places = torch.arange(items.shape[1], device=items.device, dtype=torch.int32).expand_as(items)
        first = places.new_full((len(items), len(self.bias)), items.shape[1] + 1)
        first.scatter_reduce_(1, items, places, "amin")
        first[:, 0] = -1
        return first
