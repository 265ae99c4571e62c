"""Membership inference: how well can it be told, from losses alone, whom a model was trained on?

An attack gives each example a score, higher for whom it takes to be a member. What it can do is said by the area under
its ROC curve, and, since a leak often concerns few people, by the share of members that it finds when it may accuse only
1 % of the others (Carlini et al. 2022, *Membership inference attacks from first principles*).

Shapes: N examples, M members among them, O others, K reference models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import hypergeom, rankdata

from assay.core.metric import Array
from assay.methods.intervals import adjust

FALSE_POSITIVES = 0.01
NOTICEABLE = 0.55  # an area that one would want to know of: half-way guesses right 5 times more in 100
LEAK, NO_LEAK, CANNOT_TELL = "a leak is shown", "no leak is shown", "cannot tell"
LEAST = 10  # members, and others, of whom anything can be said
STEPS = 20_000  # of a trade-off curve whose area is taken
_SCALE = 1.4826  # median absolute deviation → standard deviation of a normal


@dataclass(frozen=True)
class Found:
    """What one attack can do.

    Attributes:
        value, low, high: the figure and its interval.
        p: of the hypothesis that members and others cannot be told apart; one-sided.
    """

    value: float
    low: float
    high: float
    p: float


def area(members: Array, others: Array, level: float = 0.95) -> Found:
    """The area under the ROC curve: how often a member scores higher than another one, ties counting half.

    The interval is DeLong's (DeLong, DeLong & Clarke-Pearson 1988) on the logit scale; where nothing varies (a perfect
    attack) and for few examples it is no shorter than Newcombe's (2006, method 5). The p-value is Mann and Whitney's.

    Args:
        members: scores ``[M]``.
        others: scores ``[O]``.
        level: of the interval.

    >>> found = area(np.array([3.0, 4, 5, 6]), np.array([1.0, 2, 3, 4]))
    >>> round(found.value, 3), round(found.low, 2), round(found.high, 2)
    (0.875, 0.43, 0.99)
    """
    m, n = len(members), len(others)
    both = rankdata(np.concatenate([members, others]))
    above = (both[:m] - rankdata(members)) / n  # of each member: the share of others below it
    below = 1 - (both[m:] - rankdata(others)) / m
    value = float(above.mean())
    z = float(ndtri((1 + level) / 2))
    low, high = _newcombe(value, m, n, z)
    variance = (np.var(above, ddof=1) / m if m > 1 else 0.0) + (np.var(below, ddof=1) / n if n > 1 else 0.0)
    if 0 < value < 1 and variance > 0:
        half = z * math.sqrt(variance) / (value * (1 - value))
        logit = math.log(value / (1 - value))
        low, high = min(low, _expit(logit - half)), max(high, _expit(logit + half))
    _, ties = np.unique(both, return_counts=True)
    total = m + n
    spread = total + 1 - float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1))
    p = float(ndtr(-(value - 0.5) / math.sqrt(spread / (12 * m * n)))) if spread > 0 else 1.0
    return Found(value, low, high, p)


def tail(
    members: Array,
    others: Array,
    false_positives: float = FALSE_POSITIVES,
    *,
    level: float = 0.95,
    replicates: int = 4000,
    seed: int = 0,
) -> Found | None:
    """The share of members that score above all but ``false_positives`` of the others; ``None`` where that is not even
    one of them.

    The interval takes in both: by chance the threshold that accuses so many of all others has another rank among these
    ones (binomial), and so many of these members lie above it (a proportion, drawn from its Jeffreys posterior, so that
    none found does not mean none there). It is the percentile bootstrap, turned round and without its bias: a resample of
    the others has a laxer threshold than the sample. The p-value is exact: where all are exchangeable, the members above a
    given rank of the others are negative hypergeometric.

    >>> scores = np.arange(400.0)
    >>> tail(scores + 300, scores).value
    0.7575
    """
    m, n = len(members), len(others)
    allowed = int(false_positives * n + 1e-9)
    if allowed < 1:
        return None
    ordered, ours = np.sort(others)[::-1], np.sort(members)
    found = m - int(np.searchsorted(ours, ordered[allowed - 1], side="right"))
    rng = np.random.default_rng(seed)
    rank = rng.binomial(n, false_positives, replicates) - rng.integers(0, 2, replicates)  # between two of the others
    above = m - np.searchsorted(ours, ordered[rank.clip(0, n - 1)], side="right")
    above = np.where(rank < 0, 0, above)
    drawn = rng.beta(above + 0.5, m - above + 0.5)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    p = float(hypergeom.sf(found - 1, m + n, m, found + allowed - 1)) if found else 1.0
    value = found / m
    return Found(value, min(float(low), value), max(float(high), value), p)


def by_loss(losses: Array, strata: NDArray[np.int64] | None = None) -> Array:
    """The cheap attack: members have lower losses (Yeom et al. 2018). Scores ``[N]``.

    With ``strata`` (a class each, ``[N]``), a loss is compared with the usual loss of its class, since some classes are
    harder than others: the median and its deviation of all examples of the class, members and others alike, so that
    nothing is learned from who is a member. Classes of fewer than ten stay with all the others.

    >>> by_loss(np.array([0.5, 2.0])).tolist()
    [-0.5, -2.0]
    """
    scores = -np.asarray(losses, dtype=np.float64)
    if strata is None:
        return scores
    counts = np.bincount(strata)
    strata = np.where(counts[strata] < LEAST, -1, strata)
    out = np.empty_like(scores)
    for stratum in np.unique(strata):
        rows = strata == stratum
        centre = np.median(scores[rows])
        spread = _SCALE * np.median(np.abs(scores[rows] - centre))
        out[rows] = (scores[rows] - centre) / (spread or 1.0)
    return out


def by_references(losses: Array, references: Array, inside: NDArray[np.bool_]) -> Array:
    """RMIA (Zarifzadeh, Liu & Shokri 2024, *Low-cost high-power membership inference attacks*).

    The score is ``log p(x | model) − log p(x)``, where p(x), what x would have had from any model, is the mean of what it
    has from reference models that were trained on it and that were not (the online form; where an example is outside of
    all, those alone: the offline form with a = 1). RMIA counts over how many others z this ratio is beaten; with the same
    z for all x that is a rising function of the ratio, so that ranks, area and tail are those of the ratio itself.

    Args:
        losses: of the model that is attacked, ``[N]``; −log of a probability, or of a density.
        references: losses of the reference models, ``[K, N]``.
        inside: whether each of them was trained on each example, ``[K, N]``.

    Returns:
        Scores ``[N]``; nan where every reference was trained on the example.

    >>> by_references(np.array([0.1]), np.array([[0.7], [0.1]]), np.array([[False], [True]])).round(3).tolist()
    [0.256]
    """
    within, out = _mean_log(references, inside), _mean_log(references, ~inside)
    either = np.logaddexp(within, out) - math.log(2) if np.isfinite(within).all() else out
    return np.where(np.isfinite(out), -np.asarray(losses, dtype=np.float64) - either, math.nan)


def _mean_log(losses: Array, chosen: NDArray[np.bool_]) -> Array:
    """The log of the mean of exp(−loss) over the ``chosen`` models, ``[N]``; nan where there is none."""
    count = chosen.sum(0)
    logs = np.logaddexp.reduce(np.where(chosen, -np.asarray(losses, dtype=np.float64), -np.inf), axis=0)
    return np.where(count > 0, logs - np.log(np.maximum(count, 1)), math.nan)


def halves(n: int, count: int, seed: int = 0) -> NDArray[np.bool_]:
    """Who is in the training data of each of ``count`` reference models, ``[K, N]``: random halves, every second one the
    rest of the one before it, so that each example is outside of as many as it is inside of.

    >>> halves(5, 2).sum(0).tolist()
    [1, 1, 1, 1, 1]
    """
    rng = np.random.default_rng(seed)
    rows: list[NDArray[np.bool_]] = []
    for at in range(count):
        if at % 2:
            rows.append(~rows[-1])
        else:
            row = np.zeros(n, dtype=np.bool_)
            row[rng.permutation(n)[: n // 2]] = True
            rows.append(row)
    return np.array(rows).reshape(count, n)


def smallest_area(members: int, others: int, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest area that so many members and others show in ``power`` of all cases.

    >>> round(smallest_area(100, 100), 3), round(smallest_area(10_000, 10_000), 3)
    (0.615, 0.511)
    """
    error = math.sqrt((members + others + 1) / (12 * members * others))
    return min(1.0, 0.5 + float(ndtri((1 + level) / 2) + ndtri(power)) * error)


