"""Networks that play: from an observation to what the policy reads and what the value reads, and the head for both.

Vectors go through two perceptrons of one shape, one for the policy and one for the value, worked out as one batched product;
images through a convolutional network that both share (Mnih et al. 2015; its smaller form is that of 2013); boards through
the network for boards. Weights begin orthogonal, the policy's last layer near 0 (Andrychowicz et al. 2021,
arXiv:2006.05990).

Legend: B batch, D numbers, C channels, H and W sides, F features, N columns of the policy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from assay.core.recipe import Recipe
from assay.networks.board import board

PERCEPTRONS = {"tiny": (64, 2), "small": (512, 3), "base": (1536, 4), "large": (4096, 6)}  # width and layers
CONVOLUTIONS = {  # channels of the layers, and the width of the last
    "tiny": ((16, 32), 128),
    "small": ((32, 64, 64), 256),
    "base": ((64, 128, 128), 1536),
    "large": ((128, 256, 256), 8192),
}
KERNELS = ((8, 4), (4, 2), (3, 1))  # sides and strides
FARTHEST = 10.0  # deviations from the mean that a number counts for

RECIPE = Recipe(
    optimizer="adamw",
    lr=1e-3,
    batch_size=256,
    epochs=40,
    updates=0,
    schedule="linear",
    clip=0.5,
)


def policy(size: str, *, kind: str, shape: Sequence[int], normalise: bool) -> nn.Module:
    """A body for observations of that kind.

    Args:
        size: ``tiny``, ``small``, ``base`` or ``large``.
        kind: ``vector``, ``image`` or ``board``.
        shape: of one observation: ``[D]``, or ``[C, H, W]``.
        normalise: whether numbers are brought to a mean of 0 and a deviation of 1.
    """
    if kind == "image":
        channels, width = CONVOLUTIONS[size]
        return Eyes(tuple(shape), channels, width)
    if kind == "board":
        return board(size, shape=tuple(shape))
    width, layers = PERCEPTRONS[size]
    return Perceptrons(shape[0], width, layers, normalise=normalise)


class Perceptrons(nn.Module):
    """Two perceptrons side by side, tanh after each layer.

    Attributes:
        features: width of what each gives.
        mean, variance, count: of the numbers observed so far; `observe` follows them.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, numbers: int, width: int, layers: int, *, normalise: bool) -> None:
        super().__init__()
        self.features = width
        self.normalise = normalise
        for at, (before, after) in enumerate(pairwise([numbers, *[width] * layers])):
            self.register_parameter(f"weight_{at}", nn.Parameter(_orthogonal(before, after)))
            self.register_parameter(f"bias_{at}", nn.Parameter(torch.zeros(2, 1, after)))
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("variance", torch.ones(numbers))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def observe(self, observation: Tensor) -> None:
        """Take numbers ``[B, D]`` into the mean and variance (Chan et al. 1979)."""
        if not self.normalise:
            return
        _follow(self, observation)

    def scaled(self, observation: Tensor) -> Tensor:
        """Numbers ``[B, D]`` as the first layer reads them."""
        if not self.normalise:
            return observation
        return ((observation - self.mean) * (self.variance + 1e-8).rsqrt()).clamp(-FARTHEST, FARTHEST)

    def forward(self, observation: Tensor) -> Tensor:
        """``[B, D]`` → ``[B, 2, F]``: what the policy reads, what the value reads."""
        x = self.scaled(observation)
        x = x.expand(2, *x.shape)
        layers = iter(self._parameters.values())  # a list of parameters would cost more than the products
        for weight, bias in zip(layers, layers, strict=True):
            x = torch.baddbmm(bias, x, weight).tanh()  # type: ignore[arg-type]
        return x.transpose(0, 1)


class Eyes(nn.Module):
    """Convolutions and a linear layer, shared by policy and value.

    Attributes:
        features: width of what it gives.
    """

    def __init__(self, shape: Sequence[int], channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.features = width
        before, *sides = shape
        layers: list[nn.Module] = []
        for after, (kernel, stride) in zip(channels, KERNELS, strict=False):
            if min(sides) < kernel:  # a small picture: a smaller kernel reads all of it
                kernel, stride = min(sides), 1
            layer = nn.Conv2d(before, after, kernel, stride)
            nn.init.orthogonal_(layer.weight, math.sqrt(2))
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layers += [layer, nn.ReLU()]
            before, sides = after, [(side - kernel) // stride + 1 for side in sides]
        self.convolutions = nn.Sequential(*layers)
        self.linear = nn.Linear(before * math.prod(sides), width)
        nn.init.orthogonal_(self.linear.weight, math.sqrt(2))
        nn.init.zeros_(self.linear.bias)

    def observe(self, observation: Tensor) -> None:
        """Nothing: bytes have a scale of their own."""

    def forward(self, observation: Tensor) -> Tensor:
        """Bytes ``[B, C, H, W]`` → ``[B, 2, F]``, twice the same."""
        seen = observation.float() / 255
        x: Tensor = self.linear(self.convolutions(seen).flatten(1)).relu()
        return x.unsqueeze(1).expand(-1, 2, -1)


class PolicyHead(nn.Module):
    """One linear layer for the policy and one for the value; of numbers, a deviation each that all observations share.

    Attributes:
        variance, count: of what rewards to come are worth; `gauge` follows them. Values are learned in its deviation.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, features: int, *, kind: str, width: int) -> None:
        super().__init__()
        self.policy = nn.Linear(features, width)
        self.value = nn.Linear(features, 1)
        self.deviation = nn.Parameter(torch.zeros(width)) if kind == "numbers" else None
        nn.init.orthogonal_(self.policy.weight, 0.01)
        nn.init.orthogonal_(self.value.weight, 1.0)
        for layer in (self.policy, self.value):
            nn.init.zeros_(layer.bias)
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("variance", torch.ones(1))
        self.register_buffer("count", torch.zeros(()))

    @torch.no_grad()
    def gauge(self, returns: Tensor) -> None:
        """Take discounted returns ``[B]`` into the variance."""
        _follow(self, returns[:, None])

    def forward(self, features: Tensor) -> Tensor:
        """``[B, 2, F]`` → ``[B, N + 1]``: logits, or means and then the logarithms of deviations; last the value."""
        columns = [self.policy(features[:, 0])]
        if self.deviation is not None:
            columns.append(self.deviation.expand_as(columns[0]))
        return torch.cat([*columns, self.value(features[:, 1])], dim=1)


def policy_head(features: int, *, kind: str, width: int) -> PolicyHead:
    """The head for ``choice`` (``width`` logits) or ``numbers`` (``width`` of them)."""
    return PolicyHead(features, kind=kind, width=width)


def _orthogonal(before: int, after: int) -> Tensor:
    return torch.stack([nn.init.orthogonal_(torch.empty(before, after), math.sqrt(2)) for _ in range(2)])


def _follow(statistics: Perceptrons | PolicyHead, x: Tensor) -> None:
    """Take rows ``[B, D]`` into a running mean and variance (Chan et al. 1979)."""
    n = len(x)
    mean, variance = x.mean(0), x.var(0, correction=0)
    total = statistics.count + n
    away = mean - statistics.mean
    squares = statistics.variance * statistics.count + variance * n + away.square() * (statistics.count * n / total)
    statistics.mean.add_(away * (n / total))
    statistics.variance.copy_(squares / total)
    statistics.count.copy_(total)
