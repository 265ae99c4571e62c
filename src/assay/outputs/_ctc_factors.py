"""What each symbol of a text adds to its probability under connectionist temporal classification.

The probability of a text is that of its first symbol, times that of its second after it …, times that of its end. A frame by
frame answer has no such factors, but the probability that a text *begins* so has (Graves 2008; Watanabe et al. 2017,
doi:10.1109/JSTSP.2017.2763455), and each factor is the quotient of two of these.

Legend: B batch, T frames, V symbols with the blank, S places of a text.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from assay.outputs._ctc import IMPOSSIBLE, frames

NEVER = -1e30  # the logarithm of a probability of 0: a true infinity has no slope


def factors(raw: Tensor, tokens: Tensor, size: Tensor, blank: int) -> Tensor:
    """The log-probability of each symbol after the ones before it, then that of the end after all of them, in nats,
    ``[B, S + 1]`` (S: the longest text of the batch); 0 behind the end. Their sum is that of the text.

    One walk over the frames holds all alignments of all beginnings. A beginning is complete where its last symbol sets in,
    whatever comes after: these moments exclude one another, so their probabilities add up. What no alignment gives costs
    `assay.outputs._ctc.IMPOSSIBLE` altogether.

    Args:
        raw: logits ``[B, T, V]``.
        tokens: texts ``[B, S]``; what stands behind their ends is not looked at.
        size: how long each is, ``[B]``.
        blank: its symbol.

    >>> even = torch.zeros(1, 2, 3)  # of nine alignments 1-, -1, 11 and 12 begin with a 1; three of them end after it
    >>> factors(even, torch.tensor([[1]]), torch.tensor([1]), 0).exp().mul(36).round()
    tensor([[16., 27.]], dtype=torch.float64)
    """
    size = size.long()
    tokens = tokens[:, : int(size.max())].long()
    log_p, there = raw.float().log_softmax(2), frames(raw)
    exact = (
        torch.float32 if raw.device.type == "mps" else torch.float64
    )  # factors are small differences of large numbers
    twice = torch.zeros_like(tokens, dtype=torch.bool)
    twice[:, 1:] = tokens[:, 1:] == tokens[:, :-1]
    # The alignments so far, by how many symbols they read as: those that end in the last of these, those that end in a
    # blank (before the first frame all of them, of no symbol), and those that have begun so, however they went on.
    ends = torch.full(tokens.shape, NEVER, dtype=exact, device=raw.device)
    closed = functional.pad(ends, (1, 0))
    begun = ends
    for at in range(int(there.sum(1).max())):
        here = there[:, at, None]
        p = log_p[:, at].gather(1, tokens).to(exact).masked_fill(~here, NEVER)
        silent = log_p[:, at, blank, None].to(exact).masked_fill(~here, 0)  # behind the end all stays as it is
        either = _either(closed, ends)
        sets_in = closed[:, :-1].where(twice, either[:, :-1]) + p
        begun = torch.logaddexp(begun, sets_in)
        ends = torch.logaddexp(ends + p, sets_in)
        closed = either + silent
    whole = _either(closed, ends).gather(1, size[:, None])
    up_to = functional.pad(begun, (1, 1)).scatter(1, size[:, None] + 1, whole)
    up_to = up_to.masked_fill(up_to < NEVER / 2, -IMPOSSIBLE).cummin(1).values  # none grows again by rounding
    return up_to.diff(dim=1) * (torch.arange(tokens.shape[1] + 1, device=raw.device) <= size[:, None])


def _either(closed: Tensor, ends: Tensor) -> Tensor:
    """All alignments that read as so many symbols, ``[B, S + 1]``."""
    return torch.cat([closed[:, :1], torch.logaddexp(closed[:, 1:], ends)], dim=1)
