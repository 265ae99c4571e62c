"""Encoder–decoders: an encoder reads a text as the body, a decoder says another one of it as the head.

Legend: B batch, L source places, T target places, D width, V vocabulary.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn

from assay.core.recipe import Recipe
from assay.networks._seq2seq import Embedding, RowDropout, Shape, TiedEmbedding, shape_of
from assay.networks.attention import Block, Cache, reorder, residual_scale
from assay.networks.recurrent import recurrent

Memory: TypeAlias = tuple[Tensor, Tensor]  # features [B, L, D] and where there are any, bool [B, L]

ATTENTION = {
    "tiny": Shape(width=64, heads=2, layers=2, dropout=0.1),
    "small": Shape(width=128, heads=4, layers=3, dropout=0.3),
    "base": Shape(width=320, heads=5, layers=5, dropout=0.3),
    "large": Shape(width=768, heads=12, layers=6, dropout=0.3),
}
GRU = {
    "tiny": Shape(width=64, heads=1, layers=1, dropout=0.1),
    "small": Shape(width=256, heads=1, layers=1, dropout=0.3),
    "base": Shape(width=768, heads=1, layers=1, dropout=0.3),
    "large": Shape(width=2048, heads=1, layers=2, dropout=0.3),
}
SIZES = ("small", "tiny", "base", "large")

ATTENTION_RECIPE = Recipe(
    optimizer="muon",
    lr=0.03,
    momentum=0.95,
    batch_size=64,
    epochs=30,
    updates=1_500,
    schedule="linear",
    warmup=0.05,
    smoothing=0.1,
)
GRU_RECIPE = Recipe(
    optimizer="adamw",
    lr=3e-3,
    batch_size=64,
    epochs=20,
    updates=1_500,
    schedule="linear",
    warmup=0.02,
    smoothing=0.1,
    clip=1.0,
)


def attention_encoder(vocabulary: int, size: str = "small", **_: object) -> AttentionEncoder:
    """The encoder of ``attention``.

    Args:
        vocabulary: V of the source.
        size: a stop of the size dial.

    Raises:
        ConfigError: there is no such size.
    """
    return AttentionEncoder(vocabulary, shape_of(ATTENTION, size))


def attention_decoder(features: Shape, vocabulary: int, **_: object) -> AttentionDecoder:
    """The decoder of ``attention``, of the shape of its encoder; V is that of the target."""
    return AttentionDecoder(vocabulary, features)


def gru_encoder(vocabulary: int, size: str = "small", **_: object) -> GRUEncoder:
    """The encoder of ``gru``; arguments and errors as `attention_encoder`."""
    return GRUEncoder(vocabulary, shape_of(GRU, size))


def gru_decoder(features: Shape, vocabulary: int, **_: object) -> GRUDecoder:
    """The decoder of ``gru``; arguments as `attention_decoder`."""
    return GRUDecoder(vocabulary, features)


class AttentionEncoder(nn.Module):
    """Blocks in which every place attends to every other (Vaswani et al. 2017, arXiv:1706.03762)."""

    def __init__(self, vocabulary: int, shape: Shape) -> None:
        super().__init__()
        self.features = shape
        self.embedding = Embedding(vocabulary, shape.width, shape.dropout)
        self.blocks = _blocks(shape, cross=False)
        self.norm = nn.RMSNorm(shape.width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Memory:
        """``tokens`` ``[B, L]`` and where there are any, ``mask`` ``[B, L]`` → features and the mask."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x), mask


class AttentionDecoder(nn.Module):
    """Blocks that attend to the answer so far and to the source."""

    def __init__(self, vocabulary: int, shape: Shape) -> None:
        super().__init__()
        self.readout = TiedEmbedding(vocabulary, shape.width, shape.dropout)
        self.blocks = _blocks(shape, cross=True)

    def forward(self, memory: Memory, given: Tensor) -> Tensor:
        """Logits of each next token ``[B, T, V]``.

        Args:
            memory: of the encoder.
            given: the tokens before each, ``[B, T]``; the first one begins the answer.
        """
        x = self.readout(given)
        for block in self.blocks:
            x = block(x, None, *memory)
        return self.readout.read(x)

    def start(self, memory: Memory) -> list[Cache]:
        """The state before the first token."""
        return [_block(block).start(*memory) for block in self.blocks]

    def step(self, state: list[Cache], tokens: Tensor) -> tuple[Tensor, list[Cache]]:
        """Logits ``[B, V]`` after one more token ``[B]``, and the state then."""
        x, caches = self.readout(tokens), []
        for block, cache in zip(self.blocks, state, strict=True):
            x, cache = _block(block).step(x, cache)
            caches.append(cache)
        return self.readout.read(x), caches

    def reorder(self, state: list[Cache], index: Tensor) -> list[Cache]:
        """The state of the rows ``index``, which may repeat."""
        return [reorder(cache, index) for cache in state]


