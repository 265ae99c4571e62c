"""A causal language model: every place of a text foretells the next token from those before it.

The body hands the prompt through; the head reads prompt and answer as one text and keeps a cache of it, so that an answer
is found token by token.

Legend: B batch, L tokens of a prompt, T of an answer, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import choose
from assay.core.recipe import Recipe
from assay.networks._counts import NONE, Counts
from assay.networks.attention import Block, Cache, reorder, residual_scale

COUNTED = 512  # the largest vocabulary whose n-grams are counted: characters
ORDER = 6  # tokens of the longest context that is counted


@dataclass(frozen=True)
class Shape:
    """The size of a stack of blocks: D, heads and blocks."""

    width: int
    heads: int
    layers: int


SIZES = {
    "small": Shape(128, 4, 4),
    "tiny": Shape(64, 2, 2),
    "base": Shape(384, 6, 6),
    "large": Shape(768, 12, 14),
}

RECIPE = Recipe(
    optimizer="adamw",
    lr=4e-3,
    weight_decay=0.1,
    batch_size=8,
    epochs=5,
    updates=400,
    schedule="linear",
    warmup=0.05,
    clip=1.0,
)


class PromptBody(nn.Module):
    """Hands a prompt through; ``features`` is the `Shape` of the stack that reads it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.features = shape

    def forward(self, prompt: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """``prompt`` int64 ``[B, L]`` and ``mask`` bool ``[B, L]``, as they are."""
        return prompt, mask


def prompt_body(size: str, **_: object) -> PromptBody:
    """The body of a language model of one of `SIZES`.

    Raises:
        ConfigError: there is no such size.
    """
    return PromptBody(SIZES[choose("size", size, SIZES)])


def attention_head(features: Shape, *, vocabulary: int, context: int, begin: int, pad: int) -> CausalHead:
    """A stack of causal blocks."""
    return CausalHead(features, vocabulary, context, begin, pad, order=0)


def counting_head(features: Shape, *, vocabulary: int, context: int, begin: int, pad: int) -> CausalHead:
    """A stack of causal blocks beside counts of n-grams, where the vocabulary is one of characters."""
    return CausalHead(features, vocabulary, context, begin, pad, order=ORDER if vocabulary <= COUNTED else 0)


class CausalHead(nn.Module):
    """Token embeddings, causal blocks, and logits of the next token; perhaps on top of what was counted.

    With counts (`assay.networks._counts`) the logits are ``W h + g(h) · log p``, p the counted probabilities: the network
    learns where to trust them and what they miss. (Mikolov et al. 2011, https://doi.org/10.1109/ASRU.2011.6163930, put
    an n-gram model beside a network too, and learn both by gradient.)

    Args:
        shape: of the stack.
        vocabulary: V.
        context: the most tokens that are seen at once.
        begin, pad: codes.
        order: tokens of the longest context that is counted; 0 for no counts.
    """

    def __init__(self, shape: Shape, vocabulary: int, context: int, begin: int, pad: int, *, order: int) -> None:
        super().__init__()
        self.context, self.begin, self.pad = context, begin, pad
        self.embedding = nn.Embedding(vocabulary, shape.width)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, causal=True, mlp="relu2", normalised=True) for _ in range(shape.layers)
        )
        residual_scale(self.blocks)
        self.norm = nn.RMSNorm(shape.width)
        self.readout = nn.Linear(shape.width, vocabulary, bias=False)
        nn.init.zeros_(self.readout.weight)
        self.counts = Counts(vocabulary, order) if order else None
        if self.counts is not None:
            self.told = nn.Linear(self.counts.features, shape.width, bias=False)
            self.trust = nn.Linear(shape.width, 1)
            for layer in (self.told, self.trust):
                nn.init.zeros_(layer.weight)
            nn.init.ones_(self.trust.bias)

    def observe(self, x: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> None:
        """Count all training texts, before the first update.

        Args:
            x: ``prompt`` ``[N, W]``, at the right edge, and ``length`` ``[N]``, how many tokens each has.
            y: what follows, ``tokens`` ``[N, T]``, and ``length`` ``[N]``, how many.
        """
        if self.counts is None:
            return
        prompt, tokens = x["prompt"].long(), y["tokens"].long()
        there = torch.arange(prompt.shape[1], 0, -1) <= x["length"].unsqueeze(1)
        follows = torch.arange(tokens.shape[1]) < y["length"].unsqueeze(1)
        text = torch.cat([prompt.masked_fill(~there, NONE), tokens], dim=1)
        self.counts.learn(text, torch.cat([torch.zeros_like(there), follows], dim=1))

    def forward(self, memory: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
        """Logits of each token of the answer, ``[B, T, V]``; ``given`` ``[B, T]`` is what stands before each, the first
        one the beginning, for which the prompt's last token stands."""
        prompt, mask = memory
        text = torch.cat([prompt, given[:, 1:]], dim=1)
        first = prompt.shape[1] - 1
        there = None if mask.all() else torch.cat([mask, mask.new_ones(given[:, 1:].shape)], dim=1)
        x, told = self._embed(text, there, learning=self.training)
        for block in self.blocks:
            x = block(x, there)
        return self._logits(x[:, first:], None if told is None else told[:, first:])

    def start(self, memory: tuple[Tensor, Tensor]) -> Cache:
        """The state after the prompt: the text so far, at the right edge, and the blocks' caches."""
        prompt, mask = memory
        return {**self._read(prompt, mask), "begun": mask.new_zeros(len(prompt))}

    def step(self, state: Cache, tokens: Tensor) -> tuple[Tensor, Cache]:
        """Logits ``[B, V]`` after one more token ``[B]``; the first one, the beginning, changes nothing."""
        if not state["begun"].any():
            return state["logits"], {**state, "begun": torch.ones_like(state["begun"])}
        text = torch.cat([state["text"], tokens.unsqueeze(1)], dim=1)
        mask = torch.cat([state["mask"], state["mask"].new_ones(len(text), 1)], dim=1)
        if (full := mask.sum(1) > self.context).any():
            state = {**self._read(*self._recent(text, mask, full)), "begun": state["begun"]}
            return state["logits"], state
        recent = slice(-ORDER - 1, None)
        x, told = self._embed(text[:, recent], mask[:, recent])
        x, told = x[:, -1:], None if told is None else told[:, -1:]
        after: Cache = {"text": text, "mask": mask, "begun": state["begun"]}
        for at, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, cache = block.extend(x, _of(state, at))
            after |= _named(cache, at)
        after["logits"] = self._logits(x, told)[:, -1]
        return after["logits"], after

    def reorder(self, state: Cache, index: Tensor) -> Cache:
        """The state of the rows ``index``."""
        return reorder(state, index)

    def _read(self, text: Tensor, mask: Tensor) -> Cache:
        x, told = self._embed(text, mask)
        state: Cache = {"text": text, "mask": mask}
        for at, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, cache = block.extend(x, {}, mask)
            state |= _named(cache, at)
        state["logits"] = self._logits(x[:, -1:], None if told is None else told[:, -1:])[:, -1]
        return state

    def _recent(self, text: Tensor, mask: Tensor, full: Tensor) -> tuple[Tensor, Tensor]:
        """The texts; of those that are ``full``, their last half as though it began there, as texts do in training."""
        kept = max(2, self.context // 2)
        width = text.shape[1]
        length = torch.where(full, kept, mask.sum(1))
        first = width - length
        text = text.scatter(
            1, first.unsqueeze(1), torch.where(full, self.begin, text.gather(1, first.unsqueeze(1))[:, 0])[:, None]
        )
        longest = int(length.max())
        there = torch.arange(width, device=text.device) >= first.unsqueeze(1)
        return text[:, width - longest :], there[:, width - longest :]

    def _embed(self, text: Tensor, mask: Tensor | None, *, learning: bool = False) -> tuple[Tensor, Tensor | None]:
        """Token vectors ``[B, L, D]``, and the counted log-probabilities of what follows ``[B, L, V]``."""
        x = functional.rms_norm(self.embedding(text), (self.embedding.embedding_dim,))
        if self.counts is None:
            return x, None
        known, after = text if mask is None else text.masked_fill(~mask, NONE), None
        if learning:  # what follows the last place is not known here, so it could not be left out of the counts
            last = torch.full_like(text[:, :1], NONE)
            known, after = torch.cat([known[:, :-1], last], dim=1), torch.cat([text[:, 1:], last], dim=1)
        chance, told = self.counts(known, after)
        return x + self.told(told), chance

    def _logits(self, x: Tensor, chance: Tensor | None) -> Tensor:
        x = self.norm(x)
        logits: Tensor = self.readout(x)
        return logits if chance is None else logits + self.trust(x) * chance


def _named(cache: Cache, at: int) -> Cache:
    return {f"{at}.{name}": tensor for name, tensor in cache.items()}


def _of(state: Cache, at: int) -> Cache:
    start = f"{at}."
    return {name.removeprefix(start): tensor for name, tensor in state.items() if name.startswith(start)}
