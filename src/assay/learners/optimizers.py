"""Optimizers of a recipe: SGD, AdamW, and Muon with AdamW for what is no matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from assay.core.errors import choose
from assay.core.recipe import Recipe

# Peak rates for a user who changes the optimizer and names no rate.
DEFAULT_LR = {"adamw": 1e-3, "sgd": 0.05, "muon": 0.12}

BETAS = (0.9, 0.95)
VECTOR_SHARE = 1 / 12  # AdamW's share of Muon's rate
STEPS = 3  # of Newton–Schulz, as in Jordan's CIFAR-10 speed runs; five are usual for larger matrices
QUINTIC = (3.4445, -4.7750, 2.0315)


def optimizer_of(recipe: Recipe, network: nn.Module) -> Optimizer:
    """The optimizer that ``recipe`` names, over the parameters of ``network`` that learn.

    Biases, norms and other vectors, and embeddings, have no weight decay. A group's ``lr_scale``, where it has one, is
    what the scheduled rate is to be multiplied by for that group. Muon leaves what reads the answer to AdamW: all of the
    network's ``head``, or of a head that has more to it (a decoder) its ``readout``.

    Raises:
        ConfigError: there is no optimizer of that name.
    """
    choose("optimizer", recipe.optimizer, DEFAULT_LR)
    return _BUILD[recipe.optimizer](recipe, network)


def _sgd(recipe: Recipe, network: nn.Module) -> Optimizer:
    decayed, plain = _by_decay(network)
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    nesterov = recipe.nesterov and recipe.momentum > 0
    return torch.optim.SGD(_filled(groups), lr=recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=True)


def _adamw(recipe: Recipe, network: nn.Module) -> Optimizer:
    decayed, plain = _by_decay(network)
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(_filled(groups), lr=recipe.lr, fused=True)


def _muon(recipe: Recipe, network: nn.Module) -> Optimizer:
    decayed, plain = _by_decay(network)
    whole = getattr(network, "head", nn.Identity())
    head = {id(parameter) for parameter in getattr(whole, "readout", whole).parameters()}
    matrices = [parameter for parameter in decayed if id(parameter) not in head]
    last = [parameter for parameter in decayed if id(parameter) in head]
    groups = [
        {"params": matrices, "orthogonal": True, "weight_decay": recipe.weight_decay, "lr_scale": 1.0},
        {"params": last, "orthogonal": False, "weight_decay": recipe.weight_decay, "lr_scale": VECTOR_SHARE},
        {"params": plain, "orthogonal": False, "weight_decay": 0.0, "lr_scale": VECTOR_SHARE},
    ]
    return Muon(_filled(groups), lr=recipe.lr, momentum=recipe.momentum)


_BUILD: dict[str, Callable[[Recipe, nn.Module], Optimizer]] = {"sgd": _sgd, "adamw": _adamw, "muon": _muon}


class Muon(Optimizer):
    """Momentum whose update of every matrix is made orthogonal (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

    For a matrix W with gradient G, written as rows × the rest: ``M ← μ M + G``, ``O = UVᵀ`` of ``G + μ M`` (Nesterov),
    ``W ← W − lr · O``, and W is brought back to the norm that it had: a layer before a norm does not feel the length of
    its weights, so the rate alone decides how far they turn. Groups that are not ``orthogonal`` take AdamW's update.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], *, lr: float, momentum: float) -> None:
        super().__init__(list(groups), {"lr": lr, "momentum": momentum, "orthogonal": True, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            lr, shrink = group["lr"], 1 - group["lr"] * group["weight_decay"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["orthogonal"]:
                    self._turn(parameter, parameter.grad, lr, group["momentum"], shrink)
                else:
                    self._adapt(parameter, parameter.grad, lr, shrink)

    def _turn(self, w: Tensor, g: Tensor, lr: float, momentum: float, shrink: float) -> None:
        state = self.state[w]
        if not state:
            state["momentum"] = torch.zeros_like(w)
        m = state["momentum"].mul_(momentum).add_(g)
        update = g.add(m, alpha=momentum)
        length = w.norm()
        w.add_(orthogonal(update.flatten(1)).view_as(w), alpha=-lr)
        w.mul_(shrink * length / w.norm())

    def _adapt(self, w: Tensor, g: Tensor, lr: float, shrink: float) -> None:
        state = self.state[w]
        if not state:
            state["step"], state["first"], state["second"] = torch.zeros(()), torch.zeros_like(w), torch.zeros_like(w)
        state["step"] += 1
        step = float(state["step"])
        first = state["first"].lerp_(g, 1 - BETAS[0]) / (1 - BETAS[0] ** step)
        second = state["second"].lerp_(g**2, 1 - BETAS[1]) / (1 - BETAS[1] ** step)
        w.mul_(shrink).sub_(first / (second.sqrt() + 1e-8), alpha=lr)


def orthogonal(g: Tensor, steps: int = STEPS) -> Tensor:
    """Roughly the orthogonal matrix nearest to ``g`` ``[M, N]`` (UVᵀ of its singular vectors), by Newton–Schulz.

    The quintic is steep at 0 rather than exact at 1, so that few steps bring up small singular values.

    >>> turned = orthogonal(torch.tensor([[3.0, 0.0], [0.0, 2.0]]), steps=5)
    >>> bool((turned.diagonal() > 0.6).all() and (turned.diagonal() < 1.3).all())
    True
    """
    a, b, c = QUINTIC
    tall = g.shape[0] > g.shape[1]
    x: Tensor = (g.T if tall else g) / (g.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def _by_decay(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The matrices that layers multiply with, and all else that learns."""
    embeddings = {id(m.weight) for m in network.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
    learn = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [p for p in learn if p.ndim > 1 and id(p) not in embeddings]
    chosen = {id(p) for p in decayed}
    return decayed, [p for p in learn if id(p) not in chosen]


def _filled(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if group["params"]]
