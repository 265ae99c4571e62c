"""Made data of any task, in memory: the sign that an input carries decides its target."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.core import discovery
from assay.core.task import Task

TASKS = discovery.names("assay.tasks")
VERBS = discovery.names("assay.verbs")
SUPERVISED = [name for name in TASKS if discovery.task(name).evaluate is None]  # those that learn from examples
TARGET = "answer"
ENVIRONMENT = "CartPole-v1"  # what a task plays whose examples are episodes


def data(task: Task, n: int) -> Any:
    """Something to train and judge the task on."""
    return ENVIRONMENT if task.evaluate else rows(task, n)


def group(task: Task) -> str:
    """A column to judge subgroups by."""
    return "environment" if task.evaluate else "side"


def rows(task: Task, n: int, seed: int = 0, wrong: bool = False) -> list[dict[str, Any]]:
    """``n`` examples as rows of a table in memory, with an attribute ``side`` that names the planted sign; ``wrong``
    ones have the target of the other sign."""
    rng = np.random.default_rng(seed)
    xs = list(task.input.fake(rng, n))
    signs = task.input.fake_signs(xs)
    ys = task.output.fake(rng, -signs if wrong else signs)
    made = []
    for x, y, sign in zip(xs, ys, signs, strict=True):
        cells = dict(x) if task.input.row else {"x": x}
        made.append({**cells, TARGET: y, "side": "left" if sign > 0 else "right"})
    return made


def columns(task: Task) -> dict[str, Any]:
    """The options that name the columns of `rows`."""
    if task.evaluate:
        return {"set": ("copies=2", "steps=32", "passes=1", "target=none")}
    named: dict[str, Any] = {"target": TARGET}
    return named | ({"ignore": "side"} if task.input.row else {"input": "x"})
