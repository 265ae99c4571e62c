"""From encoded examples to batches on a device: gathers, no Python per example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assay.core.packing import Encoded
from assay.core.task import FittedInput, Pack, Tensors

RESIDENT_BYTES = 1 << 30  # data below this lives on the accelerator as a whole


@dataclass(frozen=True)
class Batch:
    """What a network takes and what it is compared with; ``size`` examples."""

    x: Tensors
    y: Tensors
    size: int


class Feed:
    """Batches of an encoded dataset, on ``device``."""

    def __init__(self, encoded: Encoded, fitted: FittedInput, device: torch.device) -> None:
        self._fitted = fitted
        self._device = device
        self._rows = torch.from_numpy(np.ascontiguousarray(encoded.rows))
        self._x = {name: torch.from_numpy(array) for name, array in encoded.x.items()}
        wanted = {name: array for name, array in encoded.y.items() if array.dtype != np.float64}
        self._y = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in wanted.items()}
        if device.type != "cpu" and sum(t.nbytes for t in self._x.values()) < RESIDENT_BYTES:
            self._x = {name: tensor.to(device) for name, tensor in self._x.items()}

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, at: Tensor) -> Batch:
        """The examples at ``at`` ``[B]`` (on the CPU), collated."""
        rows = self._rows[at]
        x = {name: t.index_select(0, rows.to(t.device)).to(self._device) for name, t in self._x.items()}
        y = {name: t.index_select(0, at).to(self._device) for name, t in self._y.items()}
        return Batch(self._fitted.collate(x), y, len(at))

    def ordered(self, batch_size: int) -> Iterator[Batch]:
        """All examples in their order."""
        for start in range(0, len(self), batch_size):
            yield self.batch(torch.arange(start, min(start + batch_size, len(self))))


def collate(fitted: FittedInput, x: Pack, device: torch.device) -> Tensors:
    """Arrays ``[B, …]`` as one batch on ``device``."""
    return fitted.collate({name: torch.from_numpy(array).to(device) for name, array in x.items()})
