"""What self-play has seen lately: positions with the policy and the value that the network is to learn for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from assay.codecs.boards import Board
from assay.codecs.position import Position
from assay.codecs.symmetries import symmetries
from assay.core.protocols import Pack

BYTES = 256 << 20  # that positions may take in memory, and in a checkpoint
MOST = 60_000  # positions: older ones are of weaker play


@dataclass
class Match:
    """A game under way: its position and, move by move, what was seen, thought and done.

    Attributes:
        moves: made so far, in order; those of the opening, which nothing is learned from, included.
        steps: one pack ``[…]`` a move: ``observation``, ``legal``, ``policy``, ``value``, ``sign`` (1 where the first player
            moved, else −1).
    """

    position: Position
    moves: list[int] = field(default_factory=list)
    steps: list[Pack] = field(default_factory=list)

    def move(self, action: int) -> None:
        """Make a move."""
        self.position.apply_action(action)
        self.moves.append(action)


class Memory:
    """The positions of finished games, the oldest overwritten first.

    Attributes:
        count: how many positions were ever written.
        capacity: how many are held at most.
    """

    def __init__(self, board: Board) -> None:
        size = 4 * int(np.prod(board.shape)) + 5 * board.actions + 4
        self.capacity = max(1, min(MOST, BYTES // size))
        self.count = 0
        self._symmetries = symmetries(board)
        self._arrays: dict[str, Tensor] = {
            "observation": torch.zeros(self.capacity, *board.shape),
            "legal": torch.zeros(self.capacity, board.actions, dtype=torch.bool),
            "policy": torch.zeros(self.capacity, board.actions),
            "value": torch.zeros(self.capacity),
        }

    def __len__(self) -> int:
        return min(self.count, self.capacity)

    def learn(self, steps: list[Pack], outcome: float, weight: float) -> None:
        """Write the moves of a finished game; a position's value is ``weight`` of what the search thought and the rest of
        how the game ended."""
        for step in steps:
            at = self.count % self.capacity
            for name in ("observation", "legal", "policy"):
                self._arrays[name][at] = torch.from_numpy(np.asarray(step[name]))
            self._arrays["value"][at] = float(weight * step["value"] + (1 - weight) * outcome * step["sign"])
            self.count += 1

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """``n`` positions out of the later half of all play, as arrays ``[n, …]``: as they were, or all turned by one of the
        symmetries of the game."""
        recent = min(len(self), max(self.count // 2, 40 * n))
        at = torch.from_numpy((self.count - 1 - rng.integers(0, recent, size=n)) % self.capacity)
        drawn = {name: array[at] for name, array in self._arrays.items()}
        turn = int(rng.integers(0, 1 + len(self._symmetries)))
        return self._symmetries[turn - 1].apply(drawn) if turn else drawn

    def state(self) -> dict[str, Tensor]:
        """Everything that `restore` needs."""
        held = {f"memory.{name}": array[: len(self)] for name, array in self._arrays.items()}
        return held | {"memory.count": torch.tensor(self.count)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`."""
        self.count = int(state["memory.count"])
        for name, array in self._arrays.items():
            array[: len(self)] = state[f"memory.{name}"]


def matches_state(matches: list[Match]) -> dict[str, Tensor]:
    """Games under way as tensors: their moves one after another, and the steps of all of them stacked."""
    steps = [step for match in matches for step in match.steps]
    names = steps[0] if steps else ()
    return {
        "matches.moves": torch.tensor([move for match in matches for move in match.moves], dtype=torch.int64),
        "matches.lengths": torch.tensor([[len(match.moves), len(match.steps)] for match in matches]),
        **{f"matches.{name}": torch.from_numpy(np.stack([step[name] for step in steps])) for name in names},
    }


def matches_of(board: Board, state: Mapping[str, Tensor]) -> list[Match]:
    """The inverse of `matches_state`: each game is played again up to where it was."""
    names = [n.removeprefix("matches.") for n in state if n.startswith("matches.")]
    held = {n: state[f"matches.{n}"].numpy() for n in names if n not in ("moves", "lengths")}
    moves = state["matches.moves"].tolist()
    found = []
    at = 0
    for n_moves, n_steps in state["matches.lengths"].tolist():
        match = Match(board.start())
        for _ in range(n_moves):
            match.move(moves.pop(0))
        match.steps = [{name: array[at + k] for name, array in held.items()} for k in range(n_steps)]
        at += n_steps
        found.append(match)
    return found
