"""Who the examples come from: groups and sources, how large they are, and whether they give the target away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import DataError
from assay.core.figure import Figure
from assay.core.group_names import column_of
from assay.methods.association import Association, cramers_v, cross, rank_effect
from assay.methods.groups import Grouping, groupings
from assay.methods.intervals import adjust
from assay.verbs._inspect_balance import SURE, UNEVEN
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, table
from assay.verbs._inspect_target import Target

TOLD = 0.1  # Cramér's V below which a group is no short cut worth a sentence (Cohen's small effect)
_LINE = re.compile(r"(:| [a-z]+ )\d+$")  # "file.csv:12", "file.parquet row 12"
SOURCE, SUFFIX = "source file", "kind of file"


def groups(data: Examined, target: Target | None, by: Sequence[str]) -> list[Finding]:
    """Sizes of the groups of ``by`` (or of every attribute with few values, and of the files), and their targets.

    Raises:
        DataError: a column of ``by`` does not exist, or has too many values for a grouping.
    """
    found = [*_named(data, by), *([] if by else _attributes(data)), *_sources(data)]
    found = [grouping for grouping in found if len(grouping.labels) > 1]
    if not found:
        return []
    figures: list[Figure] = []
    rows: list[tuple[Any, ...]] = []
    notes: list[str] = []
    for grouping in found:
        sizes = np.bincount(grouping.codes, minlength=len(grouping.labels))
        for code, label in enumerate(grouping.labels):
            column, value = column_of(label)
            usual = _usual(target, grouping.codes == code)
            rows.append((column, value, int(sizes[code]), int(sizes[code]) / len(data), *usual))
        told = grouping.name in by or grouping.name == SOURCE
        if told and sizes.max() >= UNEVEN * sizes.min():
            large, small = grouping.labels[int(sizes.argmax())], grouping.labels[int(sizes.argmin())]
            notes.append(f"Examples are uneven by group: {large} has {sizes.max():,}, {small} {sizes.min():,}.")
        figures.append(Figure(f"imbalance_by_{grouping.name}", float(sizes.max() / sizes.min()), n=len(data), unit="×"))
    columns = ("column", "group", "examples", "share", "usual target", "its share")
    sizes_found = Finding(
        weight=28, note=" ".join(notes), figures=tuple(figures), tables=table("groups", columns, rows)
    )
    return [sizes_found, *(_associations(target, found) if target and target.there.any() else [])]


def _associations(target: Target, found: Sequence[Grouping]) -> list[Finding]:
    measured: list[tuple[Grouping, Association, bool]] = []
    for grouping in found:
        codes, values = grouping.codes[target.there], target.values[target.there]
        if target.labelled:
            counts = cross(codes, values.astype(np.int64))
            alias = bool(((counts > 0).sum(0) == 1).all() and ((counts > 0).sum(1) == 1).all())
            measured.append((grouping, cramers_v(counts), alias))
        else:
            measured.append((grouping, rank_effect(codes, values.astype(np.float64)), False))
    corrected = adjust([association.p for _, association, _ in measured])
    rows, figures, told = [], [], []
    name = "cramers_v" if target.labelled else "rank_effect"
    for (grouping, a, alias), p in zip(measured, corrected, strict=True):
        remark = "another name for the target" if alias else ""
        rows.append((grouping.name, a.value, a.low, a.high, a.n, p, remark))
        figures.append(Figure(f"{name}_of_{grouping.name}", a.value, a.low, a.high, a.n))
        if p < SURE and a.value >= TOLD and not alias:
            told.append((a.value, grouping.name))
    told.sort(reverse=True)
    note = ""
    if told:
        named = ", ".join(f'"{column}" ({value:.2f})' for value, column in told[:5])
        note = (
            f"The target hangs together with {named}, on a scale from 0 to 1. A model can learn the group in the place "
            "of what is asked; judge it by group (--by), or balance the data."
        )
    meaning = (
        "Cramér's V, its bias corrected, with a 95 % interval"
        if target.labelled
        else "The root of the share of the spread of ranks that groups explain (Kruskal–Wallis)"
    )
    columns = ("column", "effect", "low", "high", "n", "p_adjusted", "remark")
    listed = table("group and target", columns, rows, f"{meaning}; p of none, corrected for all rows (Holm).")
    return [Finding(weight=50, note=note, figures=tuple(figures), tables=listed)]


def _named(data: Examined, by: Sequence[str]) -> list[Grouping]:
    for name in by:
        next(iter(data.datasets.values())).column(name)  # a wrong name is refused, with the nearest
    return list(groupings({name: data.column(name) for name in by}))


def _attributes(data: Examined) -> list[Grouping]:
    """Every further column with few values."""
    first = next(iter(data.datasets.values()))
    found: list[Grouping] = []
    for name in first.split.columns:
        if name == first.roles.target or name in first.roles.inputs:
            continue
        try:
            found += groupings({name: data.column(name)})
        except (DataError, TypeError, ValueError):  # too many values, or cells that make no groups
            continue
    return found


def _sources(data: Examined) -> list[Grouping]:
    """The files that several examples stand in, and the kinds of file that hold one each."""
    places = [data.place(at) for at in range(len(data))]
    files = [_LINE.sub("", place) for place in places]
    found: dict[str, list[str]] = {}
    distinct = set(files)
    if len(distinct) <= len(data) / 10 and len(set(zip(files, data.split.tolist(), strict=True))) > len(data.names):
        found[SOURCE] = files
    elif len(distinct) == len(data):
        found[SUFFIX] = [Path(file).suffix.lower() or "none" for file in files]
    return [grouping for name, cells in found.items() for grouping in _few({name: cells})]


def _few(columns: dict[str, list[str]]) -> list[Grouping]:
    return list(groupings(columns)) if all(len(set(cells)) <= 50 for cells in columns.values()) else []


def _usual(target: Target | None, member: NDArray[np.bool_]) -> tuple[str, float | None]:
    """A group's most frequent class and its share; of numbers the median."""
    if target is None or not (there := member & target.there).any():
        return "", None
    if not target.labelled:
        return f"median {np.median(target.values[there]):.4g}", None
    counts = np.bincount(target.values[there])
    return target.classes[int(counts.argmax())], float(counts.max() / counts.sum())
