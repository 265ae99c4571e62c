"""Where a target is a set of things of several kinds: how many there are, of what, and where."""

from __future__ import annotations

import numpy as np

from assay.core.figure import Figure
from assay.methods.neighbours import Ints
from assay.verbs._inspect_balance import SAMPLED, SAMPLES, imbalance, uneven
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, amount, share, table
from assay.verbs._inspect_problems import alike
from assay.verbs._inspect_target import Counted, Target


def things(data: Examined, target: Target) -> list[Finding]:
    """Things and examples of each kind and split, kinds with few or that a split lacks, and things an example."""
    if target.counted is None or not len(target.counted.at):
        return []
    counted = target.counted
    k = len(counted.labels)
    split = data.split[counted.at]
    in_split = [split == code for code in range(len(data.names))]
    counts = np.stack([np.bincount(counted.kind[mine], minlength=k) for mine in in_split])
    pairs = np.unique(counted.at * k + counted.kind)  # an example with a kind, however many of it
    examples = np.stack(
        [np.bincount(pairs[data.split[pairs // k] == code] % k, minlength=k) for code in range(len(data.names))]
    )
    order = np.argsort(-counts.sum(0), kind="stable")
    return [
        _kinds(data, counted, counts, examples, order),
        _each(data, target, counted),
        _samples(data, counted, order),
        *alike(counted.labels, counts.sum(0), f"{counted.noun}s"),
    ]


def _kinds(data: Examined, counted: Counted, counts: Ints, examples: Ints, order: Ints) -> Finding:
    """How the kinds share the things.

    Args:
        data, counted: what is looked at.
        counts, examples: things and examples of each split and kind, ``[S, K]``.
        order: the kinds, those of most things first.
    """
    noun, total = counted.noun, counts.sum(0)
    by_split = [f"{name} {what}" for name in data.names for what in (f"{noun}s", "examples")]
    rows = []
    for c in order.tolist():
        cells = [int(held[code, c]) for code in range(len(data.names)) for held in (counts, examples)]
        rows.append((counted.labels[c], *cells, int(total[c]), int(total[c]) / int(total.sum())))
    columns = ("class", *by_split, f"all {noun}s", "share")
    first = counts[0]
    return Finding(
        weight=30,
        note=" ".join(uneven(counted.labels, counts, data.names, noun, "the mean over them")),
        figures=(Figure("class_imbalance", imbalance(first), n=int(first.sum()), unit="×", better="lower"),),
        tables=table(f"{noun}s by class", columns, rows, f"Examples are those with one {noun} of the class or more."),
    )


def _each(data: Examined, target: Target, counted: Counted) -> Finding:
    """How many things an example has."""
    each = np.bincount(counted.at, minlength=len(data))
    good = np.ones(len(data), dtype=np.bool_)
    good[np.fromiter(target.wrong, np.int64, len(target.wrong))] = False
    rows, figures = [], []
    for code, name in enumerate(data.names):
        mine = each[good & (data.split == code)]
        if len(mine):
            none = int((mine == 0).sum())
            rows.append((name, len(mine), int(mine.sum()), none, float(np.median(mine)), int(mine.max())))
            figures.append(share(f"without_{counted.noun}", none, len(mine), group=f"split={name}", better="neither"))
    columns = (
        "split",
        "examples",
        f"{counted.noun}s",
        "examples without",
        "median of an example",
        "most of an example",
    )
    return Finding(figures=tuple(figures), tables=table(f"{counted.noun}s an example", columns, rows))


def _samples(data: Examined, counted: Counted, order: Ints) -> Finding:
    rng = np.random.default_rng(0)
    shown: list[tuple[int, str]] = []
    for c in order[:SAMPLED].tolist():
        members = np.unique(counted.at[counted.kind == c])
        members = members[data.readable[members]]
        drawn = rng.choice(members, min(SAMPLES, len(members)), replace=False)
        shown += [(int(at), f"{counted.labels[c]} · {data.place(int(at))}") for at in drawn]
    return Finding(media=tuple(data.drawn("samples by class", at, caption) for at, caption in shown))


def odd(data: Examined, target: Target) -> list[Finding]:
    """Targets that can be learned from, but not as they stand."""
    rows = [(data.split_name(at), data.place(at), why) for at, why in sorted(target.odd.items())]
    if not rows:
        return []
    one = len(rows) == 1
    note = (
        f"{amount(len(rows), 'target')} of {len(data):,} {'is' if one else 'are'} odd, {'' if one else 'the first '}at "
        f"{rows[0][1]}: {rows[0][2].rstrip('.')}."
    )
    return [
        Finding(
            weight=40,
            note=note,
            figures=(share("odd_targets", len(rows), len(data)),),
            tables=table("odd targets", ("split", "place", "what"), rows),
        )
    ]
