"""Training that is fair to groups or private: where it can be had, and what it leaves out."""

from __future__ import annotations

from typing import Any

from assay.core.errors import ConfigError, Unsupported
from assay.core.settings import Settings
from assay.core.task import Task
from assay.learners.private import refuse


def possible(task: Task, settings: Settings, seeds: int) -> None:
    """Refuse fairness and privacy where they cannot be had.

    Raises:
        ConfigError, Unsupported: with the reason.
    """
    if settings.fair_by is None and (settings.fair_method, settings.fair_strength) != (None, None):
        raise ConfigError(
            "--fair-method and --fair-strength say how; name the column whose groups count with --fair-by."
        )
    refuse(settings)
    if settings.epsilon is not None and seeds > 1:
        raise ConfigError(f"--epsilon and --seeds {seeds} cannot go together: each further model spends its own ε.")
    asked = {"--epsilon": settings.epsilon, "--fair-by": settings.fair_by}
    for option, value in asked.items():
        if value is not None and task.learner != "supervised":
            raise Unsupported(f"{option} speaks of training examples, and {task.name} has none: it learns by play.")


def ignored(task: Task, config: Any) -> tuple[str, ...]:
    """The columns to leave out: that of ``fair_by`` too, where an input is a row and does not name it."""
    named, given = config.fair_by, tuple(config.ignore)
    if named is None or not task.input.row or named in (*config.input, *given, config.target):
        return given
    return (*given, named)
