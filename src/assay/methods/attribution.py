"""What every attribution method takes and gives: a game of parts, and what each part counts for in it.

Legend: P parts, M masks, C claims (columns whose values are attributed side by side; every method is linear in them).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array

Masks: TypeAlias = NDArray[np.bool_]
Game: TypeAlias = Callable[[Masks], Array]
"""Masks of the parts that are kept, ``[M, P]`` → values, ``[M, C]``. The same mask must have the same value each time."""

BLOCK = 8192  # masks that a game is asked for at once; it may well cut them smaller


@dataclass(frozen=True)
class Attribution:
    """How much each part adds to each claim.

    Attributes:
        method: its name.
        values: ``[P, C]``, in the unit of the game.
        errors: standard errors of sampling, ``[P, C]``; 0 where a value is exact, nan where the method states none.
        full: the value with all parts, ``[C]``.
        empty: the value with no part, ``[C]``.
        evaluations: how often the game was asked.
        efficient: whether the values are meant to add up to ``full - empty``.
        stability: the rank correlation to expect of the values of two runs, ``[C]``; ``None`` where it was not looked at.
    """

    method: str
    values: Array
    errors: Array
    full: Array
    empty: Array
    evaluations: int
    efficient: bool = True
    stability: Array | None = None

    @property
    def gap(self) -> Array:
        """How far the values miss what all parts add together, ``[C]``; nan where the method promises nothing."""
        miss = self.values.sum(axis=0) - (self.full - self.empty)
        return miss if self.efficient else np.full_like(miss, np.nan)


def ask(game: Game, masks: Masks) -> Array:
    """The values of masks ``[M, P]``, ``[M, C]``, asked for in blocks of `BLOCK`.

    A mask that comes up more than once is asked for once.

    Raises:
        ValueError: the game did not answer with one row a mask.
    """
    distinct, back = np.unique(masks, axis=0, return_inverse=True)
    answers = []
    for start in range(0, len(distinct), BLOCK):
        block = distinct[start : start + BLOCK]
        answer = np.asarray(game(block), dtype=np.float64)
        if answer.ndim != 2 or len(answer) != len(block):
            raise ValueError(f"a game of {len(block)} masks must give {len(block)} rows, not {answer.shape}")
        answers.append(answer)
    return np.concatenate(answers)[back.reshape(-1)]


def ends(game: Game, parts: int) -> tuple[Array, Array]:
    """The values with all parts and with none, ``[C]`` each."""
    full, empty = ask(game, np.array([[True] * parts, [False] * parts]).reshape(2, parts))
    return full, empty
