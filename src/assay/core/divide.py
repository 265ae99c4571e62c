"""Splits that the user did not give, made from content alone: the same data always falls apart the same way.

Examples are ordered by a hash of their input, and each split takes a run of that order. So a split needs no seed, does
not depend on file names or order, and exact duplicates never stand on two sides of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.columns import Index
from assay.core.dataset import Dataset
from assay.core.files import digest, digest_file

TEST_SHARE = 0.2


def validation_share(n: int) -> float:
    """The share of ``n`` training examples that is held out to select on: a tenth, but 100 where a fifth allows it, and
    5,000 at most.

    >>> [round(n * validation_share(n)) for n in (50, 300, 2_000, 50_000, 1_000_000)]
    [10, 60, 200, 5000, 5000]
    """
    return min(max(0.1, min(100 / max(n, 1), 0.2)), 5000 / max(n, 1))


def divide(dataset: Dataset, shares: Mapping[str, float], *, group: str | None = None) -> dict[str, Dataset]:
    """Disjoint views named as in ``shares`` (which sum to 1), the later names first filled.

    Classes keep their shares (where the target has few values); with ``group``, all examples of a value of that column
    stay together instead.

    Raises:
        DataError: there is no column ``group``.
    """
    keys = keys_of(dataset)
    if group is not None:
        units = [digest("group", str(value)) for value in dataset.column(group)]
        strata = np.zeros(len(dataset), dtype=np.int64)
    else:
        units, strata = keys, _strata(dataset)
    taken: dict[str, list[NDArray[np.int64]]] = {name: [] for name in shares}
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        for name, rows in _runs(members, [units[i] for i in members], shares).items():
            taken[name].append(rows)
    return {name: dataset.take(np.sort(np.concatenate(parts))).named(name) for name, parts in taken.items()}


def keys_of(dataset: Dataset) -> list[str]:
    """A hash of each example's raw input: equal inputs have equal keys."""
    return [_key(x) for x in dataset.x]


def _runs(members: Index, units: list[str], shares: Mapping[str, float]) -> dict[str, Index]:
    order = sorted(range(len(members)), key=units.__getitem__)
    ends: dict[str, Index] = {}
    start, total = 0, 0.0
    names = list(shares)[::-1]
    for name in names:
        total += shares[name]
        stop = len(order) if name == names[-1] else round(total * len(order))
        while 0 < stop < len(order) and units[order[stop]] == units[order[stop - 1]]:
            stop += 1  # a unit is never cut
        stop = max(stop, start)
        ends[name] = members[np.asarray(order[start:stop], dtype=np.int64)]
        start = stop
    return ends


def _strata(dataset: Dataset) -> Index:
    if dataset.y is None:
        return np.zeros(len(dataset), dtype=np.int64)
    values = [str(value) for value in dataset.y]
    distinct, codes = np.unique(values, return_inverse=True)
    few = len(distinct) <= max(2, min(1000, len(values) // 10))
    return codes.astype(np.int64) if few else np.zeros(len(values), dtype=np.int64)


def _key(x: Any) -> str:
    if isinstance(x, Path):
        return digest_file(x) if x.is_file() else digest(str(x))
    if isinstance(x, bytes):
        return digest(x)
    if isinstance(x, np.ndarray):
        return digest(repr(x.shape), np.ascontiguousarray(x).tobytes())
    if isinstance(x, dict) and isinstance(x.get("bytes"), bytes):
        return digest(x["bytes"])  # an encoded file beside its name: the name makes it no other
    if isinstance(x, dict):
        return digest(*(_key(value) for value in x.values()))
    return digest(repr(x))
