"""Random changes of images together with the boxes on them: another frame of the same scene, in another light.

Legend: B batch, C channels, H height, W width, M places for objects.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from assay.core.protocols import FittedOutput, Tensors

ZOOM = 0.3  # frames are of e^−ZOOM … e^ZOOM times the image's sides
STRETCH = 0.1  # and up to e^STRETCH times as wide, and as much lower, or the other way round
MOVE = 0.15  # how far their middles lie from the image's, as a share of its sides
LIGHT = 0.2  # how far contrast, saturation (as shares), brightness and each colour (of −1 … 1) change
LEFT = 0.25  # the share of an object that a frame must show for the object to be one that should be found


def reframed(
    given: Any, _output: FittedOutput, x: Tensors, y: Tensors, generator: torch.Generator
) -> tuple[Tensors, Tensors]:
    """A batch of images and the boxes on them, each framed anew and in another light (see `frames`, `cut`, `lit`).

    As an `assay.core.task.Pair.augment` of a fitted image it takes ``x["image"] [B, C, H, W]`` in −1 … 1 and of ``y`` the
    ``boxes [B, M, 4]`` in shares of the sides, ``code [B, M]`` (−1: no object) and ``ignore [B, M]``.
    """
    image = x["image"]
    middle, size = frames(len(image), given.flip, generator)
    middle, size = middle.to(image.device), size.to(image.device)
    # ``size`` is negative in a frame that is mirrored: its left side is then further right than its right one.
    turn = torch.cat([torch.diag_embed(size), (2 * middle - 1)[:, :, None]], dim=2)
    grid = functional.affine_grid(turn, list(image.shape), align_corners=False)
    image = functional.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    boxes, code, ignore = cut(y["boxes"], y["code"], y["ignore"].bool(), middle, size)
    image = lit(image, generator).contiguous(memory_format=torch.channels_last)
    return x | {"image": image}, y | {"boxes": boxes, "code": code, "ignore": ignore}


def frames(n: int, flip: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Middles ``[n, 2]`` and sizes ``[n, 2]`` of random frames (across, down), as shares of an image's sides.

    With ``flip`` half of the widths are negative: such a frame shows the image mirrored.
    """
    zoom, stretch, across, down, mirror = torch.rand(5, n, generator=generator, device=generator.device)
    zoom, stretch = ZOOM * (2 * zoom - 1), STRETCH * (2 * stretch - 1)
    size = torch.stack([(zoom + stretch).exp(), (zoom - stretch).exp()], dim=1)
    if flip:
        size[:, 0] *= torch.where(mirror < 0.5, -1.0, 1.0)
    return 0.5 + MOVE * (2 * torch.stack([across, down], dim=1) - 1), size


def cut(boxes: Tensor, code: Tensor, ignore: Tensor, middle: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The objects as frames show them.

    An object of which a quarter is left is cut by the frame; one of which less is left need not be found (``ignore``); of
    one that is outside nothing is left (code −1).

    Args:
        boxes: ``[B, M, 4]`` in shares of the image's sides.
        code, ignore: ``[B, M]``.
        middle, size: of the frames, ``[B, 2]``, as `frames` gives them.

    Returns:
        Boxes in shares of the frames' sides, code and ignore.
    """
    corners = (boxes.view(*boxes.shape[:2], 2, 2) - middle[:, None, None]) / size[:, None, None] + 0.5
    low, high = corners.amin(2), corners.amax(2)  # a mirrored box has its corners the other way round
    whole = (high - low).prod(2)
    low, high = low.clamp(0, 1), high.clamp(0, 1)
    left = (high - low).prod(2)
    code = torch.where(left > 0, code, -1)
    return torch.cat([low, high], dim=2), code, ignore | (left < LEFT * whole)


def lit(image: Tensor, generator: torch.Generator) -> Tensor:
    """Each image ``[B, C, H, W]`` with another contrast and brightness and, where it has colours, other ones."""
    batch, channels = image.shape[:2]
    drawn = torch.rand(batch, 3 + channels, 1, 1, generator=generator, device=generator.device).to(image.device)
    drawn = LIGHT * (2 * drawn - 1)
    contrast, brightness, saturation, colours = drawn[:, :1], drawn[:, 1:2], drawn[:, 2:3], drawn[:, 3:]
    mean = image.mean((1, 2, 3), keepdim=True)
    if channels == 1:
        return mean + (image - mean) * (1 + contrast) + brightness
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * (1 + saturation)
    return mean + (image - mean) * (1 + contrast) + brightness + colours / 2
