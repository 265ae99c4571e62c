"""Attribution by gradients: what a network's slope says of the parts of its input.

A part is known by what changes when it is taken out: each number that a network takes belongs to the parts that change it,
in proportion to how much. So nothing has to be known of what the numbers mean; but taking a part out must leave their
shapes as they are.

Legend: P parts, C claims, S steps, M masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import BudgetError, Unsupported
from assay.core.protocols import Tensors
from assay.methods._leaves import moving, recorded, replayed
from assay.methods.attribution import Attribution, Masks

State: TypeAlias = Callable[[Masks], Tensors]
"""A mask ``[P]`` → what the network then takes, ``[1, …]``."""
Value: TypeAlias = Callable[[Tensors], Tensor]
"""What a network takes ``[B, …]`` → the values of the claims ``[B, C]``, with a gradient."""

Points: TypeAlias = NDArray[np.float64]

OTHERS = "Methods that work: shapley, permutation, lime, occlusion."
AT_ONCE = 1 << 22  # input numbers that gradients are taken of at once
FINE = 7  # sides of the map that Grad-CAM reads, where there is one of that many: on a coarser one all parts are one
STEPS = 32
AT_ENDS = 5  # evaluations at the ends of the path and between them, before the steps along it
CLOSE = 1e-3  # how far the values at the two ends of the path may be off, as a share of what lies between them


def integrated_gradients(
    value: Value, state: State, parts: int, *, budget: int | None = None, steps: int = STEPS
) -> Attribution:
    """The slope along the straight path from nothing to everything, summed up for each part (Sundararajan et al. 2017,
    arXiv:1703.01365), by Gauss–Legendre quadrature.

    Numbers are followed as they are; codes (categories) by the embeddings that the network looks up for them.

    Args:
        value: runs a network in evaluation mode.
        state: what it takes of a mask.
        parts: P.
        budget: the most evaluations; ``None`` for no bound.
        steps: of the quadrature.

    Raises:
        BudgetError: it takes more: `AT_ENDS` beside the steps, and P where there are codes.
        Unsupported: taking out a part changes a shape, or changes what has no gradient.
    """
    full, empty, without = _states(state, parts)
    here, nothing, calls = moving(value, full, empty)
    evaluations = steps + AT_ENDS + (parts if calls else 0)
    if budget is not None and evaluations > budget:
        raise BudgetError(
            f"integrated-gradients takes {evaluations:,} evaluations of this model, more than {budget:,}."
        )
    names = [name for name, array in here.numbers.items() if not torch.equal(array, nothing.numbers[name])]
    others = [recorded(value, other) for other in without] if calls else []
    ends = [here.numbers[name] for name in names] + [here.vectors[call] for call in calls]
    starts = [nothing.numbers[name] for name in names] + [nothing.vectors[call] for call in calls]
    shares = [_shares([other[name] for other in without], here.numbers[name]) for name in names]
    shares += [_shares([other.vectors[call] for other in others], here.vectors[call]) for call in calls]

    def along(points: Points) -> tuple[list[Tensor], Tensor]:
        leaves = [_mixed(start, end, points).requires_grad_(True) for start, end in zip(starts, ends, strict=True)]
        numbers = dict(zip(names, leaves, strict=False))
        vectors = dict(zip(calls, leaves[len(names) :], strict=True))
        return leaves, replayed(value, full, numbers, vectors, len(points))

    _check_ends(along(np.array([0.0, 1.0]))[1], nothing.value, here.value)
    points, weights = np.polynomial.legendre.leggauss(steps)
    points, weights = (points + 1) / 2, weights / 2
    values = np.zeros((parts, len(here.value)))
    size = max(1, AT_ONCE // max(1, sum(end.numel() for end in ends)))
    for at in range(0, steps if ends else 0, size):
        leaves, found = along(points[at : at + size])
        each = torch.from_numpy(weights[at : at + size]).to(found)
        for claim in range(len(here.value)):
            slopes = torch.autograd.grad((found[:, claim] * each).sum(), leaves, retain_graph=True, allow_unused=True)
            for share, slope, start, end in zip(shares, slopes, starts, ends, strict=True):
                if slope is not None:
                    moved = slope.sum(0, keepdim=True) * (end - start)
                    values[:, claim] += (share @ moved.flatten()).double().cpu().numpy()
    errors = np.full_like(values, np.nan)
    return Attribution("integrated-gradients", values, errors, here.value, nothing.value, evaluations)


def grad_cam(network: nn.Module, value: Value, state: State, parts: int) -> Attribution:
    """Where the last map of features speaks for each claim (Selvaraju et al. 2017, arXiv:1610.02391): channels weighed by
    their mean slope, what is negative left out; the mean of this heat over each part. The values do not add up to anything.

    Args:
        network: what ``value`` runs.
        value, state, parts: as in `integrated_gradients`.

    Raises:
        Unsupported: taking out a part changes a shape, or the network has no map of features over its input.
    """
    full, empty, without = _states(state, parts)
    maps: list[Tensor] = []

    def keep(_: nn.Module, _given: object, made: object) -> None:
        if (
            isinstance(made, Tensor)
            and made.ndim == 4
            and len(made) == 1
            and made.requires_grad
            and min(made.shape[2:]) > 1
        ):
            maps.append(made)

    answer: list[Tensor] = []
    handles = [module.register_forward_hook(keep) for module in network.modules()]
    handles.append(network.register_forward_hook(lambda _, _given, made: answer.append(made)))
    try:
        with torch.enable_grad():
            found = value(full)
    finally:
        for handle in handles:
            handle.remove()
    maps = [m for m in maps if not any(isinstance(a, Tensor) and a.shape == m.shape for a in answer)]
    seen = [name for name, array in full.items() if maps and array.is_floating_point()
            and array.ndim in (3, 4) and not torch.equal(array, empty[name])]  # fmt: skip
    if not seen:
        raise Unsupported(f"This network makes no map of features over its input, and Grad-CAM reads one. {OTHERS}")
    largest = max(min(m.shape[2:]) for m in maps)
    last = [m for m in maps if min(m.shape[2:]) >= min(FINE, largest)][-1]
    array = full[seen[0]]
    sides = tuple(array.shape[-2:])
    changes = torch.cat([(array - other[seen[0]]).abs().reshape(1, -1, *sides).sum(1) for other in without]).flatten(1)
    share = changes / changes.sum(0).clamp_min(1e-30)
    share = share / share.sum(1, keepdim=True).clamp_min(1e-30)
    values = np.zeros((parts, found.shape[1]))
    for claim in range(found.shape[1]):
        (slope,) = torch.autograd.grad(found[0, claim], last, retain_graph=True, allow_unused=True)
        if slope is None:
            raise Unsupported(
                "The answer does not come from the network's last map of features: Grad-CAM cannot say more."
            )
        weight = slope.mean(dim=(2, 3), keepdim=True)
        heat = (weight * last).sum(1, keepdim=True).clamp_min(0).detach()
        heat = functional.interpolate(heat, sides, mode="bilinear", align_corners=False)
        values[:, claim] = (share.to(heat) @ heat.flatten()).double().cpu().numpy()
    with torch.no_grad():
        nothing = value(empty)[0].double().cpu().numpy()
    all_ = found[0].detach().double().cpu().numpy()
    return Attribution("grad-cam", values, np.full_like(values, np.nan), all_, nothing, 2, efficient=False)


def _states(state: State, parts: int) -> tuple[Tensors, Tensors, list[Tensors]]:
    """What the network takes with all parts, with none, and without each.

    Raises:
        Unsupported: they differ in shape.
    """
    full, empty = state(np.ones(parts, dtype=np.bool_)), state(np.zeros(parts, dtype=np.bool_))
    without = [state(~row) for row in np.eye(parts, dtype=np.bool_)]
    for other in (empty, *without):
        if any(array.shape != full[name].shape for name, array in other.items()):
            raise Unsupported(
                "Taking out a part changes the shape of what this network takes, and gradients follow only numbers that "
                f"stay where they are. {OTHERS}"
            )
    return full, empty, without


def _shares(without: Sequence[Tensor], full: Tensor) -> Tensor:
    """To which share each number of a leaf belongs to each part, ``[P, numbers]``; none where no part changes it."""
    changes = torch.stack([(full - other).abs().flatten() for other in without])
    return changes / changes.sum(0).clamp_min(torch.finfo(changes.dtype).tiny)


def _mixed(start: Tensor, end: Tensor, points: Points) -> Tensor:
    """A leaf ``[1, …]`` at points between nothing (0) and everything (1), ``[S, …]``."""
    return torch.lerp(start, end, torch.from_numpy(points).to(end).view(-1, *[1] * (end.ndim - 1)))


def _check_ends(found: Tensor, empty: Points, full: Points) -> None:
    off = np.abs(found.detach().double().cpu().numpy() - np.stack([empty, full])).max(0)
    if (off > CLOSE * np.maximum(np.abs(full - empty), 1e-2)).any():
        raise Unsupported(
            "Some of what this network takes has no gradient (codes that it does not look up as embeddings), so that "
            f"integrated gradients would leave it out. {OTHERS}"
        )
