"""Judging a board game's network by games against opponents that never change.

The network plays as it is served: the legal move of most probability (or one drawn, where the output is not ``greedy``),
without search. Every game has a generator of its
own, drawn from its seed, so that a game goes the same way whichever games are played beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from assay.codecs.boards import FACTS, OPPONENTS, Board, board
from assay.codecs.position import Position, wins
from assay.core.metric import Array
from assay.core.model import EVAL_BATCH, Model
from assay.core.packing import Encoded
from assay.core.protocols import Pack
from assay.core.verb import Watch
from assay.learners._search import Look
from assay.learners._self_play import look_with

Opponent: TypeAlias = Callable[[Position, np.random.Generator], int]


def random_move(position: Position, rng: np.random.Generator) -> int:
    """Any legal move."""
    return _any(position.legal_actions(), rng)


def greedy(position: Position, rng: np.random.Generator) -> int:
    """A move that wins at once where there is one, else any."""
    winning = wins(position)
    return winning[0] if winning else _any(position.legal_actions(), rng)


def look_ahead(position: Position, rng: np.random.Generator) -> int:
    """A move that wins at once where there is one; else any after which the other cannot win at once, where there is one."""
    if winning := wins(position):
        return winning[0]
    legal = position.legal_actions()
    safe = [action for action in legal if not _loses(position.child(action), position.current_player())]
    return _any(safe or legal, rng)


PLAYERS: dict[str, Opponent] = dict(zip(OPPONENTS, (random_move, greedy, look_ahead), strict=True))


def evaluate(model: Model, encoded: Encoded, watch: Watch | None) -> tuple[Pack, Array]:
    """Play the games that ``encoded.x`` lists (``seed``, ``opponent``, ``side``, each ``[N]``).

    Gives, a game: ``return`` (−1 … 1), ``length`` (moves of both), ``won`` and ``drawn`` (0 or 1), and its tally.
    """
    game = board(model.input.environment)  # type: ignore[attr-defined]
    drawn = None if model.output.greedy else model.output.seed  # type: ignore[attr-defined]
    model.network.eval()
    look = look_with(model.network, model.input, model.output, game, model.device)
    x, _ = encoded.take(np.arange(len(encoded)))
    parts = []
    for start in range(0, len(encoded), EVAL_BATCH):
        block = {name: array[start : start + EVAL_BATCH] for name, array in x.items()}
        seeds, opponents, sides = (block[name].tolist() for name in ("seed", "opponent", "side"))
        parts.append(play(game, look, seeds, opponents, sides, drawn=drawn))
        if watch:
            watch.progress("play", min(start + EVAL_BATCH, len(encoded)), len(encoded))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return columns, model.output.tally(columns, {})


def play(
    game: Board,
    look: Look,
    seeds: Sequence[int],
    opponents: Sequence[int],
    sides: Sequence[int],
    *,
    drawn: int | None = None,
) -> Pack:
    """Play games side by side; ``opponents`` and ``sides`` are codes of `FACTS`. Columns as `evaluate` gives them.

    ``drawn`` is the seed of moves that are drawn from the policy; without it the likeliest is made.
    """
    n = len(seeds)
    rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
    own = [np.random.default_rng([seed, 3, drawn or 0]) for seed in seeds]
    players = [PLAYERS[FACTS["opponent"][code]] for code in opponents]
    positions = [game.start() for _ in range(n)]
    length = np.zeros(n)
    live = list(range(n))
    while live:
        mine = [at for at in live if positions[at].current_player() == sides[at]]
        theirs = [at for at in live if positions[at].current_player() != sides[at]]
        if mine:
            logits, _ = look([positions[at] for at in mine])
            if drawn is not None:
                logits = logits + np.array([own[at].gumbel(size=game.actions) for at in mine])
            for at, action in zip(mine, logits.argmax(1).tolist(), strict=True):
                positions[at].apply_action(action)
        for at in theirs:
            positions[at].apply_action(players[at](positions[at], rngs[at]))
        length[live] += 1
        live = [at for at in live if not positions[at].is_terminal()]
    signs = np.where(np.asarray(sides) == 0, 1.0, -1.0)
    returns = np.array([game.outcome(position) for position in positions]) * signs + 0.0  # no −0
    return {
        "return": returns,
        "length": length,
        "won": (returns > 0).astype(np.float64),
        "drawn": (returns == 0).astype(np.float64),
    }


def _any(actions: Sequence[int], rng: np.random.Generator) -> int:
    return actions[int(rng.integers(len(actions)))]


def _loses(position: Position, player: int) -> bool:
    """Whether ``player``, who does not move, may have lost after the next move."""
    return not position.is_terminal() and position.current_player() != player and bool(wins(position))
