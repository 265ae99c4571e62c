"""Moments of play: what a player meets on its way, for those who ask about single answers of it.

Legend: N moments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.spaces import Form
from assay.codecs.stages import stage
from assay.core.errors import Unsupported

Decide: TypeAlias = Callable[[list[Any]], list[Any]]  # raw observations → actions, as JSON has them
COPIES = 8
STEPS = 500  # of an episode
SURE = 0.5  # how often a move on a board is the model's own and no random one: else every game would be the same


def moments(environment: str, form: Form, decide: Decide, seeds: Sequence[int], n: int, seed: int) -> list[Any]:
    """``n`` raw observations, each as likely to be one as any other that was met; fewer where fewer were met.

    Args:
        environment: its id.
        form: how an observation becomes an array.
        decide: what is done at each.
        seeds: of the episodes.
        n: N.
        seed: of what is chosen.

    Raises:
        DataError: the environment raised.
        Unsupported: an observation is made of several arrays or choices.
    """
    rng = np.random.default_rng(seed)
    kept: list[Any] = []
    board = form.kind == "board"
    met_in_play = _board(environment, decide, seeds, rng) if board else _play(environment, form, decide, seeds)
    for met, raw in enumerate(met_in_play, 1):
        if len(kept) < n:
            kept.append(raw)
        elif (at := int(rng.integers(met))) < n:
            kept[at] = raw
    return kept


def _play(environment: str, form: Form, decide: Decide, seeds: Sequence[int]) -> Iterator[Any]:
    if len(form.leaves) != 1 or form.leaves[0].path or len(form.leaves[0].counts) > 1:
        raise Unsupported(
            f"{environment} shows several things at once. Name single observations, as predict takes them."
        )
    for start in range(0, len(seeds), COPIES):
        block = list(seeds[start : start + COPIES])
        copies = stage(environment, len(block))
        try:
            live = list(range(len(block)))
            seen = copies.reset(live, block)
            for _ in range(STEPS):
                raws = [_raw(one, form) for one in seen]
                yield from raws
                space = copies.actions
                actions = [np.asarray(a, dtype=space.dtype).reshape(space.shape) for a in decide(raws)]
                step = copies.step(live, [a if a.shape else a.item() for a in actions])
                live = [copy for copy, over in zip(live, step.over, strict=True) if not over]
                seen = step.observations[~step.over]
                if not live:
                    break
        finally:
            copies.close()


def _raw(seen: NDArray[Any], form: Form) -> Any:
    """An observation as the environment gave it, as lists or as the number of a choice."""
    if form.leaves[0].counts:
        return int(seen.argmax())
    return (np.moveaxis(seen, 0, -1) if form.channels == "last" else seen).reshape(form.leaves[0].shape).tolist()


def _board(name: str, decide: Decide, seeds: Sequence[int], rng: np.random.Generator) -> Iterator[Any]:
    game = boards.board(name)
    for _ in seeds:
        position, moves = game.start(), list[int]()
        while not position.is_terminal() and len(moves) < STEPS:
            yield list(moves)
            own = rng.random() < SURE
            move = int(decide([list(moves)])[0]) if own else int(rng.choice(position.legal_actions()))
            position.apply_action(move)
            moves.append(move)
