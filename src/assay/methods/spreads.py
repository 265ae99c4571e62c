"""How far the best and the worst of several groups are apart: differences and ratios, as fairlearn defines them.

Between the largest and the smallest of several values lies chance too, so a spread is too large in small data, and its
interval is made of the intervals of all pairs of groups: they hold the truth together, and so does what they say of the
spread. It is wider than one pair would need, holds the truth at least as often as it claims, and reaches down to 0 (or up to
a ratio of 1) unless some pair of groups differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from scipy.special import stdtrit

from assay.core.figure import Better, Figure
from assay.core.group_names import group_of
from assay.methods.gaps import Gap
from assay.methods.proportions import wilson


def spread(
    found: Sequence[Gap], name: str, column: str, *, unit: str = "", level: float = 0.95, most: int | None = None
) -> Figure:
    """The largest difference between two groups in any of several metrics.

    Of one metric it is fairlearn's ``MetricFrame.difference()``; of selection rates ``demographic_parity_difference``, of
    true- and false-positive rates ``equalized_odds_difference``.

    Args:
        found: the gaps of the groups of one column, in one or several metrics; groups without a value count for nothing.
        name: of the figure.
        column: whose groups they are, which the figure names.
        unit: of the metrics.
        level: of the interval.
        most: examples that there are: rates may be of others each, as those of positives and of negatives, or share some.

    >>> from assay.core.metric import Metric
    >>> rate = Metric("selection_rate", lambda sums: sums, "neither")
    >>> groups = [Gap(rate, f"sex={s}", 100, share, math.nan, trials=True) for s, share in (("F", 0.2), ("M", 0.5))]
    >>> print(spread(groups, "demographic_parity_difference", "sex"))
    demographic_parity_difference where sex 0.300 [0.169, 0.417] (n = 200)
    """
    kinds = _by_metric(found)
    pairs = [pair for kind in kinds for pair in combinations(kind, 2)]
    widest = max((max(g.of_group for g in kind) - min(g.of_group for g in kind) for kind in kinds), default=math.nan)
    low: float | None = None
    high: float | None = None
    if pairs and all(math.isfinite(gap.own_error) or gap.trials for kind in kinds for gap in kind):
        ends = [_between(a, b, 1 - (1 - level) / len(pairs)) for a, b in pairs]
        low, high = (float(max(end[at] for end in ends)) for at in (0, 1))
    better: Better = "lower"
    return Figure(name, float(widest), low, high, _examples(kinds, most), unit, better, group_of(column))


def proportion(found: Sequence[Gap], name: str, column: str, *, level: float = 0.95, most: int | None = None) -> Figure:
    """The smallest share that one group's rate is of another's, in any of several rates; 1 where they are equal.

    Of selection rates it is fairlearn's ``demographic_parity_ratio``, of true- and false-positive rates
    ``equalized_odds_ratio``. Arguments as in `spread`.

    >>> from assay.core.metric import Metric
    >>> rate = Metric("selection_rate", lambda sums: sums, "neither")
    >>> groups = [Gap(rate, f"sex={s}", 100, share, math.nan, trials=True) for s, share in (("F", 0.2), ("M", 0.5))]
    >>> print(proportion(groups, "demographic_parity_ratio", "sex"))
    demographic_parity_ratio where sex 0.400 [0.206, 0.776] (n = 200)
    """
    kinds = _by_metric(found)
    least, low, high = math.nan, 1.0, 1.0
    groups = sum(map(len, kinds))
    for kind in kinds:
        largest = max(gap.of_group for gap in kind)
        if largest <= 0:
            continue  # nobody has any: no ratio is defined
        least = min(least if math.isfinite(least) else 1.0, min(gap.of_group for gap in kind) / largest)
        ends = [_ends(gap, 1 - (1 - level) / groups) for gap in kind]
        low = min(low, min(end[0] for end in ends) / max(end[1] for end in ends))
        high = min(high, min(end[1] for end in ends) / max(*(end[0] for end in ends), 1e-300))
    known = math.isfinite(least)
    return Figure(
        name,
        float(least),
        float(max(0.0, low)) if known else None,
        float(min(1.0, high)) if known else None,
        _examples(kinds, most),
        "",
        "higher",
        group_of(column),
    )


def _by_metric(found: Sequence[Gap]) -> list[list[Gap]]:
    kinds: dict[str, list[Gap]] = {}
    for gap in found:
        if math.isfinite(gap.of_group) and gap.n:
            kinds.setdefault(gap.metric.name, []).append(gap)
    return [kind for kind in kinds.values() if len(kind) > 1]


def _examples(kinds: Sequence[Sequence[Gap]], most: int | None) -> int:
    """How many it rests on: those of all rates together, and no more than there are."""
    every = sum(gap.n for kind in kinds for gap in kind)
    return every if most is None else min(every, most)


def _ends(gap: Gap, level: float) -> tuple[float, float]:
    """The interval of a group's own value."""
    if gap.trials:
        return wilson(round(gap.of_group * gap.n), gap.n, level)
    half = float(stdtrit(max(1, gap.n - 1), (1 + level) / 2)) * gap.own_error
    return gap.of_group - half, gap.of_group + half


def _between(a: Gap, b: Gap, level: float) -> tuple[float, float]:
    """The interval of how far two groups are apart, from their own (Zou & Donner 2008): its least and its most."""
    if a.of_group < b.of_group:
        a, b = b, a
    (low, high), (low_b, high_b) = _ends(a, level), _ends(b, level)
    size = a.of_group - b.of_group
    below = size - math.hypot(a.of_group - low, high_b - b.of_group)
    above = size + math.hypot(high - a.of_group, b.of_group - low_b)
    return max(0.0, below), max(above, -below)
