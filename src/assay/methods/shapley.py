"""Shapley values: exact, or sampled with a standard error for every part."""

from __future__ import annotations

from math import factorial

import numpy as np

from assay.core.errors import BudgetError
from assay.core.metric import Array
from assay.methods.attribution import Attribution, Game, Masks, ask, ends

MOST_EXACT = 20  # parts: a million masks


def exact(game: Game, parts: int) -> Attribution:
    """The Shapley values themselves, from all ``2 ** parts`` masks (Shapley 1953).

    Args:
        game: masks ``[M, P]`` → values ``[M, C]``.
        parts: P, from 0 to 20.

    Raises:
        BudgetError: more than 20 parts.

    >>> both = lambda masks: masks[:, :2].all(axis=1, keepdims=True) + 3.0 * masks[:, 2:]
    >>> exact(both, 3).values[:, 0].tolist()
    [0.5, 0.5, 3.0]
    """
    if parts > MOST_EXACT:
        raise BudgetError(
            f"{parts} parts have {2.0**parts:.2g} masks, too many to ask for; at most {MOST_EXACT} parts can be exact."
        )
    masks = every(parts)
    answers = ask(game, masks)
    values = shares(masks).T @ answers
    return Attribution("exact Shapley values", values, np.zeros_like(values), answers[-1], answers[0], len(masks))


def every(parts: int) -> Masks:
    """All masks, ``[2 ** P, P]``, from none kept to all kept."""
    return (np.arange(1 << parts)[:, None] >> np.arange(parts) & 1).astype(np.bool_)


def shares(masks: Masks) -> Array:
    """What the value of each mask counts for in the Shapley value of each part, ``[M, P]``."""
    parts = masks.shape[1]
    size = masks.sum(axis=1)
    joined = np.array([0.0] + [factorial(s - 1) * factorial(parts - s) / factorial(parts) for s in range(1, parts + 1)])
    missed = np.array([factorial(s) * factorial(parts - s - 1) / factorial(parts) for s in range(parts)] + [0.0])
    return np.where(masks, joined[size][:, None], -missed[size][:, None])


def permutation(game: Game, parts: int, budget: int, rng: np.random.Generator) -> Attribution:
    """The mean of what each part adds when parts come in random order, each order also walked from its end.

    Castro et al. 2009, with antithetic orders (Mitchell et al. 2022). The values add up by construction.

    Args:
        game: masks ``[M, P]`` → values ``[M, C]``.
        parts: P, which may be 0.
        budget: the most evaluations, at least 2 × P: one order and its reverse.
        rng: draws the orders.

    Raises:
        BudgetError: a budget below 2 × P.

    >>> game = lambda masks: masks @ np.array([[2.0], [-1.0], [0.0]])
    >>> permutation(game, 3, 10, np.random.default_rng(0)).values[:, 0].tolist()
    [2.0, -1.0, 0.0]
    """
    if budget < 2 * parts:
        raise BudgetError(
            f"An order of {parts} parts and its reverse take {2 * parts} evaluations, more than {budget}."
        )
    if parts < 2:
        return exact(game, parts)
    rounds = (budget - 2) // (2 * (parts - 1))
    orders = rng.permuted(np.tile(np.arange(parts), (rounds, 1)), axis=1)
    place = np.argsort(orders, axis=1)
    steps = np.arange(1, parts)[:, None]
    first = place[:, None, :] < steps  # [R, P - 1, P]
    last = place[:, None, :] >= parts - steps
    masks = np.concatenate([first.reshape(-1, parts), last.reshape(-1, parts)])
    full, empty = ends(game, parts)
    answers = ask(game, masks).reshape(2, rounds, parts - 1, -1)
    walks = np.concatenate(
        [np.broadcast_to(empty, (2, rounds, 1, len(empty))), answers, np.broadcast_to(full, (2, rounds, 1, len(full)))],
        axis=2,
    )
    added = np.diff(walks, axis=2)  # [2, R, P, C], in the order walked
    forth = np.take_along_axis(added[0], place[:, :, None], axis=1)
    back = np.take_along_axis(added[1], (parts - 1 - place)[:, :, None], axis=1)
    each = (forth + back) / 2
    errors = each.std(axis=0, ddof=1) / np.sqrt(rounds) if rounds > 1 else np.full(each.shape[1:], np.nan)
    return Attribution("permutation", each.mean(axis=0), errors, full, empty, len(np.unique(masks, axis=0)) + 2)
