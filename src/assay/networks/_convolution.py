"""A convolution over places that is added to what came in.

Legend: B batch, T places, D width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from assay.networks._seq2seq import RowDropout

KERNEL = 5  # characters or frames that a convolution sees


class Convolution(nn.Module):
    """A convolution over places, added to what came in; places that are padding give nothing to others."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layer = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)
        self.dropout = RowDropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` ``[B, T, D]`` and where there is anything, ``mask`` ``[B, T, 1]`` → ``[B, T, D]``."""
        seen = self.norm(x) * mask
        return x + self.dropout(functional.silu(self.layer(seen.transpose(1, 2)).transpose(1, 2)))  # type: ignore[no-any-return]
