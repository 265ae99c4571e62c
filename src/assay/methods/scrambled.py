"""A network that has forgotten everything: what an explanation says of it, it does not say because of what was learned."""

from __future__ import annotations

import copy

import torch
from torch import nn


def scrambled(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """The same network with the entries of each weight in a random order (the model-randomisation test of Adebayo et al.
    2018, arXiv:1810.03292). Their sizes stay as they were, so answers stay in their range; buffers stay.

    Args:
        network: left as it is.
        generator: on the CPU.

    >>> layer = nn.Linear(8, 8)
    >>> other = scrambled(layer, torch.Generator().manual_seed(0))
    >>> torch.equal(layer.weight, other.weight)
    False
    >>> torch.equal(layer.weight.flatten().sort().values, other.weight.flatten().sort().values)
    True
    """
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
            weight.copy_(weight.flatten()[order].view_as(weight))
    return other.eval()
