"""From encoded examples to batches on a device: gathers, no Python per example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assay.core.columns import Index
from assay.core.packing import Encoded
from assay.core.protocols import LENGTH, FittedInput, Pack, Tensors

RESIDENT_BYTES = 1 << 30  # data below this lives on the accelerator as a whole
POOL = 50  # batches that rows of like length are gathered from


@dataclass(frozen=True)
class Batch:
    """What a network takes and what it is compared with; ``size`` examples."""

    x: Tensors
    y: Tensors
    size: int


class Feed:
    """Batches of an encoded dataset, on ``device``.

    Attributes:
        lengths: how many places of each row are used in all, ``[N]``; ``None`` where rows have no `LENGTH`.
    """

    def __init__(self, encoded: Encoded, fitted: FittedInput, device: torch.device) -> None:
        self._fitted = fitted
        self._device = device
        self._rows = torch.from_numpy(np.ascontiguousarray(encoded.rows))
        self._x = {name: torch.from_numpy(array) for name, array in encoded.x.items()}
        wanted = {name: array for name, array in encoded.y.items() if array.dtype != np.float64}
        self._y = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in wanted.items()}
        self.lengths = _lengths(encoded)
        if device.type != "cpu" and sum(t.nbytes for t in self._x.values()) < RESIDENT_BYTES:
            self._x = {name: tensor.to(device) for name, tensor in self._x.items()}

    def __len__(self) -> int:
        return len(self._rows)

    def shuffled(self, batch_size: int, generator: torch.Generator, weights: Tensor | None = None) -> Tensor:
        """All examples in a random order, of which every ``batch_size`` make a batch of rows of like length; the few that
        make no whole batch come last. With ``weights`` ``[N]``, as
        many are drawn in proportion to them, one more than once."""
        if weights is None:
            order = torch.randperm(len(self), generator=generator)
        else:
            order = torch.multinomial(weights, len(self), replacement=True, generator=generator)
        if self.lengths is None:
            return order
        whole = len(order) // batch_size * batch_size
        used = torch.from_numpy(self.lengths)
        pools = [order[at : min(at + batch_size * POOL, whole)] for at in range(0, whole, batch_size * POOL)]
        batches = torch.cat([pool[used[pool].argsort(stable=True)] for pool in pools]).view(-1, batch_size)
        mixed = batches[torch.randperm(len(batches), generator=generator)]
        return torch.cat([mixed.flatten(), order[whole:]])

    def batch(self, at: Tensor) -> Batch:
        """The examples at ``at`` ``[B]`` (on the CPU), collated."""
        rows = self._rows[at]
        x = {name: t.index_select(0, rows.to(t.device)).to(self._device) for name, t in self._x.items()}
        y = {name: t.index_select(0, at).to(self._device) for name, t in self._y.items()}
        return Batch(self._fitted.collate(x), y, len(at))


def _lengths(encoded: Encoded) -> Index | None:
    used = [encoded.x[LENGTH][encoded.rows]] if LENGTH in encoded.x else []
    if LENGTH in encoded.y:
        used.append(encoded.y[LENGTH])
    return np.sum(used, axis=0, dtype=np.int64) if used else None


def collate(fitted: FittedInput, x: Pack, device: torch.device) -> Tensors:
    """Arrays ``[B, …]`` as one batch on ``device``."""
    return fitted.collate({name: torch.from_numpy(array).to(device) for name, array in x.items()})
