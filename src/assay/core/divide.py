"""Splits that the user did not give, made from content alone: the same data always falls apart the same way.

Examples are ordered by a hash of their input, and each split takes a run of that order. So a split needs no seed, does
not depend on file names or order, and exact duplicates do not stand on two sides of it (but see `divide`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.columns import Index
from assay.core.dataset import Dataset
from assay.core.files import digest, digest_file

TEST_SHARE = 0.2
CROWD = 10  # equal inputs that are never too many to stay together


def validation_share(n: int) -> float:
    """The share of ``n`` training examples that is held out to select on: a tenth, but 100 where a fifth allows it, and
    5,000 at most.

    >>> [round(n * validation_share(n)) for n in (50, 300, 2_000, 50_000, 1_000_000)]
    [10, 60, 200, 5000, 5000]
    """
    return min(max(0.1, min(100 / max(n, 1), 0.2)), 5000 / max(n, 1))


def divide(dataset: Dataset, shares: Mapping[str, float], *, group: str | None = None) -> dict[str, Dataset]:
    """Disjoint views named as in ``shares`` (which sum to 1); all but the first are filled to their share.

    Classes keep their shares (where values of the target come back), and equal inputs stay together, except those that
    come so often that they alone would fill half of a split: the rows of a table of few categories, a text that says "ok".
    They are equal by chance, no copies, and are in every split in proportion. With ``group``, all examples of a value of
    that column stay together instead.

    Raises:
        DataError: there is no column ``group``.
    """
    if group is not None:
        units = [digest("group", str(value)) for value in dataset.column(group)]
        strata = np.zeros(len(dataset), dtype=np.int64)
    else:
        units = _units(dataset, list(shares.values())[1:])
        strata = _strata(dataset, units)
    taken = _cut(strata, units, shares)
    if not all(map(len, taken.values())):  # each class is of one input, say: then classes cannot keep their shares
        taken = _cut(np.zeros_like(strata), units, shares)
    return {name: dataset.take(rows).named(name) for name, rows in taken.items()}


def _cut(strata: Index, units: list[str], shares: Mapping[str, float]) -> dict[str, Index]:
    """The rows of each split, ascending, from every stratum in proportion."""
    taken: dict[str, list[NDArray[np.int64]]] = {name: [] for name in shares}
    owed = dict.fromkeys(shares, 0.0)  # what rounding took from a split in the strata before
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        for name, rows in _runs(members, [units[i] for i in members], shares, owed).items():
            taken[name].append(rows)
    return {name: np.sort(np.concatenate(parts)) for name, parts in taken.items()}


def keys_of(dataset: Dataset) -> list[str]:
    """A hash of each example's raw input: equal inputs have equal keys."""
    return [_key(x) for x in dataset.x]


def _units(dataset: Dataset, others: Sequence[float]) -> list[str]:
    """What is never cut: examples with equal inputs, or each by itself where half of the least of ``others``, the shares of
    all splits but the first, would not hold them."""
    keys = keys_of(dataset)
    counts = Counter(keys)
    most = max(CROWD, min(others, default=1) * len(keys) / 2)
    if max(counts.values(), default=0) <= most:
        return keys
    targets = [""] * len(keys) if dataset.y is None else [str(y) for y in dataset.y]
    times: Counter[tuple[str, str]] = Counter()
    units = []
    for key, target in zip(keys, targets, strict=True):
        units.append(digest(key, target, str(times[key, target])) if counts[key] > most else key)
        times[key, target] += 1
    return units


def _runs(members: Index, units: list[str], shares: Mapping[str, float], owed: dict[str, float]) -> dict[str, Index]:
    """One stratum cut into runs; the first split has what is left, and at least one example."""
    order = sorted(range(len(members)), key=units.__getitem__)
    first, *others = shares
    found: dict[str, Index] = {}
    start = 0
    for name in others[::-1]:
        due = shares[name] * len(order) + owed[name]
        stop = start + max(0, min(round(due), len(order) - 1 - start))
        while start < stop < len(order) and units[order[stop]] == units[order[stop - 1]]:
            stop += 1  # a unit is never cut
        if stop == len(order):  # nothing would be left to learn from
            stop = start
        owed[name] = due - (stop - start)
        found[name] = members[np.asarray(order[start:stop], dtype=np.int64)]
        start = stop
    found[first] = members[np.asarray(order[start:], dtype=np.int64)]
    return found


def _strata(dataset: Dataset, units: list[str]) -> Index:
    """The class of each example, where classes come back; equal inputs go by the least class among them."""
    if dataset.y is None:
        return np.zeros(len(dataset), dtype=np.int64)
    values = [str(value) for value in dataset.y]
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) > max(2, len(values) // 2):
        return np.zeros(len(values), dtype=np.int64)
    least: dict[str, int] = {}
    for unit, code in zip(units, codes.tolist(), strict=True):
        least[unit] = min(code, least.get(unit, code))
    return np.array([least[unit] for unit in units], dtype=np.int64)


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
