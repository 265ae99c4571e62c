"""A network for finding objects: residual stages, their maps joined into one fine map, and a head that reads every cell.

The stages are those of `assay.networks.residual`. What the coarse ones know (a large cell is white here) is added to what
the fine ones see, as in a feature pyramid (Lin et al. 2017, arXiv:1612.03144), but only the finest map is read: one map
with a box and a class a cell needs neither anchors nor levels that objects are dealt out to by their size (Tian et al. 2019,
FCOS, arXiv:1904.01355).

Legend: B batch, C channels, H height, W width, D features, K classes, h, w sides of the map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.recipe import Recipe
from assay.networks.residual import Stage, convolution
from assay.networks.whitening import Whitening

# Widths of the four stages, convolutions in each, D / 2, and convolutions of each reading.
SIZES = {
    "tiny": ((16, 32, 64, 96), 2, 48, 1),
    "small": ((32, 64, 128, 192), 2, 96, 2),
    "base": ((64, 128, 256, 384), 3, 160, 3),
    "large": ((128, 256, 512, 768), 4, 320, 4),
}

RECIPE = Recipe(
    optimizer="muon",
    lr=0.06,
    momentum=0.6,
    batch_size=8,
    epochs=30,
    updates=1_000,
    schedule="linear",
    warmup=0.05,
    augment=True,
    ema=0.99,
    clip=10.0,
)

FINE = 96  # images whose shorter side is below this are looked at pixel by pixel
TOGETHER = 32  # images at a time while nothing is learned: their maps are large
NORM_MEMORY = 0.1  # batches are small, so that many of them are needed for the running statistics
RARE = 0.01  # the probability of every class in every cell at first: most cells show background (Lin et al. 2017)


def detection(size: str, *, channels: int, height: int, width: int) -> DetectionBody:
    """A body of about 0.3 M (``tiny``), 1.5 M (``small``), 8 M (``base``) or 41 M (``large``) weights.

    Args:
        size: one of the keys of `SIZES`.
        channels, height, width: of the images; sides of at least 8.
    """
    widths, depth, features, reading = SIZES[size]
    stride = 1 if min(height, width) < FINE else 2
    return DetectionBody(channels, widths, features, depth=depth, stride=stride, reading=reading)


def located(features: int, classes: int, **_: object) -> DetectionHead:
    """A head that reads a box and ``classes`` logits from each cell of a map of ``features`` channels, the first half of
    which tells of boxes and the second half of classes."""
    return DetectionHead(features, classes)


class DetectionBody(nn.Module):
    """A whitening layer, stages that halve both sides each, the way back up to the second one's sides, and there two
    readings of what was seen: one for boxes, one for classes."""

    def __init__(
        self, channels: int, widths: tuple[int, ...], features: int, *, depth: int, stride: int, reading: int
    ) -> None:
        super().__init__()
        self.features = 2 * features
        self.whitening = Whitening(channels, stride=stride)
        before = (self.whitening.features, *widths[:-1])
        self.stages = nn.ModuleList(Stage(i, o, depth) for i, o in zip(before, widths, strict=True))
        self.joins = nn.ModuleList(Join(width, features) for width in widths[1:])
        self.readings = nn.ModuleList(nn.Sequential(*(_layer(features) for _ in range(reading))) for _ in range(2))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = NORM_MEMORY
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def initialise(self, image: Tensor) -> None:
        """Look at training images ``[B, C, H, W]`` before the first update."""
        self.whitening.fit(image)

    def forward(self, image: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` → a map ``[B, D, h, w]``, of an eighth of the sides (a quarter for small images)."""
        if not self.training and len(image) > TOGETHER:
            return torch.cat([self(part) for part in torch.split(image, TOGETHER)])
        x = functional.relu(self.whitening(image))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        joined: Tensor | None = None
        for join, x in zip(reversed(self.joins), reversed(maps), strict=False):  # the first map is too fine to be read
            joined = join(x, joined)
        return torch.cat([reading(joined) for reading in self.readings], dim=1)


class Join(nn.Module):
    """A stage's map, and what is known from coarser ones, as one map of ``features`` channels."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(width, features, 1, bias=False)
        self.norm = nn.BatchNorm2d(features)
        self.residual = nn.Sequential(convolution(features, features), nn.BatchNorm2d(features))

    def forward(self, x: Tensor, coarser: Tensor | None) -> Tensor:
        """``[B, C, h, w]`` and ``[B, D, h', w']`` → ``[B, D, h, w]``."""
        x = self.norm(self.enter(x))
        if coarser is not None:
            x = x + functional.interpolate(coarser, size=x.shape[2:], mode="nearest")
        x = functional.relu(x)
        return x + functional.relu(self.residual(x))


class DetectionHead(nn.Module):
    """A linear layer for the boxes, another one for the classes."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.box = _readout(features // 2, 4, math.log(2))  # boxes of four cells a side
        self.label = _readout(features // 2, classes, math.log(RARE / (1 - RARE)))

    def forward(self, features: Tensor) -> Tensor:
        """A map ``[B, D, h, w]`` → ``[B, 4 + K, h, w]``: logarithms of a box's four distances in cells, and logits."""
        for_box, for_label = features.chunk(2, dim=1)
        return torch.cat([self.box(for_box), self.label(for_label)], dim=1)


def _readout(features: int, width: int, bias: float) -> nn.Conv2d:
    layer = nn.Conv2d(features, width, 1)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]
    return layer


def _layer(width: int) -> nn.Sequential:
    return nn.Sequential(convolution(width, width), nn.BatchNorm2d(width), nn.ReLU())
