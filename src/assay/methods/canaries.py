"""A lower bound on ε from one training run: who was in can be told so well that the privacy loss must be at least this.

Canaries are examples of our own making. A fair coin decides of each whether it is in the training data; afterwards an
attack guesses the coins of those that it is surest of. Under (ε, δ)-differential privacy guesses can hardly be right more
often than e^ε / (1 + e^ε) (Steinke, Nasr & Jagielski 2023, *Privacy auditing with one (1) training run*). No assumption is
made on the training or on the attack: a bound above the claim means that the claim is wrong.

Shapes: m canaries, T steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from assay.core.metric import Array

_MOST = 64.0  # no bound is looked for above this ε
_STEPS = 24  # of the bisection
_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)  # of the canaries that may be guessed


@dataclass(frozen=True)
class Bound:
    """What the guesses of one run say.

    Attributes:
        epsilon: the lower bound on ε at this level; 0 where nothing is shown.
        guesses, correct: canaries that were guessed, and those whose coin was guessed rightly.
        canaries: how many there were.
        ceiling: the most that so many canaries can show.
    """

    epsilon: float
    guesses: int
    correct: int
    canaries: int
    ceiling: float


def p_value(correct: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """The probability of so many correct guesses or more under (ε, δ)-differential privacy (theorem 5.2 of the paper).

    >>> round(p_value(90, 100, 1000, 1.0, 1e-5), 5), p_value(50, 100, 1000, 0.0, 0.0) > 0.5
    (0.00084, True)
    """
    assert 0 <= correct <= guesses <= canaries, "no more correct guesses than guesses, nor guesses than canaries"
    right = 1 / (1 + math.exp(-epsilon))
    beta = float(binom.sf(correct - 1, guesses, right))
    if delta == 0 or correct == 0:
        return min(1.0, beta)
    below = np.cumsum(binom.pmf(np.arange(correct - 1, -1, -1), guesses, right))
    alpha = float((below / np.arange(1, correct + 1)).max())
    return min(1.0, beta + 2 * canaries * delta * alpha)


@lru_cache(maxsize=4096)
def lower_bound(correct: int, guesses: int, canaries: int, delta: float, level: float = 0.95) -> float:
    """The largest ε that so many correct guesses rule out at this level; 0 where none is.

    >>> round(lower_bound(100, 100, 1000, 1e-5), 2), lower_bound(50, 100, 1000, 1e-5)
    (3.47, 0.0)
    """

    def ruled_out(epsilon: float) -> bool:
        return p_value(correct, guesses, canaries, epsilon, delta) < 1 - level

    if not ruled_out(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while ruled_out(high) and high < _MOST:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if ruled_out(middle) else (low, middle)
    return low


def options(canaries: int) -> tuple[int, ...]:
    """How many canaries may be guessed: a few numbers that are fixed beforehand, each at least 8 and even.

    >>> options(256), options(11)
    ((8, 16, 32, 64, 128, 256), (10,))
    """
    pairs = {min(round(share * canaries / 2), canaries // 2) for share in _SHARES if share * canaries >= 8}
    return tuple(2 * count for count in sorted(pairs))


def bound(
    scores: Array, inside: NDArray[np.bool_], delta: float, *, guesses: Sequence[int], level: float = 0.95
) -> Bound:
    """The lower bound on ε from one run: of k guesses the k / 2 highest scores are guessed in, the k / 2 lowest out.

    Args:
        scores: of the canaries ``[m]``, higher for what looks trained on; ties are broken by position.
        inside: how their coins fell, ``[m]``.
        delta: of the claim.
        guesses: how many to guess, decided without a look at ``inside`` (see `best_guesses`); of several numbers the best
            is taken, each at its part of the level (Bonferroni).
        level: of the bound.

    >>> rng = np.random.default_rng(0)
    >>> inside = rng.random(1000) < 0.5
    >>> told = bound(inside + rng.normal(0, 0.5, 1000), inside, 1e-5, guesses=[250])
    >>> told.correct, round(told.epsilon, 1), round(told.ceiling, 1)
    (247, 3.4, 5.8)
    """
    m = len(scores)
    order = np.argsort(scores, kind="stable")
    level = 1 - (1 - level) / len(guesses)
    found = []
    for half in {count // 2 for count in guesses}:
        correct = int(inside[order[m - half :]].sum() + (~inside[order[:half]]).sum())
        found.append((lower_bound(correct, 2 * half, m, delta, level), 2 * half, correct))
    epsilon, guessed, correct = max(found)
    return Bound(epsilon, guessed, correct, m, ceiling(m, delta, level))


@lru_cache(maxsize=64)
def ceiling(canaries: int, delta: float, level: float = 0.95) -> float:
    """The most that any attack could show with so many canaries: every one of them guessed, and rightly.

    >>> [round(ceiling(m, 1e-5), 1) for m in (100, 1000)]
    [3.5, 5.8]
    """
    return max(lower_bound(guesses, guesses, canaries, delta, level) for guesses in (*options(canaries), canaries))


def likelihood_scores(seen: Array, rate: float, noise: float) -> Array:
    """The best scores that what a private run released allows, by Neyman and Pearson.

    Args:
        seen: ``[T, m]``, what each step released along each canary's own direction, in units of the clipping norm: normal
            noise of standard deviation ``noise``, and 1 more where the canary was drawn.
        rate: the probability with which a step draws an example.
        noise: the noise multiplier σ.

    Returns:
        The log of the likelihood ratio of "in" against "out", ``[m]``.

    >>> likelihood_scores(np.array([[1.0, 0.5, 0.0]]), 1.0, 1.0).tolist()
    [0.5, 0.0, -0.5]
    """
    if noise == 0:
        return np.asarray((np.round(seen) >= 1).sum(0), dtype=np.float64)
    ratio = (2 * np.asarray(seen, dtype=np.float64) - 1) / (2 * noise * noise)
    stays = math.log1p(-rate) if rate < 1 else -math.inf
    return np.asarray(np.logaddexp(stays, math.log(rate) + ratio).sum(0))


def best_guesses(
    canaries: int, rate: float, noise: float, steps: int, delta: float, *, level: float = 0.95, seed: int = 0
) -> tuple[tuple[int, ...], float]:
    """How many canaries to guess, and the bound that a run shows which keeps its promise (a median).

    Both come from simulated runs alone, so that the guesses are fixed before the real one. Beside the number that suits an
    honest run, all canaries are guessed too: that is what finds a run which hides next to nothing.

    Args:
        canaries: m.
        rate, noise, steps: of the run: sampling rate, noise multiplier, number of updates.
        delta: of the claim.

    >>> guesses, likely = best_guesses(100, 0.2, 1.0, 50, 1e-5)
    >>> guesses[-1], 0 < likely < ceiling(100, 1e-5)
    (100, True)
    """
    rng = np.random.default_rng(seed)
    most = 2 * (canaries // 2)
    found: dict[tuple[int, ...], list[float]] = {
        tuple(sorted({guesses, most})): [] for guesses in (*options(canaries), most)
    }
    for _ in range(5):
        inside = rng.random(canaries) < 0.5
        scores = np.zeros(canaries)
        for start in range(0, steps, 256):
            shape = (min(256, steps - start), canaries)
            drawn = (rng.random(shape) < rate) & inside
            scores += likelihood_scores(drawn + noise * rng.standard_normal(shape), rate, noise)
        for guesses, bounds in found.items():
            bounds.append(bound(scores, inside, delta, guesses=guesses, level=level).epsilon)
    medians = {guesses: float(np.median(bounds)) for guesses, bounds in found.items()}
    best = max(medians, key=lambda guesses: (medians[guesses], guesses))
    return best, medians[best]
