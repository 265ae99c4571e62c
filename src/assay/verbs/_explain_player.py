"""The game that an explanation plays: one example, or several, with some of their parts, and what a model then says.

Legend: N examples, P parts, M masks, C claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.core.feed import collate
from assay.core.metric import Array
from assay.core.model import EVAL_BATCH, Model, at_once
from assay.core.protocols import LENGTH, Pack, Tensors
from assay.core.verb import Watch

ANSWERED = 1 << 25  # numbers of raw answers at once
FIRST = 16  # masked inputs answered before it is known how large an answer is
FEWEST = 8  # stand-ins for what is absent, and inputs that are answered together however many there are: of 8 each
STRETCHES = 4  # of stand-ins, each of which would do
SMALL = 4096  # bytes of an input of which equal ones are looked for

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One example and the answer of which it is asked what speaks for it.

    Attributes:
        place: where it stands.
        raw: the raw input.
        x: its arrays, ``[1, …]``.
        y: the answer as a target, ``[1, …]``.
        true: the true target, ``[1, …]``, and those of some other examples; none where they are not known.
        parts: the names of its parts.
        claims: what the answer claims, the whole of it first.
        chosen: which of them is explained.
        draw: of what stands in for what is absent: one of its own, since errors that all share would not show in how
            examples differ.
    """

    place: str
    raw: object
    x: Pack
    y: Pack
    true: tuple[Pack, ...]
    parts: tuple[str, ...]
    claims: tuple[str, ...]
    chosen: int = 0
    draw: int = 0

    @property
    def width(self) -> int:
        """How many values a mask has: one a claim, and `preferred` where the true target is known."""
        return len(self.claims) + bool(self.true)


