"""What the pages say of a model itself; the rest they take from its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.core.model import Model


def facts_of(model: Model) -> dict[str, Any]:
    """The facts of a model, JSON-able, as `report_html` and `model_card` take them.

    Every key may be missing where they are made by hand: ``task``, ``summary``, ``network``, ``size``, ``parameters``,
    ``inputs``, ``target``, ``classes``, ``hash``, ``folder``, ``lineage`` and, for the card, ``license`` and ``name``.
    """
    return {
        "task": model.task.name,
        "summary": model.task.summary,
        "network": model.network_name,
        "size": model.size,
        "parameters": model.parameters,
        "inputs": list(model.roles.inputs),
        "target": model.roles.target,
        "classes": list(model.output.classes),
        "hash": model.hash,
        "folder": None if model.folder is None else model.folder.name,
        "lineage": dict(model.lineage),
    }