class GRUEncoder(nn.Module):
    """Layers that read in both directions (Bahdanau et al. 2015, arXiv:1409.0473), each added to what it reads."""

    def __init__(self, vocabulary: int, shape: Shape) -> None:
        super().__init__()
        self.features = shape
        self.embedding = Embedding(vocabulary, shape.width, shape.dropout)
        self.layers = nn.ModuleList(recurrent("gru", shape.width, shape.width, both=True) for _ in range(shape.layers))
        self.norms = nn.ModuleList(nn.RMSNorm(shape.width) for _ in range(shape.layers))
        self.dropout = RowDropout(shape.dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Memory:
        """``tokens`` ``[B, L]`` and where there are any, ``mask`` ``[B, L]`` → features and the mask."""
        x = self.embedding(tokens)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = norm(x + self.dropout(layer(x, mask)[0]))
        return x, mask


class GRUDecoder(nn.Module):
    """A layer that says where to look, attention to the source, and layers that read what was seen there.

    Attention comes after the first layer's recurrence (Luong et al. 2015, arXiv:1508.04025), so that in training each layer
    runs over the whole answer at once; the layers above remember what was attended to before, as feeding it back to the
    first one would (Wu et al. 2016, arXiv:1609.08144).
    """

    def __init__(self, vocabulary: int, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.readout = TiedEmbedding(vocabulary, width, shape.dropout)
        self.first = recurrent("gru", width, width)
        self.upper = recurrent("gru", width, width, layers=shape.layers)
        self.begin = nn.ModuleList(nn.Linear(width, width * n) for n in (1, shape.layers))
        self.query, self.key = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.mix = nn.Linear(2 * width, width)
        self.norm = nn.RMSNorm(width)
        self.dropout = RowDropout(shape.dropout)

    def forward(self, memory: Memory, given: Tensor) -> Tensor:
        """Logits of each next token ``[B, T, V]``; arguments as `AttentionDecoder.forward`."""
        return self._run(self.start(memory), given)[0]

    def start(self, memory: Memory) -> Cache:
        """The state before the first token: begun from the mean of the source."""
        x, mask = memory
        weight = mask.unsqueeze(2).to(x.dtype)
        mean = (x * weight).sum(1) / weight.sum(1)
        first, upper = (torch.tanh(layer(mean)) for layer in self.begin)
        return {"memory": x, "mask": mask, "keys": self.key(x), "first": first, "upper": upper}

    def step(self, state: Cache, tokens: Tensor) -> tuple[Tensor, Cache]:
        """Logits ``[B, V]`` after one more token ``[B]``, and the state then."""
        logits, state = self._run(state, tokens.unsqueeze(1))
        return logits.squeeze(1), state

    def reorder(self, state: Cache, index: Tensor) -> Cache:
        """The state of the rows ``index``, which may repeat."""
        return reorder(state, index)

    def _run(self, state: Cache, given: Tensor) -> tuple[Tensor, Cache]:
        x = self.readout(given)
        read, first = self.first.run(x, state["first"])
        x = self.norm(x + self.dropout(read))
        scores = self.query(x) @ state["keys"].transpose(1, 2) * x.shape[2] ** -0.5
        weights = scores.masked_fill(~state["mask"].unsqueeze(1), -torch.inf).softmax(2)
        seen = torch.tanh(self.mix(torch.cat([x, weights @ state["memory"]], dim=2)))
        read, upper = self.upper.run(self.dropout(seen), state["upper"])
        return self.readout.read(seen + read), {**state, "first": first, "upper": upper}


def _blocks(shape: Shape, *, cross: bool) -> nn.ModuleList:
    blocks = nn.ModuleList(
        Block(shape.width, shape.heads, cross=cross, causal=cross, mlp="relu2") for _ in range(shape.layers)
    )
    residual_scale(blocks)
    for block in blocks:
        block.add_module("dropout", RowDropout(shape.dropout))  # in place of the usual one
    return blocks


def _block(module: nn.Module) -> Block:
    assert isinstance(module, Block)
    return module
