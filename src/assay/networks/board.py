"""A residual convolutional network for board games: one trunk, from which policy and value each take features of their own.

The body of AlphaZero (Silver et al. 2018, arXiv:1712.01815), made small: without it, the value of a place would have to be
learned anew at each place. A game that is seen as plain features (mancala) gets residual layers of neurons instead.

Legend: B batch, C planes, H rows, W columns, F features, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.recipe import Recipe

RECIPE = Recipe(
    lr=2e-3, weight_decay=1e-4, batch_size=256, epochs=150, schedule="linear", ema=0.99, select="mean_return"
)
SIZES = {  # width, blocks, features
    "tiny": (32, 2, 128),
    "small": (80, 6, 256),
    "base": (192, 14, 512),
    "large": (512, 20, 1024),
}
PLANES = 8  # that policy and value each keep of the trunk


class _Block(nn.Module):
    """``relu(x + norm(conv(relu(norm(conv(x))))))`` (He et al. 2016), on a board or on features."""

    def __init__(self, width: int, *, flat: bool) -> None:
        super().__init__()
        self.first = _layer(width, width, flat=flat)
        self.second = _layer(width, width, flat=flat)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class Board(nn.Module):
    """Observations ``[B, C, H, W]`` or ``[B, F]`` → features ``[B, 2, D]``: the policy's, the value's.

    Attributes:
        features: D.
    """

    def __init__(self, size: str, *, shape: tuple[int, ...]) -> None:
        super().__init__()
        width, blocks, self.features = SIZES[size]
        flat = len(shape) != 3
        self.flat = flat
        self.stem = _layer(shape[0], width, flat=flat)
        self.blocks = nn.Sequential(*(_Block(width, flat=flat) for _ in range(blocks)))
        kept = width if flat else PLANES * shape[1] * shape[2]
        self.towers = nn.ModuleList(
            nn.Sequential(
                nn.Identity() if flat else nn.Conv2d(width, PLANES, 1),
                nn.Identity() if flat else nn.ReLU(),
                nn.Flatten(),
                nn.Linear(kept, self.features),
                nn.ReLU(),
            )
            for _ in ("policy", "value")
        )

    def forward(self, observation: Tensor) -> Tensor:
        """Features ``[B, 2, D]``."""
        x = observation if self.flat else observation.contiguous(memory_format=torch.channels_last)
        x = self.blocks(functional.relu(self.stem(x)))
        return torch.stack([tower(x) for tower in self.towers], dim=1)


def board(size: str = "tiny", *, shape: tuple[int, ...]) -> Board:
    """A body for observations of ``shape`` (see `assay.codecs.boards.Board`), in a named size.

    >>> body = board(shape=(4, 6, 7))
    >>> body(torch.zeros(2, 4, 6, 7)).shape
    torch.Size([2, 2, 128])
    """
    body = Board(size, shape=tuple(shape))
    # normalisation over the board is memory-bound: with channels last it costs half of what it does otherwise
    return body if body.flat else body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _layer(wide: int, width: int, *, flat: bool) -> nn.Sequential:
    layer = nn.Linear(wide, width, bias=False) if flat else nn.Conv2d(wide, width, 3, padding=1, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(width) if flat else nn.BatchNorm2d(width))
