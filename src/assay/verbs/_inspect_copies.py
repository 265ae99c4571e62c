"""Examples that stand in the data twice, exactly or nearly: within a split, across splits, and with two targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array
from assay.core.record import Medium
from assay.methods.near_duplicates import exact_duplicates, near_duplicates
from assay.methods.neighbours import Ints
from assay.methods.one_column import cells_of
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import Finding, amount, share, table, verb

Bools: TypeAlias = NDArray[np.bool_]

SHOWN = 12  # pairs of a kind
SLIGHT = 0.01  # of a split: figures hardly move
BY_CHANCE = 3.0  # times as many equal rows as columns shuffled one by one give: no more than few values explain


@dataclass(frozen=True)
class Pairs:
    """Pairs of examples that are the same.

    Attributes:
        at: ``int64 [P, 2]``.
        likeness: 1 for exact copies; of near ones 1 − distance ÷ usual distance, ``[P]``.
        exact: whether they are equal to the byte, ``[P]``.
    """

    at: Ints
    likeness: Array
    exact: Bools

    def where(self, which: Bools) -> Pairs:
        """Some of them."""
        return Pairs(self.at[which], self.likeness[which], self.exact[which])


def copies(data: Examined) -> tuple[list[Finding], list[str]]:
    """What is there twice, and remarks on it."""
    groups = [group for group in exact_duplicates(data.keys) if data.readable[group].all()]
    if groups and _few_values(data, sum(len(group) - 1 for group in groups)):
        extra = sum(len(group) - 1 for group in groups)
        if extra < 0.05 * len(data):  # no news
            return [], []
        return [], [f"{amount(extra, 'example')} equal to another, as the few values of their columns bring about."]
    exact = np.array([(group[0], other) for group in groups for other in group[1:]], np.int64).reshape(-1, 2)
    near, likeness = _near(data)
    pairs = Pairs(
        np.concatenate([exact, near]),
        np.concatenate([np.ones(len(exact)), likeness]),
        np.arange(len(exact) + len(near)) < len(exact),
    )
    findings = [_leaks(data, groups, near, code) for code in range(1, len(data.names))]
    findings += [_within(data, pairs), *_contradicting(data, groups, pairs)]
    return findings, []


def _near(data: Examined) -> tuple[Ints, Array]:
    """Pairs that are near and not equal; the examples' numbers, the nearest pair first."""
    found = near_duplicates(data.features)
    pairs = data.compared[found.pairs].reshape(-1, 2)
    keys = data.keys
    differ = np.array([keys[a] != keys[b] for a, b in pairs.tolist()], dtype=np.bool_)
    if next(iter(data.datasets.values())).roles.row:
        differ &= found.similarity < 1  # rows of few values look equal to a codec without being copies
    order = np.flatnonzero(differ)[np.argsort(-found.similarity[differ], kind="stable")]
    return pairs[order], found.similarity[order]


def _leaks(data: Examined, groups: list[Ints], near: Ints, code: int) -> Finding:
    """What a later split has in common with the splits before it."""
    name = data.names[code]
    twin: dict[int, tuple[int, float, str]] = {}
    for group in groups:
        before = group[data.split[group] < code]
        if len(before):
            twin.update({int(at): (int(before[0]), 1.0, "equal") for at in group[data.split[group] == code]})
    exactly = len(twin)
    for rank, (a, b) in enumerate(near.tolist()):
        for one, other in ((a, b), (b, a)):
            if data.split[one] == code and data.split[other] < code:
                twin.setdefault(one, (other, float(rank), "nearly equal"))
    rows = sorted(twin.items(), key=lambda item: (item[1][2] != "equal", item[1][1]))
    n = int((data.split == code).sum())
    note = ""
    if rows:
        near_ = len(rows) - exactly
        counted = [f"{exactly:,} exactly"] * bool(exactly) + [f"{near_:,} nearly"] * bool(near_)
        note = (
            f"{amount(len(rows), 'example')} of the {name} split ({len(rows) / n:.1%}) "
            f"{verb(len(rows), 'stands', 'stand')} in the splits before it too ({' and '.join(counted)}): "
            f"figures on {name} will be too good"
            f"{', if only a little' if len(rows) < SLIGHT * n else ''}. Keep each in one split only."
        )
    listed = table(
        f"leaks into {name}",
        (name, "copy in", "copy", "kind", f"target in {name}", "target of copy"),
        [
            (data.place(at), data.split_name(other), data.place(other), kind, data.answer(at), data.answer(other))
            for at, (other, _, kind) in rows
        ],
        "Equal ones first, then the nearest.",
    )
    figures = (
        share("leaked", len(rows), n, group=f"split={name}"),
        share("leaked_exactly", exactly, n, group=f"split={name}"),
    )
    spread = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, SHOWN).astype(int))] if rows else []
    shown = [(at, other, kind) for at, (other, _, kind) in spread]
    return Finding(
        weight=80 if exactly else 75,
        note=note,
        figures=figures,
        tables=listed,
        media=_side_by_side(data, f"leaks into {name}", shown),
    )


