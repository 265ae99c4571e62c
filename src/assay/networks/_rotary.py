"""Positions as turns: what two places make of one another depends on their distance alone."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000.0  # the slowest pair of numbers turns once in about 2π · BASE places


def turns(length: int, width: int, *, start: int = 0, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Cosines and sines ``[length, width // 2]`` of the places ``start``, ``start + 1`` …

    Args:
        length: how many places.
        width: of one head, even.
        start: the first place.
        device: where to put them.

    >>> cosine, sine = turns(3, 2)
    >>> [round(float(angle), 3) for angle in torch.atan2(sine, cosine)[:, 0]]
    [0.0, 1.0, 2.0]
    """
    half = width // 2
    speeds = BASE ** (-torch.arange(half, dtype=torch.float32, device=device) / max(half, 1))
    places = torch.arange(start, start + length, dtype=torch.float32, device=device)
    angles = places[:, None] * speeds
    return angles.cos(), angles.sin()


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """``x`` ``[…, T, E]`` with its pairs of numbers (one of each half) turned by their angles ``[T, E // 2]``.

    Rotary position embedding (Su et al. 2021, arXiv:2104.09864): the product of a turned query and a turned key depends
    on how far apart they stand, not on where.

    >>> x = torch.ones(1, 2, 4)
    >>> y = turned(x, *turns(2, 4))
    >>> bool(torch.allclose(x.norm(dim=-1), y.norm(dim=-1))), bool(torch.equal(x[:, 0], y[:, 0]))
    (True, True)
    """
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, right * cosine + left * sine], dim=-1)
