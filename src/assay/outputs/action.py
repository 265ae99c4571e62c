"""What a player does: one of several actions, several choices at once, or numbers within bounds; and what its games gave.

A network's raw answer is ``[B, W + 1]``: what the policy is made of, then the value of what is observed. Of choices these
are logits, one after another; of numbers, means and the logarithms of standard deviations.

Legend: B batch, W width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.environments import kind, parse
from assay.codecs.spaces import action_of
from assay.codecs.stages import stage
from assay.core.errors import ConfigError
from assay.core.protocols import JSON
from assay.core.ranges import Within, check
from assay.outputs._fitted_action import FittedAction


@dataclass(frozen=True)
class Action:
    """Actions in one environment, and how a policy for them is learned (proximal policy optimisation).

    Attributes:
        discount: what a reward is worth a step later (γ).
        trace: how far an advantage looks ahead: 0 one step, 1 the whole episode (λ).
        copies: of the environment, side by side; 0: eight.
        steps: in each copy between two rounds of updates; 0: 128.
        passes: over each round's steps; 0: ten, and three where images are seen.
        bound: how far an update may change the probability of an action, as a share.
        entropy: weight of the bonus for trying many things.
        target: stop once the validation's mean return is surely above it: a number, ``auto`` for the environment's own
            threshold, or ``none``.
    """

    discount: Annotated[float, Within(0, 1)] = 0.99
    trace: Annotated[float, Within(0, 1)] = 0.95
    copies: Annotated[int, Within(0, 1024)] = 0
    steps: Annotated[int, Within(0, 65_536)] = 0
    passes: Annotated[int, Within(0, 1000)] = 0
    bound: Annotated[float, Within(0, 1, above=True)] = 0.2
    entropy: Annotated[float, Within(0, 100)] = 0.01
    target: str = "auto"

    names = ("action",)

    def __post_init__(self) -> None:
        check(self)
        self.aim()  # a word that is none is refused at once

    def aim(self) -> float | None:
        """The mean return to stop above, where ``target`` is a number.

        Raises:
            ConfigError: it is no number and no word that is known.
        """
        if self.target in ("auto", "none"):
            return None
        try:
            found = float(self.target)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ConfigError(f'--set target={self.target}: it takes a finite number, "auto" or "none".')
        return found

    def fit(self, ys: Sequence[Any]) -> FittedAction:
        """The actions of the environment whose episodes these are.

        Raises:
            DataError: the environment cannot be opened.
            Unsupported: its actions are none that can be learned.
        """
        parsed = parse(ys[0])
        assert parsed, "the pair of input and output checked the episodes"
        environment = parsed[0]
        if kind(environment) == "board":
            return FittedAction(kind="choice", counts=(boards.board(environment).actions,), game=True)
        copies = stage(environment, 1)
        try:
            return FittedAction(**action_of(copies.actions, environment))
        finally:
            copies.close()

    def load(self, state: JSON) -> FittedAction:
        """The inverse of `FittedAction.to_json`."""
        lists: dict[str, Any] = {name: tuple(state[name]) for name in ("counts", "shape", "low", "high")}
        return FittedAction(kind=state["kind"], game=bool(state["game"]), **lists)

    def fake(self, rng: np.random.Generator, signs: NDArray[np.int64]) -> Sequence[Any]:
        """Action 1 where the sign is +1, 0 where it is −1."""
        return [int(sign > 0) for sign in signs]
