"""Groups that nobody named: conjunctions of attribute values for which a model is worse, found on one half of the data and
confirmed on the other.

The search looks at every conjunction of up to three values that holds for enough examples (as SliceFinder does: Chung,
Kraska, Polyzotis, Tae & Whang 2019; SliceLine: Sagadeeva & Boehm 2021), takes the one with the strongest evidence, sets its
examples aside and looks again, so that a harm is named once and at the right breadth. Evidence is a log-likelihood ratio
less the logarithm of how many conjunctions of as many values there are: that many would be found by chance. What the search
saw cannot count as proof; each candidate is tested on examples that it never saw, and false ones among those that pass are
rarer than 1 in 20 (Benjamini & Hochberg 1995). What a wider group that is no less harmed
nearly covers is not named beside it.

Shapes: N examples, A attributes, S sets of attributes, C conjunctions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from assay.core.metric import Array
from assay.methods._slice_evidence import one_sided, shortfall, summed
from assay.methods.groups import Grouping

Rows = NDArray[np.bool_]

DEPTH, LEAST, SHARE = 3, 20, 0.005  # values in a conjunction; examples that it must hold for, and share of all
SEARCHED = 50_000  # examples at most that the search sees
CELLS = 1 << 25  # numbers that say which conjunctions hold for which example: 128 MB
CANDIDATES = 40  # at most
CHANCE = 6.0  # evidence that exp(6) conjunctions show by chance is not looked at
COVERED = 0.9  # of a group that lies in another: it is a part of that one


@dataclass(frozen=True)
class Slice:
    """A group for which the scores are lower than for the rest.

    Attributes:
        name: its values, as ``sex=F & age=17–28``.
        rows: the examples that it holds for, ``[N]``.
        p: of no harm, one-sided, on the examples that the search never saw; the larger one of against everybody else, and
            of what no earlier candidate holds for among itself.
        adjusted: the same, corrected for the number of candidates (Benjamini–Hochberg).
    """

    name: str
    rows: Rows
    p: float
    adjusted: float


@dataclass(frozen=True)
class Search:
    """What was looked at and what came of it.

    Attributes:
        slices: those that the other half confirms, the most harm first: by how much the mean of all would rise were the
            group as good as the rest, which is its gap times its share.
        candidates: how many the search put forward.
        looked_at: conjunctions by how many values they hold, of one, two and three.
        seen: the examples that the search saw, ``[N]``; all others are for confirmation.
        mean, deviation: of the scores.
        exact: whether they are of 0 and 1.
        room: the largest gap that there can be: scores that are never below 0 are taken to end there; else infinite.
        level: the level at which a lone candidate was tested.
    """

    slices: tuple[Slice, ...]
    candidates: int
    looked_at: tuple[int, ...]
    seen: Rows
    mean: float
    deviation: float
    exact: bool
    room: float
    level: float

    def smallest(self, share: float, power: float = 0.8) -> float:
        """The smallest gap to the rest that would have been found in ``power`` of all cases, for one group that ``share`` of
        the examples are of: it must be large enough to be looked at, stand out in the search and then be confirmed. Infinite
        where there is none."""
        bars = (_bar(max(self.looked_at, default=1)), float(ndtri(1 - self.level)))
        sizes = (int(self.seen.sum()), int((~self.seen).sum()))

        def found(gap: float) -> float:
            mean = min(max(self.mean - gap, 0.0), 1.0)
            own = mean * (1 - mean) if self.exact else self.deviation**2
            error = math.sqrt(own / share + self.deviation**2 / (1 - share))
            if not error:
                return 0.0
            return math.prod(float(ndtr(gap * math.sqrt(n) / error - bar)) for n, bar in zip(sizes, bars, strict=True))

        if share * sizes[0] < _least(sizes[0]):
            return math.inf
        least, most = 0.0, self.room if self.exact else min(self.room, 100 * self.deviation)
        if not found(most) > power:
            return math.inf
        for _ in range(50):
            gap = (least + most) / 2
            least, most = (least, gap) if found(gap) > power else (gap, most)
        return most


def search(
    attributes: Sequence[Grouping], scores: Array, *, depth: int = DEPTH, alpha: float = 0.05, seed: int = 0
) -> Search:
    """Groups whose scores are lower than those of the rest.

    Args:
        attributes: what is known of the examples, each as a partition.
        scores: how good the answer to each example is, ``[N]``, higher is better; of 0 and 1 they are tested exactly, as
            counts, else by Welch's t.
        depth: values in a conjunction at most.
        alpha: the share of false ones among those found, in the mean.
        seed: of the division.

    >>> rng = np.random.default_rng(0)
    >>> shop, sort = rng.integers(0, 4, 8000), rng.integers(0, 3, 8000)
    >>> right = (rng.random(8000) < np.where((shop == 2) & (sort == 1), 0.6, 0.9)).astype(float)
    >>> names = [Grouping(n, c, tuple(f"{n}={v}" for v in range(4))) for n, c in (("shop", shop), ("sort", sort))]
    >>> [found.name for found in search(names, right).slices]
    ['shop=2 & sort=1']
    """
    scores = np.asarray(scores, dtype=np.float64)
    n = len(scores)
    seen = np.zeros(n, dtype=bool)
    seen[np.random.default_rng(seed).permutation(n)[: min(n // 2, SEARCHED)]] = True
    candidates, looked_at = _candidates(attributes, scores, np.flatnonzero(seen), depth)
    exact = bool(np.isin(scores, (0.0, 1.0)).all())
    left = ~seen
    found = []
    for conditions in candidates:
        rows = np.logical_and.reduce([attributes[a].codes == value for a, value in conditions])
        own = one_sided(scores[left & rows], scores[left & ~rows], exact)
        p = max(own, one_sided(scores[~seen & rows], scores[~seen & ~rows], exact))
        found.append((" & ".join(attributes[a].labels[value] for a, value in conditions), rows, p))
        left &= ~rows
    adjusted = benjamini_hochberg([p for *_, p in found])
    confirmed = [Slice(*one, q) for one, q in zip(found, adjusted, strict=True) if q < alpha]
    slices = _told_apart(confirmed, scores, ~seen)
    mean = float(scores.mean()) if n else math.nan
    varies = bool(n) and scores.min() < scores.max()  # of equal ones the deviation is floating point, and not quite 0
    deviation = float(scores.std()) if varies else 0.0
    room = mean if (scores >= 0).all() else math.inf
    return Search(slices, len(found), looked_at, seen, mean, deviation, exact, room, alpha / max(1, len(found)))


def _told_apart(found: Sequence[Slice], scores: Array, unseen: Rows) -> tuple[Slice, ...]:
    """Without the groups that are all but a part of a later one which is no less harmed: noise in the half that was searched
    puts a part first where the whole is the harm. Ordered by harm."""
    gaps = [scores[unseen & ~one.rows].mean() - scores[unseen & one.rows].mean() for one in found]

    def covered(at: int) -> bool:
        own = found[at].rows & unseen
        later = range(at + 1, len(found))
        return any(gaps[b] >= gaps[at] and (own & found[b].rows).sum() >= COVERED * own.sum() for b in later)

    kept = [at for at in range(len(found)) if not covered(at)]
    return tuple(found[at] for at in sorted(kept, key=lambda at: -gaps[at] * (unseen & found[at].rows).sum()))


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p-values: of those at most 0.05, one in 20 is false in the mean (Benjamini & Hochberg 1995).

    >>> benjamini_hochberg([0.01, 0.5, 0.02])
    (0.03, 0.5, 0.03)
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    scaled = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(scaled, 1)
    return tuple(float(value) for value in adjusted)


def _candidates(
    attributes: Sequence[Grouping], scores: Array, rows: NDArray[np.int64], depth: int
) -> tuple[list[tuple[tuple[int, int], ...]], tuple[int, ...]]:
    """The conjunctions that the search puts forward, the strongest first, each as (attribute, value) pairs."""
    codes = [grouping.codes[rows] for grouping in attributes]
    sizes = [len(grouping.labels) for grouping in attributes]
    own, n = scores[rows], len(rows)
    least = _least(n)
    moments = np.stack([np.ones(n), own, own**2], axis=1)
    exact = bool(np.isin(own, (0.0, 1.0)).all())
    ids: list[NDArray[np.int32]] = []  # which conjunction of each set holds for each example, -1 for a rare one
    named: list[tuple[tuple[int, ...], int]] = []
    looked_at: list[int] = []
    bars = np.empty(0)
    able = [a for a in range(len(codes)) if sizes[a] > 1]
    sums = np.empty((0, 3))
    for level in range(1, min(depth, len(able)) + 1):
        able = _strongest(able, level, max(0, CELLS // max(n, 1) - len(ids)), named, sums, moments.sum(0), exact)
        before = len(named)
        for chosen in combinations(able, level):
            cell = np.ravel_multi_index([codes[a] for a in chosen], [sizes[a] for a in chosen])
            values, inverse, counts = np.unique(cell, return_inverse=True, return_counts=True)
            kept = (counts >= least) & (counts < n)
            place = np.where(kept, len(named) + np.cumsum(kept) - 1, -1).astype(np.int32)
            ids.append(place[inverse])
            named += [(chosen, int(value)) for value in values[kept]]
        looked_at.append(len(named) - before)
        bars = np.append(bars, np.full(len(named) - before, _bar(max(1, len(named) - before))))
        sums = summed(ids, moments, len(named))
    total = moments.sum(0)
    found: list[tuple[tuple[int, int], ...]] = []
    held = np.stack(ids) if ids else np.empty((0, n), dtype=np.int32)
    left = np.ones(n, dtype=bool)
    while len(found) < CANDIDATES and len(named):
        z = shortfall(sums, total, exact)
        z[sums[:, 0] < least] = -math.inf
        strength = np.where(z > bars, z**2 - bars**2, -math.inf)
        best = int(strength.argmax())
        if not math.isfinite(strength[best]):
            break
        best = _narrowed(best, sums, held, moments, left, least, exact)
        chosen, value = named[best]
        found.append(tuple(zip(chosen, map(int, np.unravel_index(value, [sizes[a] for a in chosen])), strict=True)))
        gone = np.flatnonzero(left & (held == best).any(0))
        left[gone] = False
        sums = sums - summed(list(held[:, gone]), moments[gone], len(named))
        total = total - moments[gone].sum(0)
    return found, tuple(looked_at)


def _narrowed(
    best: int, sums: Array, held: NDArray[np.int32], moments: Array, left: Rows, least: int, exact: bool
) -> int:
    """The conjunction, or one within it that the harm is of: a part that stands out from the rest of it, by more than the
    best of so many parts would by chance."""
    while True:
        rows = np.flatnonzero(left & (held == best).any(0))
        parts = summed(list(held[:, rows]), moments[rows], len(sums))
        size = parts[:, 0]
        inside = (size == sums[:, 0]) & (size >= least) & (size < size[best])
        z = np.where(inside, shortfall(parts, parts[best], exact), 0.0)
        if z.max() <= math.sqrt(2 + 2 * math.log(max(1, int(inside.sum())))):
            return best
        best = int(z.argmax())


def _least(n: int) -> int:
    """How many of the ``n`` examples that are searched a conjunction must hold for."""
    return max(LEAST, math.ceil(SHARE * n))


def _bar(count: int) -> float:
    """The evidence that ``count`` conjunctions must show, as a normal quantile."""
    return math.sqrt(2 * max(0.5, math.log(max(count, 1)) - CHANCE))


def _strongest(
    able: list[int],
    level: int,
    room: int,
    named: Sequence[tuple[tuple[int, ...], int]],
    sums: Array,
    total: Array,
    exact: bool,
) -> list[int]:
    """The attributes to combine: all, or as many as there is room for, those with the strongest evidence so far."""
    most = len(able)
    while most > level and math.comb(most, level) > room:
        most -= 1
    if most == len(able):
        return able
    evidence = shortfall(sums, total, exact)
    best = {a: max((z for (chosen, _), z in zip(named, evidence, strict=True) if a in chosen), default=0) for a in able}
    return sorted(sorted(able, key=lambda a: -best[a])[:most])
