"""Which attribution method answers a question, at what cost, and the call of it.

Legend: P parts, C claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from assay.core.errors import BudgetError, ConfigError, choose
from assay.core.feed import collate
from assay.core.figure import count
from assay.core.metric import Array
from assay.core.model import Model
from assay.core.protocols import Tensors
from assay.methods.attribution import Attribution, Masks
from assay.methods.gradients import AT_ENDS, STEPS, grad_cam, integrated_gradients
from assay.methods.lime import lime
from assay.methods.occlusion import occlusion
from assay.methods.shapley import MOST, MOST_EXACT, least, permutation, shapley
from assay.verbs._explain_player import Case, Player, explained, preferred, quantity, several

METHODS = ("auto", "shapley", "permutation", "lime", "occlusion", "integrated-gradients", "grad-cam")
GRADIENTS = METHODS[-2:]
BY_CHANCE = ("shapley", "permutation", "lime")
TOLERANCE = 0.02  # of the spread of the values: sampling stops where every standard error is below it
ENOUGH = 4  # evaluations a part that sampling takes; with fewer, each part is taken out by itself
ROUNDING = 1e-6  # of the size of what a game says: what a network's sums in float32 are off by anyway
STAND_INS = 32, 128  # for what is absent, as many as keep the inputs that are answered below ANSWERS
ANSWERS = 2048
WIDER = 1.6  # errors from so few stretches: as Student's t with 3 degrees of freedom is than the normal distribution
TOGETHER = 16  # examples whose parts are removed alike and answered together


def check(method: str, budget: int | None) -> None:
    """Refuse what no input can be explained by, before there is one.

    Raises:
        ConfigError: there is no such method, or the budget is less than 2.
    """
    choose("method", method, METHODS)
    if budget is not None and budget < 2:
        raise ConfigError(
            f"--budget {budget}: it takes 2 evaluations of the model at least, with all parts and with none."
        )


def planned(method: str, budget: int | None, parts: int, many: bool) -> tuple[str, int]:
    """The method and its budget for inputs of up to so many parts.

    Raises:
        BudgetError: it is not enough for this method.
    """
    usual = int(np.clip(8 * parts, 128, 512)) if many else int(np.clip(16 * parts, 512, 2048))
    allowed = usual if budget is None else budget
    if method == "auto":
        enough = _exact(parts, allowed) or allowed >= max(ENOUGH * parts, least(parts))
        method = "shapley" if enough else "occlusion"
    needed = {"occlusion": parts + 2, "lime": parts + 3, "permutation": 2 * parts}.get(method, 2)
    needed = STEPS + AT_ENDS if method == "integrated-gradients" else needed
    if method == "shapley" and not _exact(parts, allowed):
        needed = least(parts)
    if budget is None:  # by gradients it may be one more for each part
        allowed = max(allowed, needed + (parts if method in GRADIENTS else 0))
    if allowed < needed:
        raise BudgetError(
            f"--budget {allowed}: {method} of {count(parts, 'part')} takes {needed:,} evaluations of the model at least."
        )
    return method, allowed


def _exact(parts: int, budget: int) -> bool:
    """Whether Shapley values are no estimate."""
    return parts < 2 or (parts <= MOST_EXACT and 2**parts <= budget)


def expected(method: str, budget: int, parts: int) -> int:
    """How many evaluations an input of so many parts takes at most, of the ``budget`` that was `planned`."""
    if method == "occlusion":
        return parts + 2
    if method == "shapley":
        return int(2**parts) if _exact(parts, budget) else min(budget, MOST)
    return budget


def by_chance(method: str, budget: int, parts: int) -> bool:
    """Whether another run of the method would give other values."""
    return parts > 1 and method in BY_CHANCE and not (method == "shapley" and _exact(parts, budget))


def stand_ins(method: str, budget: int, parts: int) -> int:
    """How many rows stand in for what is absent, where several do: the more the fewer masks there are."""
    rows, most = STAND_INS
    while 2 * rows <= most and 2 * rows * expected(method, budget, parts) <= ANSWERS:
        rows *= 2
    return rows


def drawn(model: Model, method: str) -> bool:
    """Whether what stands in for what is absent is drawn by chance."""
    return several(model) and method not in GRADIENTS


def rounding(model: Model, case: Case, one: Attribution) -> Array:
    """How large a value of an example may be by rounding alone, ``[C]``. A probability's logarithm comes of numbers of
    about 1 or more, however small it is itself."""
    size: Array = np.abs(one.values).max(axis=0, initial=0.0)
    if one.method == "grad-cam":  # a heat, not in the unit of what is explained
        return np.asarray(ROUNDING * size)
    size = np.maximum.reduce([size, np.abs(one.full), np.abs(one.empty)])
    return np.asarray(ROUNDING * (size if quantity(model, case.y) else np.maximum(size, 1.0)))


def attributed(player: Player, cases: Sequence[Case], method: str, budget: int, seed: int) -> list[Attribution]:
    """What each part of each example counts for: ``[P, C]``, and where the true target is known one column more for it.

    Examples with equally many parts share every step of a method without chance. Where there is chance each has its own:
    errors that all share would not show in how examples differ. What is no more than rounding is 0.

    Raises:
        Unsupported: the method does not apply to this network or these parts.
    """
    found: dict[int, Attribution] = {}
    order = sorted(range(len(cases)), key=lambda at: len(cases[at].parts))
    for parts, group in groupby(order, key=lambda at: len(cases[at].parts)):
        members = list(group)
        size = 1 if by_chance(method, budget, parts) or method in GRADIENTS else TOGETHER
        for start in range(0, len(members), size):
            block = members[start : start + size]
            whole = _one([cases[at] for at in block], player, method, budget, np.random.default_rng([seed, *block]))
            stretches = player.stretches if drawn(player.model, method) else 1
            ends = np.cumsum([0, *(stretches * cases[at].width for at in block)])
            for at, first, last in zip(block, ends[:-1], ends[1:], strict=True):
                one = _over(_columns(whole, slice(int(first), int(last))), stretches)
                found[at] = _settled(player.model, cases[at], one)
    return [found[at] for at in range(len(cases))]


def _one(cases: Sequence[Case], player: Player, method: str, budget: int, rng: np.random.Generator) -> Attribution:
    parts = len(cases[0].parts)
    if method in GRADIENTS:
        return _by_gradients(player.model, cases[0], method, budget)
    ask = player.about(cases)
    if method == "occlusion":
        return occlusion(ask, parts)
    if method == "shapley":
        return shapley(ask, parts, budget, rng, tolerance=TOLERANCE)
    return (permutation if method == "permutation" else lime)(ask, parts, budget, rng)


def _by_gradients(model: Model, case: Case, method: str, budget: int) -> Attribution:
    model.network.eval()
    targets = [
        {name: torch.from_numpy(array).to(model.device) for name, array in target.items() if array.dtype != np.float64}
        for target in (case.y, *case.true)
    ]

    def value(x: Tensors) -> Tensor:
        rows = len(next(iter(x.values())))
        y, *truths = ({name: t.expand(rows, *t.shape[1:]) for name, t in target.items()} for target in targets)
        raw = model.output.forward(model.network, x, y)
        found = explained(model, raw, y)[:, : len(case.claims)]
        return torch.cat([found, preferred(model, x, raw, truths).unsqueeze(1).to(found)], dim=1) if truths else found

    def state(mask: Masks) -> Tensors:
        return collate(model.input, model.input.keep(case.x, mask[None]), model.device)

    if method == "grad-cam":
        return grad_cam(model.network, value, state, len(case.parts))
    return integrated_gradients(value, state, len(case.parts), budget=budget)


def _columns(whole: Attribution, at: slice) -> Attribution:
    return replace(
        whole,
        values=whole.values[:, at],
        errors=whole.errors[:, at],
        full=whole.full[at],
        empty=whole.empty[at],
        stability=None if whole.stability is None else whole.stability[at],
    )


def _over(one: Attribution, stretches: int) -> Attribution:
    """The mean of each claim over stretches of stand-ins, in which every method is linear; its error has in it how these
    differ. They are spread more evenly than by chance, so what they differ by is rather too much than too little."""
    if stretches == 1:
        return one
    values, errors = (array.reshape(len(array), stretches, -1) for array in (one.values, one.errors))
    apart = WIDER**2 * values.var(axis=1, ddof=1) / stretches
    return replace(
        one,
        values=values.mean(axis=1),
        errors=np.sqrt((errors**2).mean(axis=1) + apart),
        full=one.full.reshape(stretches, -1).mean(axis=0),
        empty=one.empty.reshape(stretches, -1).mean(axis=0),
        stability=None if one.stability is None else one.stability.reshape(stretches, -1).mean(axis=0),
    )


def _settled(model: Model, case: Case, one: Attribution) -> Attribution:
    noise = rounding(model, case, one)
    nothing = np.abs(one.values) <= noise
    known = nothing & (one.errors <= noise)
    return replace(one, values=np.where(nothing, 0.0, one.values), errors=np.where(known, 0.0, one.errors))
