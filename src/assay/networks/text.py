"""Networks that read texts: a bag of hashed n-grams, a convolution, recurrent and attention encoders of tokens.

Every one of them gives a text the same answer in any batch.

Legend: B batch, L tokens, W characters, D features, R runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.recipe import Recipe
from assay.networks._ngrams import bordered, buckets, distinct, runs
from assay.networks.attention import Block, residual_scale
from assay.networks.recurrent import recurrent

CHARACTERS, IDEOGRAPHS, TOKENS = 7, 3, 2  # the longest runs in the bag: of characters, Chinese ones, tokens
SCALE = 2.5  # of the bag: its vectors begin at 0 and take steps of the rate each, however rare they are
SHARE, WEIGHT = 1 / 4, 0.6  # of the bag in the mixed network: its share of a batch, and its weight in the answer
PACE = 1 / 8  # of the bag there, which learns from small batches
NGRAMS = {"tiny": (15, 4), "small": (18, 8), "base": (20, 16), "large": (22, 24)}  # bits of the table, and its width
CONVOLUTION = {"tiny": (12, 16), "small": (64, 100), "base": (320, 1024), "large": (1024, 4096)}  # embedding, filters
RECURRENT = {"tiny": (12, 32, 1), "small": (64, 128, 1), "base": (256, 640, 2), "large": (768, 1536, 3)}  # layers last
ATTENTION = {"tiny": (12, 2, 1), "small": (64, 4, 2), "base": (256, 8, 6), "large": (768, 12, 12)}  # heads, blocks

NGRAMS_RECIPE = Recipe(optimizer="adamw", lr=2e-3, batch_size=64, epochs=6, schedule="linear", select="log_loss")
MIXED_RECIPE = Recipe(
    optimizer="adamw", lr=2e-3, weight_decay=1e-2, batch_size=64, epochs=10, schedule="linear", select="log_loss"
)
RECIPE = Recipe(
    optimizer="adamw",
    lr=2e-3,
    weight_decay=1e-2,
    batch_size=64,
    epochs=8,
    schedule="linear",
    warmup=0.05,
    select="log_loss",
    clip=1.0,
)


def mixed(size: str, **dims: Any) -> Mixed:
    """A bag of n-grams and a convolution that learn side by side: what a text holds, and in what order."""
    return Mixed(Bag(*NGRAMS[size], scale=SCALE * PACE), convolution(size, **dims))


def ngrams(size: str, **_: Any) -> Bag:
    """A bag of n-grams: runs of up to seven characters and two tokens, whatever the script.

    Args:
        size: ``tiny``, ``small``, ``base`` or ``large``: 131 thousand to 100 million weights.
    """
    bits, width = NGRAMS[size]
    return Bag(bits, width)


def convolution(size: str, *, vocabulary: int, unknown: int, **_: Any) -> Convolution:
    """Filters over one, three and five tokens, each at its strongest place (Kim 2014, arXiv:1408.5882)."""
    width, filters = CONVOLUTION[size]
    return Convolution(Embedding(vocabulary, width, unknown), width, filters)


def lstm(size: str, **dims: Any) -> Sequence:
    """An LSTM in both directions."""
    return _recurrent("lstm", size, **dims)


def gru(size: str, **dims: Any) -> Sequence:
    """A GRU in both directions."""
    return _recurrent("gru", size, **dims)


def attention(size: str, *, vocabulary: int, unknown: int, **_: Any) -> Encoder:
    """Blocks of attention with rotary positions, normalised at the end."""
    width, heads, depth = ATTENTION[size]
    return Encoder(Embedding(vocabulary, width, unknown), width, heads, depth)


def _recurrent(kind: str, size: str, *, vocabulary: int, unknown: int, **_: Any) -> Sequence:
    width, hidden, layers = RECURRENT[size]
    body = recurrent(kind, width, hidden, layers=layers, both=True, dropout=0.3)
    return Sequence(Embedding(vocabulary, width, unknown), body, hidden)


class Bag(nn.Module):
    """The weighted sum of a vector for each distinct run of characters and tokens.

    Runs are hashed to the rows of one table (Weinberger et al. 2009, arXiv:0902.2206; Joulin et al. 2017, arXiv:1607.01759);
    each is weighed by its rarity among the training texts, and a text's weights have length 1, as in tf-idf. A run that
    training never held has the vector 0. In training runs are left out at random, so that no answer hangs on a few.

    Args:
        bits: of the number of rows.
        width: of a row.
        scale: of the answer: the vectors begin at 0, so it decides how much they learn in a step.
        dropout: the share of runs that are left out.
    """

    rarity: Tensor

    def __init__(self, bits: int, width: int, *, scale: float = SCALE, dropout: float = 0.5) -> None:
        super().__init__()
        self.bits, self.features, self.scale, self.dropout = bits, width, scale, dropout
        self.vectors = nn.Parameter(torch.zeros(1 << bits, width))
        self.register_buffer("rarity", torch.ones(1 << bits))

    @torch.no_grad()
    def initialise(self, **x: Tensor) -> None:
        """Learn how rare runs are: 1 + the logarithm of one in how many texts holds each."""
        counts = torch.zeros_like(self.rarity)
        texts = len(x["tokens"])
        for start in range(0, texts, 256):
            for found, first in self.runs(**{name: array[start : start + 256] for name, array in x.items()}):
                counts += torch.bincount(found[first], minlength=len(counts))
        self.rarity.copy_(((texts + 1) / (counts + 1)).log() + 1)

    def runs(self, tokens: Tensor, mask: Tensor, characters: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        """The buckets of all runs of each text, ``[B, R]``, and where one stands for the first time, ``[B, R]``: of
        tokens, and of characters where there are any."""
        kinds = [runs(tokens, mask.sum(1), TOKENS, 1)]
        if characters is not None:
            kinds.append(runs(*bordered(characters, (characters != 0).sum(1)), CHARACTERS, 2, IDEOGRAPHS))
        return [distinct(buckets(hashed, self.bits), there) for hashed, there in kinds]

    def forward(self, tokens: Tensor, mask: Tensor, characters: Tensor | None = None) -> Tensor:
        """``[B, D]``.

        Args:
            tokens: int64 ``[B, L]``.
            mask: where there is one, bool ``[B, L]``.
            characters: code points int64 ``[B, W]``, 0 after the last.
        """
        return self.scale * sum(self._bag(*kind) for kind in self.runs(tokens, mask, characters))  # type: ignore[return-value]

    def _bag(self, found: Tensor, first: Tensor) -> Tensor:
        weight = self.rarity[found.where(first, 0)] * first
        weight = weight / weight.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6)
        if self.training:
            first = first & (torch.rand(first.shape, device=first.device) >= self.dropout)
            weight = weight / (1 - self.dropout)
        ends = first.sum(1).cumsum(0)
        starts = torch.cat([ends.new_zeros(1), ends[:-1]])
        return functional.embedding_bag(
            found[first], self.vectors, starts, mode="sum", per_sample_weights=weight[first]
        )


class Embedding(nn.Module):
    """A vector for each token; in training some tokens are unknown, and some numbers 0 (Gal & Ghahramani 2016)."""

    def __init__(self, vocabulary: int, width: int, unknown: int, words: float = 0.2, numbers: float = 0.2) -> None:
        super().__init__()
        self.vectors = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.vectors.weight, std=0.3)
        self.unknown, self.words = unknown, words
        self.drop = nn.Dropout(numbers)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``[B, L, D]``, 0 outside the mask."""
        if self.training:
            lost = torch.rand(tokens.shape, device=tokens.device) < self.words
            tokens = tokens.masked_fill(lost, self.unknown)
        return self.drop(self.vectors(tokens)) * mask.unsqueeze(2)  # type: ignore[no-any-return]


