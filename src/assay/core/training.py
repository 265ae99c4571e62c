"""One training as a value: what a learner is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.dataset import Dataset
from assay.core.model import Model
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.task import Network, Task


@dataclass(frozen=True, kw_only=True)
class Training:
    """What to train, on what, and how.

    Attributes:
        size: a stop of the network's size dial; ``None`` where it has none.
        splits: ``train``; ``validation`` to select and calibrate on, where there is one; ``test``.
        plan: all that the weights depend on, JSON-able; a checkpoint of another plan is refused.
        folder: where checkpoints are kept, and looked for; ``None`` for nowhere.
        parent: a model whose codec and weights to begin with.
        chosen: the fields of the task's input and output that were set by hand.
        observer: who stands beside a private training, such as `assay.learners.recorder.Recorder`; ``None`` for nobody.
    """

    task: Task
    network: Network
    size: str | None
    splits: Mapping[str, Dataset]
    recipe: Recipe
    settings: Settings
    plan: Mapping[str, Any]
    folder: Path | None = None
    parent: Model | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)
    observer: Any = None
