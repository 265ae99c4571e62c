"""Attention and the blocks that are made of it: encoders, decoders, decoders of an encoded source.

Masks are exact. A place that is padding is seen by no other place and no place sees a later one, so what stands beside
an example in a batch never changes its answer.

Pre-norm residual blocks (Xiong et al. 2020, arXiv:2002.04745) of attention (Vaswani et al. 2017, arXiv:1706.03762) with
rotary positions (Su et al. 2021), RMSNorm (Zhang & Sennrich 2019) and a gated (Shazeer 2020, arXiv:2002.05202) or
squared-ReLU (So et al. 2021, arXiv:2109.08668) multilayer perceptron.

Legend: B batch, T places, L cached places, S places of the memory, D width, H heads, E = D / H.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.networks._rotary import turned, turns

Cache: TypeAlias = dict[str, Tensor]  # tensors, batch first

HIDDEN = {"gated": 8 / 3, "relu2": 4.0}  # the perceptron's width in widths of the block: the same weights for both


class Attention(nn.Module):
    """Multi-head attention of ``width`` numbers a place, to itself or to a memory of the same width.

    Args:
        width: D, a multiple of ``2 · heads`` (rotary positions turn pairs of numbers).
        heads: H.
        causal: whether a place sees itself and earlier places only.
        rotary: whether queries and keys are turned by their place, in attention to itself.
        normalised: whether queries and keys are brought to unit variance (Henry et al. 2020, arXiv:2010.04245).
        dropout: of attention weights, while training.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        causal: bool = False,
        rotary: bool = True,
        normalised: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        assert width % (2 * heads) == 0, (width, heads)
        self.heads, self.causal, self.rotary, self.normalised, self.dropout = heads, causal, rotary, normalised, dropout
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """``[B, T, D]``.

        Args:
            x: ``[B, T, D]``.
            mask: true where there is something, bool ``[B, T]``; padding may stand on either side. Not needed with a memory.
            memory: what is attended to, ``[B, S, D]``; ``x`` itself where there is none.
            memory_mask: true where there is something, bool ``[B, S]``, at least one place an example.
        """
        if memory is not None:
            return self.recall(x, *self.remember(memory), memory_mask)
        queries, keys, values = self._all(x, 0)
        if mask is None:
            return self._attend(queries, keys, values, None, causal=self.causal)
        return self._attend(queries, keys, values, visible(mask, causal=self.causal))

    def extend(self, x: Tensor, cache: Cache, mask: Tensor) -> tuple[Tensor, Cache]:
        """What ``T`` new places ``x [B, T, D]`` give after those of the cache: ``[B, T, D]``, and the longer cache.

        The cache is ``{}`` at first, then ``{"keys", "values": [B, H, L, E]}``; ``mask`` ``[B, L + T]`` is true where there
        is something, the new places included.
        """
        assert self.causal
        start = cache["keys"].shape[2] if cache else 0
        queries, keys, values = self._all(x, start)
        if cache:
            keys, values = torch.cat([cache["keys"], keys], dim=2), torch.cat([cache["values"], values], dim=2)
        seen = visible(mask, causal=True)[:, :, start:]
        return self._attend(queries, keys, values, seen), {"keys": keys, "values": values}

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The keys and values ``[B, H, S, E]`` of a memory ``[B, S, D]``."""
        return self._split(self.key(memory), norm=True), self._split(self.value(memory))

    def recall(self, x: Tensor, keys: Tensor, values: Tensor, memory_mask: Tensor | None) -> Tensor:
        """Attention of ``x [B, T, D]`` to what `remember` gave: ``[B, T, D]``. Places of two sequences are not turned."""
        seen = None if memory_mask is None else memory_mask[:, None, None, :]
        return self._attend(self._split(self.query(x), norm=True), keys, values, seen)

    def _all(self, x: Tensor, start: int) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys = self._split(self.query(x), norm=True), self._split(self.key(x), norm=True)
        return self._turned(queries, start), self._turned(keys, start), self._split(self.value(x))

    def _split(self, x: Tensor, *, norm: bool = False) -> Tensor:
        heads = x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)
        return functional.rms_norm(heads, heads.shape[-1:]) if norm and self.normalised else heads

    def _turned(self, x: Tensor, start: int) -> Tensor:
        return turned(x, *turns(x.shape[2], x.shape[3], start=start, device=x.device)) if self.rotary else x

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, *, causal: bool = False) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        x = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=dropout, is_causal=causal)
        return self.out(x.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention to itself, attention to a memory where ``cross``, and a perceptron, each added to what came in.

    Args:
        width, heads: as `Attention` takes them.
        cross: whether it attends to a memory too.
        causal: whether a place sees itself and earlier places only.
        mlp: ``gated`` (SwiGLU) or ``relu2`` (squared ReLU).
        dropout: of each sublayer's answer, while training.
        normalised: as `Attention` takes it.
        rotary: as `Attention` takes it, for its attention to itself.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        cross: bool = False,
        causal: bool = False,
        mlp: Literal["gated", "relu2"] = "gated",
        dropout: float = 0.0,
        normalised: bool = False,
        rotary: bool = True,
    ) -> None:
        super().__init__()
        self.before = nn.RMSNorm(width)
        self.attention = Attention(width, heads, causal=causal, rotary=rotary, normalised=normalised)
        self.between = nn.RMSNorm(width) if cross else None
        self.cross = Attention(width, heads, rotary=False, normalised=normalised) if cross else None
        self.after = nn.RMSNorm(width)
        self.mlp = Perceptron(width, mlp)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, memory: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """``[B, T, D]``; arguments as `Attention.forward` takes them."""
        x = x + self.dropout(self.attention(self.before(x), mask))
        if self.cross is not None and self.between is not None:
            assert memory is not None
            x = x + self.dropout(self.cross(self.between(x), None, memory, memory_mask))
        return x + self.dropout(self.mlp(self.after(x)))  # type: ignore[no-any-return]

    def start(self, memory: Tensor | None = None, memory_mask: Tensor | None = None) -> Cache:
        """The cache before the first place: empty, or the keys and values of a memory."""
        if self.cross is None:
            return {}
        assert memory is not None
        keys, values = self.cross.remember(memory)
        seen = memory.new_ones(memory.shape[:2], dtype=torch.bool) if memory_mask is None else memory_mask
        return {"memory_keys": keys, "memory_values": values, "memory_mask": seen}

    def extend(self, x: Tensor, cache: Cache, mask: Tensor | None = None) -> tuple[Tensor, Cache]:
        """What new places ``x [B, T, D]`` give after those of the cache: ``[B, T, D]``, and the longer cache.

        ``mask`` ``[B, T]`` is true where a new place holds something (a batch of prompts is padded on the left).
        """
        mask = x.new_ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        seen = torch.cat([cache["mask"], mask], dim=1) if "mask" in cache else mask
        known: Cache = {name: tensor for name, tensor in cache.items() if name in ("keys", "values")}
        answer, known = self.attention.extend(self.before(x), known, seen)
        x = x + self.dropout(answer)
        if self.cross is not None and self.between is not None:
            keys, values, there = cache["memory_keys"], cache["memory_values"], cache["memory_mask"]
            x = x + self.dropout(self.cross.recall(self.between(x), keys, values, there))
        return x + self.dropout(self.mlp(self.after(x))), {**cache, **known, "mask": seen}

    def step(self, x: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """`extend` by one place ``x [B, D]``: ``[B, D]``, and the longer cache."""
        x, cache = self.extend(x.unsqueeze(1), cache)
        return x.squeeze(1), cache


class Perceptron(nn.Module):
    """A layer out and a layer back, with a gate or a squared ReLU between."""

    def __init__(self, width: int, kind: Literal["gated", "relu2"]) -> None:
        super().__init__()
        hidden = max(8, round(HIDDEN[kind] * width / 8) * 8)
        self.gated = kind == "gated"
        self.gate = nn.Linear(width, hidden, bias=False) if self.gated else None
        self.wide = nn.Linear(width, hidden, bias=False)
        self.back = nn.Linear(hidden, width, bias=False)
        for layer in (self.gate, self.wide, self.back):
            if layer is not None:
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``[…, D]`` → ``[…, D]``."""
        wide = self.wide(x)
        wide = wide.relu().square() if self.gate is None else functional.silu(self.gate(x)) * wide
        return self.back(wide)  # type: ignore[no-any-return]


def visible(mask: Tensor, *, causal: bool) -> Tensor:
    """Which place sees which: bool ``[B, 1, T, T]`` from ``mask`` ``[B, T]`` (true where there is something).

    A place that is padding sees itself: its answer means nothing, but it is a number, and no other place sees it.

    >>> visible(torch.tensor([[False, True, True]]), causal=True)[0, 0].int().tolist()
    [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    """
    places = torch.arange(mask.shape[1], device=mask.device)
    seen = mask[:, None, None, :] | (places[:, None] == places)
    return seen & (places[:, None] >= places) if causal else seen


def reorder(cache: Cache, index: Tensor) -> Cache:
    """The cache of the rows ``index``, which may repeat (beams)."""
    return {name: tensor.index_select(0, index) for name, tensor in cache.items()}


def residual_scale(blocks: nn.ModuleList) -> None:
    """Shrink what each sublayer of a stack adds, so that the sum keeps its size at any depth (Radford et al. 2019)."""
    with torch.no_grad():
        for block in blocks:
            assert isinstance(block, Block)
            layers = [block.attention.out, block.mlp.back, *([block.cross.out] if block.cross else [])]
            for layer in layers:
                layer.weight.mul_((len(layers) * len(blocks)) ** -0.5)