def verdict(found: Sequence[Found], areas: Sequence[Found], blind: Found | None) -> str:
    """`LEAK`, `NO_LEAK` or `CANNOT_TELL`.

    A leak is shown where an attack does better than chance after Holm's correction for their number (at 2.5 %, one-sided)
    and better than a blind attack, which does not look at the model at all. Where none is shown, the areas' intervals say
    whether one that is `NOTICEABLE` is ruled out.

    Args:
        found: all figures of attacks on the model: areas and tails.
        areas: those of them that are areas.
        blind: the area of an attack by models that were trained on nobody in question: above or below ½ where members
            and others differ by themselves.

    >>> shown, not_shown = Found(0.7, 0.65, 0.75, 1e-9), Found(0.51, 0.49, 0.53, 0.2)
    >>> verdict([shown], [shown], None), verdict([not_shown], [not_shown], None), verdict([shown], [shown], shown)
    ('a leak is shown', 'no leak is shown', 'cannot tell')

    An area surely below ½ comes of no memory: there too members and others differ by themselves.

    >>> turned = Found(0.25, 0.2, 0.3, 1.0)
    >>> verdict([turned], [turned], None)
    'cannot tell'
    """
    corrected = adjust([one.p for one in found])
    shown = [one for one, p in zip(found, corrected, strict=True) if p <= 0.025]
    if blind is not None and not blind.low <= 0.5 <= blind.high:
        shown = [one for one in shown if one in areas and one.low > beyond(blind)]
        return LEAK if shown else CANNOT_TELL
    if shown:
        return LEAK
    if turned(areas):
        return CANNOT_TELL
    return NO_LEAK if areas and all(one.high < NOTICEABLE for one in areas) else CANNOT_TELL


