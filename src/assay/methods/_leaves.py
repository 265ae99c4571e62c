"""Where gradients of a network begin: the numbers that it takes, and the vectors that it looks up for codes.

Legend: B batch, C claims.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from assay.core.protocols import Tensors

Value = Callable[[Tensors], Tensor]


@dataclass(frozen=True)
class Run:
    """One run of a network on one example.

    Attributes:
        numbers: the float inputs, by name, ``[1, …]``.
        codes, vectors: what was looked up, and what was found, call by call.
        value: of the claims, ``[C]``.
    """

    numbers: Tensors
    codes: Sequence[Tensor]
    vectors: Sequence[Tensor]
    value: NDArray[np.float64]


class _Lookups(TorchFunctionMode):
    """Notes every look-up of embeddings, and puts other vectors in place of some."""

    def __init__(self, instead: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.instead = instead
        self.codes: list[Tensor] = []
        self.vectors: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not functional.embedding:
            return func(*args, **(kwargs or {}))
        made = self.instead.get(len(self.codes))
        made = func(*args, **(kwargs or {})) if made is None else made
        self.codes.append(args[0])
        self.vectors.append(made)
        return made


def recorded(value: Value, x: Tensors) -> Run:
    """One run on ``x [1, …]``, without gradients."""
    with torch.no_grad(), _Lookups({}) as lookups:
        found = value(x)
    numbers = {name: array for name, array in x.items() if array.is_floating_point()}
    return Run(numbers, lookups.codes, lookups.vectors, found[0].double().cpu().numpy())


def replayed(value: Value, x: Tensors, numbers: Tensors, vectors: Mapping[int, Tensor], rows: int) -> Tensor:
    """The values ``[rows, C]``, with gradients, where ``numbers [rows, …]`` and the looked-up ``vectors [rows, …]`` stand
    for those that there were; all else is as in ``x [1, …]``."""
    batch = {name: numbers.get(name, array.expand(rows, *array.shape[1:])) for name, array in x.items()}
    with torch.enable_grad(), _Lookups(vectors):
        return value(batch)


def moving(value: Value, full: Tensors, empty: Tensors) -> tuple[Run, Run, list[int]]:
    """The runs with everything and with nothing, and the look-ups between them that codes change.

    A place that is worked out of a number (a bin) is looked up too, but follows its number by itself.
    """
    here, nothing = recorded(value, full), recorded(value, empty)
    mixed = {name: empty[name] if array.is_floating_point() else array for name, array in full.items()}
    halfway = recorded(value, mixed)  # codes as they are, numbers gone
    changed = [
        call
        for call, (a, b) in enumerate(zip(here.codes, nothing.codes, strict=True))
        if not torch.equal(a, b) and torch.equal(a, halfway.codes[call])
    ]
    return here, nothing, changed
