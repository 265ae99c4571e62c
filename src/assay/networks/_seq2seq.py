"""What encoder–decoders share: their shapes, embeddings and dropout.

Legend: B batch, T places, D width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import choose


@dataclass(frozen=True)
class Shape:
    """One stop of the size dial.

    Attributes:
        width: D.
        heads: of attention.
        layers: of the encoder, and as many of the decoder.
        dropout: of embeddings, of what each layer adds, and before the output.
    """

    width: int
    heads: int
    layers: int
    dropout: float


def shape_of(shapes: dict[str, Shape], size: str) -> Shape:
    """The shape of that name.

    Raises:
        ConfigError: there is none.
    """
    return shapes[choose("size", size, shapes)]


class RowDropout(nn.Module):
    """Dropout that takes the same features from every place of a row (Gal & Ghahramani 2016, arXiv:1512.05287).

    It regularises as well as dropout that draws for every place, and draws T times fewer random numbers: those were an
    eighth of a training step.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, D]`` → ``[B, T, D]``."""
        if not self.training or self.p == 0:
            return x
        kept = torch.empty(len(x), *[1] * (x.ndim - 2), x.shape[-1], dtype=x.dtype, device=x.device)
        return x * kept.bernoulli_(1 - self.p).div_(1 - self.p)


class Embedding(nn.Module):
    """Tokens as vectors of unit variance, thinned while training."""

    def __init__(self, vocabulary: int, width: int, dropout: float) -> None:
        super().__init__()
        self.vectors = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.vectors.weight, std=width**-0.5)
        self.dropout = RowDropout(dropout)
        self.scale = width**0.5

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, T]`` → ``[B, T, D]``."""
        return self.dropout(self.vectors(tokens) * self.scale)  # type: ignore[no-any-return]


class TiedEmbedding(Embedding):
    """An embedding whose vectors read the answer too (Press & Wolf 2017, arXiv:1608.05859)."""

    def __init__(self, vocabulary: int, width: int, dropout: float) -> None:
        super().__init__(vocabulary, width, dropout)
        self.norm = nn.RMSNorm(width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def read(self, x: Tensor) -> Tensor:
        """Logits of the next token: ``[…, D]`` → ``[…, V]``."""
        return functional.linear(self.dropout(self.norm(x)), self.vectors.weight, self.bias)
