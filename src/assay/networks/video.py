"""Networks that read clips: a convolution of every frame, and what joins the frames.

Small, since clips are few: a first layer of 4 × 4 patches, then stages that halve the sides. Beside its colours every frame
brings how its brightness differs from the frame before, so that motion need not be learned to be seen. Frames are joined by
shifted channels (Lin et al., TSM, 2019, arXiv:1811.08383: a quarter of the channels is taken from the frame before and the
frame after, which makes a convolution of two dimensions one of three at no cost), by a recurrent network, by attention, or
not at all, as a control: what an average of frames knows is no motion.

Legend: B batch, S frames given, T frames of one view, C channels, H height, W width, D features, h, w sides of a map.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.recipe import Recipe
from assay.networks.attention import Block, residual_scale
from assay.networks.recurrent import recurrent as recurrent_layers
from assay.networks.residual import convolution

# Widths of the first layer and of the stages, and convolutions in each stage.
SIZES = {
    "tiny": ((24, 40, 80), 2),
    "small": ((48, 128, 256), 2),
    "base": ((96, 320, 768), 2),
    "large": ((256, 768, 1536), 4),
}
SHARE = 8  # one in so many channels is taken from the frame before, and one from the frame after
DROPOUT = 0.5
HEADS = {"tiny": 2, "small": 4, "base": 8, "large": 12}

RECIPE = Recipe(
    optimizer="adamw",
    lr=3e-3,
    weight_decay=0.05,
    batch_size=32,
    epochs=20,
    schedule="linear",
    warmup=0.1,
    smoothing=0.1,
    augment=True,
    ema=0.99,
)


def shifted(size: str, *, channels: int, frames: int, height: int, width: int, stills: bool = True) -> VideoBody:
    """Frames that see their neighbours by shifted channels.

    Args:
        size: one of the keys of `SIZES`.
        channels, frames, height, width: of the clips; sides of at least 8.
        stills: whether the frames are seen, or only how each differs from the one before.
    """
    return VideoBody(size, channels, frames, min(height, width), stills=stills, differences=True, shift=True)


def averaged(size: str, *, channels: int, frames: int, height: int, width: int) -> VideoBody:
    """Every frame by itself: a control, to which the order of the frames makes no difference."""
    return VideoBody(size, channels, frames, min(height, width), stills=True, differences=False, shift=False)


def recurrent(size: str, *, channels: int, frames: int, height: int, width: int) -> Joined:
    """A GRU in both directions over the frames."""
    body = VideoBody(size, channels, frames, min(height, width), stills=True, differences=True, shift=False)
    return Joined(body, recurrent_layers("gru", body.features, body.features, both=True))


def attention(size: str, *, channels: int, frames: int, height: int, width: int) -> Joined:
    """Two blocks of attention over the frames."""
    body = VideoBody(size, channels, frames, min(height, width), stills=True, differences=True, shift=False)
    return Joined(body, Blocks(body.features, HEADS[size]))


class VideoBody(nn.Module):
    """Stages of residual convolutions over the frames of a clip.

    Of more frames than it reads at once, every S / T-th makes a view from each of the first ones on, and what the views
    give is averaged.
    """

    def __init__(
        self, size: str, channels: int, frames: int, side: int, *, stills: bool, differences: bool, shift: bool
    ) -> None:
        super().__init__()
        (first, *widths), depth = SIZES[size]
        halvings = max(0, round(math.log2(side / 96)))  # larger clips pass more stages at the first width
        self.frames, self.stills, self.differences = frames, stills, differences
        seen = (channels if stills else 0) + differences
        patch = 4 if side >= 16 else 2
        self.whiten = nn.BatchNorm2d(seen, affine=False)
        self.patches = nn.Conv2d(seen, first, patch, patch, bias=False)
        self.norm = nn.BatchNorm2d(first)
        stages = (first, *[first] * halvings, *widths)
        self.stages = nn.ModuleList(Stage(i, o, depth, shift) for i, o in pairwise(stages))
        self.features = widths[-1]
        self.drop = nn.Dropout1d(DROPOUT)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, video: Tensor) -> Tensor:
        """Clips ``[B, S, C, H, W]``, S a multiple of T → ``[B, T, D]`` (T − 1 where differences are seen, at least 1)."""
        views = video.shape[1] // self.frames
        clips = video.reshape(-1, self.frames, views, *video.shape[2:]).transpose(1, 2).flatten(0, 1)
        x = self._seen(clips)
        count = x.shape[1]
        x = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = functional.relu(self.norm(self.patches(self.whiten(x))))
        for stage in self.stages:
            x = stage(x, count)
        x = x.mean((2, 3)).view(-1, views, count, self.features).mean(1)
        return self.drop(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]

    def _seen(self, clips: Tensor) -> Tensor:
        if not self.differences:
            return clips
        grey = clips.mean(2, keepdim=True)
        if self.frames == 1:
            difference, stills = torch.zeros_like(grey), clips
        else:
            difference, stills = grey[:, 1:] - grey[:, :-1], clips[:, 1:]
        return torch.cat([stills, difference], dim=2) if self.stills else difference


class Stage(nn.Module):
    """A convolution to ``width`` channels at half the sides, and ``depth − 1`` residual ones after it."""

    def __init__(self, before: int, width: int, depth: int, shift: bool) -> None:
        super().__init__()
        self.shift = shift
        self.enter = convolution(before, width)
        self.norm = nn.BatchNorm2d(width)
        self.residuals = nn.ModuleList(
            nn.Sequential(convolution(width, width), nn.BatchNorm2d(width)) for _ in range(depth - 1)
        )

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``[B · T, C, H, W]`` → ``[B · T, D, H / 2, W / 2]``; a side of 1 stays."""
        pool = tuple(min(2, side) for side in x.shape[2:])
        x = functional.relu(self.norm(functional.max_pool2d(self.enter(self._mixed(x, frames)), pool)))
        for residual in self.residuals:
            x = x + functional.relu(residual(self._mixed(x, frames)))
        return x

    def _mixed(self, x: Tensor, frames: int) -> Tensor:
        return shift_channels(x, frames) if self.shift else x


