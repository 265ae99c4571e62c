"""Fast pooling is pooling: values, gradients, ties, odd sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from assay.networks.pooling import avg_pool, conv_max_pool_relu, max_pool_relu

shapes = st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(2, 9), st.integers(2, 9))


def literal_max(x: Tensor) -> Tensor:
    return functional.max_pool2d(functional.relu(x), 2)


def literal_block(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return functional.max_pool2d(functional.relu(functional.conv2d(x, weight, bias)), 2)


def with_gradients(function: Callable[..., Tensor], *inputs: Tensor, seed: int) -> list[Tensor]:
    """The function's value, and the gradients of a random projection of it."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    value = function(*leaves)
    way = torch.randn(value.shape, generator=torch.Generator().manual_seed(seed), dtype=value.dtype)
    return [value.detach(), *torch.autograd.grad((value * way).sum(), leaves)]


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(0, 10_000), st.booleans())
def test_pooling_first_is_the_same_to_the_bit_ties_and_odd_sides_included(
    shape: tuple[int, int, int, int], seed: int, channels_last: bool
) -> None:
    # Small whole numbers: windows with ties, and windows without anything positive, are frequent.
    x = torch.randint(-3, 4, shape, generator=torch.Generator().manual_seed(seed)).float()
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    ours, theirs = (with_gradients(function, x, seed=seed) for function in (max_pool_relu, literal_max))
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(0, 10_000))
def test_average_pooling_is_the_mean_of_each_window(shape: tuple[int, int, int, int], seed: int) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    ours = with_gradients(avg_pool, x, seed=seed)
    theirs = with_gradients(lambda x: functional.avg_pool2d(x, 2), x, seed=seed)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.tuples(*[st.integers(7, 13)] * 2),
    st.integers(0, 10_000),
)  # fmt: skip
def test_one_strided_convolution_is_convolution_relu_and_pooling(
    batch: int, channels: int, out: int, k: int, sides: tuple[int, int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, *sides, generator=generator, dtype=torch.float64)
    weight = torch.randn(out, channels, k, k, generator=generator, dtype=torch.float64)
    bias = torch.randn(out, generator=generator, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last) if seed % 2 else x
    ours, theirs = (with_gradients(f, x, weight, bias, seed=seed) for f in (conv_max_pool_relu, literal_block))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_an_image_of_one_channel_that_is_laid_out_channels_last() -> None:
    x = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0)).contiguous(
        memory_format=torch.channels_last
    )
    weight, bias = torch.rand(4, 1, 5, 5), torch.zeros(4)
    torch.testing.assert_close(conv_max_pool_relu(x, weight, bias), literal_block(x, weight, bias))


def test_a_flat_image_ties_every_window_and_its_gradient_still_goes_to_one_place() -> None:
    x, weight, bias = torch.ones(2, 3, 8, 8), torch.rand(4, 3, 5, 5), torch.zeros(4)
    ours, theirs = (with_gradients(f, x, weight, bias, seed=0) for f in (conv_max_pool_relu, literal_block))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("function", [max_pool_relu, literal_max])
def test_what_is_not_a_number_is_not_hidden(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.full((1, 1, 2, 2), -1.0)
    x[0, 0, 1, 0] = torch.nan
    assert function(x).isnan().all()
