"""assay: from raw data to a model you can ship and answer for.

One noun, a model, and a verb for each thing you do with it::

    import assay

    model = assay.train("image-classification", "photos/", out="models/photos")
    print(assay.evaluate(model, "photos/").figure("accuracy"))

Importing assay is light: PyTorch is loaded when a verb is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.core.errors import AssayError, BudgetError, ConfigError, DataError, ModelError, Unsupported
    from assay.core.figure import Figure
    from assay.core.folder import load
    from assay.core.model import Model
    from assay.core.record import Record

_NAMES = {
    "AssayError": "assay.core.errors",
    "BudgetError": "assay.core.errors",
    "ConfigError": "assay.core.errors",
    "DataError": "assay.core.errors",
    "ModelError": "assay.core.errors",
    "Unsupported": "assay.core.errors",
    "Figure": "assay.core.figure",
    "Model": "assay.core.model",
    "Record": "assay.core.record",
    "load": "assay.api",
}


def _verbs() -> list[str]:
    from assay.core import discovery

    return discovery.names("assay.verbs")


__all__ = sorted([*_NAMES, *_verbs()])


def __getattr__(name: str) -> Any:
    import importlib

    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in __all__:
        value = importlib.import_module("assay.api").function(name)
    else:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
