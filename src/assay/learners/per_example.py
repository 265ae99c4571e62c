"""The gradient of each example by itself, clipped and summed: what a bound on one example's influence needs.

Three ways, the first that is right for a network is taken. Hooks on its layers (Opacus) are the fastest, and know only
layers whose first dimension is the batch. `torch.func` differentiates the whole network for every example at once, and
needs a rule for each of its operations. One example after another is always right, and slow.

Whether a way is right is not believed but tried: its gradients of a few examples must be those of each example alone.

Legend: B batch, P numbers that learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from assay.core.errors import Unsupported
from assay.core.protocols import FittedOutput, Tensors

Grads = list[Tensor]  # of each parameter that learns, [B, …]
FEW = 4  # examples that ways are tried on
TOLERANCE = 1e-3  # of the norm of a gradient
NUMBERS = 1 << 26  # of gradients held at once, in B × P


class Objective(nn.Module):
    """A network with what it is trained to minimise, ``[B]``, all of it laid out with its last dimension innermost: Opacus
    1.6 unfolds images as if they were, and its gradients of a network whose channels come last are silently wrong."""

    def __init__(self, network: nn.Module, output: FittedOutput, smoothing: float) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.output, self.smoothing = output, smoothing

    def forward(self, x: Tensors, y: Tensors) -> Tensor:
        """The objective of each example, ``[B]``."""
        x = {name: t.contiguous() for name, t in x.items()}
        return self.output.objective(self.output.forward(self.network, x, y), y, self.smoothing)


def gradients(
    per_example: PerExample, batch: Callable[[Tensor], tuple[Tensors, Tensors]], rows: Tensor, clip: float, parts: int
) -> tuple[Grads, bool]:
    """The sum of the clipped gradients of the examples at ``rows`` (0 of none), at least ``parts`` parts one by one.

    Also whether the weights are lost: no example has a finite objective.
    """
    summed = [torch.zeros_like(p) for p in per_example.learns]
    finite = not len(rows)
    at_once = min(per_example.at_once, -(-len(rows) // parts) or 1)
    for part in torch.split(rows, at_once) if len(rows) else ():
        found, losses = per_example.clipped(*batch(part), clip)
        torch._foreach_add_(summed, found)
        finite = finite or bool(losses.isfinite().any())
    return summed, not finite


class PerExample:
    """Clipped sums of gradients of a network, example by example: the fastest way that is right for a few examples.

    Args:
        x, y: those examples as one batch.
        alone: each of them as a batch of its own, by default cut out of ``x`` and ``y``. Where padding to the longest of
            a batch changes what an example teaches, the two differ, and the others would have a say in its gradient.

    Raises:
        Unsupported: an example's own gradient does not exist, since training mixes examples; or Opacus is not installed.

    Attributes:
        way: ``hooks``, ``func`` or ``one by one``.
        learns: the parameters that learn.
        at_once: examples whose gradients are held at once.
        beside: who is shown gradients before they are clipped, and may add rows to them (canaries); nobody by default.
    """

    def __init__(
        self, objective: Objective, x: Tensors, y: Tensors, alone: Sequence[tuple[Tensors, Tensors]] | None = None
    ) -> None:
        self.objective = objective
        self.learns = [p for p in objective.parameters() if _learns(p)]
        self.way = "one by one"
        self.at_once = max(1, NUMBERS // sum(p.numel() for p in self.learns))
        self.beside: Callable[[Grads], Grads] | None = None
        self._hooks: Any = None
        self._choose(x, y, _each(x, y) if alone is None else alone)

    def _choose(self, x: Tensors, y: Tensors, alone: Sequence[tuple[Tensors, Tensors]]) -> None:
        self._refuse_mixing(x, y, alone)
        with _without_chance(self.objective, whole=True):
            wanted, _ = self._one_by_one(alone)
        for way in ("hooks", "func"):
            if self._right(way, wanted, x, y):
                self.way = way
                return
        self.way, self.at_once = "one by one", 1

    def clipped(self, x: Tensors, y: Tensors, most: float) -> tuple[Grads, Tensor]:
        """The sum of the examples' gradients, each scaled down to a norm of at most ``most``; their objectives ``[B]``."""
        grads, losses = self._grads(x, y)
        if self.beside:
            grads = self.beside(grads)
        norms = torch.stack([torch.linalg.vector_norm(g.reshape(len(g), -1), dim=1) for g in grads])
        whole = torch.linalg.vector_norm(norms, dim=0)
        factor = (most / whole.clamp_min(1e-12)).clamp_max(1.0)
        if not bool(whole.isfinite().all()):  # an example without a gradient has no say; it must not spoil the sum
            factor = factor.where(whole.isfinite(), 0.0)
            grads = [g.nan_to_num(0.0, 0.0, 0.0) for g in grads]
        return [torch.tensordot(factor, g, dims=1) for g in grads], losses

    def close(self) -> None:
        """Take the hooks off the network."""
        if self._hooks is not None:
            self._hooks.cleanup()
            self._hooks = None

    def _grads(self, x: Tensors, y: Tensors) -> tuple[Grads, Tensor]:
        if self.way == "hooks":
            return self._by_hooks(x, y)
        return self._by_func(x, y) if self.way == "func" else self._one_by_one(_each(x, y))

    def _by_hooks(self, x: Tensors, y: Tensors) -> tuple[Grads, Tensor]:
        losses = self.objective(x, y)
        for parameter in self.learns:
            parameter.grad = None
            cast(Any, parameter).grad_sample = None
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Full backward hook"
            )  # the first layer's input has no gradient: none is asked for
            losses.sum().backward()
        found = []
        for parameter in self.learns:
            each = cast(Any, parameter).grad_sample
            if each is None and parameter.grad is None:
                each = parameter.new_zeros((len(losses), *parameter.shape))
            if not isinstance(each, Tensor) or len(each) != len(losses):
                raise _Mixed
            found.append(each)
            cast(Any, parameter).grad_sample = None
            cast(Any, parameter)._forward_counter = 0
        return found, losses.detach()

    def _by_func(self, x: Tensors, y: Tensors) -> tuple[Grads, Tensor]:
        learns = {name: p for name, p in self.objective.named_parameters() if _learns(p)}
        rest: Tensors = {name: p.detach() for name, p in self.objective.named_parameters() if not _learns(p)}
        rest.update(self.objective.named_buffers())

        def one(weights: Tensors, x: Tensors, y: Tensors) -> tuple[Tensor, Tensor]:
            batch = ({name: t.unsqueeze(0) for name, t in part.items()} for part in (x, y))
            loss = functional_call(self.objective, {**weights, **rest}, tuple(batch)).sum()
            return loss, loss.detach()

        each, losses = vmap(grad(one, has_aux=True), in_dims=(None, 0, 0), randomness="different")(
            {name: p.detach() for name, p in learns.items()}, x, y
        )
        return list(each.values()), losses

    def _one_by_one(self, alone: Sequence[tuple[Tensors, Tensors]]) -> tuple[Grads, Tensor]:
        rows, losses = [], []
        for x, y in alone:
            loss = self.objective(x, y).sum()
            rows.append(torch.autograd.grad(loss, self.learns, allow_unused=True))
            losses.append(loss.detach())
        grads = [
            torch.stack([torch.zeros_like(p) if g is None else g for g in each])
            for p, each in zip(self.learns, zip(*rows, strict=True), strict=True)
        ]
        return grads, torch.stack(losses)

    def _right(self, way: str, wanted: Grads, x: Tensors, y: Tensors) -> bool:
        """Whether ``way`` gives the gradients of each example alone; its hooks stay where it does."""
        self.way = way
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of layers that are about to be tried
                if way == "hooks":
                    self._hooks = _hooks(self.objective)
                with _without_chance(self.objective, whole=way != "hooks"):
                    same = _alike(self._grads(x, y)[0], wanted)
                if same and way == "hooks":  # as it is trained, chance and all
                    grads, _ = self._by_hooks(x, y)
                    summed = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.learns]
                    same = _alike([g.sum(0, keepdim=True) for g in grads], [s.unsqueeze(0) for s in summed])
                elif same:
                    self._grads(x, y)
        except (RuntimeError, NotImplementedError, ValueError, TypeError, AttributeError, KeyError, IndexError):
            same = False  # a layer or an operation that this way does not know: the next one is tried
        for parameter in self.learns:
            parameter.grad = None
        if not same:
            self.close()
        return same

    def _refuse_mixing(self, x: Tensors, y: Tensors, alone: Sequence[tuple[Tensors, Tensors]]) -> None:
        """Refuse a network of which one example alone cannot teach what a batch teaches."""
        self.objective.train()
        whole = torch.autograd.grad(self.objective(x, y).sum(), self.learns, allow_unused=True)
        each, _ = self._one_by_one(alone)
        dead = [bool(g is not None and g.any()) and not bool(e.any()) for g, e in zip(whole, each, strict=True)]
        if any(dead):
            raise Unsupported(
                "--epsilon needs the gradient of each example alone, and this network learns from examples together "
                f"({sum(dead)} of its {len(dead)} arrays of weights learn nothing from one). Name another with --network."
            )


