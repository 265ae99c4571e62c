"""Distributions over actions, read from a network's raw answers ``[B, W + 1]``; the last column is the value's.

Choices are independent and categorical, one after another; numbers independent and normal.

Legend: B batch, K choices or numbers, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Counts = Sequence[int]


def parts(raw: Tensor, counts: Counts) -> tuple[Tensor, ...]:
    """The logits of each choice, ``K`` times ``[B, values]``."""
    return _split(raw[:, :-1], counts)


def judged(raw: Tensor, action: Tensor, counts: Counts) -> tuple[Tensor, Tensor]:
    """The log-probability of choices ``[B, K]``, and the entropy, both in nats, ``[B]``.

    >>> log_probability, entropy = judged(torch.zeros(1, 3), torch.tensor([[1]]), (2,))
    >>> log_probability.exp(), entropy.exp()
    (tensor([0.5000]), tensor([2.]))
    """
    logs = [part.log_softmax(-1) for part in parts(raw, counts)]
    picked = [log.gather(1, action[:, at : at + 1]).squeeze(1) for at, log in enumerate(logs)]
    spread = [-(log.exp() * log).sum(1) for log in logs]
    return _sum(picked), _sum(spread)


def divergence(a: Tensor, b: Tensor, counts: Counts) -> Tensor:
    """Kullback–Leibler divergence of ``b`` from ``a``, in nats, ``[B]``."""
    logs_a = [part.log_softmax(-1) for part in parts(a, counts)]
    logs_b = [part.log_softmax(-1) for part in parts(b, counts)]
    gaps = [(log_a.exp() * (log_a - log_b)).sum(1) for log_a, log_b in zip(logs_a, logs_b, strict=True)]
    return _sum(gaps)


def draw(raw: Tensor, counts: Counts, generator: torch.Generator) -> Tensor:
    """Choices ``[B, K]``, by the largest of logits and Gumbel noise."""
    logits = raw[:, :-1]
    noise = torch.empty_like(logits).exponential_(generator=generator).log_()
    return torch.stack([part.argmax(1) for part in _split(logits - noise, counts)], dim=1)


def likeliest(raw: Tensor, counts: Counts) -> Tensor:
    """Choices ``[B, K]``."""
    return torch.stack([part.argmax(1) for part in parts(raw, counts)], dim=1)


def normal_judged(raw: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """The log-density of numbers ``[B, K]``, and the differential entropy, both in nats, ``[B]``."""
    at, log_deviation = raw[:, :-1].chunk(2, dim=1)
    squares = ((action - at) * (-log_deviation).exp()).square()
    log_density = -(squares / 2 + log_deviation + math.log(2 * math.pi) / 2).sum(1)
    return log_density, (log_deviation + (1 + math.log(2 * math.pi)) / 2).sum(1)


def normal_divergence(a: Tensor, b: Tensor) -> Tensor:
    """Kullback–Leibler divergence of ``b`` from ``a``, in nats, ``[B]``."""
    (at_a, log_a), (at_b, log_b) = a[:, :-1].chunk(2, dim=1), b[:, :-1].chunk(2, dim=1)
    ratio = (2 * (log_a - log_b)).exp()
    return ((ratio + ((at_a - at_b) * (-log_b).exp()).square() - 1) / 2 + log_b - log_a).sum(1)


def normal_draw(raw: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers ``[B, K]``."""
    at, log_deviation = raw[:, :-1].chunk(2, dim=1)
    noise = torch.empty_like(at).normal_(generator=generator)
    return at + noise * log_deviation.exp()


def mean(raw: Tensor) -> Tensor:
    """The means ``[B, K]``."""
    return raw[:, :-1].chunk(2, dim=1)[0]


def _split(logits: Tensor, counts: Counts) -> tuple[Tensor, ...]:
    return torch.split(logits, list(counts), dim=1)


def _sum(found: Sequence[Tensor]) -> Tensor:
    return found[0] if len(found) == 1 else torch.stack(list(found)).sum(0)
