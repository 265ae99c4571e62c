"""Scores of a catalogue as probabilities: −∞ marks an item that is out of the question.

Legend: B batch, N examples, V items (codes 1 to V; 0 is none).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

LEAST = float(np.log(np.finfo(np.float32).tiny))
"""The log-probability, in nats, of a target that no model can name."""


def likely(scores: Tensor, target: Tensor) -> Tensor:
    """The log-probability of each target, and its mean over all items that it could have been, ``[B, 2]``.

    Args:
        scores: ``[B, V + 1]``.
        target: codes, int64 ``[B]``; one that is negative or out of the question has the log-probability `LEAST`.
    """
    able = scores.isfinite()
    total = scores.logsumexp(1)
    own = scores.gather(1, target.clamp_min(0)[:, None])[:, 0] - total
    mean = scores.masked_fill(~able, 0).sum(1) / able.sum(1) - total
    return torch.stack([own.masked_fill(target < 0, LEAST).clamp_min(LEAST), mean], dim=1)


def ranks(scores: Tensor, target: Tensor) -> Tensor:
    """The rank of each target among the items that are not out of the question, from 1, int64 ``[B]``; V + 1 where it is.

    Items of the same score stand before it: who says the same of all items gets nothing for it.

    >>> scores = torch.tensor([[-math.inf, 3.0, 1.0, -math.inf, 1.0]])
    >>> [int(ranks(scores, torch.tensor([code]))) for code in (1, 2, 3, -1)]
    [1, 3, 5, 5]
    """
    own = scores.gather(1, target.clamp_min(0)[:, None])
    able = scores.isfinite()
    behind = ((scores < own) & able).sum(1)
    there = (target > 0) & own[:, 0].isfinite()
    return torch.where(there, able.sum(1) - behind, scores.shape[1])


def divergence(a: Tensor, b: Tensor) -> Tensor:
    """Kullback–Leibler divergence of ``b``'s probabilities from ``a``'s, in nats, ``[B]``, over the items that are
    out of the question in neither."""
    both = a.isfinite() & b.isfinite()
    log_a, log_b = (scores.masked_fill(~both, -math.inf).log_softmax(-1) for scores in (a, b))
    return (log_a.exp() * (log_a - log_b)).masked_fill(~both, 0).sum(-1).clamp_min(0)


def temperature(scores: Tensor, target: Tensor, steps: int = 30) -> float:
    """What to divide ``scores`` ``[N, V + 1]`` by so that the codes ``target`` ``[N]`` are likeliest (Guo et al. 2017,
    arXiv:1706.04599), by bisection: log-loss is convex in its inverse.

    As in Platt (1999) a target counts for ``(N + 1) / (N + 2)`` and all items that it could have been share the rest: a few
    answers that are all right make no model certain.

    >>> sure = torch.tensor([[8.0, 0.0]] * 400)  # right three times in four: a difference of log 3 would say that
    >>> round(temperature(sure, torch.tensor([0, 0, 0, 1] * 100)), 1)
    7.3
    """
    able = scores.isfinite()
    known = torch.where(able, scores, 0)
    doubt = 1 / (len(scores) + 2)
    own = scores.gather(1, target[:, None])[:, 0].lerp(known.sum(1) / able.sum(1), doubt).double().mean()
    low, high = -2.5, 2.5  # of the logarithm
    for _ in range(steps):
        middle = (low + high) / 2
        expected = ((scores / math.exp(middle)).softmax(1) * known).sum(1).double().mean()
        low, high = (low, middle) if expected < own else (middle, high)
    return math.exp((low + high) / 2)
