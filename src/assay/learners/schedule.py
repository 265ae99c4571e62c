"""How the learning rate goes down, and how much of the budget is used."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from assay.core.errors import ConfigError
from assay.core.recipe import Recipe

SCHEDULES = ("constant", "linear", "cosine")
_UNITS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def factor(schedule: str, warmup: float, share: float, after: float) -> float:
    """What the peak learning rate is multiplied by in an update, before which ``share`` (0 … 1) of the budget is used, and
    ``after`` which that much.

    It rises with the latter, so that the first update learns too: it may be the only one.

    >>> [round(factor("linear", 0.2, update / 10, (update + 1) / 10), 2) for update in (0, 1, 2, 6, 8)]
    [0.5, 1.0, 1.0, 0.5, 0.25]
    """
    if share < warmup:
        return min(1.0, after / warmup)
    rest = min(1.0, (share - warmup) / max(1 - warmup, 1e-9))
    if schedule == "linear":
        return 1 - rest
    return 0.5 * (1 + math.cos(math.pi * rest)) if schedule == "cosine" else 1.0


def seconds(text: str) -> float:
    """A duration as people write it, in seconds.

    >>> seconds("3min"), seconds("90"), seconds("1.5h"), seconds("2m30s")
    (180.0, 90.0, 5400.0, 150.0)

    Raises:
        ConfigError: it is not one, or not more than nothing.
    """
    parts = _DURATION.findall(text)
    units = [(unit or "s").lower() for _, unit in parts]
    if not parts or _DURATION.sub("", text) or any(unit not in _UNITS for unit in units):
        raise ConfigError(f'--time "{text}" is not a duration. Write it as 90s, 3min, 1.5h or 2m30s.')
    total = sum(float(number) * _UNITS[unit] for (number, _), unit in zip(parts, units, strict=True))
    if total <= 0:
        raise ConfigError(f'--time "{text}" leaves no time to train.')
    return total


@dataclass
class Budget:
    """A number of steps, or a time.

    Attributes:
        steps: how many updates there are; not asked for where there is a time.
        seconds: how long training may take from ``started`` on; ``None`` where updates are counted.
        started: `time.perf_counter` at the start.
        reserve: seconds at the end that belong to what comes after the last update (validation, evaluation, saving).
    """

    steps: int
    seconds: float | None
    started: float = field(default_factory=time.perf_counter)
    reserve: float = 0.0

    def share(self, step: int) -> float:
        """How much of it is used before update number ``step`` (from 0), 0 … 1; at 1 it is over. Of a time: until now."""
        done, total = self.position(step)
        return min(1.0, done / total)

    def position(self, step: int) -> tuple[float, float]:
        """What is done and the whole, in seconds or in updates."""
        if self.seconds is None:
            return step, self.steps
        return time.perf_counter() - self.started, max(self.seconds - self.reserve, 1e-9)


def rate_of(recipe: Recipe, budget: Budget, step: int) -> float:
    """The learning rate of update number ``step`` (from 0); of a time, that of an update now."""
    return recipe.lr * factor(recipe.schedule, recipe.warmup, budget.share(step), budget.share(step + 1))
