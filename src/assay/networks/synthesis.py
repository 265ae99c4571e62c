"""Speech: a text becomes a mel spectrogram at once, each character for as many frames as it lasts.

The encoder reads characters with convolutions (which letters make a sound) and attention (what the sentence makes of it).
While training, the durations come from an alignment that is learned beside (`assay.networks._alignment`), and a predictor
learns them; later it is asked. Characters repeated for their frames go through a decoder of convolutions, as in FastSpeech
(Ren et al. 2019, arXiv:1905.09263). Beside it a network of its own learns from recordings what a spectrum of such bands
looks like frequency by frequency, for the vocoder.

Legend: B batch, L characters, T frames, M mel bands, F frequencies, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import choose
from assay.core.recipe import Recipe
from assay.networks._alignment import NEVER, durations, forward_sum, spread, unlikelihood
from assay.networks._convolution import Convolution
from assay.networks._detail import Detail
from assay.networks.attention import Block, residual_scale

Memory: TypeAlias = tuple[
    Tensor, Tensor, Tensor
]  # features [B, L, D], keys and what means are made of [B, L, 2 K], where there are any, bool [B, L]


@dataclass(frozen=True)
class Shape:
    """One stop of the size dial.

    Attributes:
        width: D.
        heads: of attention.
        reading: convolutions of the encoder.
        blocks: of attention in the encoder.
        speaking: convolutions of the decoder.
        dropout: of what each layer adds.
    """

    width: int
    heads: int
    reading: int
    blocks: int
    speaking: int
    dropout: float


SHAPES = {
    "tiny": Shape(width=64, heads=2, reading=2, blocks=1, speaking=3, dropout=0.0),
    "small": Shape(width=128, heads=4, reading=3, blocks=1, speaking=5, dropout=0.05),
    "base": Shape(width=256, heads=4, reading=4, blocks=2, speaking=8, dropout=0.1),
    "large": Shape(width=512, heads=8, reading=6, blocks=6, speaking=12, dropout=0.1),
}
SIZES = ("small", "tiny", "base", "large")

RECIPE = Recipe(
    optimizer="adamw",
    lr=2e-3,
    weight_decay=0.01,
    batch_size=16,
    epochs=40,
    updates=1_500,
    schedule="linear",
    warmup=0.05,
    clip=1.0,
)

KEYS = 64  # numbers by which a frame and a character are compared
NEAR = 0.05  # how much the distance of a frame from a character counts for
LIKE = 0.05  # the same of its distance from the character's mean spectrum, a band
HEARD = 0.1  # how much these means count for, beside keys and queries
TIMING = 0.3  # how much an error of the durations counts for, beside that of the spectrogram
ALIGNING = 0.1  # the same of the alignment, a character
DETAIL = 0.3  # the same of the spectrum's detail, in nepers


def convolutions(vocabulary: int, pad: int = 0, unknown: int = 1, size: str = "small", **_: object) -> Encoder:
    """The encoder.

    Args:
        vocabulary: how many codes characters have.
        pad: the code that stands for none; the beginning and the end of a text are read as one.
        unknown: the code of a character that was never seen, which is read as none too: as a pause.
        size: a stop of the size dial.

    Raises:
        ConfigError: there is no such size.
    """
    return Encoder(vocabulary, (pad, unknown), SHAPES[choose("size", size, SHAPES)])


def speaker(features: Shape, bands: int, longest: int, frequencies: int = 0, **_: object) -> Decoder:
    """The decoder of that shape.

    Args:
        features: the shape of the encoder.
        bands: M.
        longest: the most frames of an answer.
        frequencies: F; 0 where no detail is learned.
    """
    return Decoder(features, bands, longest, frequencies)


class Encoder(nn.Module):
    """Characters with what stands around them."""

    def __init__(self, vocabulary: int, none: tuple[int, int], shape: Shape) -> None:
        super().__init__()
        self.features = shape
        self.pad, self.unknown = none
        self.embedding = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(Convolution(shape.width, shape.dropout) for _ in range(shape.reading))
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.heads, mlp="relu2", dropout=shape.dropout) for _ in range(shape.blocks)
        )
        residual_scale(self.blocks)
        self.norm = nn.LayerNorm(shape.width)
        self.keys, self.sounds = _near_letters(vocabulary), _near_letters(vocabulary)

    def forward(self, tokens: Tensor, mask: Tensor) -> Memory:
        """``tokens`` ``[B, L − 2]`` and where there are any, ``mask`` ``[B, L − 2]`` → the memory of those and of a place
        before and one behind them, in which a sound begins and ends."""
        tokens = tokens.masked_fill(~mask | (tokens == self.unknown), self.pad)
        tokens = functional.pad(tokens, (1, 1), value=self.pad)
        mask = functional.pad(mask, (2, 0), value=True)
        there = mask.unsqueeze(2)
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, there)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x), torch.cat([self.keys(tokens), self.sounds(tokens)], dim=2), mask


class Decoder(nn.Module):
    """Durations, and the spectrogram that they make of the characters."""

    def __init__(self, shape: Shape, bands: int, longest: int, frequencies: int = 0) -> None:
        super().__init__()
        width = shape.width
        self.bands, self.longest = bands, longest
        self.queries = nn.Sequential(
            Across(), nn.Conv1d(bands, 2 * bands, 3, padding=1), nn.ReLU(), nn.Conv1d(2 * bands, KEYS, 1), Across()
        )
        self.sounds = nn.Linear(KEYS, bands)
        self.timing = nn.ModuleList(Convolution(width, shape.dropout) for _ in range(2))
        self.lasts = nn.Linear(width, 1)
        self.place = nn.Linear(3, width)
        self.layers = nn.ModuleList(Convolution(width, shape.dropout) for _ in range(shape.speaking))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, bands)
        self.detail = Detail(bands, frequencies, width) if frequencies else None

    def forward(self, memory: Memory, given: Tensor | tuple[Tensor, Tensor] | None = None) -> Tensor:
        """The spectrogram, 1 where there is a frame, and what the alignment and the detail cost: ``[B, T, M + 2]``.

        Args:
            memory: of the encoder.
            given: the true spectrogram and 1 where it has a frame, ``[B, T, M + 1]``: its own durations are found and used.
                With it there may be other frames with their detail, ``[B, S, M + F]``, to learn that from. Without it
                durations are predicted, nothing costs anything, and the detail of the spectrogram follows,
                ``[B, T, M + 2 + F]``, where it is learned.
        """
        x, keys, mask = memory
        given, known = given if isinstance(given, tuple) else (given, None)
        there = mask.unsqueeze(2)
        log_lasts = x
        for layer in self.timing:
            log_lasts = layer(log_lasts, there)
        log_lasts = self.lasts(log_lasts).squeeze(2).float()
        if given is None:
            lasts, cost = self._rounded(log_lasts, mask), x.new_zeros(len(x))
        else:
            lasts, cost = self._aligned(keys, mask, given)
            cost = cost + TIMING * _deviance(log_lasts, lasts, mask)
            if self.detail is not None and known is not None:
                cost = cost + DETAIL * self.detail.cost(known)
        x, here = self._stretched(x, lasts, given.shape[1] if given is not None else int(lasts.sum(1).max()))
        for layer in self.layers:
            x = layer(x, here)
        mel = self.out(self.norm(x)).float() * here
        raw = [mel, here, cost[:, None, None] * here]
        if self.detail is not None and given is None:
            raw.append(self.detail(mel, here) * here)
        return torch.cat(raw, dim=2)

    def _aligned(self, keys: Tensor, mask: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """The durations ``[B, L]`` of the true spectrogram, and what the alignment costs, ``[B]``.

        Keys and queries alone may settle on a few characters that take long runs and leave one frame to each of the others,
        and never leave that again. So each character has a mean spectrum too (a hidden Markov model of one state a
        character, which a flat start trains well): no single one is like all frames, and where it says that characters
        stand, keys and queries begin.
        """
        length, frames, target = mask.sum(1), given[:, :, -1].sum(1).long(), given[:, :, :-1]
        gone, keys, sounds = ~mask[:, None], keys[:, :, :KEYS], keys[:, :, KEYS:]
        heard = LIKE * _nearness(target, self.sounds(sounds)) + spread(length, frames)
        heard = heard.masked_fill(gone, NEVER)
        scores = (NEAR * _nearness(self.queries(target), keys)).masked_fill(gone, NEVER).log_softmax(2)
        scores = scores + heard.detach().log_softmax(2)
        cost = (forward_sum(scores, length, frames) + HEARD * unlikelihood(heard, length, frames)) / length
        return durations(scores, length, frames), ALIGNING * cost

    def _rounded(self, log_lasts: Tensor, mask: Tensor) -> Tensor:
        """Whole durations ``[B, L]`` whose sums are off by less than a frame, of at most ``longest`` frames in all."""
        ends = (log_lasts.clamp(-5, 5).exp() * mask).cumsum(1).round().clamp(1, self.longest).long()
        return ends.diff(dim=1, prepend=ends.new_zeros(len(ends), 1))

    def _stretched(self, x: Tensor, lasts: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Each place for as many frames as it lasts, with where in it a frame stands: ``[B, T, D]``, and where there is a
        frame, ``[B, T, 1]``."""
        ends = lasts.cumsum(1)
        t = torch.arange(frames, device=x.device).expand(len(x), -1).contiguous()
        at = torch.searchsorted(ends, t, right=True).clamp_max(x.shape[1] - 1)
        whole = lasts.gather(1, at).clamp_min(1).to(x.dtype)
        past = (t - (ends - lasts).gather(1, at)).to(x.dtype)
        where = torch.stack([(past + 0.5) / whole, (past + 0.5).log(), whole.log()], dim=2)
        here = (t < ends[:, -1:]).unsqueeze(2).to(x.dtype)
        stretched = x.gather(1, at.unsqueeze(2).expand(-1, -1, x.shape[2]))
        return (stretched + self.place(where)) * here, here


