"""What a training is, as one value: the same command finds its finished model, another is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.core.dataset import Dataset
from assay.core.files import digest
from assay.core.folder import is_model, load, read_card
from assay.core.model import Model
from assay.core.recipe import Recipe
from assay.core.task import Network, Task
from assay.core.verb import Outcome
from assay.learners.run import check_plan

SPECIAL = (
    "fair_by",
    "fair_method",
    "fair_strength",
    "epsilon",
    "delta",
)  # in a plan where they are given: older plans have none of them


def plan_of(
    task: Task,
    network: Network,
    size: str | None,
    recipe: Recipe,
    splits: Mapping[str, Dataset],
    parent: Model | None,
    config: Any,
) -> dict[str, Any]:
    """All that the weights depend on, as JSON gives it back."""
    plan = {
        "task": task.name,
        "network": network.name,
        "size": size,
        "recipe": asdict(recipe),
        "data": {name: dataset.fingerprint for name, dataset in splits.items()},
        "parent": parent.hash if parent else None,
        **{name: getattr(config, name) for name in ("time", "accumulate", "precision", "seed", "seeds", "skip_bad")},
    }
    plan |= {name: value for name in SPECIAL if (value := getattr(config, name)) is not None}
    if network.options:  # a checkpoint that changed under its name is another one
        plan["options"] = digest(json.dumps(dict(network.options), sort_keys=True))
    return dict(json.loads(json.dumps(plan)))


def standing(out: Path, plan: Mapping[str, Any]) -> Outcome | None:
    """The finished model of this very command, where it stands in the folder already.

    Raises:
        ConfigError: another model stands there.
    """
    if not is_model(out):
        return None
    model = load(out)
    check_plan(model.lineage.get("plan", {}), plan, out)
    record = next((record for record in read_card(model) if record.verb == "train"), None)
    return None if record is None else Outcome(model, record)
