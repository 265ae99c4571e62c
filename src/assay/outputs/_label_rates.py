"""What answers a group is given, and how often wrongly: rates by class that a fairness audit compares.

Of two classes the second one is the one that rates are of (``1`` of 0 and 1, ``yes`` of no and yes, ``>50K`` of Adult); of
more, each against all others.

Legend: B answers, C classes, R classes that rates are of, k tally columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, Metric, ratio

MOST = 30  # classes; the rates of more are no longer read

_EACH = 6  # columns a class: selected, right of actual, actual, wrong of others, others, probability less actual


def rates(classes: tuple[str, ...]) -> tuple[Metric, ...]:
    """By class the selection rate, the true- and the false-positive rate, and how much its mean probability is above its
    share (a calibration that small groups do not bias); none above 30 classes."""
    found: list[Metric] = []
    for at, name in enumerate(_rated(classes)):
        first, of = 1 + _EACH * at, f" of {name}" if len(classes) > 2 else ""
        found += (
            ratio(f"selection_rate{of}", first, 0, better="neither", proportion=True),
            ratio(f"true_positive_rate{of}", first + 1, first + 2, better="higher", proportion=True),
            ratio(f"false_positive_rate{of}", first + 3, first + 4, better="lower", proportion=True),
            replace(ratio(f"probability_excess{of}", first + 5, 0, better="neither"), centred=True),
        )
    return tuple(found)


def parities(classes: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """What parity asks to be equal in all groups: the names of `rates`."""
    names = [metric.name for metric in rates(classes)]
    selected, true, false = (tuple(names[at::4]) for at in range(3))
    if not names:
        return {}
    return {"demographic_parity": selected, "equal_opportunity": true, "equalized_odds": (*true, *false)}


def rated(classes: tuple[str, ...], probability: NDArray[np.float32], label: NDArray[np.int64]) -> Array:
    """The tallies of `rates`, ``[B, 1 + 6 R]``.

    >>> rated(("no", "yes"), np.array([[0.25, 0.75]], dtype=np.float32), np.array([0])).tolist()
    [[1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.75]]
    """
    first, kept = len(classes) - len(_rated(classes)), len(_rated(classes))
    at = np.arange(first, first + kept)
    selected = probability.argmax(1)[:, None] == at
    actual = label[:, None] == at
    off = probability[:, first : first + kept].astype(np.float64) - actual
    out = np.ones((len(label), 1 + _EACH * kept))
    columns = (selected, selected & actual, actual, selected & ~actual, ~actual, off)
    out[:, 1:] = np.stack(columns, axis=2).reshape(len(label), -1)
    return out


def _rated(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that rates are of."""
    return classes[1:] if len(classes) == 2 else classes if len(classes) <= MOST else ()
