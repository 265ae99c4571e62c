"""Training that is fair to groups or private: where it can be had, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, Unsupported
from assay.core.settings import Settings
from assay.core.task import Task
from assay.learners.evening import for_task
from assay.learners.fair import THRESHOLDS
from assay.learners.private import refuse


def possible(task: Task, settings: Settings, seeds: int, clip: float | None = None) -> None:
    """Refuse fairness and privacy where they cannot be had.

    Raises:
        ConfigError, Unsupported: with the reason.
    """
    refuse(settings)
    if settings.epsilon is not None and seeds > 1:
        raise ConfigError(f"--epsilon and --seeds {seeds} cannot go together: each further model spends its own ε.")
    if settings.epsilon is not None and clip == 0:
        raise ConfigError(
            "--epsilon and --clip 0 cannot go together: privacy rests on a bound for each example's gradient. Leave --clip "
            "out, or give one above 0."
        )
    asked = {"--epsilon": settings.epsilon, "--fair-by": settings.fair_by}
    for option, value in asked.items():
        if value is not None and task.learner != "supervised":
            raise Unsupported(f"{option} speaks of training examples, and {task.name} has none: it learns by play.")
    for_task(settings, task)


def held_out(settings: Settings, splits: Mapping[str, Dataset]) -> None:
    """Refuse thresholds by group where nothing is held out to find them on.

    Raises:
        ConfigError: what would hold something out.
    """
    if settings.fair_by is not None and settings.fair_method == THRESHOLDS and "validation" not in splits:
        raise ConfigError(
            f"--fair-method {THRESHOLDS} finds thresholds on held-out examples, and --validation 0 leaves none. Leave "
            "--validation out, or give the share to hold out."
        )


def ignored(task: Task, config: Any) -> tuple[str, ...]:
    """The columns to leave out: that of ``fair_by`` too, where an input is a row and does not name it."""
    named, given = config.fair_by, tuple(config.ignore)
    if named is None or not task.input.row or named in (*config.input, *given, config.target):
        return given
    return (*given, named)
