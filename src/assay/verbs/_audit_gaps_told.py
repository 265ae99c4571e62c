"""What gaps say in sentences: who is worse off, whose answers differ, and of whom nothing can be told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.core.figure import human, number
from assay.core.metric import Metric
from assay.methods.gaps import Gap
from assay.methods.groups import Grouping
from assay.methods.verdicts import BETTER, CANNOT_TELL, LOWER, NO_GAP, WORSE
from assay.verbs._audit_groups import LEAST

TOLD = 5  # groups that are worse off and are told of in notes
RATES = 3  # of a column's, that are told of in notes


@dataclass(frozen=True)
class Judged:
    """A gap with what is said of it."""

    gap: Gap
    adjusted: float
    least: float
    verdict: str


def told(judged: Sequence[Judged], columns: Sequence[Grouping], metrics: Sequence[Metric]) -> list[str]:
    """Who is worse off, and what can be said of the first metric where nobody is."""
    quality = {metric.name for metric in metrics}
    worse: dict[str, Judged] = {}
    for one in judged:
        if one.verdict == WORSE and one.gap.metric.name in quality:
            worse.setdefault(one.gap.group, one)
    again = {group for group, one in worse.items() if _again(one, worse)}
    ordered = [one for group, one in worse.items() if group not in again]
    ordered.sort(key=lambda one: (one.gap.metric.name != metrics[0].name, one.adjusted))
    first = {one.gap.group: one for one in judged if one.gap.metric.name == metrics[0].name}
    notes = [_worse(one, first[one.gap.group]) for one in ordered[:TOLD]]
    if len(ordered) > TOLD:
        notes.append(f"{len(ordered) - TOLD:,} more groups are worse off: see the table of gaps.")
    if again:
        them = "1 crossing of these groups says" if len(again) == 1 else f"{len(again):,} crossings of these groups say"
        notes.append(f"{them} no more than that: see the table of gaps.")
    notes += _rates(judged, columns, quality)
    for column in columns:
        own = [one for one in judged if one.gap.group in column.labels and one.gap.metric.name == metrics[0].name]
        if any(one.verdict not in (NO_GAP, CANNOT_TELL) for one in own):
            continue
        unclear = [one for one in own if one.verdict == CANNOT_TELL]
        name = human(metrics[0].name)
        if all(one.gap.low is None and one.gap.value == 0 and one.gap.n > 1 for one in own):
            unit = f" {metrics[0].unit}" if metrics[0].unit else ""
            notes.append(
                f"In all groups of {column.name} the {name} is {number(own[0].gap.of_group)}{unit}, and it does not vary "
                "within them: the differences are 0, and from examples that are all alike no interval can be stated."
            )
            continue
        if not unclear:
            least = max(one.least for one in own)
            notes.append(
                f"No gap in {name} is shown by {column.name}; one of {number(least)} would most probably have been."
            )
            continue
        known = [one for one in unclear if math.isfinite(one.least)]
        hardest = max(known, key=lambda one: one.least, default=None)
        sized = (
            f", in the worst case {number(hardest.least)} ({hardest.gap.group}, n = {hardest.gap.n:,})"
            if hardest
            else ""
        )
        notes.append(
            f"Cannot tell at this n whether {name} has a gap for {len(unclear):,} of {len(own):,} groups of {column.name}: "
            f"only larger ones would most probably have been shown{sized}."
        )
    return notes


def _again(one: Judged, worse: Mapping[str, Judged]) -> bool:
    """Whether a crossing is of a group that is worse off too, in the same metric and as far as can be told by as much."""
    name, whole = one.gap.metric.name, {*one.gap.group.split(" & ")}
    low, high = (math.nan if end is None else end for end in (one.gap.low, one.gap.high))
    parents = [other.gap for group, other in worse.items() if {*group.split(" & ")} < whole]
    return any(parent.metric.name == name and low <= parent.value <= high for parent in parents)


def _rates(judged: Sequence[Judged], columns: Sequence[Grouping], quality: set[str]) -> list[str]:
    """What answers the groups of each column are given, where that is shown to differ: of each rate the group with the
    clearest gap, and of two sides the one that is worse off or is given the answer less often."""
    notes = []
    for column in columns:
        clearest: dict[str, Judged] = {}
        for one in judged:
            name = one.gap.metric.name
            if name in quality or one.gap.group not in column.labels or one.verdict not in (WORSE, LOWER):
                continue
            if name not in clearest or one.adjusted < clearest[name].adjusted:
                clearest[name] = one
        notes += [
            f"By {column.name}, the {human(name)} differs: {number(one.gap.of_group)} for {one.gap.group} and "
            f"{number(one.gap.of_rest)} for the rest, a gap of {number(one.gap.size.value)}{one.gap.size.interval()} "
            f"(n = {one.gap.n:,})."
            for name, one in sorted(clearest.items(), key=lambda pair: pair[1].adjusted)[:RATES]
        ]
    return notes


def _worse(one: Judged, first: Judged) -> str:
    """Who is worse off, and by what; and that the ``first`` metric says the contrary, where it does."""
    gap, other = one.gap, first.gap
    side = "below" if gap.value < 0 else "above"
    unit = f" {gap.metric.unit}" if gap.metric.unit else ""
    size = f"{number(gap.size.value)}{unit}{gap.size.interval()}"
    rest = f"the rest's {number(gap.of_rest)} (n = {gap.n:,})"
    but = ""
    if first.verdict == BETTER:
        but = (
            f" Its {human(other.metric.name)} is better ({number(other.of_group)}, the rest's {number(other.of_rest)}): "
            "look at both before you call it worse off."
        )
    return f"Worse for {gap.group}: {human(gap.metric.name)} is {size} {side} {rest}.{but}"


def small(columns: Sequence[Grouping]) -> list[str]:
    """A sentence on groups of which little can be said."""
    few = [
        (label, int(count))
        for column in columns
        for label, count in zip(
            column.labels, np.bincount(column.codes, minlength=len(column.labels)), strict=True
        )
        if count < LEAST
    ]  # fmt: skip
    if not few:
        return []
    shown = ", ".join(f"{label} ({count})" for label, count in few[:TOLD]) + (" …" if len(few) > TOLD else "")
    what, them = ("1 group holds", "it") if len(few) == 1 else (f"{len(few):,} groups hold", "them")
    return [f"{what} fewer than {LEAST} examples, and little can be said of {them}: {shown}."]