def _within(data: Examined, pairs: Pairs) -> Finding:
    """What is twice in one split."""
    same = pairs.where(data.split[pairs.at[:, 0]] == data.split[pairs.at[:, 1]])
    exactly = len(np.unique(same.at[same.exact, 1]))
    near = len(np.unique(same.at[~same.exact]))
    notes = []
    if exactly:
        notes.append(
            f"{amount(exactly, 'example')} {verb(exactly, 'is', 'are')} equal to an earlier one of the same split."
        )
    if near:
        notes.append(
            f"{amount(near, 'example')} {verb(near, 'is', 'are')} nearly equal to another one of the same split."
        )
    if notes:
        notes.append("They count double in training, and fall on both sides of a random split: keep one of each.")
    rows = [
        (
            data.split_name(a),
            data.place(a),
            data.place(b),
            "equal" if is_exact else "nearly equal",
            float(round(like, 3)),
            data.answer(a),
            data.answer(b),
        )
        for (a, b), like, is_exact in zip(same.at.tolist(), same.likeness, same.exact, strict=True)
    ]
    columns = ("split", "example", "other", "kind", "likeness", "target", "target of other")
    figures = (share("exact_copies", exactly, len(data)), share("near_copies", near, len(data)))
    told = "Likeness is 1 − distance ÷ the usual distance between neighbours."
    pick = np.flatnonzero(~same.exact)
    pick = pick[np.unique(np.linspace(0, len(pick) - 1, SHOWN).astype(int))] if len(pick) else pick
    shown = [(int(a), int(b), "nearly equal") for a, b in same.at[pick]]
    return Finding(
        weight=40,
        note=" ".join(notes),
        figures=figures,
        tables=table("copies within a split", columns, rows, told),
        media=_side_by_side(data, "copies within a split", shown),
    )


def _contradicting(data: Examined, groups: list[Ints], pairs: Pairs) -> list[Finding]:
    """Equal examples with different targets; near ones only where targets are classes."""
    target = data.target
    if target is None or not target.there.any():
        return []
    known = [group[target.there[group]] for group in groups]
    clash = [group for group in known if len(np.unique(target.values[group])) > 1]
    near = pairs.at[~pairs.exact]
    near = near[target.there[near].all(axis=1)] if len(near) else near
    near = near[target.values[near[:, 0]] != target.values[near[:, 1]]] if target.labelled and len(near) else near[:0]
    rows = [("equal", *_two(data, group)) for group in clash]
    rows += [("nearly equal", *_two(data, pair)) for pair in near]
    notes = []
    if clash:
        notes.append(
            f"{amount(len(clash), 'set')} of equal examples {verb(len(clash), 'has', 'have')} different targets, the first "
            f"at {data.place(int(clash[0][0]))}: at least one of each set is wrong, or the input does not tell."
        )
    if len(near):
        notes.append(
            f"{amount(len(near), 'pair')} of nearly equal examples {verb(len(near), 'has', 'have')} different targets: "
            "look at them."
        )
    columns = ("kind", "example", "target", "other", "its target")
    figures = [share("contradicting", sum(map(len, clash)), len(data))]
    figures += [share("contradicting_nearly", len(np.unique(near)), len(data))] if target.labelled else []
    shown = [(int(g[0]), int(g[_other(target.values, g)]), kind) for kind, g in _kinds(clash, near)][:SHOWN]
    found = Finding(
        weight=70,
        note=" ".join(notes),
        figures=tuple(figures),
        tables=table("copies with different targets", columns, rows),
        media=_side_by_side(data, "copies with different targets", shown),
    )
    return [found]


def _kinds(clash: list[Ints], near: Ints) -> list[tuple[str, Ints]]:
    return [("equal", group) for group in clash] + [("nearly equal", pair) for pair in near]


def _two(data: Examined, group: Ints) -> tuple[str, str, str, str]:
    assert data.target is not None
    a, b = int(group[0]), int(group[_other(data.target.values, group)])
    return data.place(a), data.answer(a), data.place(b), data.answer(b)


def _other(values: NDArray[Any], group: Ints) -> int:
    """Which member has another target than the first."""
    return int(np.flatnonzero(values[group] != values[group[0]])[0])


def _side_by_side(data: Examined, name: str, pairs: list[tuple[int, int, str]]) -> tuple[Medium, ...]:
    examples: list[tuple[int, str]] = []
    for number, (a, b, kind) in enumerate(pairs, 1):
        if data.readable[a] and data.readable[b]:
            for side, at in (("a", a), ("b", b)):
                parts = (f"{number}{side}", kind, data.answer(at), data.split_name(at), data.place(at))
                examples.append((at, " · ".join(part for part in parts if part)))
    return data.sheet(name, examples)


def _few_values(data: Examined, extra: int) -> bool:
    """Whether columns that are shuffled one by one have about as many equal rows: then equal rows are no copies."""
    first = next(iter(data.datasets.values()))
    if not first.roles.row:
        return False
    rng = np.random.default_rng(0)
    shuffled = []
    for name in first.roles.inputs:
        cells = cells_of(data.column(name))
        if cells is None:
            return False
        shuffled.append(rng.permutation(cells.codes))
    return bool(extra <= BY_CHANCE * (len(data) - len(np.unique(np.stack(shuffled), axis=1).T)))