def shift_channels(x: Tensor, frames: int) -> Tensor:
    """Every eighth channel from the frame before, another eighth from the frame after; nothing beyond the ends.

    Args:
        x: frames of clips one after another, ``[B · T, C, h, w]``.
        frames: T.

    >>> x = torch.arange(1.0, 4).view(3, 1, 1, 1).expand(3, 8, 1, 1)  # three frames of eight channels
    >>> shift_channels(x, 3)[:, :3, 0, 0].tolist()
    [[0.0, 2.0, 1.0], [1.0, 3.0, 2.0], [2.0, 0.0, 3.0]]
    """
    clips = x.view(-1, frames, *x.shape[1:])
    share = x.shape[1] // SHARE
    before = functional.pad(clips[:, :-1, :share], (0, 0, 0, 0, 0, 0, 1, 0))
    after = functional.pad(clips[:, 1:, share : 2 * share], (0, 0, 0, 0, 0, 0, 0, 1))
    mixed = torch.cat([before, after, clips[:, :, 2 * share :]], dim=2)
    return mixed.flatten(0, 1).contiguous(memory_format=torch.channels_last)


class Joined(nn.Module):
    """A body of frames, and a network of sequences that joins them."""

    def __init__(self, body: VideoBody, join: nn.Module) -> None:
        super().__init__()
        self.body, self.join = body, join
        self.features = body.features

    def forward(self, video: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """``[B, T, D]``, from a recurrent network with its mask."""
        return self.join(self.body(video))  # type: ignore[no-any-return]


class Blocks(nn.Module):
    """Blocks of attention, normalised at the end."""

    def __init__(self, width: int, heads: int, depth: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, dropout=0.1) for _ in range(depth))
        residual_scale(self.blocks)
        self.norm = nn.RMSNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, T, D]``."""
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # type: ignore[no-any-return]
