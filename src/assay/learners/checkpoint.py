"""The state of a training as one safetensors file: tensors by name, all else as JSON in its header. No pickle.

One file, renamed into place, so that it is whole or absent; a run that finds it goes on to the bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.optim import Optimizer

from assay.core.errors import ModelError
from assay.core.weights import write_tensors

NAME = "training.safetensors"


def save(path: Path, tensors: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]) -> None:
    """Write groups of tensors and JSON-able facts.

    Raises:
        BudgetError: the disk is full; the checkpoint before stands.
    """
    flat = {f"{group}/{name}": tensor for group, held in tensors.items() for name, tensor in held.items()}
    write_tensors(path, flat, {"facts": json.dumps(facts)})


def load(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The inverse of `save`.

    Raises:
        ModelError: it is damaged.
    """
    try:
        groups: dict[str, dict[str, Tensor]] = {}
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            for key in file.keys():  # noqa: SIM118 - the file is no mapping
                group, name = key.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(f"The checkpoint {path} is damaged ({error}). Delete it to train from the start.") from error
    return groups, facts


def optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state as tensors by ``parameter.name``, and what is no tensor."""
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for at, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"{at}.{name}"] = value
            else:
                plain[f"{at}.{name}"] = value
    return tensors, plain


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> None:
    """Put back what `optimizer_state` took."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*tensors.items(), *plain.items()]:
        at, name = key.split(".", 1)
        state.setdefault(int(at), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
