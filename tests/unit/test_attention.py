"""Attention: masks are exact, the cache gives what the whole gives, positions are relative."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from assay.networks.attention import Attention, Block, reorder, residual_scale, visible

WIDTH, HEADS = 16, 2


def block(**options: object) -> Block:
    torch.manual_seed(0)
    return Block(WIDTH, HEADS, **options).eval()  # type: ignore[arg-type]


def test_attention_is_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    layer = Attention(WIDTH, HEADS, rotary=False).double()
    x = torch.randn(3, 5, WIDTH, dtype=torch.float64)
    q, k, v = (weights(x).view(3, 5, HEADS, -1) for weights in (layer.query, layer.key, layer.value))
    weight = (torch.einsum("bthe,bshe->bhts", q, k) / math.sqrt(WIDTH / HEADS)).softmax(-1)
    expected = layer.out(torch.einsum("bhts,bshe->bthe", weight, v).reshape(3, 5, WIDTH))
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("mlp", ["gated", "relu2"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(causal: bool, mlp: str, side: str) -> None:
    network = block(causal=causal, mlp=mlp, normalised=True)
    x = torch.randn(1, 5, WIDTH)
    pad = torch.full((1, 3, WIDTH), 1e3)
    mask = torch.tensor([[False] * 3 + [True] * 5]) if side == "left" else torch.tensor([[True] * 5 + [False] * 3])
    padded = torch.cat([pad, x] if side == "left" else [x, pad], dim=1)
    torch.testing.assert_close(network(padded, mask)[mask], network(x)[0], atol=1e-5, rtol=1e-4)


def test_no_place_sees_a_later_one_where_causal_and_does_where_not() -> None:
    x = torch.randn(2, 6, WIDTH)
    other = x.clone()
    other[:, 4:] += 1
    causal, free = block(causal=True), block()
    torch.testing.assert_close(causal(x)[:, :4], causal(other)[:, :4])
    assert (free(x)[:, :4] - free(other)[:, :4]).abs().max() > 1e-3


def test_the_cache_gives_what_the_whole_gives() -> None:
    network = block(causal=True, normalised=True)
    x = torch.randn(2, 7, WIDTH)
    mask = torch.tensor([[False, False, True, True, True, True, True], [True] * 7])
    whole = network(x, mask)
    start, cache = network.extend(x[:, :4], network.start(), mask[:, :4])
    parts = [start]
    for at in range(4, 7):
        one, cache = network.step(x[:, at], cache)
        parts.append(one.unsqueeze(1))
    torch.testing.assert_close(torch.cat(parts, dim=1)[mask], whole[mask], atol=1e-5, rtol=1e-4)


def test_the_cache_of_a_decoder_holds_its_memory_and_can_be_reordered() -> None:
    network = block(causal=True, cross=True)
    x, memory = torch.randn(2, 3, WIDTH), torch.randn(2, 4, WIDTH)
    seen = torch.tensor([[True, True, False, False], [True] * 4])
    whole = network(x, None, memory, seen)
    cache = network.start(memory, seen)
    _, cache = network.extend(x[:, :2], cache)
    swapped = reorder(cache, torch.tensor([1, 0, 1]))
    last, _ = network.step(x[[1, 0, 1], 2], swapped)
    torch.testing.assert_close(last, whole[[1, 0, 1], 2], atol=1e-5, rtol=1e-4)
    moved = memory.clone()
    moved[0, 2:] = 7.0  # padding of the memory
    torch.testing.assert_close(network(x, None, moved, seen), whole)
    moved[0, 1] = 7.0
    assert (network(x, None, moved, seen)[0] - whole[0]).abs().max() > 1e-3


def test_rotary_positions_know_the_distance_alone() -> None:
    network = block(causal=True)
    x = torch.randn(1, 4, WIDTH)
    mask = torch.tensor([[False] * 9 + [True] * 4])
    far = torch.cat([torch.zeros(1, 9, WIDTH), x], dim=1)
    torch.testing.assert_close(network(far, mask)[:, 9:], network(x), atol=1e-5, rtol=1e-4)
    turned = network(x.flip(1)).flip(1)
    assert (turned - network(x)).abs().max() > 1e-3  # but order matters


def test_padding_sees_itself_so_that_nothing_is_undefined() -> None:
    network = block(causal=True)
    x = torch.randn(1, 4, WIDTH, requires_grad=True)
    network(x, torch.tensor([[False, False, False, True]])).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert visible(torch.ones(1, 2, dtype=torch.bool), causal=False).all()


def test_what_blocks_add_is_scaled_by_their_number() -> None:
    blocks = nn.ModuleList(block() for _ in range(8))
    before = blocks[0].attention.out.weight.norm()  # type: ignore[union-attr]
    residual_scale(blocks)
    torch.testing.assert_close(blocks[0].attention.out.weight.norm(), before / 4)  # type: ignore[union-attr]
