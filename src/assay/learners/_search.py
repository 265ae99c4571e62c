"""Looking ahead with a network: a tree for each of many games at once, their leaves answered in one batch.

Gumbel AlphaZero (Danihelka et al. 2022, "Policy improvement by planning with Gumbel"): at the root, moves are drawn without
replacement and the budget is halved over them again and again; below, the move is taken whose visits lag most behind the
improved policy. Even few simulations improve the policy they start from, so that sixteen are enough to learn from, where the
older rule (PUCT with Dirichlet noise) wants hundreds.

Legend: G games, M nodes a tree, A moves. Sums of value are for the player who moves at the node.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.codecs.boards import Board
from assay.codecs.position import Position, wins

Floats: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Look: TypeAlias = Callable[[Sequence[Position]], tuple[Floats, Floats]]
"""Positions → logits ``[N, A]`` (−inf where a move is illegal) and the value for the player to move ``[N]``, −1 … 1."""

CONSIDERED = 16  # moves that a root considers at most
TRIED = 40  # moves of a leaf that are tried for one that wins at once, which no network need be asked about
VISITS, SCALE = 50.0, 0.1  # how much a difference in value counts beside the logits (σ of the paper)


@dataclass(frozen=True)
class Found:
    """What a search found at each root.

    Attributes:
        action: the move to make, ``[G]``.
        policy: the improved policy, ``[G, A]``: what the network is to learn.
        value: of the improved policy for the player to move, ``[G]``.
    """

    action: Ints
    policy: Floats
    value: Floats


class _Trees:
    """G trees of M nodes; node 0 is the root, node k the leaf of simulation k."""

    def __init__(self, games: int, nodes: int, actions: int) -> None:
        self.child = np.full((games, nodes, actions), -1, dtype=np.int32)
        self.logits = np.full((games, nodes, actions), -np.inf, dtype=np.float32)
        self.visits = np.zeros((games, nodes, actions), dtype=np.float32)
        self.sums = np.zeros((games, nodes, actions), dtype=np.float32)
        self.value = np.zeros((games, nodes), dtype=np.float32)  # the network's, for the player to move
        self.sign = np.ones((games, nodes), dtype=np.float32)  # 1 where the first player moves, else −1
        self.over = np.zeros((games, nodes), dtype=np.bool_)
        self.positions: list[list[Any]] = [[None] * nodes for _ in range(games)]

    def improved(self, at: Any) -> tuple[Floats, Floats]:
        """At nodes: logits of the improved policy, which are the network's plus what the visits found, and the value of
        each move, ``[…, A]`` both. Moves that were not visited are thought to be worth what the node is."""
        logits, visits, value = self.logits[at], self.visits[at], self.value[at]
        seen = visits > 0
        q = self.sums[at] / np.maximum(visits, 1)
        prior = softmax(logits) * seen
        share = prior.sum(-1)
        total = visits.sum(-1)
        known = (prior * q).sum(-1) / np.maximum(share, 1e-9)
        mixed = (value + total * np.where(share > 0, known, 0)) / (1 + total)
        completed = np.where(seen, q, mixed[..., None])
        return logits + (VISITS + visits.max(-1, keepdims=True)) * SCALE * completed, completed


def search(
    board: Board, positions: Sequence[Position], look: Look, simulations: int, rng: np.random.Generator | None
) -> Found:
    """Search from each position with ``simulations`` looks ahead; none of the games may be over.

    ``rng`` draws the Gumbel noise that makes self-play explore; without it the best move found is taken.
    """
    games = len(positions)
    trees = _Trees(games, simulations + 1, board.actions)
    logits, value = look(positions)
    trees.logits[:, 0], trees.value[:, 0] = logits, value
    trees.sign[:, 0] = _signs(positions)
    for tree, position in zip(trees.positions, positions, strict=True):
        tree[0] = position
    legal = np.isfinite(logits)
    noise = np.zeros_like(logits) if rng is None else rng.gumbel(size=logits.shape).astype(np.float32)
    plans = np.array([_halving(min(CONSIDERED, count), simulations) for count in legal.sum(1).tolist()])
    root = (slice(None), 0)
    for k in range(simulations):
        due = legal & (trees.visits[root] == plans[:, k, None])
        first = np.where(due, noise + trees.improved(root)[0], -np.inf).argmax(1)
        path = _descend(trees, first)
        found = _expand(board, trees, path, k + 1, look)
        for live, node, action in path:
            trees.visits[live, node, action] += 1
            trees.sums[live, node, action] += found[live] * trees.sign[live, node]
    improved, values = trees.improved(root)
    visits = np.where(legal, trees.visits[root], -1)
    most = legal & (visits == visits.max(1, keepdims=True))
    policy = softmax(improved)
    return Found(np.where(most, noise + improved, -np.inf).argmax(1), policy, (policy * values).sum(1))


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits ``[…, A]`` of which one is finite at least.

    >>> softmax(np.array([0.0, 0.0, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)  # type: ignore[no-any-return]


def _descend(trees: _Trees, action: Ints) -> list[tuple[Ints, Ints, Ints]]:
    """From the roots along ``action`` down to an edge whose end is new or ends the game: (games, nodes, moves) by depth."""
    live = np.arange(len(action))
    node = np.zeros(len(action), dtype=np.int64)
    path = []
    while True:
        path.append((live, node, action))
        below = trees.child[live, node, action].astype(np.int64)
        on = (below >= 0) & ~trees.over[live, below]
        if not on.any():
            return path
        live, node = live[on], below[on]
        at = (live, node)
        visits = trees.visits[at]
        lag = softmax(trees.improved(at)[0]) - visits / (1 + visits.sum(1, keepdims=True))
        action = np.where(np.isfinite(trees.logits[at]), lag, -np.inf).argmax(1)


def _expand(board: Board, trees: _Trees, path: Sequence[tuple[Ints, Ints, Ints]], new: int, look: Look) -> Floats:
    """Make the leaf of each path and look at it; its value for the first player, ``[G]``."""
    value = np.zeros(len(trees.positions), dtype=np.float32)
    ends: dict[int, tuple[int, int]] = {}
    for live, node, action in path:  # the deepest edge of each game is its last
        ends.update(zip(live.tolist(), zip(node.tolist(), action.tolist(), strict=True), strict=True))
    fresh: list[int] = []
    for game, (parent, move) in ends.items():
        old = trees.child[game, parent, move]
        if old >= 0:  # the game was over there when it was first looked at
            value[game] = trees.value[game, old]
            continue
        position = trees.positions[game][parent].child(move)
        trees.child[game, parent, move], trees.positions[game][new] = new, position
        if position.is_terminal():
            trees.over[game, new] = True
            value[game] = trees.value[game, new] = board.outcome(position)
        elif len(position.legal_actions()) <= TRIED and wins(position):  # as good as over
            trees.over[game, new] = True
            value[game] = trees.value[game, new] = 1 if position.current_player() == 0 else -1
        else:
            fresh.append(game)
    if fresh:
        leaves = [trees.positions[game][new] for game in fresh]
        signs = _signs(leaves)
        trees.logits[fresh, new], mine = look(leaves)
        trees.value[fresh, new], trees.sign[fresh, new] = mine, signs
        value[fresh] = mine * signs
    return value


def _signs(positions: Sequence[Position]) -> Floats:
    return np.array([1.0 if p.current_player() == 0 else -1.0 for p in positions], dtype=np.float32)


@cache
def _halving(moves: int, simulations: int) -> tuple[int, ...]:
    """At each simulation, how often the root's move to be visited was visited before (sequential halving).

    >>> _halving(4, 8)
    (0, 0, 0, 0, 1, 1, 2, 2)
    """
    if moves <= 1:
        return tuple(range(simulations))
    rounds = math.ceil(math.log2(moves))
    found: list[int] = []
    visits, left = [0] * moves, moves
    while len(found) < simulations:
        for _ in range(max(1, simulations // (rounds * left))):
            found += visits[:left]
            visits[:left] = [count + 1 for count in visits[:left]]
        left = max(2, left // 2)
    return tuple(found[:simulations])
