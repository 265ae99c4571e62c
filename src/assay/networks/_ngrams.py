"""Which runs of neighbouring codes a row holds, hashed to buckets, on the device and without a vocabulary.

Legend: B batch, L places, R runs.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Odd multipliers: arithmetic is that of int64 modulo 2**64.
ORDER = -7046029254386353131  # 2**64 divided by the golden ratio
STIR = -49064778989728563  # of the finaliser of MurmurHash3 (Appleby 2011)
WIDE = 0x2E80  # the first code point of Chinese and Japanese, whose characters say as much as two or three letters
BORDER = 10  # a newline at both ends, so that a row's first and last codes are runs of their own


def runs(codes: Tensor, length: Tensor, longest: int, kind: int, wide: int | None = None) -> tuple[Tensor, Tensor]:
    """Hashes of every run of one to ``longest`` codes, and which of them lie within the row: ``[B, R]`` both.

    With ``wide``, runs of more codes than that are left out where one of them is from `WIDE` on.

    Args:
        codes: int64 ``[B, L]``, never below 0.
        length: how many of them are used, ``[B]``.
        longest: of a run.
        kind: runs of different kinds have different hashes.
    """
    found, there = [], []
    places = torch.arange(codes.shape[1], device=codes.device)
    hashed = torch.full_like(codes, kind)
    heavy = functional.pad((codes >= WIDE).cumsum(1), (1, 0)) if wide is not None else codes
    for n in range(1, min(longest, codes.shape[1]) + 1):
        hashed = hashed[:, : codes.shape[1] - n + 1] * ORDER + codes[:, n - 1 :] + n
        found.append(hashed)
        within = (places[: codes.shape[1] - n + 1] + n) <= length.unsqueeze(1)
        if wide is not None and n > wide:
            within &= heavy[:, n:] == heavy[:, : codes.shape[1] - n + 1]
        there.append(within)
    return torch.cat(found, dim=1), torch.cat(there, dim=1)


def buckets(hashed: Tensor, bits: int) -> Tensor:
    """Hashes → buckets 0 … 2**bits − 1: the upper bits, after two rounds of stirring."""
    for _ in range(2):
        hashed = (hashed ^ (hashed >> 32)) * STIR
    return (hashed >> (64 - bits)) & ((1 << bits) - 1)


def bordered(codes: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Rows ``[B, L + 2]`` with `BORDER` before the first and after the last used place, and their lengths."""
    out = codes.new_zeros(len(codes), codes.shape[1] + 2)
    out[:, 1:-1] = codes
    out[:, 0] = BORDER
    return out.scatter(1, length.unsqueeze(1) + 1, BORDER), length + 2


def distinct(found: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """The buckets of each row in order, ``[B, R]``, and where one stands for the first time, ``[B, R]``."""
    found = found.masked_fill(~there, torch.iinfo(found.dtype).max).sort(dim=1).values
    first = torch.ones_like(found, dtype=torch.bool)
    first[:, 1:] = found[:, 1:] != found[:, :-1]
    return found, first & (found != torch.iinfo(found.dtype).max)
