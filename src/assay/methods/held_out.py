"""What quick learners say of examples that they have not seen: the yardstick that labels are checked by.

Two learners are tried, a linear one and one of a radial kernel, and the one that answers a sample better is taken. Each
example is answered by a learner that was fitted without it (cross-validation).

References:
    Williams & Seeger (2001), Using the Nyström method to speed up kernel machines, NeurIPS: the kernel's features.

Shapes: N examples, D features, C classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from assay.core.metric import Array
from assay.methods.neighbours import Floats, Ints

Progress: TypeAlias = Callable[[int, int], None]

_TRIAL = 5_000  # examples that the learners are compared on
_MANY = 5_000  # above this, three folds instead of five
_CELLS = 120_000_000  # of the kernel's features: half a gigabyte
_NEVER = -100.0  # the log-probability of a class that a fold did not hold


class Learner(NamedTuple):
    """Inputs made ready, and a learner of scikit-learn for them."""

    prepare: Callable[[Floats], Floats]
    make: Callable[[], Any]


def held_out_probabilities(
    features: Floats,
    labels: Ints,
    n_classes: int,
    *,
    score: Callable[[Array, Ints], float],
    seed: int = 0,
    progress: Progress | None = None,
) -> Array:
    """Log-probabilities ``[N, C]`` from the learner whose own have the least ``score(log_probabilities, labels)``.

    Args:
        features: ``[N, D]``, finite.
        labels: codes 0 … C − 1, ``[N]``; every class should have several.
        n_classes: C.
        score: what a learner is judged by, lower is better.
        seed: of the folds and of the kernel's centres.
        progress: told after each fold, where there are more than 5,000 examples.

    >>> x = np.repeat([[0.0], [9.0]], 20, axis=0).astype(np.float32) + np.linspace(0, 1, 40, dtype=np.float32)[:, None]
    >>> y = np.repeat([0, 1], 20)
    >>> log_loss = lambda log_p, y: float(-log_p[np.arange(len(y)), y].mean())
    >>> bool((held_out_probabilities(x, y, 2, score=log_loss).argmax(1) == y).all())
    True
    """

    def answer(learner: Learner, x: Floats, y: Ints, told: Progress | None) -> Array:
        out = np.full((len(y), n_classes), _NEVER)
        z = learner.prepare(x)
        for fold, (seen, held) in enumerate(folds := _folds(y, seed)):
            fitted = _fit(learner, z[seen], y[seen])
            out[np.ix_(held, fitted.classes_)] = _log_probabilities(fitted.decision_function(z[held]))
            if told:
                told(fold + 1, len(folds))
        return out

    trial = _sample(len(labels), seed)
    tried = [answer(one, features[trial], labels[trial], None) for one in _CLASSIFIERS]
    best = int(np.argmin([score(answers, labels[trial]) for answers in tried]))
    if len(trial) < len(labels):
        return answer(_CLASSIFIERS[best], features, labels, progress)
    return tried[best]


def held_out_values(features: Floats, values: Array, *, seed: int = 0, progress: Progress | None = None) -> Array:
    """Predicted values ``[N]`` from the learner with the smaller usual error on a sample. Arguments as above.

    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    >>> truth = x @ [1.0, 2.0]
    >>> bool(np.abs(held_out_values(x, truth) - truth).max() < 0.1)
    True
    """

    def answer(learner: Learner, x: Floats, y: Array, told: Progress | None) -> Array:
        out = np.empty(len(y))
        z = learner.prepare(x)
        for fold, (seen, held) in enumerate(folds := _folds(np.zeros(len(y), np.int64), seed)):
            low, high = np.quantile(y[seen], [0.05, 0.95])
            known = np.clip(
                y[seen], 5 * low - 4 * high, 5 * high - 4 * low
            )  # an absurd value must not bend the learner
            out[held] = _fit(learner, z[seen], known).predict(z[held])
            if told:
                told(fold + 1, len(folds))
        return out

    trial = _sample(len(values), seed)
    tried = [answer(one, features[trial], values[trial], None) for one in _REGRESSORS]
    best = int(np.argmin([_usual_error(answers, values[trial]) for answers in tried]))
    if len(trial) < len(values):
        return answer(_REGRESSORS[best], features, values, progress)
    return tried[best]


def _usual_error(predicted: Array, values: Array) -> float:
    """The mean absolute error without the largest tenth, which may be errors of the values."""
    apart = np.sort(np.abs(predicted - values))
    return float(apart[: max(1, round(0.9 * len(apart)))].mean())


def _fit(learner: Learner, z: Floats, y: NDArray[Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a quick learner need not arrive
        warnings.simplefilter("ignore", LinAlgWarning)  # nor be exact: it is judged by its held-out error alone
        return learner.make().fit(z, y)


def _log_probabilities(decision: Array) -> Array:
    """From decisions, not from probabilities: those round to 0 and 1, and all that is surer than that looks alike."""
    if decision.ndim == 1:
        decision = np.stack([np.zeros_like(decision), decision], axis=1)
    return np.asarray(log_softmax(decision.astype(np.float64), axis=1))


def _standard(x: Floats) -> Floats:
    return np.asarray(StandardScaler().fit_transform(x), dtype=np.float32)


def _kernel(x: Floats) -> Floats:
    """Features of a radial kernel; they are made from inputs alone, so one map serves all folds."""
    n, d = x.shape
    centres = int(np.clip(min(n // 3, _CELLS // max(n, 1)), 20, 1000))
    nystroem = Nystroem(gamma=0.3 / d, n_components=min(centres, n), random_state=0)
    return np.asarray(nystroem.fit_transform(_standard(x)), dtype=np.float32)


_CLASSIFIERS = (
    Learner(_standard, lambda: LogisticRegression(C=0.3, max_iter=60)),
    Learner(_kernel, lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-4)),
)
_REGRESSORS = (Learner(_standard, lambda: Ridge(1e-2)), Learner(_kernel, lambda: Ridge(1e-3)))


def _sample(n: int, seed: int) -> Ints:
    if n <= _TRIAL:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, _TRIAL, replace=False))


def _folds(strata: Ints, seed: int) -> list[tuple[Ints, Ints]]:
    """(seen, held out), with each stratum spread evenly over the folds."""
    n = len(strata)
    count = 3 if n > _MANY else min(5, n)
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(strata[order], kind="stable")]
    fold = np.empty(n, np.int64)
    fold[order] = np.arange(n) % count
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]
