"""Shapley values: exact, or sampled with a standard error for every part."""

from __future__ import annotations

import numpy as np

from assay.core.errors import BudgetError, ConfigError
from assay.core.metric import Array
from assay.methods._shapley_masks import every, pairs, shares
from assay.methods._shapley_process import fitted, posterior
from assay.methods.attribution import Attribution, Game, Masks, ask, ends

MOST_EXACT = 20  # parts: a million masks
MOST = 4096  # evaluations that are spent on an estimate: its cost grows with their cube
FIRST = 128  # evaluations before the first look at the errors
ROUNDING = 1e-12  # a game that varies by less is constant


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


def shapley(
    game: Game, parts: int, budget: int, rng: np.random.Generator, *, tolerance: float | None = None
) -> Attribution:
    """Shapley values from as many evaluations as are allowed, with the standard error of every one.

    Exact where ``2 ** parts <= budget``. Else masks are drawn in pairs of opposites, by leverage, and the values are those
    of a Gaussian process given what the game said (see `assay.methods._shapley_process`, which holds the references):
    on games of trained networks some 2 to 10 times as accurate as KernelSHAP's regression. The values add up exactly. The
    errors are those of the process; the band of two of them holds the truth in about 95 of 100 parts.

    Args:
        game: masks ``[M, P]`` → values ``[M, C]``.
        parts: P, which may be 0.
        budget: the most evaluations. More than `MOST` are not spent, unless they make it exact.
        rng: draws the masks.
        tolerance: stop as soon as each error is at most this share of the range of its claim's values (the largest
            minus the smallest, 0 counted among them): 0.02, say. ``None`` spends the budget at one go.

    Raises:
        BudgetError: a budget too small for any estimate: below `least` (``parts``).
        ConfigError: a tolerance that is not above 0.

    >>> game = lambda masks: masks @ np.linspace(-1, 1, 20)[:, None]
    >>> found = shapley(game, 20, 60, np.random.default_rng(0))
    >>> bool(np.abs(found.values[:, 0] - np.linspace(-1, 1, 20)).max() < 1e-6), found.evaluations
    (True, 60)
    """
    if tolerance is not None and not tolerance > 0:
        raise ConfigError(f"A tolerance of {tolerance} can never be reached; give a share above 0, such as 0.02.")
    if parts < 2 or (parts <= MOST_EXACT and 2**parts <= budget):
        return exact(game, parts)
    if budget < least(parts):
        raise BudgetError(
            f"Shapley values of {parts} parts need {least(parts)} evaluations or more, not {budget}. "
            "Give more, or take occlusion, which needs one a part."
        )
    masks = pairs(parts, min(budget, MOST) // 2, rng)
    stops = [len(masks)]
    while tolerance is not None and stops[0] // 2 >= max(FIRST, least(parts)) // 2:
        stops.insert(0, stops[0] // 2)
    kept, gone = (np.empty((0, 0)),) * 2
    for stop in stops:
        done = len(kept)
        answers = ask(game, np.concatenate([masks[done:stop], ~masks[done:stop]]))
        near, far = np.split(answers, 2)
        kept, gone = (np.concatenate([kept, near]), np.concatenate([gone, far])) if done else (near, far)
        values, errors = _estimated(masks[:stop], kept, gone)
        if tolerance is not None and (errors <= tolerance * np.ptp([*values, 0 * values[0]], axis=0)).all():
            break
    return Attribution("Shapley values", values, errors, kept[0], gone[0], 2 * len(kept))


def least(parts: int) -> int:
    """The fewest evaluations that `shapley` makes an estimate of."""
    return min(2**parts, 2 * parts + 16) if parts <= MOST_EXACT else 2 * parts + 16


def _estimated(masks: Masks, kept: Array, gone: Array) -> tuple[Array, Array]:
    """Values and errors ``[P, C]`` from what the game said of masks ``[M, P]`` and of their opposites, ``[M, C]`` each."""
    odd = (kept - gone) / 2
    scale = np.sqrt((odd**2).mean(axis=0))
    flat = scale <= ROUNDING * np.abs([kept, gone]).max(axis=(0, 1))  # says nothing, and would make others worse
    values, errors = np.zeros((2, masks.shape[1], odd.shape[1]))
    if not flat.all():
        y = odd[:, ~flat] / scale[~flat]
        found, apart = posterior(masks, y, fitted(np.where(masks, 1.0, -1.0), y))
        values[:, ~flat], errors[:, ~flat] = found * scale[~flat], apart * scale[~flat]
    return values + (kept[0] - gone[0] - values.sum(axis=0)) / len(values), errors


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
