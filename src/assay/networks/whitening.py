"""A first layer that is computed, not learned: it makes the patches of the training images white.

Patches of natural images are mostly brightness. A network that learns from raw pixels spends its first updates on
undoing that; one that begins with whitened patches need not (Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU,
2024, arXiv:2404.00498, after Page 2019). What is frozen needs no gradient either: with nothing to learn here, training
ends its way back at the layer after this one, which saves a sixth of a small network's time.

Legend: B batch, C channels, H height, W width, K patch side, P = C·K² numbers in a patch, E directions kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCHES = 200_000  # at most so many are looked at
NOISE = 5e-4  # added to each variance, so that directions that hold nothing are not blown up


class Whitening(nn.Module):
    """The principal directions of patches, each scaled to variance 1, with both signs (a rectifier keeps one each).

    Gives ``2 E`` channels, E being the smaller of ``directions`` and P. Nothing learns. Before `fit` the directions are
    the pixels of the patch themselves.
    """

    weight: Tensor

    def __init__(self, channels: int, *, patch: int = 3, stride: int = 1, directions: int = 12) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        kept = min(directions, channels * patch * patch)
        self.features = 2 * kept
        pixels = torch.eye(channels * patch * patch)[:kept].reshape(kept, channels, patch, patch)
        self.register_buffer("weight", torch.cat([pixels, -pixels]))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Take the directions from images ``[B, C, H, W]``; the same images give the same directions."""
        _, channels, height, width = x.shape
        places = max(1, (height // self.stride) * (width // self.stride))
        patches = functional.unfold(x[: max(1, PATCHES // places)].float(), self.patch, stride=self.stride)
        rows = patches.transpose(1, 2).reshape(-1, channels * self.patch**2).double()
        # The mean stays in: mostly it is the first direction, and taking it out needs a bias, which padding breaks.
        variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))
        kept = self.features // 2
        variances, directions = variances.flip(0)[:kept], directions.flip(1)[:, :kept]
        scaled = (directions / (variances.clamp_min(0) + NOISE).sqrt()).T.reshape(
            kept, channels, self.patch, self.patch
        )
        self.weight.copy_(torch.cat([scaled, -scaled]))

    def forward(self, x: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` → ``[B, 2 E, ⌈H / stride⌉, ⌈W / stride⌉]`` (for odd patches)."""
        return functional.conv2d(x, self.weight, None, self.stride, self.patch // 2)
