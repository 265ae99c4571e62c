"""Labels and values that are likely wrong, judged by held-out answers.

As in confident learning, a label is doubted where a learner that has not seen the example is sure of another one. But
how sure is sure enough? Where classes overlap, an honest learner is often sure and wrong, and thresholds on confidence
then doubt hundreds of good labels. So the learner's answers and a rate of wrong labels are fitted together, by maximum
likelihood: a label is right with probability 1 − ε and then has the learner's chance (sharpened by a power a), or wrong
and then any other. What overlap explains is left to a; ε is what no sharpness explains: labels that contradict the
learner where it is never wrong otherwise. The chance that a given label is wrong follows by Bayes' rule.

References:
    Copas (1988), Binary regression models for contaminated data, JRSS B: the mixture.
    Northcutt, Jiang & Chuang (2021), Confident learning: estimating uncertainty in dataset labels, JAIR: the idea, and
    how common such labels are.

Shapes: N examples, C classes, P suspects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from assay.core.metric import Array
from assay.methods.neighbours import Ints

_MOST = 0.4  # a larger share of wrong labels cannot be told from labels without meaning
_LEARNT = 0.9  # of the entropy of the classes that held-out answers must get below: else they say nothing
_EVIDENCE = 5.4  # nats that ε must gain: a likelihood ratio that chance reaches once in 2,000 (half a χ² of one degree)
_MISFIT = 0.03  # of the disagreement
_FACTOR = 4.0
_LEAST, _GREATEST = -6.0, 4.0  # of the logarithm of the power
_RATES = np.array([-5.0, -3.5, -2.5, -1.5, 0.0])  # logits of a rate, as a share of the largest


@dataclass(frozen=True)
class LabelErrors:
    """What is likely wrong.

    Attributes:
        suspects: ``int64 [P]``, examples whose label is more likely wrong than right, the surest first.
        chance: ``float64 [N]``, the chance that each label is wrong.
        proposed: ``int64 [N]``, the class that the learner gives the most.
        rate: the estimated share of wrong labels, also of those that cannot be named.
        agreement: the share of labels that the held-out answers agree with.
    """

    suspects: Ints
    chance: Array
    proposed: Ints
    rate: float
    agreement: float


def label_errors(log_probability: Array, labels: Ints, *, above: float = 0.5) -> LabelErrors:
    """The labels that are wrong with a chance above ``above``.

    There are none where the learner knows nothing (its log-loss is not below nine tenths of the classes' entropy), where
    a rate of wrong labels does not explain the labels better beyond chance (1 in 2,000), or where that rate is below
    3 % of the learner's disagreement: a weak learner is wrong in ways that no power describes (on CIFAR-10 as it is,
    with a learner that agrees with 67 %, the rate is 0.9 % of the disagreement and the suspects are its mistakes).

    Args:
        log_probability: held out, in nats, up to a constant an example, ``[N, C]``; need not be calibrated.
        labels: codes 0 … C − 1, ``[N]``.
        above: see above.

    >>> decision = np.random.default_rng(0).normal(5, 2, size=1000)
    >>> labels = np.zeros(1000, np.int64)
    >>> labels[500:], decision[500:] = 1, -decision[500:]
    >>> log_p = np.stack([decision, np.zeros(1000)], axis=1)
    >>> label_errors(log_p, labels).suspects.tolist()
    []
    >>> labels[:20] = 1
    >>> int(np.isin(np.arange(20), label_errors(log_p, labels).suspects).sum())
    19
    """
    n = len(labels)
    proposed = log_probability.argmax(axis=1)
    agreement = float((proposed == labels).mean()) if n else math.nan
    nothing = LabelErrors(np.zeros(0, np.int64), np.zeros(n), proposed, 0.0, agreement)
    if n < 2 or len(np.unique(labels)) < 2:
        return nothing
    share = np.bincount(labels) / n
    entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
    power, rate, loss, clean = _fit(log_probability, labels)
    if clean > _LEARNT * entropy and loss > _LEARNT * entropy:
        return nothing
    if n * (clean - loss) < _EVIDENCE or rate < _MISFIT * (1 - agreement):
        return nothing
    wrong = _chance(log_probability, labels, power, rate)
    order = np.argsort(-wrong, kind="stable")
    return LabelErrors(order[wrong[order] > above], wrong, proposed, rate, agreement)


def mixture_loss(log_probability: Array, labels: Ints) -> float:
    """The least mean loss in nats of the mixture: how well answers fit labels of which some are wrong."""
    return _fit(log_probability, labels)[2]


def value_errors(predicted: Array, values: Array, *, factor: float = _FACTOR) -> tuple[Ints, Array]:
    """Values far from what held-out answers say, the farthest first, and how far each is.

    Far is ``factor`` times the 95th percentile of all errors: eight standard deviations where errors are normal, and
    beyond what a heavy tail (Student's t of three degrees) reaches once in a thousand.

    Args:
        predicted, values: ``[N]``.
        factor: see above.

    Returns:
        The suspects ``[P]``, and each error as a multiple of the 95th percentile, ``[N]``.

    >>> values = np.arange(100.0)
    >>> values[50] = 5000.0
    >>> value_errors(np.arange(100.0) + np.linspace(-1, 1, 100), values)[0].tolist()
    [50]
    """
    apart = np.abs(values - predicted)
    usual = float(np.quantile(apart, 0.95)) if len(apart) else 0.0
    # Where nearly all answers are exact, rounding must not look like an error.
    usual = max(usual, 1e-9 * float(np.abs(values).max(initial=0.0)), 1e-300)
    times = apart / usual
    order = np.argsort(-times, kind="stable")
    return order[times[order] > factor], times


def _fit(log_p: Array, labels: Ints) -> tuple[float, float, float, float]:
    """The power, the rate of wrong labels, the loss, and the loss without wrong labels."""

    def loss(log_power: float, rates: Array) -> Array:
        own = np.exp(_own(log_p, labels, math.exp(min(max(log_power, _LEAST), _GREATEST))))
        spread = 1 / (log_p.shape[1] - 1)
        return np.array([-np.log((1 - r) * own + r * spread * (1 - own) + 1e-300).mean() for r in rates])

    def both(t: Array) -> float:
        return float(loss(t[0], np.array([_MOST * expit(t[1])]))[0])

    none = np.zeros(1)
    clean = minimize_scalar(lambda t: loss(t, none)[0], bounds=(_LEAST, _GREATEST), method="bounded")
    # The surface has more than one valley: where labels are wrong, no power without a rate is near the right one.
    powers, rates = clean.x + np.array([0, 0.5, 1, 1.5, 2, 3]), _MOST * expit(_RATES)
    grid = np.stack([loss(power, rates) for power in powers])
    at = np.unravel_index(int(grid.argmin()), grid.shape)
    start = np.array([powers[at[0]], _RATES[at[1]]])
    simplex = start + np.array([[0, 0], [0.3, 0], [0, 0.5]])
    options = {"maxiter": 150, "xatol": 1e-3, "fatol": 1e-7, "initial_simplex": simplex}
    found = minimize(both, start, method="Nelder-Mead", options=options)
    if found.fun >= clean.fun:
        return math.exp(clean.x), 0.0, float(clean.fun), float(clean.fun)
    power = math.exp(float(np.clip(found.x[0], _LEAST, _GREATEST)))
    return power, _MOST * float(expit(found.x[1])), float(found.fun), float(clean.fun)


def _chance(log_p: Array, labels: Ints, power: float, rate: float) -> Array:
    own = np.exp(_own(log_p, labels, power))
    wrong = rate / (log_p.shape[1] - 1) * (1 - own)
    return np.asarray(wrong / (wrong + (1 - rate) * own + 1e-300))


def _own(log_p: Array, labels: Ints, power: float) -> Array:
    """The log-probability of each example's own label, sharpened."""
    return np.asarray(log_softmax(power * log_p, axis=1)[np.arange(len(labels)), labels])
