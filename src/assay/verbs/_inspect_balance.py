"""How the classes share the examples, and whether the splits agree on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import ks_2samp

from assay.core.figure import Figure
from assay.methods.association import cramers_v
from assay.methods.intervals import adjust
from assay.methods.neighbours import Ints
from assay.methods.proportions import wilson
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, amount, share, some, table, verb
from assay.verbs._inspect_target import Target

FEW = 10  # examples below which a class is hardly learned, and not judged
UNEVEN = 10  # times as many examples of the largest class as of the smallest
SURE = 1e-3  # the corrected p-value below which a difference is told
SHOWN = 50  # classes that have a figure
SAMPLES, SAMPLED = 4, 12  # examples shown of each class, and classes shown


def classes(data: Examined, target: Target) -> list[Finding]:
    """Shares of the classes, classes with few examples, and classes that a split lacks."""
    counts = np.stack(
        [
            np.bincount(target.values[target.there & (data.split == code)], minlength=len(target.classes))
            for code in range(len(data.names))
        ]
    )
    total, first = counts.sum(0), counts[0]
    order = np.argsort(-total, kind="stable")
    rows = []
    for c in order.tolist():
        low, high = wilson(int(total[c]), int(total.sum()))
        share_ = int(total[c]) / int(total.sum())
        rows.append((target.classes[c], *counts[:, c].tolist(), int(total[c]), share_, low, high))
    columns = ("class", *data.names, "examples", "share", "low", "high")
    figures = [Figure("class_imbalance", imbalance(first), n=int(first.sum()), unit="×", better="lower")]
    figures += [
        share("class_share", int(total[c]), int(total.sum()), group=f"class={target.classes[c]}", better="neither")
        for c in order[:SHOWN].tolist()
    ]
    notes = uneven(target.classes, counts, data.names, "example", "accuracy")
    found = Finding(weight=30, note=" ".join(notes), figures=tuple(figures), tables=table("classes", columns, rows))
    return [found, _samples(data, target, order)]


def uneven(names: Sequence[str], counts: Ints, splits: Sequence[str], noun: str, overall: str) -> list[str]:
    """Sentences on classes with few examples (or what else is counted), on uneven ones, and on those that a split lacks.

    Args:
        names: the classes.
        counts: how many there are of each, ``[S, C]``.
        splits: their names.
        noun: what is counted.
        overall: the figure that hides what happens to a class of few.
    """
    first = counts[0]
    notes = []
    few = [c for c in np.argsort(counts.sum(0), kind="stable").tolist() if first[c] < FEW]
    if few:
        named = some(f"{names[c]} ({first[c]})" for c in few)
        notes.append(
            f"{amount(len(few), 'class')} {verb(len(few), 'has', 'have')} fewer than {FEW} {noun}s in "
            f"the {splits[0]} split: {named}."
        )
    if imbalance(first) >= UNEVEN:
        largest, smallest = int(first.argmax()), int(first.argmin())
        notes.append(
            f'The classes are uneven: "{names[largest]}" has {first[largest]:,} {noun}s, '
            f'"{names[smallest]}" {first[smallest]:,}. Judge by figures of each class, not by {overall} alone.'
        )
    for code, name in enumerate(splits[1:], 1):
        lacking = [names[c] for c in np.flatnonzero((counts[code] == 0) & (first > 0)).tolist()]
        if counts[code].sum() and lacking:
            notes.append(f"The {name} split has no {noun} of {some(lacking)}: nothing is known of a model there.")
    return notes


def shift(data: Examined, target: Target) -> list[Finding]:
    """Whether targets are distributed alike in the first split and in each other one."""
    rows: list[tuple[str, float, float]] = []
    first = target.there & (data.split == 0)
    for code, name in enumerate(data.names[1:], 1):
        other = target.there & (data.split == code)
        if not first.any() or not other.any():
            continue
        if target.labelled:
            a, b = (np.bincount(target.values[x], minlength=len(target.classes)) for x in (first, other))
            apart = float(np.abs(a / a.sum() - b / b.sum()).sum() / 2)
            p = cramers_v(np.stack([a, b])[:, a + b > 0]).p
        else:
            test = ks_2samp(target.values[first], target.values[other], method="asymp")
            apart, p = float(test.statistic), float(test.pvalue)
        rows.append((name, apart, p))
    if not rows:
        return []
    corrected = adjust([p for _, _, p in rows])
    listed = [(f"{data.names[0]} and {name}", apart, p) for (name, apart, _), p in zip(rows, corrected, strict=True)]
    sure = [(name, apart) for (name, apart, _), p in zip(rows, corrected, strict=True) if p < SURE]
    note = ""
    if sure:
        name, apart = max(sure, key=lambda row: row[1])
        note = (
            f"The targets of the {name} split are distributed otherwise than those of {data.names[0]} "
            f"(they differ by {apart:.1%}, more than chance explains): were the splits drawn in different ways?"
        )
    size = "total variation" if target.labelled else "Kolmogorov–Smirnov"
    told = f"Distance ({size}, 0 to 1) and the p-value of none, corrected for the number of rows (Holm)."
    columns = ("splits", "distance", "p_adjusted")
    return [Finding(weight=45, note=note, tables=table("target shift", columns, listed, told))]


def _samples(data: Examined, target: Target, order: Ints) -> Finding:
    rng = np.random.default_rng(0)
    shown: list[tuple[int, str]] = []
    usable = target.there & data.readable
    for c in order[:SAMPLED].tolist():
        members = np.flatnonzero(usable & (target.values == c))
        some_ = rng.choice(members, min(SAMPLES, len(members)), replace=False) if len(members) else members
        shown += [(int(at), f"{target.classes[c]} · {data.place(int(at))}") for at in some_]
    return Finding(media=data.sheet("samples by class", shown))


def imbalance(counts: Ints) -> float:
    """How many times as many there are of the largest class as of the smallest."""
    there = counts[counts > 0]
    return float(there.max() / there.min()) if len(there) else float("nan")