@dataclass
class Player:
    """Answers masked examples in large batches; what several examples ask shares them.

    Attributes:
        stand_ins: how many stand in for what is absent (see `absent`), a power of two.
        seed: of their draws.
        played: how many masked inputs the model has answered.
        asked: how many masks were asked for.
    """

    model: Model
    watch: Watch | None = None
    expected: int = 0
    stand_ins: int = 32
    seed: int = 0
    played: int = 0
    asked: int = 0
    _numbers: int = field(default=0, init=False)  # of a raw answer to one input

    @property
    def stretches(self) -> int:
        """Into how many groups stand-ins are divided, that show by how they differ what their choice matters; 1 where there
        are none."""
        return min(STRETCHES, self.stand_ins) if several(self.model) else 1

    def about(self, cases: Sequence[Case]) -> _Asked:
        """A game on examples with equally many parts; their values stand side by side, those of each stretch of stand-ins
        after one another."""
        return _Asked(self, cases)

    def values(self, cases: Sequence[Case], masks: Sequence[Masks]) -> list[Array]:
        """What the model says of each example under its masks ``[M, P]``: ``[M, C]`` each."""
        return [value[:, 0] for value in self.apart(cases, masks, 1)]

    def apart(self, cases: Sequence[Case], masks: Sequence[Masks], stretches: int) -> list[Array]:
        """The same of each stretch of stand-ins, ``[M, stretches, C]``."""
        found = [np.empty((len(mask), stretches, case.width)) for case, mask in zip(cases, masks, strict=True)]
        self.model.network.eval()
        for block in self._blocks(cases, masks):
            values = self._answer([(cases[at], pack) for at, _, pack in block])
            self.asked += sum(len(rows) for _, rows, _ in block)
            if self.watch:
                self.watch.progress("explain", min(self.asked, self.expected), max(self.expected, 1))
            for (at, rows, _), value in zip(block, values, strict=True):
                found[at][rows] = value.reshape(len(rows), stretches, -1, value.shape[1]).mean(2)
        return found

    def _blocks(
        self, cases: Sequence[Case], masks: Sequence[Masks]
    ) -> Iterator[list[tuple[int, NDArray[np.int64], Pack]]]:
        """Masked inputs, some examples' together where each has few: example, rows of its masks, arrays."""
        block: list[tuple[int, NDArray[np.int64], Pack]] = []
        held = 0
        for at, (case, mask) in enumerate(zip(cases, masks, strict=True)):
            start = 0
            while start < len(mask):
                room = self._size(case.x) - held
                rows = np.arange(start, min(len(mask), start + room))
                block.append((at, rows, self._absent(case, mask[rows])))
                start, held = start + len(rows), held + len(rows)
                if held >= self._size(case.x):
                    yield block
                    block, held = [], 0
        if block:
            yield block

    def _absent(self, case: Case, masks: Masks) -> Pack:
        return absent(self.model, case.x, masks, self.stand_ins, (self.seed, case.draw))

    def _size(self, x: Pack) -> int:
        most = at_once(x) if LENGTH not in x else min(EVAL_BATCH // 4, at_once(x))
        inputs = min(most, ANSWERED // self._numbers if self._numbers else FIRST)
        return max(1, inputs * FEWEST // max(FEWEST, self.stand_ins if several(self.model) else 1))

    def _answer(self, block: Sequence[tuple[Case, Pack]]) -> list[Array]:
        """The values ``[m, C]`` of each piece of a block, answered as one batch in which equal inputs come once."""
        sizes = [len(next(iter(pack.values()))) for _, pack in block]
        of = np.repeat(np.arange(len(block)), sizes)
        x = {name: np.concatenate([pack[name] for _, pack in block]) for name in block[0][1]}
        first, back = _distinct(x, of)
        x = {name: array[first] for name, array in x.items()}
        y = self._targets([case.y for case, _ in block], of[first])
        with torch.inference_mode():
            batch = collate(self.model.input, x, self.model.device)
            raw = self.model.output.forward(self.model.network, batch, y)
            said = explained(self.model, raw, y).double().cpu().numpy()
            self._numbers = max(self._numbers, raw.numel() // len(first))
            if known := next((case.true for case, _ in block if case.true), None):
                truths = [
                    case.true or known for case, _ in block
                ]  # where there is none any will do: it is not looked at
                targets = [self._targets([true[side] for true in truths], of[first]) for side in range(len(known))]
                truth = preferred(self.model, batch, raw, targets).double().cpu().numpy()
        self.played += len(first)
        values = []
        for at, (case, _) in enumerate(block):
            rows = back[of == at]
            value = said[rows, : len(case.claims)]
            values.append(np.column_stack([value, truth[rows]]) if case.true else value)
        return values

    def _targets(self, ys: Sequence[Pack], of: NDArray[np.int64]) -> Tensors:
        wanted = [name for name, array in ys[0].items() if array.dtype != np.float64]
        whole = {name: torch.from_numpy(np.concatenate([y[name] for y in ys])) for name in wanted}
        at = torch.from_numpy(of)
        return {name: array[at].to(self.model.device) for name, array in whole.items()}


@dataclass(frozen=True)
class _Asked:
    """What an attribution method asks: masks ``[M, P]`` → the values of all examples side by side, ``[M, ΣC]``."""

    player: Player
    cases: Sequence[Case]

    def __call__(self, masks: Masks) -> Array:
        found = self.player.apart(self.cases, [masks] * len(self.cases), self.player.stretches)
        return np.concatenate([value.reshape(len(masks), -1) for value in found], axis=1)


def several(model: Model) -> bool:
    """Whether this kind of input has more than one stand-in for what is absent."""
    return hasattr(model.input, "fill")


def absent(model: Model, x: Pack, mask: Masks, count: int, seed: tuple[int, ...]) -> Pack:
    """One example under masks ``[M, P]``, ``[M × K, …]``: K stand-ins for what is absent, where the input has several."""
    fill = getattr(model.input, "fill", None)
    return model.input.keep(x, mask) if fill is None else fill(x, mask, count, seed)


def explained(model: Model, raw: Tensor, y: Tensors) -> Tensor:
    """How strongly a raw answer makes each claim, ``[B, C]``; where the output names none, minus the loss of the answer."""
    given = getattr(model.output, "explained", None)
    return -model.output.loss(raw, y).unsqueeze(1) if given is None else given(raw, y)


def preferred(model: Model, x: Tensors, raw: Tensor, targets: Sequence[Tensors]) -> Tensor:
    """How much less the true target, the first one, costs than those of other examples on average, ``[B]``: what an input
    says of its own target it says of this more than of any. ``raw`` is the answer where targets do not change it."""
    guided = getattr(model.output, "guided", True)
    true, *others = (
        model.output.loss(model.output.forward(model.network, x, y) if guided else raw, y) for y in targets
    )
    return torch.stack(others).mean(0) - true


def claims(model: Model, y: Pack) -> tuple[str, ...]:
    """What one answer ``[1, …]`` claims; the first claim is the whole answer."""
    named = getattr(model.output, "claims", None)
    return ("answer",) if named is None else tuple(named(y))


def quantity(model: Model, y: Pack) -> bool:
    """Whether what is explained of an answer ``[1, …]`` is a number in a unit of its own."""
    plain = model.output.plain(y)
    return plain is not None and plain.dtype == np.float64


def _distinct(x: Pack, of: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first of each of the inputs that are equal (and of one example), and which of these each one is."""
    n = len(of)
    if sum(array[:1].nbytes for array in x.values()) > SMALL:
        return np.arange(n), np.arange(n)
    columns = [of.astype(np.int64)[:, None], *(np.ascontiguousarray(array).reshape(n, -1) for array in x.values())]
    bytes_ = np.concatenate([c.view(np.uint8).reshape(n, -1) for c in columns if c.shape[1]], axis=1)
    _, first, back = np.unique(
        np.ascontiguousarray(bytes_).view(f"V{bytes_.shape[1]}").reshape(n), return_index=True, return_inverse=True
    )
    return first.astype(np.int64), back.reshape(-1).astype(np.int64)
