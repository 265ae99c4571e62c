"""Norms over one example in place of norms over a batch, where examples may not know of each other."""

from __future__ import annotations

import math

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

NORM = "norm"  # the option of a network that says so; a model keeps it
GROUPS = 16  # of channels, where a layer has enough of them
FEWEST = 4  # channels in a group: what one alone says of itself is always 0


def has_batch_norms(module: nn.Module) -> bool:
    """Whether a layer of ``module`` normalises over a batch."""
    return any(isinstance(layer, _BatchNorm) for layer in module.modules())


def group_norms(module: nn.Module) -> nn.Module:
    """``module`` with a group norm (Wu & He 2018, arXiv:1803.08494) in the place of each batch norm; changed in place.

    >>> group_norms(nn.Sequential(nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32)))[1].num_groups
    8
    """
    for name, layer in module.named_children():
        if isinstance(layer, _BatchNorm):
            width = layer.num_features
            groups = math.gcd(width, min(GROUPS, max(1, width // FEWEST)))
            setattr(module, name, nn.GroupNorm(groups, width, eps=layer.eps, affine=layer.affine))
        else:
            group_norms(layer)
    return module
