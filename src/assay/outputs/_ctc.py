"""Connectionist temporal classification (Graves et al. 2006): the probability of a text under all its alignments to frames,
and the search for the likeliest text.

A frame names a symbol or the blank. An alignment reads as the text that is left when runs of a symbol are made one and
blanks are dropped.

Legend: B batch, T frames, V symbols with the blank, S places of a text.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

GONE = -1e4  # the logit of all but the blank in frames that are none: no probability at all
IMPOSSIBLE = 1e4  # nats that a text costs which has more symbols than there are frames
UNLIKELY = -9.0  # a symbol with a log-probability below this opens no new path of a search


def frames(raw: Tensor) -> Tensor:
    """Which frames of each row ``[B, T, V]`` are frames of the input, bool ``[B, T]``, whatever temperature divided them."""
    return raw.amin(2) > GONE / 10


def frames_of(raw: Tensor) -> Tensor:
    """How many frames of each row ``[B, T, V]`` are frames of the input, ``[B]``."""
    return frames(raw).sum(1)


def nats(raw: Tensor, tokens: Tensor, size: Tensor, blank: int) -> Tensor:
    """Minus the logarithm of the probability of each text, summed over all alignments, ``[B]``.

    A text that no alignment gives, since the frames are too few, costs `IMPOSSIBLE` and teaches nothing.

    Args:
        raw: logits ``[B, T, V]``.
        tokens: texts ``[B, S]``; what stands behind their ends is not looked at.
        size: how long each is, ``[B]``.
        blank: its symbol.
    """
    log_p = raw.float().log_softmax(2).transpose(0, 1)
    length, tokens = frames_of(raw), tokens.long()
    cost = functional.ctc_loss(log_p, tokens, length, size.long(), blank=blank, reduction="none", zero_infinity=True)
    return torch.where(length >= needed(tokens, size), cost, torch.full_like(cost, IMPOSSIBLE))


def needed(tokens: Tensor, size: Tensor) -> Tensor:
    """The fewest frames that can say each text: one a symbol, and a blank between two of the same, ``[B]``.

    >>> needed(torch.tensor([[5, 5, 7, 0]]), torch.tensor([3]))
    tensor([4])
    """
    places = torch.arange(1, tokens.shape[1], device=tokens.device)
    twice = (tokens[:, 1:] == tokens[:, :-1]) & (places < size.unsqueeze(1))
    return size + twice.sum(1)


def greedy(log_p: Tensor, blank: int) -> list[list[int]]:
    """The text of the likeliest alignment of each row ``[B, T, V]``.

    >>> greedy(functional.one_hot(torch.tensor([[1, 1, 0, 1, 2]]), 3).float(), 0)
    [[1, 1, 2]]
    """
    best = log_p.argmax(2)
    begins = torch.ones_like(best, dtype=torch.bool)
    begins[:, 1:] = best[:, 1:] != best[:, :-1]
    kept = begins & (best != blank)
    return [row[keep].tolist() for row, keep in zip(best, kept, strict=True)]


def prefix_beam(log_p: list[list[float]], blank: int, beam: int) -> list[int]:
    """The likeliest text of one row, its alignments summed: prefix beam search (Graves 2008; Hannun et al. 2014).

    Args:
        log_p: log-probabilities ``[T][V]``.
        blank: its symbol.
        beam: how many beginnings are followed at once.

    >>> from math import log
    >>> prefix_beam([[log(0.6), log(0.4)], [log(0.6), log(0.4)]], 0, 4)  # "", once, has 0.36; "a", thrice, 0.64
    [1]
    """
    # For each beginning: the log-probability of all alignments that end in a blank, and of those that end in a symbol.
    heads: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for frame in log_p:
        likely = [v for v, p in enumerate(frame) if p > UNLIKELY and v != blank]
        after: dict[tuple[int, ...], tuple[float, float]] = {}
        for head, (closed, open_) in heads.items():
            either = _add(closed, open_)
            ends, stays = after.get(head, (-math.inf, -math.inf))
            ends = _add(ends, either + frame[blank])
            if head:
                stays = _add(stays, open_ + frame[head[-1]])
            after[head] = (ends, stays)
            for symbol in likely:
                longer = (*head, symbol)
                before = closed if head and head[-1] == symbol else either
                ends, stays = after.get(longer, (-math.inf, -math.inf))
                after[longer] = (ends, _add(stays, before + frame[symbol]))
        best = sorted(after.items(), key=lambda one: (-_add(*one[1]), one[0]))[:beam]
        heads = dict(best)
    return list(next(iter(heads)))


def _add(a: float, b: float) -> float:
    """``log(exp(a) + exp(b))``."""
    if a < b:
        a, b = b, a
    return a if b == -math.inf else a + math.log1p(math.exp(b - a))
