"""What stands between a body's features and an output's numbers.

Legend: B batch, D features, h, w sides of a map, L length.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from assay.core.errors import choose


def pooled(features: int, width: int, *, pool: str = "mean") -> PooledHead:
    """A head that pools what a body gives over its places and reads ``width`` numbers from it.

    Args:
        features: D of what the body gives.
        width: how many numbers an example.
        pool: ``mean`` or ``max``.

    Raises:
        ConfigError: there is no such pooling.
    """
    choose("pool", pool, POOLS)
    return PooledHead(features, width, pool)


class PooledHead(nn.Module):
    """Pooling, then one linear layer."""

    def __init__(self, features: int, width: int, pool: str) -> None:
        super().__init__()
        self.pool = pool
        self.linear = nn.Linear(features, width)

    def forward(self, features: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """``[B, width]``.

        Args:
            features: a map ``[B, D, h, w]``, a sequence ``[B, L, D]`` or vectors ``[B, D]``; or a sequence and its mask
                ``[B, L]``, true where there is something (at least one place an example).
        """
        x, mask = features if isinstance(features, tuple) else (features, None)
        return self.linear(POOLS[self.pool](x, mask))  # type: ignore[no-any-return]


def _mean(x: Tensor, mask: Tensor | None) -> Tensor:
    if x.ndim == 4:
        return x.mean((2, 3))
    if x.ndim == 3 and mask is not None:
        weight = mask.unsqueeze(-1).to(x.dtype)
        return (x * weight).sum(1) / weight.sum(1)
    return x.mean(1) if x.ndim == 3 else x


def _max(x: Tensor, mask: Tensor | None) -> Tensor:
    if x.ndim == 4:
        return x.amax((2, 3))
    if x.ndim == 3:
        return (x if mask is None else x.masked_fill(~mask.unsqueeze(-1), -torch.inf)).amax(1)
    return x


POOLS: dict[str, Callable[[Tensor, Tensor | None], Tensor]] = {"mean": _mean, "max": _max}
