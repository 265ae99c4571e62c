"""Does a private training do what its guarantee rests on? Tests of what was recorded while it ran.

DP-SGD (Abadi et al. 2016) promises (ε, δ) for steps that draw each example with probability q, clip its gradient to the
norm C, sum, and add fresh normal noise of standard deviation σC. Who stands beside such a run and clips the same gradients
himself knows what the noise must have been: *the rest*, what was released minus the clipped sum. In an honest run it is
white noise of a known level. Each way to err leaves a mark on it, or on the sizes of the batches.

Shapes: T steps, L tensors of weights, k coordinates of each that are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc, ndtr
from scipy.stats import binom, chi2, gamma

from assay.core.metric import Array
from assay.methods.intervals import adjust

LEVEL = 1e-4  # chance of any false alarm in an honest run; what goes wrong in practice is far beyond it


@dataclass(frozen=True)
class Check:
    """One test.

    Attributes:
        name: what is looked at.
        expected, found: in the same unit.
        p: of an honest run, corrected for the number of tests once it is one of `checks`.
        says: the sentence for a run that fails it.
    """

    name: str
    expected: float
    found: float
    p: float
    says: str

    @property
    def passed(self) -> bool:
        """Whether an honest run could well look like this."""
        return self.p >= LEVEL


@dataclass(frozen=True)
class Recorded:
    """What was recorded of a run, in units of the clipping norm C.

    Attributes:
        sizes: how many examples each step drew, ``[T]``.
        examples: of how many.
        rests: for each tensor of weights the rest at some of its coordinates, ``[T, k]``, with its name.
        sums: the clipped sum at the same places, ``[T, k]``.
    """

    sizes: Array
    examples: int
    rests: Sequence[tuple[str, Array]]
    sums: Sequence[Array]


def checks(recorded: Recorded, *, rate: float, noise: float) -> tuple[Check, ...]:
    """All tests of a run that claims the sampling rate ``rate`` and the noise multiplier ``noise``, p-values corrected
    for their number (Holm).

    >>> rng = np.random.default_rng(0)
    >>> sums = rng.normal(0, 3, (50, 40))
    >>> run = Recorded(rng.binomial(1000, 0.05, 50), 1000, [("weight", rng.normal(0, 1.5, (50, 40)))], [sums])
    >>> all(check.passed for check in checks(run, rate=0.05, noise=1.5))
    True
    >>> [check.name for check in checks(run, rate=0.05, noise=3.0) if not check.passed]
    ['noise of weight']
    """
    found = [
        drawn_rate(recorded.sizes, recorded.examples, rate),
        drawn_freely(recorded.sizes, recorded.examples, rate),
    ]
    for (name, rest), total in zip(recorded.rests, recorded.sums, strict=True):
        found += [clipping(name, rest, total, noise), noise_level(name, rest, noise)]
    found += [between_steps([rest for _, rest in recorded.rests]), between_tensors(recorded.rests)]
    corrected = adjust([check.p for check in found])
    return tuple(replace(check, p=p) for check, p in zip(found, corrected, strict=True))


def drawn_rate(sizes: Array, examples: int, rate: float) -> Check:
    """Whether as many examples were drawn in all as the claimed rate makes: a binomial of all examples and steps."""
    total, trials = int(np.sum(sizes)), examples * len(sizes)
    p = 2 * min(float(binom.cdf(total, trials, rate)), float(binom.sf(total - 1, trials, rate)))
    found = total / trials
    says = f"A step draws {found:.4g} of the examples, while the accounting counts on {rate:.4g}."
    return Check("sampling rate", rate, found, min(1.0, p), says)


def drawn_freely(sizes: Array, examples: int, rate: float) -> Check:
    """Whether batches vary in size as when each example is drawn by itself; those cut from a shuffled list do not."""
    spread = examples * rate * (1 - rate)
    found = float(np.sum((np.asarray(sizes) - examples * rate) ** 2)) / spread
    excess = 2 + (1 - 6 * rate * (1 - rate)) / spread  # variance of one squared deviation of a binomial
    steps = len(sizes)
    law = gamma(steps / excess, scale=excess)
    p = 2 * min(float(law.cdf(found)), float(law.sf(found)))
    says = (
        f"Sizes of batches vary {found / steps:.3g} times as much as when each example is drawn by itself: the sampling is "
        "not the one that is accounted for."
    )
    return Check("sampling by chance", 1.0, found / steps, min(1.0, p), says)


def clipping(name: str, rest: Array, total: Array, noise: float) -> Check:
    """Whether the rest leans towards the clipped sum: more or less of the examples was released than clipping allows."""
    size = float(np.sum(np.square(total)))
    if size == 0:
        return Check(f"clipping of {name}", 0.0, 0.0, 1.0, "")
    lean = float(np.sum(rest * total))
    z = lean / (max(noise, 1e-9) * math.sqrt(size))
    kind = "more" if lean > 0 else "less"
    says = (
        f"Of the gradients of {name}, {abs(lean) / size:.0%} {kind} was released than examples that are each clipped to the "
        "norm can give: the clipping is not of each example over all weights."
    )
    return Check(f"clipping of {name}", 0.0, lean / size, min(1.0, 2 * float(ndtr(-abs(z)))), says)


def noise_level(name: str, rest: Array, noise: float) -> Check:
    """Whether the rest has the variance of the claimed noise: a χ² with as many degrees of freedom as numbers."""
    found = float(np.sqrt(np.mean(np.square(rest))))
    law = chi2(rest.size)
    value = float(np.sum(np.square(rest))) / max(noise, 1e-9) ** 2
    p = 2 * min(float(law.cdf(value)), float(law.sf(value)))
    says = f"The noise on {name} has the standard deviation {found:.3g} C, while {noise:.3g} C is claimed."
    return Check(f"noise of {name}", noise, found, min(1.0, p), says)


def between_steps(rests: Sequence[Array]) -> Check:
    """Whether any two steps share noise: the largest correlation of all pairs of steps."""
    rows = np.concatenate([np.asarray(rest, dtype=np.float64) for rest in rests], axis=1)
    found, p = _most_alike(rows)
    says = f"The noise of two steps has a correlation of {found:.2f}: it is not drawn anew."
    return Check("fresh noise each step", 0.0, found, p, says)


def between_tensors(rests: Sequence[tuple[str, Array]]) -> Check:
    """Whether any two tensors share noise at the same coordinates, as when each begins at the same seed."""
    worst, least, count, pair = 0.0, 1.0, 0, ("", "")
    for i, (name, one) in enumerate(rests):
        for other_name, other in rests[:i]:
            k = min(one.shape[1], other.shape[1])
            found, p = _most_alike(np.stack([one[:, :k].ravel(), other[:, :k].ravel()]))
            count += 1
            if p < least:
                worst, least, pair = found, p, (other_name, name)
    says = f"The noise on {pair[0]} and {pair[1]} has a correlation of {worst:.2f}: it is the same noise."
    return Check("fresh noise each tensor", 0.0, worst, min(1.0, least * max(count, 1)), says)


def _most_alike(rows: Array) -> tuple[float, float]:
    """The correlation (about 0) of largest size between two of the rows, and its p-value corrected for all pairs."""
    sizes = np.sqrt(np.square(rows).sum(1, keepdims=True))
    unit = rows / np.where(sizes > 0, sizes, 1.0)
    n, k = rows.shape
    if n < 2 or k < 3:
        return 0.0, 1.0
    alike = unit @ unit.T
    np.fill_diagonal(alike, 0.0)
    at = int(np.abs(alike).argmax())
    found = float(alike.flat[at].clip(-1, 1))
    # The squared correlation of k independent normals about 0 is Beta(1/2, (k - 1)/2).
    p = float(betainc((k - 1) / 2, 0.5, 1 - found * found))
    return found, min(1.0, p * n * (n - 1) / 2)