def _each(x: Tensors, y: Tensors) -> list[tuple[Tensors, Tensors]]:
    """Batches of one example each."""
    count = len(next(iter(y.values())))
    cut = [[{name: t[at : at + 1] for name, t in part.items()} for part in (x, y)] for at in range(count)]
    return [(one, target) for one, target in cut]


def _learns(parameter: nn.Parameter) -> bool:
    """Whether it has numbers that learn: an embedding of no categories has none, and `torch.func` no rule for it."""
    return parameter.requires_grad and parameter.numel() > 0


class _Mixed(RuntimeError):
    """A layer saw something else than one row an example."""


def _hooks(objective: Objective) -> Any:
    try:
        from opacus.grad_sample import GradSampleHooks
    except ImportError as error:
        raise Unsupported('--epsilon needs Opacus: pip install "assay[privacy]".') from error
    return GradSampleHooks(objective, loss_reduction="sum", strict=False)


def _alike(found: Grads, wanted: Grads) -> bool:
    def flat(grads: Grads) -> Tensor:
        return torch.cat([g.reshape(len(g), -1).double() for g in grads], dim=1)

    if any(a.shape != b.shape for a, b in zip(found, wanted, strict=True)):
        return False
    a, b = flat(found), flat(wanted)
    near = (a - b).norm(dim=1) <= TOLERANCE * b.norm(dim=1) + 1e-6
    return bool(near.all())


@contextmanager
def _without_chance(module: nn.Module, *, whole: bool) -> Iterator[None]:
    """Dropout off. Hooks work on layers that are in training; of those the ones that have weights of their own stay so."""
    for part in module.modules():
        own = any(p.requires_grad for p in part.parameters(recurse=False))
        part.training = own and not whole
    try:
        yield
    finally:
        module.train()
