"""An explanation for people: a sentence, tables, and pictures of inputs with what their parts count for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from assay.codecs.drawing import paired, scaled
from assay.core.figure import number
from assay.core.metric import Array
from assay.core.model import Model
from assay.core.record import Medium, Table
from assay.methods.attribution import Attribution
from assay.methods.intervals import adjust
from assay.verbs._explain_player import Case, quantity
from assay.verbs._given import shortened

Kind: TypeAlias = Literal["svg", "png", "text"]

NAMED = 3  # parts in a sentence
STRONGEST = 5  # parts of one example among several
SURE = 1.96  # standard errors on each side of a 95 % interval
WEIGHTY = 0.05  # of the largest value: what a sentence names counts for as much, and is not known to be chance


def headline(model: Model, case: Case, row: dict[str, Any], one: Attribution, target: str | None) -> str:
    """One answer and the parts that count most for it and against it: none that chance alone may have made count."""
    values, errors = one.values[:, case.chosen], one.errors[:, case.chosen]
    least = WEIGHTY * np.abs(values).max(initial=0)
    verdicts = significant(values, errors)
    named = [
        at
        for at in np.argsort(-np.abs(values), kind="stable").tolist()
        if values[at] and abs(values[at]) >= least and verdicts[at] is not False
    ]
    ups = [f"{case.parts[at]} (+{number(values[at])})" for at in named if values[at] > 0][:NAMED]
    downs = [f"{case.parts[at]} ({number(values[at])})" for at in named if values[at] < 0][:NAMED]
    raised = quantity(model, case.y)
    more, less = ("raised most by", "lowered most by") if raised else ("for it speak most", "against it")
    none = "no part surely raises or lowers it" if raised else "no part surely counts for or against it"
    own = answered(row)
    what = f'The answer "{own}"' if target is None else f'"{target}" instead of "{own}"'
    if target is not None and target.strip() == own:
        what = f'"{own}", which is the model\'s own answer'
    if case.chosen:
        what += f", {case.claims[case.chosen]}"
    said = [f"{word} {', '.join(names)}" for word, names in ((more, ups), (less, downs)) if names]
    return f"{what}: {'; '.join(said) or none}."


def answered(row: dict[str, Any]) -> str:
    """An answer in a few words."""
    answer = next(iter(row.values()))
    return number(answer) if isinstance(answer, float) else shortened(str(answer))


def tables(case: Case, one: Attribution, *, sampled: bool, stand_ins: int = 0) -> tuple[Table, ...]:
    """What each part counts for, those that count most first; and of an answer of several claims, for each of them.

    ``sampled``: whether another run would ask for other masks. ``stand_ins``: how many rows were drawn that stand in for
    what is absent, if any were.
    """
    values, errors = one.values[:, case.chosen], one.errors[:, case.chosen]
    order = np.argsort(-np.abs(values), kind="stable")
    verdicts = significant(values, errors)
    rows = []
    for at in order.tolist():
        value, error = float(values[at]), float(errors[at])
        known = math.isfinite(error)
        ends = (error, value - SURE * error, value + SURE * error) if known else (None, None, None)
        rows.append((case.parts[at], value, *ends, verdicts[at], at + 1))
    note = "Significant: surely not 0 beside the chance of sampling, corrected for the number of parts (Holm)."
    if stand_ins:
        what = "means over" if sampled else "exact for"
        note = (
            f"The values are {what} {stand_ins} draws of usual values that stand in for what is absent; the errors say how "
            f"far other draws could be from them. {note}"
        )
    elif not sampled:
        note = "The values are exact: nothing was sampled."
    columns = ("part", "value", "error", "low", "high", "significant", "place")
    found = [Table("attribution", columns, tuple(rows), note if np.isfinite(errors).all() else "")]
    if len(case.claims) > 1:
        names = told_apart(case.parts)
        cells = tuple(
            (name, claim, float(value))
            for name, row in zip(names, one.values[:, : len(case.claims)], strict=True)
            for claim, value in zip(case.claims, row, strict=True)
        )
        note = "What each part of the input counts for in each part of the answer."
        found.append(Table("matrix", ("input", "output", "value"), cells, note))
    return tuple(found)


def one_by_one(cases: Sequence[Case], rows: Sequence[dict[str, Any]], found: Sequence[Attribution], most: int) -> Table:
    """The parts that count most in each of the first examples."""
    cells = []
    for case, row, one in zip(cases[:most], rows, found, strict=False):
        values, errors = one.values[:, case.chosen], one.errors[:, case.chosen]
        for at in np.argsort(-np.abs(values), kind="stable")[:STRONGEST].tolist():
            error = float(errors[at]) if math.isfinite(errors[at]) else None
            cells.append((shortened(case.place), answered(row), case.parts[at], float(values[at]), error))
    note = f"The {STRONGEST} parts that count most for or against each answer."
    return Table("attributions", ("input", "answer", "part", "value", "error"), tuple(cells), note)


def told_apart(names: Sequence[str]) -> list[str]:
    """Names of which those that come again are numbered.

    >>> told_apart(["so", "it", "so"])
    ['so', 'it', 'so (2)']
    """
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def significant(values: Array, errors: Array) -> list[bool | None]:
    """Whether each value surely is not 0, by its standard error (0: it is exact), corrected for their number; ``None``
    where there is no error.

    >>> significant(np.array([1.0, 0.1, 0.0]), np.array([0.1, 0.1, 0.0]))
    [True, False, False]
    """
    p_values = []
    for value, error in zip(values.tolist(), errors.tolist(), strict=True):
        if error > 0:
            p_values.append(math.erfc(abs(value) / error / math.sqrt(2)))
        else:
            p_values.append(math.nan if math.isnan(error) else float(value == 0))
    return [None if math.isnan(p) else p < 0.05 for p in adjust(p_values)]


def pictures(
    model: Model, cases: Sequence[Case], rows: Sequence[dict[str, Any]], found: Sequence[Attribution]
) -> Iterator[Medium]:
    """Each input with what its parts count for laid over it, as far as this kind of input can be drawn."""
    for case, row, one in zip(cases, rows, found, strict=False):
        drawn = picture(model, case, row, one.values[:, case.chosen], one.errors[:, case.chosen])
        if drawn is None:
            return
        claim = f", {case.claims[case.chosen]}" if case.chosen else ""
        if drawn[0] == "png":  # other pictures have a legend of their own
            claim += ": red speaks for it, blue against it"
        yield Medium("explanation", *drawn, f"{answered(row)}{claim} ({shortened(case.place)})")


def picture(model: Model, case: Case, row: dict[str, Any], values: Array, errors: Array) -> tuple[Kind, str] | None:
    """An input under what its parts ``[P]`` count for, next to the input as it was where that can be; both with the answer,
    where it is drawn onto images, a claim that was chosen standing out. Colours laid over an image are pale by as much as
    chance may have made them. ``None`` where this kind of input is not drawn."""
    shade = getattr(model.input, "shade", None)
    draw = getattr(model.output, "draw", None)
    claimed = getattr(model.output, "claimed", None)
    beside = getattr(model.input, "beside", None)
    if shade is None:
        return None
    shown: tuple[Kind, str] = shade(case.raw, values)
    if shown[0] == "png":  # others tell the values in figures
        values = shrunk(values, errors)
        shown = shade(case.raw, values)
    if case.chosen and claimed is not None:
        row = claimed(row, case.y, case.chosen)
    if shown[0] == "png" and draw is not None:
        left, right = (draw(one, None, row) for one in (model.input.show(case.raw), shown))
        shown = ("svg", paired(left[1], right[1], scaled(values)[1])) if left[0] == right[0] == "svg" else right
    elif beside is not None:
        shown = beside(case.raw, shown, values)
    return shown


def shrunk(values: Array, errors: Array) -> Array:
    """Values nearer 0 by what their errors may have added (the positive part of James & Stein 1961, a part by itself);
    those without an error stay.

    >>> shrunk(np.array([10.0, -2.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, np.nan]))
    array([ 9.9, -1.5,  0. ,  1. ])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        keep = np.clip(1 - (errors / values) ** 2, 0, 1)
    return np.where(np.isfinite(keep), keep, values != 0) * values
