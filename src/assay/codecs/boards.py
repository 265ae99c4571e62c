"""A two-player board game as a value: its rules, and what a player sees of a position.

The rules are OpenSpiel's (Lanctot et al. 2019, arXiv:1908.09453), in C++: a position is one of its states. A move and the
observation after it cost about five microseconds, less than any network that looks at it: no game needs rules of its own.

Legend: N positions, A moves (legal or not).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.position import Position
from assay.codecs.quiet import quiet
from assay.core.errors import DataError, Unsupported, choose, nearest

PREFIX = "openspiel:"  # may stand before a name, where it could be taken for something else
BOARDS = (  # two players, no dice, nothing hidden, what one wins the other loses
    "amazons",
    "breakthrough",
    "checkers",
    "chess",
    "clobber",
    "connect_four",
    "dots_and_boxes",
    "go",
    "gomoku",
    "havannah",
    "hex",
    "lines_of_action",
    "mancala",
    "mnk",
    "nim",
    "nine_mens_morris",
    "othello",
    "oware",
    "pentago",
    "tic_tac_toe",
    "twixt",
    "ultimate_tic_tac_toe",
    "y",
)
MOVES = 20_000  # of a game, legal or not: the network has a logit for each
PETTINGZOO = {"connect_four": "connect_four", "tictactoe": "tic_tac_toe", "chess": "chess", "go": "go"}
OPPONENTS = ("random", "greedy", "look-ahead")
"""Whom a model is judged against. ``random``: any legal move. ``greedy``: a move that wins at once where there is one, else
random. ``look-ahead``: greedy, but it makes no move that lets the other win at once where it has another."""
FACTS = {"opponent": OPPONENTS, "side": ("first", "second")}
"""What a game of a data set is about beside its seed, with the values in the order of their codes."""
GAMES = {"train": 1000, "validation": 100, "test": 200}
"""Games of each split against each opponent, every other one as first player. (Self-play makes its own games: those of the
train split are there to be looked at.)"""
_NAME = re.compile(r"(?P<game>\w+)(?P<options>\(.*)?")
_VERSION = re.compile(r"_v\d+")


@dataclass(frozen=True)
class Board:
    """The rules of one game.

    Attributes:
        name: as OpenSpiel writes it, options included: ``hex(board_size=7)``.
        actions: how many moves there are, legal or not.
        shape: of an observation: ``(planes, rows, columns)``, or ``(features,)``. The last plane or feature says who is to
            move, 0 or 1.
        longest: the most moves that a game can take.
        start: gives the position before the first move.
        most: the most that can be won, in the game's own unit.
    """

    name: str
    actions: int
    shape: tuple[int, ...]
    longest: int
    start: Callable[[], Position] = field(compare=False, repr=False)
    most: float = 1.0

    def observe(self, positions: Sequence[Position]) -> NDArray[np.float32]:
        """What the player to move sees of each position, ``[N, *shape]``."""
        n = len(positions)
        seen = np.empty((n, *self.shape), dtype=np.float32)
        planes = seen.reshape(n, self.shape[0], -1)
        flat = np.empty((n, planes[0, :-1].size), dtype=np.float32)
        for at, position in enumerate(positions):
            player = position.current_player()
            flat[at] = position.observation_tensor(player)
            planes[at, -1] = player
        planes[:, :-1] = flat.reshape(n, self.shape[0] - 1, -1)
        return seen

    def legal(self, positions: Sequence[Position]) -> NDArray[np.bool_]:
        """Which moves the player to move may make, ``[N, A]``."""
        found = np.zeros((len(positions), self.actions), dtype=np.bool_)
        for at, position in enumerate(positions):
            found[at, position.legal_actions()] = True
        return found

    def outcome(self, position: Position) -> float:
        """What the first player has won, −1 … 1, where the game is over."""
        return position.returns()[0] / self.most

    def after(self, moves: Sequence[int | str]) -> Position:
        """The position after moves, each as its number or as people write it.

        Raises:
            DataError: a move is not legal; names it and offers the nearest.
        """
        position = self.start()
        for at, move in enumerate(moves):
            if position.is_terminal():
                raise DataError(f"Move {at + 1} ({move}) comes after the end of the game of {self.name}.")
            position.apply_action(self.move(position, move, f"Move {at + 1},"))
        return position

    def move(self, position: Position, move: int | str, where: str = "The move") -> int:
        """A legal move's number, from its number or from how people write it.

        Raises:
            DataError: it is not legal; offers the nearest.
        """
        legal = position.legal_actions()
        names = {position.action_to_string(action): action for action in legal}
        if isinstance(move, str) and move in names:
            return names[move]
        if str(move).isdecimal() and int(move) in legal:
            return int(move)
        raise DataError(
            f'{where} "{move}" is not legal in {self.name} here. {nearest(str(move), [*names, *map(str, legal)])}'
        )


def looks(text: Any) -> bool:
    """Whether ``text`` can only be the name of a board game, or nearly is one. Cheap: nothing is imported.

    >>> looks("connect_four"), looks("hex(board_size=5)"), looks("tictactoe_v3"), looks("conect_four"), looks("CartPole-v1")
    (True, True, True, True, False)
    """
    if not isinstance(text, str):
        return False
    game = _game(text)[0]
    return (
        text.startswith(PREFIX) or game in BOARDS or (len(game) > 4 and bool(get_close_matches(game, BOARDS, 1, 0.85)))
    )


def check(text: str) -> str:
    """The name as `Board.name` has it.

    Raises:
        DataError, Unsupported: as `board`.
    """
    return board(text).name


def splits() -> dict[str, dict[str, list[Any]]]:
    """The games of each split by column: ``seed``, ``opponent``, ``side``. No two share a seed.

    >>> [(split, len(games["seed"])) for split, games in splits().items()]
    [('train', 3000), ('validation', 300), ('test', 600)]
    """
    found: dict[str, dict[str, list[Any]]] = {}
    first = 0
    for split, games in GAMES.items():
        n = games * len(OPPONENTS)
        found[split] = {
            "seed": list(range(first, first + n)),
            "opponent": [OPPONENTS[at // games] for at in range(n)],
            "side": [FACTS["side"][at % 2] for at in range(n)],
        }
        first += n
    return found


def version() -> str:
    """Whose rules these are.

    Raises:
        Unsupported: OpenSpiel is not installed.
    """
    board("tic_tac_toe")
    return f"open_spiel {metadata.version('open_spiel')}"


def accepts(cell: Any) -> bool:
    """Whether a raw cell could be a position, written as the moves that led to it (see `position`).

    >>> accepts("3 3 2"), accepts("start"), accepts([3, 3, 2]), accepts("[3, 3]"), accepts(2.5), accepts([[0.5]])
    (True, True, True, True, False, False)
    """
    if isinstance(cell, list | tuple):
        return all(isinstance(move, int | str) for move in cell)
    return isinstance(cell, str) and "\n" not in cell


def position(game: Board, cell: Any) -> Position:
    """The position that moves lead to: a list of them, or a text with blanks between, ``start`` or nothing for no move.

    A move is its number (``3``), or as OpenSpiel writes it (``x3``).

    Raises:
        DataError: these are no moves, one is not legal, or the game is over after them.
    """
    moves = cell
    if isinstance(cell, str):
        text = cell.strip()
        if text.startswith("["):
            try:
                moves = json.loads(text)
            except json.JSONDecodeError as error:
                raise DataError(f"{text[:60]!r} is no list of moves: {error}.") from error
        else:
            moves = [] if text == "start" else text.split()
    if not isinstance(moves, list | tuple) or not accepts(moves):
        raise DataError(f"{str(cell)[:60]!r} is no position. Write the moves that lead to it: 3 3 2 (start: none yet).")
    found = game.after(moves)
    if found.is_terminal():
        raise DataError(f"The game is over after {len(moves)} moves: there is none left to choose.")
    return found


@lru_cache(maxsize=16)
def board(name: str) -> Board:
    """The game of that name: OpenSpiel's, options in brackets allowed, or PettingZoo's for the same game.

    Raises:
        DataError: there is none of this name, or it does not take these options.
        Unsupported: OpenSpiel is not installed, or the game has dice, hidden information or more than two players.
    """
    game, options = _game(name)
    try:
        import pyspiel
    except ImportError as error:
        raise Unsupported(f'The game {name} needs OpenSpiel: pip install "assay[games]".') from error
    if game not in BOARDS:
        choose("board game", game, BOARDS if game not in pyspiel.registered_names() else [game], DataError)
    try:
        with quiet():
            rules = pyspiel.load_game(game + options)
    except (pyspiel.SpielError, RuntimeError) as error:
        raise DataError(f"OpenSpiel takes no game {game}{options}: {str(error)[:200]}") from error
    kind, types = rules.get_type(), pyspiel.GameType
    reasons = {
        "has hidden information": kind.information != types.Information.PERFECT_INFORMATION,
        "is decided by chance too": kind.chance_mode != types.ChanceMode.DETERMINISTIC,
        "has no turns": kind.dynamics != types.Dynamics.SEQUENTIAL,
        "is no game of two": rules.num_players() != 2,
        "is not won by one at the cost of the other": kind.utility != types.Utility.ZERO_SUM,
        "has no observation as numbers": not kind.provides_observation_tensor,
    }
    if why := next((reason for reason, holds in reasons.items() if holds), None):
        raise Unsupported(f"{game} {why}; boards that are learned: {', '.join(BOARDS)}.")
    shape = tuple(rules.observation_tensor_shape())
    if min(shape) < 1 or not 1 < rules.num_distinct_actions() <= MOVES:  # OpenSpiel itself may die of such a board
        raise DataError(f"{game}{options} is no board of 2 to {MOVES:,} moves.")
    try:
        with quiet():
            rules.new_initial_state()
    except (pyspiel.SpielError, RuntimeError) as error:
        raise DataError(f"OpenSpiel cannot play {game}{options}: {str(error)[:200]}") from error
    if len(shape) != 3:
        shape = (math.prod(shape),)
    return Board(
        name=game + options,
        actions=rules.num_distinct_actions(),
        shape=(shape[0] + 1, *shape[1:]),
        longest=rules.max_game_length(),
        start=rules.new_initial_state,
        most=max(abs(rules.min_utility()), abs(rules.max_utility())),
    )


def _game(name: str) -> tuple[str, str]:
    """The game and its options, as OpenSpiel takes them."""
    found = _NAME.fullmatch(name.strip().removeprefix(PREFIX))
    if found is None:
        return name, ""
    game = found["game"]
    stem = _VERSION.sub("", game)
    return (PETTINGZOO[stem] if stem != game and stem in PETTINGZOO else game), found["options"] or ""