class Convolution(nn.Module):
    """Filters of three widths over tokens, each at its strongest place."""

    def __init__(self, embedding: Embedding, width: int, filters: int) -> None:
        super().__init__()
        self.features = 3 * filters
        self.embedding = embedding
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, size, padding=size // 2) for size in (1, 3, 5))
        self.drop = nn.Dropout(0.5)

    def forward(self, tokens: Tensor, mask: Tensor, **_: Tensor) -> Tensor:
        """``[B, D]``."""
        x = self.embedding(tokens, mask).transpose(1, 2)
        found = torch.cat([layer(x) for layer in self.filters], dim=1)
        return self.drop(found.masked_fill(~mask.unsqueeze(1), -torch.inf).amax(2).relu())  # type: ignore[no-any-return]


class Mixed(nn.Module):
    """Two bodies that each learn from a part of every batch, and answer together.

    Trained together, the one that learns faster leaves the other nothing to learn. Trained so, the sum of what a linear
    head reads from both is the weighted mean of what two networks answer that were trained apart.
    """

    def __init__(self, first: Bag, second: Convolution) -> None:
        super().__init__()
        self.first, self.second = first, second
        self.features = first.features + second.features

    def initialise(self, **x: Tensor) -> None:
        """Learn how rare runs are, as `Bag.initialise`."""
        self.first.initialise(**x)

    def forward(self, **x: Tensor) -> Tensor:
        """``[B, D]``; in training 0 for the body that an example is not taught to."""
        if not self.training:
            return torch.cat([self.first(**x), self.second(**x)], dim=1)
        batch = len(x["tokens"])
        order = torch.randperm(batch, device=x["tokens"].device).tensor_split([round(SHARE * batch)])
        found, widths = [], (self.first.features, self.second.features)
        for body, width, rows, weight in zip(self.children(), widths, order, (WEIGHT, 1 - WEIGHT), strict=True):
            answer = x["tokens"].new_zeros(batch, width, dtype=torch.float32)
            if len(rows):
                part = body(**{name: array[rows] for name, array in x.items()}) / weight
                answer = answer.to(part.dtype).index_copy(0, rows, part)
            found.append(answer)
        return torch.cat(found, dim=1)


class Sequence(nn.Module):
    """A recurrent encoder of tokens."""

    def __init__(self, embedding: Embedding, body: nn.Module, width: int) -> None:
        super().__init__()
        self.features = width
        self.embedding, self.body = embedding, body
        self.drop = nn.Dropout(0.5)

    def forward(self, tokens: Tensor, mask: Tensor, **_: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, L, D]`` and the mask ``[B, L]``."""
        x, mask = self.body(self.embedding(tokens, mask), mask)
        return self.drop(x), mask


class Encoder(nn.Module):
    """Blocks of attention over tokens."""

    def __init__(self, embedding: Embedding, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.features = width
        self.embedding = embedding
        self.blocks = nn.ModuleList(Block(width, heads, dropout=0.3) for _ in range(depth))
        residual_scale(self.blocks)
        self.norm = nn.RMSNorm(width)
        self.drop = nn.Dropout(0.5)

    def forward(self, tokens: Tensor, mask: Tensor, **_: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, L, D]`` and the mask ``[B, L]``."""
        x = self.embedding(tokens, mask)
        for block in self.blocks:
            x = block(x, mask)
        return self.drop(self.norm(x)), mask
