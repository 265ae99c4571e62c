"""Stands beside a private training: puts canaries into it, and records what it draws and what it releases.

A canary is a gradient of our own making that comes into the sum as if it were that of a further example: far longer than
the clipping norm, and along one single weight, so that no two canaries meet. A fair coin decides of each whether it is in
the training data at all; if so, each update draws it with the sampling rate, as every example. Whoever knows the gradients
of the real examples (this recorder does) sees each canary's draws through nothing but the noise: the strongest attack
that the definition of differential privacy allows for.

Legend: B examples taken, T updates, m canaries, k coordinates looked at in a tensor of weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.core.metric import Array
from assay.learners.per_example import PerExample
from assay.learners.private import Private
from assay.methods.conformance import Recorded

LENGTH = 10.0  # of a canary, in clipping norms
LOOKED_AT = 256  # coordinates of one tensor,
LOOKED_AT_IN_ALL = 8192  # and of all of them


@dataclass
class Recorder:
    """What to put in, and what came out.

    Attributes:
        canaries: how many there are at most; there is one a weight at most.
        seed: of the coins and draws of canaries.
        examples, rate, noise, clip: of the mechanism as it claims to be, told by `begin`.
        inside: how the coins fell, ``[m]``.
        sizes: examples taken by each update.
        seen: what each update released along each canary, in clipping norms: T arrays ``[m]``.
    """

    canaries: int = 1000
    seed: int = 0
    examples: int = 0
    rate: float = 0.0
    noise: float = 0.0
    clip: float = 1.0
    inside: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    sizes: list[int] = field(default_factory=list)
    seen: list[Array] = field(default_factory=list)
    _names: tuple[str, ...] = ()
    _places: list[tuple[Tensor, Tensor]] = field(
        default_factory=list
    )  # of each tensor: canaries there, and coordinates
    _real: list[Tensor] | None = None
    _all: list[Tensor] | None = None
    _rests: list[list[Array]] = field(default_factory=list)
    _sums: list[list[Array]] = field(default_factory=list)
    _rng: np.random.Generator = field(default_factory=np.random.default_rng)

    def stand_beside(self, network: nn.Module, per_example: PerExample, claims: Private) -> None:
        """Begin with what ``per_example`` learns of ``network``, and be shown its gradients."""
        named = {id(weight): name for name, weight in network.named_parameters()}
        weights = [(named[id(weight)], weight) for weight in per_example.learns]
        self.begin(weights, examples=claims.n, rate=claims.rate, noise=claims.noise, clip=claims.clip)
        per_example.beside = self.gradients

    def begin(
        self, weights: Sequence[tuple[str, Tensor]], *, examples: int, rate: float, noise: float, clip: float
    ) -> None:
        """The tensors that learn, by name, and the mechanism, before the first update."""
        self.examples, self.rate, self.noise, self.clip = examples, rate, noise, clip
        self._rng = np.random.default_rng(self.seed)
        self._names = tuple(name for name, _ in weights)
        room = [weight.numel() for _, weight in weights]
        shares = _shared(min(self.canaries, sum(room)), room)
        self.inside = self._rng.random(sum(shares)) < 0.5
        start = 0
        for (_, weight), share in zip(weights, shares, strict=True):
            own = torch.arange(start, start + share, device=weight.device)
            at = self._rng.permutation(weight.numel())[:share]
            self._places.append((own, torch.from_numpy(at).to(weight.device)))
            start += share
        self._rests, self._sums = [[] for _ in weights], [[] for _ in weights]

    def taken(self, rows: Tensor) -> None:
        """The examples of one update, ``[B]``."""
        self.sizes.append(len(rows))
        self._real = self._all = None

    def gradients(self, grads: list[Tensor]) -> list[Tensor]:
        """Gradients of examples as they are before clipping, ``[B, …]``; canaries are added once an update."""
        real = _clipped_sum(grads, self.clip)
        if self._real is not None and self._all is not None:
            torch._foreach_add_(self._real, real)
            torch._foreach_add_(self._all, real)
            return grads
        drawn = torch.from_numpy((self._rng.random(len(self.inside)) < self.rate) & self.inside).to(grads[0].device)
        rows = drawn.cumsum(0) - 1
        more, both = [], []
        for grad, (own, at), total in zip(grads, self._places, real, strict=True):
            here = drawn[own]
            canaries = grad.new_zeros((int(drawn.sum()), grad[0].numel()))
            canaries[rows[own[here]], at[here]] = LENGTH * self.clip
            more.append(torch.cat([grad, canaries.view(len(canaries), *grad.shape[1:])]))
            held = total.flatten().clone()
            held[at[here]] += self.clip
            both.append(held.view_as(total))
        self._real, self._all = real, both
        return more

    def released(self, gradients: Sequence[Tensor]) -> None:
        """What the optimizer is given: the noisy sum over the expected number of examples."""
        expected = self.rate * self.examples / self.clip
        zeros = [torch.zeros_like(gradient) for gradient in gradients]
        real, both = self._real or zeros, self._all or zeros
        seen = np.zeros(len(self.inside))
        most = max(3, min(LOOKED_AT, LOOKED_AT_IN_ALL // len(gradients)))
        for tensor, gradient in enumerate(gradients):
            own, at = self._places[tensor]
            out, known = gradient.detach().flatten() * expected, real[tensor].flatten() / self.clip
            seen[own.cpu().numpy()] = (out[at] - known[at]).double().cpu().numpy()
            total = both[tensor].flatten()[:most] / self.clip
            self._rests[tensor].append((out[:most] - total).double().cpu().numpy())
            self._sums[tensor].append(total.double().cpu().numpy())
        self.seen.append(seen)

    @property
    def recorded(self) -> Recorded:
        """All of it, for `assay.methods.conformance.checks`."""
        there = [at for at, rests in enumerate(self._rests) if rests[0].size]  # some hold no numbers at all
        return Recorded(
            sizes=np.array(self.sizes, dtype=np.float64),
            examples=self.examples,
            rests=[(self._names[at], np.stack(self._rests[at])) for at in there],
            sums=[np.stack(self._sums[at]) for at in there],
        )


def _clipped_sum(grads: Sequence[Tensor], clip: float) -> list[Tensor]:
    """The sum over examples of their gradients, each scaled to the norm ``clip`` at most over all tensors together."""
    norms = torch.stack([grad.flatten(1).norm(dim=1) for grad in grads]).norm(dim=0)
    scale = (clip / norms.clamp_min(1e-12)).clamp_max(1.0)
    scale = torch.where(norms.isfinite(), scale, 0.0)
    return [torch.einsum("b,b...->...", scale, torch.nan_to_num(grad, 0.0, 0.0, 0.0)) for grad in grads]


def _shared(count: int, room: Sequence[int]) -> list[int]:
    """How many of ``count`` canaries each tensor takes: as evenly as there is room, so that none goes unwatched.

    >>> _shared(10, [2, 100, 3])
    [2, 5, 3]
    """
    shares, left = [0] * len(room), count
    for done, at in enumerate(sorted(range(len(room)), key=room.__getitem__)):
        shares[at] = min(room[at], left // (len(room) - done))
        left -= shares[at]
    return shares
