"""The small convolutional network of the tutorials: LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning Applied
to Document Recognition (1998), in the form with ReLU and max pooling that PyTorch's own tutorial made known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from assay.core.errors import ConfigError
from assay.networks.pooling import conv_max_pool_relu, max_pool_relu

FEWEST_PIXELS = 16  # a side below this leaves nothing after the second pooling


class LeNet(nn.Module):
    """``[B, C, H, W]`` → ``[B, 84]``: two blocks of convolution, ReLU and max pooling, then two linear layers.

    Layer for layer ``conv 6 k5 → ReLU → pool 2 → conv 16 k5 → ReLU → pool 2 → linear 120 → ReLU → linear 84 → ReLU``,
    with the layers of one block computed in an order that is faster and gives the same (see `assay.networks.pooling`).

    Attributes:
        features: 84.
    """

    features = 84

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * _side(height) * _side(width), 120)
        self.fc2 = nn.Linear(120, self.features)

    def forward(self, image: Tensor) -> Tensor:
        """The features ``[B, 84]`` of images ``[B, C, H, W]``."""
        x = conv_max_pool_relu(image, self.conv1.weight, self.conv1.bias)
        x = max_pool_relu(_Convolution.apply(x, self.conv2.weight, self.conv2.bias))  # type: ignore[no-untyped-call]
        x = self.fc1(x.flatten(1)).relu()
        return self.fc2(x).relu()  # type: ignore[no-any-return]


def lenet(channels: int, height: int, width: int) -> LeNet:
    """The body for images of that shape; for 32 × 32 × 3 it has 61,156 weights, and 62,006 with a head of 10 classes.

    Raises:
        ConfigError: a side is below 16 pixels.
    """
    if min(height, width) < FEWEST_PIXELS:
        raise ConfigError(
            f'The network "lenet" needs images of {FEWEST_PIXELS} × {FEWEST_PIXELS} pixels or more; '
            f"these have {width} × {height}. Take another network."
        )
    return LeNet(channels, height, width)


class _Convolution(torch.autograd.Function):
    """``conv2d`` without padding, each of whose gradients is computed in the memory layout that is faster for it.

    With 6 channels in and 16 out, the gradient of the weights takes half as long in channels-last memory, that of the
    input two thirds as long in the usual one; a copy costs little beside either.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.conv2d(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = (tensor.to(ctx.saved_tensors[1].dtype) for tensor in ctx.saved_tensors)
        gradient = gradient.to(weight.dtype)  # autocast may have lowered it
        last = torch.channels_last
        of_weight, of_bias = _gradients(
            gradient.contiguous(memory_format=last), x.contiguous(memory_format=last), weight, [False, True, True]
        )[1:]
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = _gradients(gradient.contiguous(), x, weight, [True, False, False])[0]
        return of_x, of_weight, of_bias


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor, which: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        gradient, x, weight, [len(weight)], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, which
    )


def _side(pixels: int) -> int:
    return ((pixels - 4) // 2 - 4) // 2
