"""Several copies of one environment side by side, each reset when its player says and with a seed of its own.

No copy resets itself: what the last observation of an episode was is never lost, an episode cut short by its limit can be
told from one that ended, and any episode can be played again from its seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.codecs.environments import is_arcade, make, spec
from assay.codecs.spaces import Form, form_of
from assay.core.errors import DataError

FRAMES = 4  # an Atari action is repeated over, and an observation made of
SIDE = 84
LONGEST = 18_000  # frames of an Atari game: five minutes, as in Bellemare et al. 2013


@dataclass(frozen=True)
class Step:
    """What one step gave, for each copy that took it.

    Attributes:
        observations: ``[n, …]``, as `Form.shape` says.
        rewards: float64 ``[n]``.
        ended: whether nothing is to come of it any more: the value of what follows is 0.
        over: whether the episode is over and the copy must be reset: it ended, or its limit of steps was reached.
    """

    observations: NDArray[Any]
    rewards: NDArray[np.float64]
    ended: NDArray[np.bool_]
    over: NDArray[np.bool_]


class Stage(Protocol):
    """Copies of an environment, numbered from 0."""

    environment: str
    form: Form
    actions: Any  # the action space, as Gymnasium has it
    size: int

    def reset(self, at: Sequence[int], seeds: Sequence[int]) -> NDArray[Any]:
        """Begin an episode in each of the copies ``at``, from its seed; their first observations.

        Raises:
            DataError: the environment raised; names the seed.
        """

    def step(self, at: Sequence[int], actions: Sequence[Any]) -> Step:
        """One action in each of the copies ``at``.

        Raises:
            DataError: the environment raised; names the step and the seed of the episode.
        """

    def close(self) -> None:
        """Let go of the copies."""


def stage(environment: str, size: int, *, learning: bool = False, threads: int = 1) -> Stage:
    """``size`` copies of the environment of that id.

    Atari games are seen and played as in Mnih et al. 2015: four grey frames of 84 × 84 at a time, every action over four
    frames, up to 30 idle ones at the start. While ``learning``, their rewards are brought to −1, 0 or 1 and a lost life
    counts as an end; scores are never changed where a policy is judged.

    Raises:
        DataError, Unsupported: as `assay.codecs.environments.make`.
    """
    if is_arcade(environment):
        return Arcade(environment, size, learning=learning, threads=threads)
    return Copies(environment, size)


class Copies:
    """Environments of Gymnasium, stepped one after another."""

    def __init__(self, environment: str, size: int) -> None:
        self.environment = environment
        self.size = size
        self._copies = [make(environment) for _ in range(size)]
        self._seeds = [0] * size
        self._steps = [0] * size
        self.form = form_of(self._copies[0].observation_space, environment)
        self.actions = self._copies[0].action_space

    def reset(self, at: Sequence[int], seeds: Sequence[int]) -> NDArray[Any]:
        """As `Stage.reset`."""
        found = []
        for copy, seed in zip(at, seeds, strict=True):
            self._seeds[copy], self._steps[copy] = seed, 0
            try:
                observation, _ = self._copies[copy].reset(seed=seed)
            except Exception as error:  # whatever the environment's own code raises
                raise self._raised("when it was reset", seed, error) from error
            found.append(observation)
        return self._read(found, at)

    def step(self, at: Sequence[int], actions: Sequence[Any]) -> Step:
        """As `Stage.step`."""
        n = len(at)
        rewards, ended, over = np.zeros(n), np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        found = []
        for i in range(n):
            copy = at[i]
            self._steps[copy] += 1
            try:
                observation, reward, terminated, truncated, _ = self._copies[copy].step(actions[i])
            except Exception as error:  # whatever the environment's own code raises
                raise self._raised(f"in step {self._steps[copy]:,}", self._seeds[copy], error) from error
            found.append(observation)
            rewards[i] = reward
            ended[i] = terminated
            over[i] = terminated or truncated
        if not np.isfinite(rewards).all():
            wrong = at[int(np.flatnonzero(~np.isfinite(rewards))[0])]
            raise DataError(
                f"{self.environment} gave a reward that is no finite number in step {self._steps[wrong]:,} of the episode "
                f"with the seed {self._seeds[wrong]}."
            )
        return Step(self._read(found, at), rewards, ended, over)

    def close(self) -> None:
        """As `Stage.close`."""
        for copy in self._copies:
            copy.close()

    def _read(self, found: Sequence[Any], at: Sequence[int]) -> NDArray[Any]:
        try:
            array = self.form.batch(found)
        except ValueError as error:
            seeds = ", ".join(str(self._seeds[copy]) for copy in at)
            raise DataError(
                f"{self.environment} gave an observation that is none of its own space, in an episode with one of the "
                f"seeds {seeds}: {error}."
            ) from error
        if array.dtype == np.float32 and not np.isfinite(array).all():
            row = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(1)))
            raise DataError(
                f"{self.environment} gave an observation with a number that is not finite, in step "
                f"{self._steps[at[row]]:,} of the episode with the seed {self._seeds[at[row]]}."
            )
        return array

    def _raised(self, when: str, seed: int, error: Exception) -> DataError:
        return DataError(
            f"{self.environment} raised {type(error).__name__} {when}, in the episode with the seed {seed}: {error}"
        )


class Arcade:
    """Atari games, stepped together by ale-py in C++."""

    def __init__(self, environment: str, size: int, *, learning: bool, threads: int) -> None:
        from ale_py.vector_env import AtariVectorEnv

        options = spec(environment).kwargs
        self.environment = environment
        self.size = size
        self._learning = learning
        self._games = AtariVectorEnv(
            options["game"],
            size,
            num_threads=min(size, threads),
            repeat_action_probability=options.get("repeat_action_probability", 0.0),
            max_num_frames_per_episode=LONGEST,
            img_height=SIDE,
            img_width=SIDE,
            stack_num=FRAMES,
            frameskip=FRAMES,
            reward_clipping=learning,
            life_loss_info=learning,
        )
        self.form = form_of(self._games.single_observation_space, environment)
        self.actions = self._games.single_action_space
        self._begun = False

    def reset(self, at: Sequence[int], seeds: Sequence[int]) -> NDArray[Any]:
        """As `Stage.reset`; all copies begin when the first ones do."""
        if not self._begun:
            self._games.reset(seed=np.zeros(self.size, dtype=np.int64))
            self._begun = True
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[list(at)] = True
        ordered = [seed for _, seed in sorted(zip(at, seeds, strict=True))]
        observations, _ = self._games.reset(seed=np.array(ordered, dtype=np.int64), options={"reset_mask": mask})
        return np.array(observations[list(at)])

    def step(self, at: Sequence[int], actions: Sequence[Any]) -> Step:
        """As `Stage.step`; copies that are not named idle."""
        every = np.zeros(self.size, dtype=np.int64)
        every[list(at)] = actions
        observations, rewards, terminated, truncated, info = self._games.step(every)
        rows = list(at)
        last = info["lives"] == 0 if self._learning else True  # a life lost before the last one does not end the game
        over = (terminated & last) | truncated
        seen, gained = np.array(observations[rows]), rewards[rows].astype(np.float64)
        return Step(seen, gained, terminated[rows].copy(), over[rows].copy())

    def close(self) -> None:
        """As `Stage.close`."""
        self._games.close()