def _near_letters(vocabulary: int) -> nn.Sequential:
    """What a character is, with the one before and the one behind it: ``[B, L]`` → ``[B, L, KEYS]``."""
    return nn.Sequential(
        nn.Embedding(vocabulary, KEYS), Across(), nn.Conv1d(KEYS, 2 * KEYS, 3, padding=1), nn.ReLU(),
        nn.Conv1d(2 * KEYS, KEYS, 1), Across(),
    )  # fmt: skip


class Across(nn.Module):
    """``[B, T, D]`` → ``[B, D, T]`` and back."""

    def forward(self, x: Tensor) -> Tensor:
        """The last two axes change places."""
        return x.transpose(1, 2)


def _nearness(a: Tensor, b: Tensor) -> Tensor:
    """Minus the squared distance of each of ``a`` ``[B, T, D]`` from each of ``b`` ``[B, L, D]``, ``[B, T, L]``, without a
    tensor ``[B, T, L, D]``."""
    a, b = a.float(), b.float()
    return 2 * a @ b.transpose(1, 2) - b.square().sum(2)[:, None] - a.square().sum(2)[:, :, None]


def _deviance(log_lasts: Tensor, lasts: Tensor, mask: Tensor) -> Tensor:
    """Poisson deviance a character, ``[B]``: least where the mean duration is predicted, so that sums are unbiased."""
    true = lasts.float()
    each = log_lasts.clamp_max(8).exp() - true * log_lasts + torch.xlogy(true, true) - true
    return (each * mask).sum(1) / mask.sum(1)
