"""What cannot be read, and targets that are missing, wrong or spelled in two ways."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.methods.neighbours import Ints
from assay.verbs._inspect_examples import Examined
from assay.verbs._inspect_findings import LISTED_PROBLEMS, Finding, amount, share, some, table, verb
from assay.verbs._inspect_target import Target

ADVICE = re.compile(r"\b([Mm]end|[Rr]emove)\b")  # what a problem may say itself
KINDS = 6  # of what is odd in inputs, in one sentence


def unreadable(data: Examined) -> list[Finding]:
    """Every file and line that no example can be made of."""
    rows = [
        (split, p.where, p.what)
        for split, problems in data.problems.items()
        for p in sorted(problems, key=lambda p: [part.zfill(12) for part in re.split(r"(\d+)", p.where)])
    ]  # in the order of their lines
    lines = sum(p.row is None for problems in data.problems.values() for p in problems)
    bad = int((~data.readable).sum())
    note = ""
    if rows:
        first = f"{rows[0][1]}: {rows[0][2]}"
        end = "" if first.endswith(("?", ".")) else "."
        note = f"{_lines(bad, lines)} cannot be used, the first is {first}{end}"
        if not ADVICE.search(first):
            note += f" Mend or remove {'it' if len(rows) == 1 else 'them'}."
    figures = (share("unreadable", bad + lines, len(data) + lines),)
    listed = table("unreadable", ("split", "place", "why"), rows, "What no example can be made of.", LISTED_PROBLEMS)
    return [Finding(weight=90, note=note, figures=figures, tables=listed)]


def _lines(examples: int, others: int) -> str:
    parts = [amount(examples, "example")] if examples else []
    parts += [f"{others:,} other {'entry' if others == 1 else 'entries'} of the data"] if others else []
    return " and ".join(parts)


def unfamiliar(data: Examined, files: bool) -> list[Finding]:
    """Inputs of later splits with something in them that the first split never shows; they can be answered still. Inputs
    that are ``files`` are odd by themselves (silent, cut off), and so are looked at in all splits."""
    found: list[Finding] = []
    for name, dataset in list(data.datasets.items())[0 if files else 1 :]:
        odd = data.fitted.notes(dataset.x)
        rows = [(dataset.place(at), odd[at]) for at in sorted(odd)]
        note = ""
        if rows:
            share_ = f"{amount(len(rows), 'example')} of the {name} split ({len(rows) / len(dataset):.1%})"
            note = (
                f"{share_} {verb(len(rows), 'is', 'are')} odd: {_kinds(rows)}."
                if files
                else f"{share_} {verb(len(rows), 'holds', 'hold')} what the {data.names[0]} split never shows, "
                f"the first at {rows[0][0]}: {rows[0][1]}"
            )
        kind = "odd" if files else "unfamiliar"
        figures = (share(kind, len(rows), len(dataset), group=f"split={name}"),)
        listed = table(f"{kind} in {name}", ("place", "what"), rows)
        found.append(Finding(weight=25, note=note, figures=figures, tables=listed))
    return found


def _kinds(rows: Sequence[tuple[str, str]]) -> str:
    """What is odd, one sentence of each kind (alike but for numbers) with how many there are; the rarest first.

    >>> _kinds([("a:1", "it is silent."), ("a:2", "it has 2 channels."), ("a:3", "it has 3 channels. it is cut off.")])
    'it is silent (a:1); it is cut off (a:3); it has 2 channels (2 such, the first a:2)'
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for place, told in rows:
        for sentence in told.rstrip(".").split(". "):
            kinds.setdefault(re.sub(r"\d[\d.,]*", "0", sentence), []).append((place, sentence))
    shown = sorted(kinds.values(), key=len)[:KINDS]
    return "; ".join(
        f"{held[0][1]} ({held[0][0] if len(held) == 1 else f'{len(held):,} such, the first {held[0][0]}'})"
        for held in shown
    )


def targets(data: Examined, target: Target) -> list[Finding]:
    """Targets that are missing, are not of the task, or were never seen in the first split."""
    if target.error:
        return [Finding(weight=100, note=f"Nothing can be learned from the target. {target.error}")]
    kinds: Counter[str] = Counter()
    rows = []
    unseen: Counter[str] = Counter()
    for at, why in target.wrong.items():
        dataset, row = data.locate(at)
        has = dataset.roles.target in dataset.split.columns
        given = dataset.y[row] if has and dataset.y is not None else None
        kind = "missing" if _missing(given) else "unseen" if target.labelled else "wrong"
        kinds[kind] += 1
        if kind == "unseen":
            unseen[str(given).strip()] += 1
        rows.append((data.split_name(at), data.place(at), "" if given is None else str(given), why))
    notes = []
    if kinds["missing"]:
        n = kinds["missing"]
        notes.append(f"{amount(n, 'example')} of {len(data):,} {verb(n, 'has', 'have')} no target.")
    if unseen:
        named = some(f"{name} ({count:,}×)" for name, count in unseen.most_common())
        notes.append(
            f"{amount(unseen.total(), 'target')} never {verb(unseen.total(), 'occurs', 'occur')} in the "
            f"{data.names[0]} split: {named}. "
            "No model can learn it: is it misspelled, or missing there?"
        )
    if kinds["wrong"]:
        notes.append(
            f"{amount(kinds['wrong'], 'target')} {verb(kinds['wrong'], 'is', 'are')} not of this task, "
            f"the first at {rows[0][1]}: {rows[0][3]}."
        )
    figures = (share("target_missing_or_wrong", len(rows), len(data)),)
    listed = table("target problems", ("split", "place", "target", "why"), rows, most=LISTED_PROBLEMS)
    return [Finding(weight=85, note=" ".join(notes), figures=figures, tables=listed), *_classes_alike(target)]


def _classes_alike(target: Target) -> list[Finding]:
    codes = target.values[target.there] if target.labelled else np.zeros(0, np.int64)
    counts = np.bincount(codes, minlength=len(target.classes))
    return alike(target.classes, counts, "examples")


def alike(names: Sequence[str], counts: Ints, what: str) -> list[Finding]:
    """Classes whose names differ in case, blanks or the way a number is written only; ``counts`` of each, of ``what``."""
    groups: dict[Any, list[int]] = {}
    for at, name in enumerate(names):
        groups.setdefault(_plainly(name), []).append(at)
    twins = [group for group in groups.values() if len(group) > 1]
    if not twins:
        return []
    rows = [(" | ".join(names[at] for at in group), " | ".join(f"{counts[at]:,}" for at in group)) for group in twins]
    note = (
        f"{amount(len(twins), 'set')} of classes {verb(len(twins), 'differs', 'differ')} only in case, blanks "
        f"or spelling of a number: {some(rows[0][0].split(' | '))}. "
        "Give each class one name, or a model will try to tell them apart."
    )
    return [Finding(weight=72, note=note, tables=table("classes spelled alike", ("classes", what), rows))]


def _plainly(name: str) -> Any:
    try:
        return float(name)
    except ValueError:
        return "".join(name.casefold().replace("_", " ").split())


def _missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and math.isnan(cell))
