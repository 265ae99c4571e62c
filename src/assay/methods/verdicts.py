"""What gaps say in words, corrected for how many were asked about, with what could have been seen where none is shown.

Legend: a level is the chance of a false verdict that a single question is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.special import ndtri

from assay.core.metric import Metric
from assay.methods.gaps import Gap
from assay.methods.intervals import adjust
from assay.methods.proportions import wilson

ALPHA, POWER = 0.05, 0.8
BISECTIONS = 30
WORTH, PART, LEAST = (
    0.05,
    0.2,
    0.01,
)  # of a share: points worth knowing of, or so much of a small one, but no less than a point
TENTH = 0.1  # of anything else: the part of its value that is worth knowing of
NO_GAP, CANNOT_TELL = "no gap shown", "cannot tell at this n"
WORSE, BETTER, HIGHER, LOWER = (f"{word} than the rest" for word in ("worse", "better", "higher", "lower"))


def holm(found: Sequence[Gap], first: str, alpha: float = ALPHA) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Adjusted p-values, and the level that each gap was tested at if all others had been clear.

    Two families share ``alpha`` by halves: the gaps of the metric named ``first``, which most people ask for, and all
    others, so that many metrics cost the first one little. Within each it is Holm's (1979): a false verdict among all is
    rarer than ``alpha``. What is `Gap.mirrored` counts for nothing.

    >>> metric = Metric("accuracy", lambda sums: sums, "higher")
    >>> one = Gap(metric, "sex=F", 50, 0.7, 0.8, p=0.01)
    >>> holm([one, Gap(metric, "sex=M", 50, 0.8, 0.7, p=0.01, mirrored=True)], "accuracy")
    ((0.02, 0.02), (0.025, 0.025))
    """
    adjusted, levels = [math.nan] * len(found), [math.nan] * len(found)
    for family in (True, False):
        own = [at for at, gap in enumerate(found) if (gap.metric.name == first) is family and math.isfinite(gap.p)]
        questions = [at for at in own if not found[at].mirrored] or own  # the twin may have no p-value
        corrected = dict(zip((found[at].p for at in questions), adjust([found[at].p for at in questions]), strict=True))
        for at in own:  # the twin of a mirrored gap has the same p-value, but for rounding
            p = min(corrected, key=lambda known: abs(known - found[at].p))
            adjusted[at], levels[at] = min(1.0, 2 * corrected[p]), alpha / (2 * len(questions))
    return tuple(adjusted), tuple(levels)


def smallest(gap: Gap, level: float) -> float:
    """The smallest gap that so many examples show in `POWER` of all cases when it is tested at ``level``; nan where nothing
    can be said. Of a proportion the error is that of a group which is so much worse off (where no direction is good, the
    larger one of two), and a gap that would need more than all answers to be wrong is infinite.

    >>> round(smallest(Gap(Metric("mae", lambda sums: sums, "lower"), "sex=F", 50, 0.7, 0.8, error=0.05), 0.05), 3)
    0.14
    """
    bar, power = float(ndtri(1 - level / 2)), float(ndtri(POWER))
    if not gap.trials or math.isnan(gap.error):
        return (bar + power) * gap.error
    of_rest = math.sqrt(max(0.0, gap.error**2 - gap.own_error**2))

    def shown(size: float, sign: int) -> bool:
        share = min(max(gap.of_rest + sign * size, 0.0), 1.0)
        low, high = wilson(share * gap.n, gap.n, 1 - level)
        towards = high - share if sign < 0 else share - low  # as `newcombe` has it
        own = math.sqrt(share * (1 - share) / gap.n)
        return size >= math.hypot(towards, bar * of_rest) + power * math.hypot(own, of_rest)

    found = []
    for sign, room in ((-1, gap.of_rest), (1, 1 - gap.of_rest)):
        if (gap.metric.better, sign) in (("higher", 1), ("lower", -1)) or not shown(room, sign):
            continue  # a group that is better off, or too small for any gap
        least, most = 0.0, room
        for _ in range(BISECTIONS):
            size = (least + most) / 2
            least, most = (least, size) if shown(size, sign) else (size, most)
        found.append(most)
    return max(found, default=math.inf)


def worth(metric: Metric, whole: float) -> float:
    """A gap that one would want to know of: 5 points of a share, or a fifth of it on the whole where that is less (of a
    proportion that is near 1 a fifth of what is missing), and never less than 1 point; 5 points of what is near 0 by
    nature; a tenth of any other value.

    A fifth is the four-fifths rule of the US Uniform Guidelines on Employee Selection Procedures (1978). Without it, a base
    of 3 % would pass for even where one group has three times what another has.

    >>> from assay.core.metric import ratio
    >>> accuracy = ratio("accuracy", 0, 1, better="higher", proportion=True)
    >>> [round(worth(accuracy, whole), 3) for whole in (0.6, 0.9, 0.99)]
    [0.05, 0.02, 0.01]
    >>> round(worth(Metric("map", lambda sums: sums, "higher"), 0.1), 3)
    0.02
    >>> round(worth(Metric("mae", lambda sums: sums, "lower", unit="kg"), 12.0), 3)
    1.2
    """
    size = abs(whole)
    if metric.centred:
        return WORTH
    if metric.unit or size > 1:
        return TENTH * size
    return min(WORTH, max(LEAST, PART * (min(size, 1 - size) if metric.counts else size)))


def verdict(gap: Gap, adjusted: float, least: float, whole: float, alpha: float = ALPHA) -> str:
    """The gap in words.

    Args:
        gap: what was found.
        adjusted: its p-value from `holm`.
        least: its `smallest`.
        whole: the metric of all examples.
        alpha: of `holm`.

    Returns:
        `WORSE` or `BETTER` (`HIGHER` or `LOWER` where neither is good) where a gap is shown; else `NO_GAP` where one of
        `worth` would most probably have been, and `CANNOT_TELL` where not.
    """
    if adjusted < alpha:
        if gap.metric.better == "neither":
            return HIGHER if gap.value > 0 else LOWER
        return BETTER if (gap.value > 0) == (gap.metric.better == "higher") else WORSE
    return NO_GAP if least <= worth(gap.metric, whole) else CANNOT_TELL
