"""Tasks, verbs and readers are found by walking their packages: the file is the registration."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from assay.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from assay.core.task import Task


def names(package: str) -> list[str]:
    """The names of the modules of a package, as the command line writes them, without importing any of them."""
    folder = importlib.import_module(package)
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_"))


def module(package: str, name: str) -> ModuleType:
    """The module of ``package`` that ``name`` names.

    Raises:
        ConfigError: there is none; offers the nearest.
    """
    accepted = names(package)
    if name not in accepted:
        kind = package.rsplit(".", 1)[-1].removesuffix("s")
        raise ConfigError(f'There is no {kind} "{name}". {nearest(name, accepted)}')
    return importlib.import_module(f"{package}.{name.replace('-', '_')}")


def task(name: str | Task) -> Task:
    """The task of that name: one of assay's, or ``package.tasks.module`` of anybody's.

    A dotted name must be of a module in a package ``tasks``: a model folder cannot have just any module imported.

    Raises:
        ConfigError: there is none, or the module has no ``TASK``.
    """
    from assay.core.task import Task

    if isinstance(name, Task):
        return name
    if "." not in name:
        found = module("assay.tasks", name)
    else:
        if name.split(".")[-2] != "tasks":
            raise ConfigError(f'"{name}" is not a task: a module of tasks lies in a package named "tasks".')
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f'The task "{name}" cannot be imported ({error}). Install its package, or put its folder on PYTHONPATH.'
            ) from error
    value = getattr(found, "TASK", None)
    if not isinstance(value, Task):
        raise ConfigError(f"{Path(found.__file__ or name).name} has no value TASK of type assay.core.task.Task.")
    return replace(value, name=name)


def demo_task() -> str:
    """The name of the task that `assay demo` shows unless another is named."""
    return str(importlib.import_module("assay.tasks").DEMO)
