"""What a position of a board game must be able to do, and the moves that win at once."""

from __future__ import annotations

from typing import Protocol


class Position(Protocol):
    """A position, as OpenSpiel's states are."""

    def child(self, action: int) -> Position:
        """The position after a legal move; this one stays as it is."""

    def apply_action(self, action: int) -> None:
        """Make a legal move."""

    def legal_actions(self) -> list[int]:
        """The moves of the player to move, ascending; none where the game is over."""

    def current_player(self) -> int:
        """0 or 1; negative where the game is over."""

    def is_terminal(self) -> bool:
        """Whether the game is over."""

    def returns(self) -> list[float]:
        """What either player has won."""

    def observation_tensor(self, player: int) -> list[float]:
        """What ``player`` sees, flat."""

    def action_to_string(self, action: int) -> str:
        """A move as people write it."""


def wins(position: Position) -> list[int]:
    """The moves with which the player to move wins at once; none where the game is over."""
    player = position.current_player()
    found = []
    for action in position.legal_actions():
        after = position.child(action)
        if after.is_terminal() and after.returns()[player] > 0:
            found.append(action)
    return found
