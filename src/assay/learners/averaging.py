"""The running average of weights that is evaluated and kept (Polyak & Juditsky 1992)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class Average:
    """A copy of a network whose weights follow it slowly: ``w̄ ← d w̄ + (1 − d) w`` after each update.

    The decay rises from 0.1 as ``(1 + t) / (10 + t)`` to ``decay``, so that a short run does not remember its start.
    Buffers of numbers (the statistics of norms) are averaged too; counters are copied.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)
        pairs = list(zip(self.network.state_dict().values(), network.state_dict().values(), strict=True))
        self._slow = [slow for slow, _ in pairs if slow.is_floating_point()]
        self._fast = [fast for _, fast in pairs if fast.is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the network after update number ``step`` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._slow, self._fast, 1 - decay)
        for slow, fast in self._counters:
            slow.copy_(fast)


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """The weights as they are now, copied to the CPU."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}