def beyond(blind: Found) -> float:
    """The area that a blind attack may have, turned round where it is below ½: who knows how two sides differ needs no
    model."""
    return max(blind.high, 1 - blind.low)


def turned(areas: Sequence[Found]) -> Found | None:
    """An area surely (99 %) below ½, of which nobody's memory is the cause; ``None`` where there is none."""
    lowest = max(areas, key=lambda one: one.p, default=None)
    return lowest if lowest is not None and lowest.p > 0.995 else None


def _newcombe(value: float, m: int, n: int, z: float) -> tuple[float, float]:
    """Where the area could lie still: the Hanley and McNeil variance taken at the end itself, solved by bisection."""

    def misses(theta: float) -> bool:
        both = (m + n) / 2 - 1
        variance = (theta * (1 - theta) / (m * n)) * (1 + both * (1 - theta) / (2 - theta) + both * theta / (1 + theta))
        return (value - theta) ** 2 > z * z * variance

    ends = []
    for end in (0.0, 1.0):
        inner, outer = value, end
        if not misses(outer):
            ends.append(end)
            continue
        for _ in range(50):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if misses(middle) else (middle, outer)
        ends.append((inner + outer) / 2)
    return ends[0], ends[1]


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def largest(guarantees: Sequence[tuple[float, float]], false_positives: float = FALSE_POSITIVES) -> tuple[float, float]:
    """The largest area under the curve, and the largest share found at so many false positives, that any attack on one
    example's membership can have where every (ε, δ) of ``guarantees`` holds.

    Each bounds the share missed at α false positives by ``max(0, 1 - δ - e^ε α, e^-ε (1 - δ - α))`` from below (Kairouz, Oh
    & Viswanath 2015, arXiv:1311.0776); together they come near the mechanism's own trade-off, which allows far less than
    one of them alone (Dong, Roth & Su 2022, arXiv:1905.02383).

    >>> [round(share, 3) for share in largest([(1.0, 1e-5)])], [round(share, 3) for share in largest([(0.0, 0.0)])]
    ([0.731, 0.027], [0.5, 0.01])
    >>> round(largest([(1.0, 1e-5), (0.37, 0.01), (0.1, 0.06)])[0], 3)
    0.573
    """
    epsilon, delta = np.array(guarantees, dtype=np.float64).T[:, :, None]

    def missed(alpha: Array) -> Array:
        least = np.maximum(1 - delta - np.exp(epsilon) * alpha, np.exp(-epsilon) * (1 - delta - alpha))
        return np.maximum(least.max(0), 0.0)  # type: ignore[no-any-return]

    middles = (np.arange(STEPS) + 0.5) / STEPS  # of a convex curve, so that its area is never stated too small
    return 1 - float(missed(middles).mean()), 1 - float(missed(np.array([false_positives]))[0])
