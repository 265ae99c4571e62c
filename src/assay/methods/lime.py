"""LIME: a linear model of the game near the whole input (Ribeiro et al. 2016, "Why should I trust you?")."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import rankdata

from assay.core.errors import BudgetError, ConfigError
from assay.core.metric import Array
from assay.methods.attribution import Attribution, Game, ask
from assay.methods.shapley import exact

WIDTH = 0.25  # of the kernel over the cosine distance from the whole, as in the authors' own code
RIDGE = 1.0
DRAWS = 64  # pairs of runs whose agreement is looked at


def lime(
    game: Game, parts: int, budget: int, rng: np.random.Generator, *, width: float = WIDTH, ridge: float = RIDGE
) -> Attribution:
    """The weights of a ridge regression of the game on masks drawn by fair coins, those near the whole counting more.

    As the authors' code for images does: the first mask is the whole; a mask at cosine distance d from it weighs
    ``exp(-d² / width²) ** 0.5``; the intercept is not penalised. Unlike it, every value has its standard error (the
    sandwich estimate of heteroscedastic regression, HC3: MacKinnon and White 1985), and the run states its
    ``stability``: the rank correlation to expect between two runs with other masks.

    Args:
        game: masks ``[M, P]`` → values ``[M, C]``.
        parts: P, which may be 0.
        budget: the evaluations to spend, the value with no part among them.
        rng: draws the masks.
        width: of the kernel, > 0; a narrow one looks at masks with almost all parts only.
        ridge: the penalty on squared weights, ≥ 0.

    Returns:
        An attribution whose values do not add up to ``full - empty``: they are slopes, not shares. One part alone counts
        for all of it, exactly.

    Raises:
        BudgetError: fewer than P + 3 evaluations, of which no slope can be told.
        ConfigError: ``width`` or ``ridge`` is out of range.

    >>> game = lambda masks: masks @ np.array([[2.0], [-1.0], [0.0]])
    >>> lime(game, 3, 200, np.random.default_rng(0), ridge=0.0).values[:, 0].round(6).tolist()
    [2.0, -1.0, 0.0]
    """
    if width <= 0 or ridge < 0:
        raise ConfigError(f"LIME needs a kernel width above 0 and a penalty of at least 0, not {width} and {ridge}.")
    if budget < parts + 3:
        raise BudgetError(f"LIME of {parts} parts needs {parts + 3} evaluations or more, not {budget}.")
    if parts < 2:
        found = exact(game, parts)
        return replace(found, method="lime", efficient=False, stability=np.full(len(found.full), np.nan))
    masks = rng.random((budget - 1, parts)) < 0.5
    masks[0] = True
    answers = ask(game, np.concatenate([masks, np.zeros((1, parts), dtype=np.bool_)]))
    values, empty = answers[:-1], answers[-1]
    weights = np.exp(-(_distance(masks) ** 2) / width**2) ** 0.5
    design = np.column_stack([np.ones(len(masks)), masks])
    inverse = np.linalg.pinv((design.T * weights) @ design + ridge * np.diag([0.0] + [1.0] * parts), hermitian=True)
    slopes = inverse @ (design.T * weights) @ values
    leverage = weights * np.einsum("mp,pq,mq->m", design, inverse, design, optimize=True)
    residuals = (values - design @ slopes) / np.maximum(1 - leverage, 1e-9)[:, None]
    bread = inverse @ (design.T * weights)
    spread = [(bread * residuals[:, c] ** 2) @ bread.T for c in range(values.shape[1])]
    errors = np.sqrt(np.column_stack([np.diag(one)[1:] for one in spread]).clip(min=0))
    agreement = [_agreement(slopes[1:, c], one[1:, 1:], rng) for c, one in enumerate(spread)]
    return Attribution(
        "lime",
        slopes[1:],
        errors,
        values[0],
        empty,
        len(np.unique(masks, axis=0)) + 1,
        efficient=False,
        stability=np.array(agreement),
    )


def _distance(masks: np.ndarray) -> Array:
    """The cosine distance of each mask from the whole, ``[M]``; 1 for one that keeps nothing."""
    return 1 - np.sqrt(masks.mean(axis=1)) if masks.shape[1] else np.zeros(len(masks))


def _agreement(values: Array, covariance: Array, rng: np.random.Generator) -> float:
    """The mean rank correlation of two runs, each of which errs as the covariance says; nan for fewer than two parts.

    This run errs too, so its values are further apart than those around which runs lie: they are shrunk by as much.
    """
    if len(values) < 2:
        return float("nan")
    apart = values.var(ddof=1)
    wrong = (np.trace(covariance) - covariance.mean() * len(values)) / (len(values) - 1)
    middle = (values - values.mean()) * np.sqrt(max(0.0, 1 - wrong / apart)) if apart > 0 else np.zeros_like(values)
    root, axes = np.linalg.eigh(covariance)
    noise = rng.standard_normal((2 * DRAWS, len(values))) * np.sqrt(root.clip(min=0))
    ranks = rankdata(middle + noise @ axes.T, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    a, b = ranks[:DRAWS], ranks[DRAWS:]
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return float(np.mean((a * b).sum(axis=1)[scale > 0] / scale[scale > 0])) if (scale > 0).any() else float("nan")
