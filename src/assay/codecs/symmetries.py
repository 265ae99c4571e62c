"""The symmetries of a board game, found by playing: turns and mirrorings of the board that the rules do not notice.

Nothing is known of a game beforehand. A turn of the board is one of its symmetries where every game that is played has a
twin: after each move there is a move in the twin after which it shows the turned board. Each symmetry multiplies what is
learned from a position.

Legend: N positions, C planes, H rows, W columns, A moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.codecs.boards import Board
from assay.codecs.position import Position

GAMES = 12  # that must have a twin
MOVES = 100  # of each, at most


@dataclass(frozen=True)
class Symmetry:
    """A turn of the board and what becomes of each move.

    Attributes:
        turned: quarter turns, 0 … 3.
        mirrored: whether left and right are exchanged, before the turn.
        moves: the move that move ``a`` becomes, ``[A]``; −1 for those that were never met.
    """

    turned: int
    mirrored: bool
    moves: tuple[int, ...]

    def apply(self, drawn: dict[str, Tensor]) -> dict[str, Tensor]:
        """Positions turned: ``observation`` ``[N, C, H, W]``, ``legal`` and ``policy`` ``[N, A]``. All else stays, and so do
        positions in which a move is legal that was never met."""
        moves = torch.tensor(self.moves)
        met = moves >= 0
        rows = ~drawn["legal"][:, ~met].any(1)
        out = dict(drawn)
        out["observation"] = torch.where(
            rows[:, None, None, None], self.turn(drawn["observation"]), drawn["observation"]
        )
        for name in ("legal", "policy"):
            turned = torch.zeros_like(drawn[name]).index_copy_(1, moves[met], drawn[name][:, met])
            out[name] = torch.where(rows[:, None], turned, drawn[name])
        return out

    def turn(self, x: Tensor) -> Tensor:
        """Planes ``[…, H, W]`` turned."""
        return torch.rot90(x.flip(-1) if self.mirrored else x, self.turned, dims=(-2, -1))


@lru_cache(maxsize=16)
def symmetries(board: Board) -> tuple[Symmetry, ...]:
    """The symmetries of a game beside the identity; none where its observations are no planes."""
    if len(board.shape) != 3:
        return ()
    square = board.shape[1] == board.shape[2]
    found = []
    for mirrored in (False, True):
        for turned in range(4) if square else (0, 2):
            if mirrored or turned:
                moves = _moves(board, Symmetry(turned, mirrored, ()))
                if moves is not None:
                    found.append(Symmetry(turned, mirrored, moves))
    return tuple(found)


def _moves(board: Board, symmetry: Symmetry) -> tuple[int, ...] | None:
    """What each move becomes under a turn of the board; ``None`` where some game has no twin."""
    rng = np.random.default_rng(0)
    known: dict[int, int] = {}

    def seen(position: Position) -> NDArray[np.float32]:
        return np.array(position.observation_tensor(0), dtype=np.float32).reshape(-1, *board.shape[1:])

    def turned(position: Position) -> NDArray[np.float32]:
        return np.ascontiguousarray(symmetry.turn(torch.from_numpy(seen(position))).numpy())

    for _ in range(GAMES):
        here, twin = board.start(), board.start()
        for _ in range(MOVES):
            legal = here.legal_actions()
            unknown = [action for action in legal if action not in known]
            if unknown:
                ends = {seen(twin.child(b)).tobytes(): b for b in twin.legal_actions()}
                for action in unknown:
                    end = ends.get(turned(here.child(action)).tobytes())
                    if end is None:
                        return None
                    known[action] = end
            if sorted(known[action] for action in legal) != twin.legal_actions():
                return None
            action = legal[int(rng.integers(len(legal)))]
            here, twin = here.child(action), twin.child(known[action])
            same = np.array_equal(turned(here), seen(twin)) and here.current_player() == twin.current_player()
            if not same or here.is_terminal() != twin.is_terminal() or here.returns() != twin.returns():
                return None
            if here.is_terminal():
                break
    once = len(set(known.values())) == len(known)  # no two moves become one
    return tuple(known.get(action, -1) for action in range(board.actions)) if once else None
