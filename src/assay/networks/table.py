"""A network for rows of a table: each number and category embedded by itself, then a multilayer perceptron.

A number comes as its place among quantile edges. Its embedding runs in a straight line from edge to edge and bends only
at them: the piecewise-linear encoding with a linear layer and a ReLU (Q-LR) of Gorishniy, Rubachev and Babenko, On
Embeddings for Numerical Features in Tabular Deep Learning (2022), worked out as a gather of two knots and a mean
between them instead of a product with every bin.

Legend: B batch, F numbers, C categories, E embedding, T bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.recipe import Recipe

SIZES = {"tiny": (160, 3), "small": (512, 4), "base": (1536, 5), "large": (4096, 7)}  # width and number of layers
EMBEDDING = 16
DROPOUT = 0.3

RECIPE = Recipe(
    optimizer="adamw",
    lr=2e-3,
    weight_decay=1e-2,
    batch_size=256,
    epochs=12,
    schedule="cosine",
    warmup=0.05,
    select="log_loss",
)


def table(size: str, *, numbers: Sequence[int], categories: Sequence[int]) -> TableBody:
    """A body of about 0.1 M (``tiny``), 1 M (``small``), 10 M (``base``) or 100 M (``large``) weights.

    Args:
        size: one of the keys of `SIZES`.
        numbers: the bins of each number column, ``[F]``.
        categories: the slots of each category column, ``[C]``.
    """
    width, depth = SIZES[size]
    return TableBody(numbers, categories, width=width, depth=depth)


class TableBody(nn.Module):
    """Embeddings and a perceptron of ``depth`` layers of ``width``."""

    def __init__(self, numbers: Sequence[int], categories: Sequence[int], *, width: int, depth: int) -> None:
        super().__init__()
        self.features = width
        each = min(EMBEDDING, max(4, 4096 // max(1, len(numbers) + len(categories))))  # wide tables: narrow embeddings
        self.numbers = NumberEmbeddings(numbers, each)
        self.categories = CategoryEmbeddings(categories, each)
        widths = [each * (len(numbers) + len(categories)), *[width] * depth]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(DROPOUT)]
        self.layers = nn.Sequential(*layers)

    def forward(self, numbers: Tensor, missing: Tensor, categories: Tensor) -> Tensor:
        """Features ``[B, width]``.

        Args:
            numbers: places among the edges, float ``[B, F]``.
            missing: 1 where there is no number, float ``[B, F]``.
            categories: slots, int64 ``[B, C]``.
        """
        x = torch.cat([self.numbers(numbers, missing), self.categories(categories)], dim=1)
        return self.layers(x)  # type: ignore[no-any-return]


class NumberEmbeddings(nn.Module):
    """A piecewise-linear curve and a ReLU for every number, and a vector for its absence."""

    place: Tensor
    last: Tensor

    def __init__(self, bins: Sequence[int], width: int) -> None:
        super().__init__()
        most = max(bins, default=1)
        self.slope = nn.Parameter(torch.randn(len(bins), most, width) / 8)
        self.bias = nn.Parameter(torch.randn(len(bins), width) / 8)
        self.missing = nn.Parameter(torch.randn(len(bins), width) / 8)
        self.register_buffer("place", torch.arange(len(bins)) * (most + 1), persistent=False)
        self.register_buffer("last", torch.tensor(bins, dtype=torch.float32) - 1, persistent=False)

    def forward(self, numbers: Tensor, missing: Tensor) -> Tensor:
        """``[B, F]`` → ``[B, F × E]``."""
        knots = functional.pad(self.slope.cumsum(dim=1), (0, 0, 1, 0)) + self.bias[:, None]  # [F, T + 1, E]
        at = torch.minimum(numbers.floor().clamp(min=0), self.last)
        low = at.long() + self.place
        knots = knots.flatten(0, 1)
        here, after = functional.embedding(low, knots), functional.embedding(low + 1, knots)
        x = torch.lerp(here, after, (numbers - at).unsqueeze(2)).relu()
        return torch.where(missing.unsqueeze(2) > 0, self.missing, x).flatten(1)


class CategoryEmbeddings(nn.Module):
    """A vector for every slot of every category."""

    start: Tensor

    def __init__(self, slots: Sequence[int], width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(sum(slots), width) / width**0.5)
        self.register_buffer("start", torch.tensor([0, *accumulate(slots)][:-1], dtype=torch.int64), persistent=False)

    def forward(self, categories: Tensor) -> Tensor:
        """``[B, C]`` → ``[B, C × E]``."""
        return functional.embedding(categories + self.start, self.vectors).flatten(1)
