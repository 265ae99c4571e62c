"""Networks that name what is said, frame by frame: convolutions that halve the frames, then recurrence or attention.

Masks are exact: what stands behind a sound in a batch changes none of its answers. Whatever is normalised is normalised
within one sound or one frame.

Legend: B batch, T frames, L = ⌈T / 2⌉ places, M mel bands, D width, V symbols with the blank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import choose
from assay.core.recipe import Recipe
from assay.networks.attention import Block
from assay.networks.recurrent import recurrent

Places: TypeAlias = tuple[Tensor, Tensor]  # features [B, L, D] and where there are any, bool [B, L]

STRIDE = 2  # frames of a place
FLOOR = 10**-1.5  # of a band's mean energy, put under every frame: 15 dB below it
GONE = -1e4  # the logit of every symbol but the blank behind a sound's end


@dataclass(frozen=True)
class Shape:
    """One stop of the size dial.

    Attributes:
        width: D.
        channels: of the first convolutions, over time and frequency.
        convolutions: residual ones over time, below recurrence.
        layers: of recurrence or attention.
        heads: of attention.
        dropout: of what each layer adds.
    """

    width: int
    channels: int
    convolutions: int
    layers: int
    heads: int
    dropout: float


SHAPES = {
    "tiny": Shape(width=64, channels=8, convolutions=2, layers=1, heads=2, dropout=0.1),
    "small": Shape(width=128, channels=16, convolutions=2, layers=2, heads=4, dropout=0.2),
    "base": Shape(width=448, channels=32, convolutions=4, layers=4, heads=7, dropout=0.2),
    "large": Shape(width=1024, channels=64, convolutions=6, layers=6, heads=16, dropout=0.2),
}
SIZES = ("small", "tiny", "base", "large")

# Muon is far ahead of AdamW here: after five epochs of spoken digits it heard 86 % of a new speaker's, and AdamW 40 %.
RECIPE = Recipe(
    optimizer="muon",
    lr=0.03,
    momentum=0.95,
    batch_size=32,
    epochs=30,
    updates=1_500,
    schedule="linear",
    warmup=0.05,
    augment=True,
    clip=1.0,
)
ATTENTION_RECIPE = RECIPE


def recurrent_encoder(bands: int, size: str = "small", **_: object) -> Encoder:
    """Convolutions, then gated recurrent layers that read in both directions (as in Deep Speech 2, Amodei et al. 2016).

    Args:
        bands: M.
        size: a stop of the size dial.

    Raises:
        ConfigError: there is no such size.
    """
    shape = SHAPES[choose("size", size, SHAPES)]
    layers = [Reading(shape.width, shape.dropout) for _ in range(shape.layers)]
    return Encoder(bands, shape, layers)


def attention_encoder(bands: int, size: str = "small", **_: object) -> Encoder:
    """Blocks of a convolution over near places and attention to all (after the Conformer, Gulati et al. 2020,
    arXiv:2005.08100); arguments and errors as `recurrent_encoder`."""
    shape = replace(SHAPES[choose("size", size, SHAPES)], convolutions=0)
    pairs = [
        (Near(shape.width, shape.dropout), Far(shape.width, shape.heads, shape.dropout)) for _ in range(shape.layers)
    ]
    return Encoder(bands, shape, [layer for pair in pairs for layer in pair])


def symbols(features: int, width: int, blank: int, **_: object) -> Symbols:
    """The head: a logit for each of ``width`` symbols in each place."""
    return Symbols(features, width, blank)


class Encoder(nn.Module):
    """Spectrograms as features of every other frame."""

    def __init__(self, bands: int, shape: Shape, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.features = shape.width
        channels = shape.channels
        self.first = nn.Conv2d(1, channels, 3, stride=STRIDE, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, stride=(1, 2), padding=1)
        self.flat = nn.Linear(channels * ((bands + 3) // 4), shape.width)
        self.layers = nn.ModuleList([Near(shape.width, shape.dropout) for _ in range(shape.convolutions)])
        self.layers.extend(layers)
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, mel: Tensor, mask: Tensor) -> Places:
        """Log-mel spectrograms ``[B, T, M]`` and where there are frames, ``mask`` ``[B, T]`` → features and their mask."""
        x = levelled(mel, mask).unsqueeze(1)
        mask = mask[:, ::STRIDE]
        x = functional.relu(self.first(x)) * mask[:, None, :, None]
        x = functional.relu(self.second(x))
        x = self.flat(x.transpose(1, 2).flatten(2)) * mask.unsqueeze(2)
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x), mask


class Near(nn.Module):
    """A convolution over five places, added to what came in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, 5, padding=2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, L, D]``, zero outside ``mask`` ``[B, L]`` → the same."""
        there = mask.unsqueeze(2)
        new: Tensor = self.convolution((functional.silu(self.norm(x)) * there).transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(new) * there  # type: ignore[no-any-return]


class Reading(nn.Module):
    """Recurrence in both directions, added to what came in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.recurrence = recurrent("gru", width, width, both=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, L, D]``, zero outside ``mask`` ``[B, L]`` → the same."""
        return x + self.dropout(self.recurrence(self.norm(x), mask)[0])  # type: ignore[no-any-return]


class Far(nn.Module):
    """Attention to every place of the sound."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.block = Block(width, heads, dropout=dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``[B, L, D]``, zero outside ``mask`` ``[B, L]`` → the same."""
        return self.block(x, mask) * mask.unsqueeze(2)  # type: ignore[no-any-return]


class Symbols(nn.Module):
    """Logits of the symbols in each place; where there is no sound any more the blank is certain."""

    gone: Tensor

    def __init__(self, features: int, width: int, blank: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, width)
        gone = torch.full((width,), GONE)
        gone[blank] = 0.0
        self.register_buffer("gone", gone, persistent=False)

    def forward(self, places: Places) -> Tensor:
        """``[B, L, V]``."""
        x, mask = places
        logits: Tensor = self.linear(x)
        return torch.where(mask.unsqueeze(2), logits, self.gone.to(logits.dtype))


def levelled(mel: Tensor, mask: Tensor) -> Tensor:
    """Spectrograms ``[B, T, M]``, each band at mean 0 over the frames of its sound and all together at variance 1.

    What a microphone or a room does to a band is then gone, as is loudness. Before that a steady noise 15 dB below the
    mean energy of a band is put under it: how deep the pauses of a recording are tells the room, not the words, and a
    network that learns from quiet rooms would miss it in a loud one. 0 outside the mask.
    """
    there = mask.unsqueeze(2).to(mel.dtype)
    frames = there.sum(1, keepdim=True).clamp_min(1)
    mean = mel.masked_fill(~mask.unsqueeze(2), GONE).logsumexp(1, keepdim=True) - frames.log()
    mel = torch.logaddexp(mel, mean + math.log(FLOOR))
    x = (mel - (mel * there).sum(1, keepdim=True) / frames) * there
    spread = (x.square().sum((1, 2), keepdim=True) / (frames * mel.shape[2])).sqrt()
    return x / (spread + 1e-2)
