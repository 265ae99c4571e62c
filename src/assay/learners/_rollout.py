"""Play that is learned from: steps of several copies of an environment, and what came of each of them.

Legend: T steps, n copies, B = T × n, K choices or numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from assay.codecs.stages import Stage
from assay.core.errors import DataError
from assay.outputs._fitted_action import FittedAction

LARGEST = 1e12  # of a reward: what is still to come of it is squared in 32 bits


@dataclass(frozen=True)
class Rollout:
    """Steps to learn from, all copies one after another.

    Attributes:
        observation: ``[B, …]``.
        action: ``[B, K]``.
        log_probability: of the action when it was taken, ``[B]``.
        advantage: how much better it was than what the policy does on average there, ``[B]``.
        value: what the value is to become, ``[B]``.
    """

    observation: Tensor
    action: Tensor
    log_probability: Tensor
    advantage: Tensor
    value: Tensor

    def __len__(self) -> int:
        return len(self.action)

    def take(self, at: Tensor | slice) -> Rollout:
        """The steps at ``at``; a slice is a view."""
        return Rollout(
            self.observation[at], self.action[at], self.log_probability[at], self.advantage[at], self.value[at]
        )


class Play:
    """Copies of an environment under way.

    Attributes:
        returns, lengths: of the episodes that ended since `begin`, as the environment counts rewards while learning.
    """

    def __init__(self, stage: Stage, discount: float, trace: float) -> None:
        self.stage = stage
        self.discount = discount
        self.trace = trace
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self._every = list(range(stage.size))

    def begin(self, seeds: Sequence[int], rng: np.random.Generator) -> None:
        """Reset all copies; every episode, these and those to come, begins from one of ``seeds``."""
        self._seeds = np.asarray(seeds)
        self._rng = rng
        self._seen = self.stage.reset(self._every, self._drawn(self.stage.size))
        self._gained = np.zeros(self.stage.size)
        self._length = np.zeros(self.stage.size, dtype=np.int64)
        self._worth = np.zeros(self.stage.size)
        self.returns, self.lengths = [], []

    @torch.no_grad()
    def collect(
        self, network: nn.Module, output: FittedAction, steps: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Rollout, Tensor]:
        """``steps`` steps in each copy, and the discounted sum of rewards up to each of them, ``[B]``.

        Advantages are estimated as in Schulman et al. 2016 (arXiv:1506.02438). What an episode would still have given
        that was cut short by its limit of steps is the value of its last observation; of one that ended it is 0.

        Raises:
            DataError: the environment raised, or gave a reward that is too large to learn from.
        """
        n = self.stage.size
        observation = torch.empty((steps, *self._seen.shape), dtype=torch.from_numpy(self._seen).dtype)
        raws, actions = [], []
        rewards, worth = np.zeros((steps, n)), np.zeros((steps, n))
        ended, over = np.zeros((steps, n), dtype=np.bool_), np.zeros((steps, n), dtype=np.bool_)
        cut: list[tuple[int, int]] = []
        last = []
        for t in range(steps):
            observation[t] = torch.from_numpy(self._seen)
            raw = output.forward(network, {"observation": observation[t].to(device)}).float().cpu()
            action = output.draw(raw, generator)
            raws.append(raw)
            actions.append(action)
            step = self.stage.step(self._every, output.told(action))
            rewards[t], ended[t], over[t] = step.rewards, step.ended, step.over
            if (largest := float(np.abs(step.rewards).max())) > LARGEST:
                raise DataError(
                    f"{self.stage.environment} gave a reward of size {largest:.3g}, and what is learned from is at most "
                    f"{LARGEST:g} in size. Scale or clip its rewards where it is registered: "
                    "gymnasium.wrappers.TransformReward does so."
                )
            self._gained += step.rewards
            self._length += 1
            self._worth = self._worth * self.discount + step.rewards
            worth[t] = self._worth
            self._seen = step.observations
            if step.over.any():
                for copy in np.flatnonzero(step.over & ~step.ended).tolist():
                    cut.append((t, copy))
                    last.append(torch.from_numpy(self._seen[copy].copy()))
                self._again(np.flatnonzero(step.over).tolist())
            self._worth[step.ended | step.over] = 0
        values = np.empty((steps + 1, n))
        raw = torch.stack(raws)
        values[:-1] = output.value(raw.flatten(0, 1)).view(steps, n).numpy()
        values[-1] = self._values(network, output, torch.from_numpy(self._seen), device)
        following = np.where(ended, 0, values[1:])
        if cut:
            at, copies = (list(index) for index in zip(*cut, strict=True))
            following[at, copies] = self._values(network, output, torch.stack(last), device)
        scale = float((network.head.variance + 1e-8).sqrt())  # type: ignore[union-attr, operator]
        advantage = self._advantages(rewards / scale, values[:-1], following, ended | over)
        flat, action = raw.flatten(0, 1), torch.stack(actions).flatten(0, 1)
        rollout = Rollout(
            observation=observation.flatten(0, 1).to(device),
            action=action.to(device),
            log_probability=output.judged(flat, action)[0].to(device),
            advantage=torch.from_numpy(advantage).float().flatten().to(device),
            value=torch.from_numpy(advantage + values[:-1]).float().flatten().to(device),
        )
        return rollout, torch.from_numpy(worth).float().flatten()

    def _advantages(
        self, rewards: np.ndarray, values: np.ndarray, following: np.ndarray, stops: np.ndarray
    ) -> np.ndarray:
        found, after = np.empty_like(values), np.zeros(values.shape[1])
        error = rewards + self.discount * following - values
        carried = self.discount * self.trace * ~stops
        for t in range(len(values) - 1, -1, -1):
            after = error[t] + carried[t] * after
            found[t] = after
        return found

    def _values(self, network: nn.Module, output: FittedAction, seen: Tensor, device: torch.device) -> np.ndarray:
        raw = output.forward(network, {"observation": seen.to(device)}).float().cpu()
        return output.value(raw).numpy().astype(np.float64)

    def _again(self, copies: list[int]) -> None:
        """Begin new episodes in copies whose own is over."""
        self.returns += self._gained[copies].tolist()
        self.lengths += self._length[copies].tolist()
        self._gained[copies], self._length[copies] = 0, 0
        self._seen = self._seen.copy()
        self._seen[copies] = self.stage.reset(copies, self._drawn(len(copies)))

    def _drawn(self, n: int) -> list[int]:
        return self._seeds[self._rng.integers(0, len(self._seeds), n)].tolist()  # type: ignore[no-any-return]
