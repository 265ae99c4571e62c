"""What counts over many examples: the parts of like name together, with intervals over the examples.

Legend: N examples, P parts, F names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.metric import Array, ratio
from assay.core.model import Model
from assay.core.record import Table
from assay.methods.attribution import Attribution
from assay.methods.intervals import adjust, figures, paired
from assay.verbs._explain_player import Case

SHOWN = 100  # names listed
SEEN = 8  # examples that must have a part for a verdict on it


def importance(model: Model, cases: Sequence[Case], found: Sequence[Attribution]) -> Table:
    """The table of names: how much they move answers (``importance``: the mean absolute value, 0 where an example has no
    such part), in which direction, and whether they surely help.

    Where true targets are known, a part *helps* if it speaks for the true answer more than for those of other examples (as
    in SAGE, Covert et al. 2020, arXiv:2004.00668, but what merely is taken for absent helps nothing so); on labels drawn at
    random none does. Where they are not, if it speaks for the model's own answers. The verdicts are corrected for their
    number.
    """
    names, values, truth, seen = _pooled(model, cases, found)
    order = np.argsort(-np.abs(values).sum(0), kind="stable")
    names, values, truth, seen = [names[at] for at in order], values[:, order], truth[:, order], seen[:, order]
    known = ~np.isnan(truth).any(1)
    tested = truth[known] if known.sum() > 1 else values
    means, p_values = _means(tested)
    count = seen[known].sum(0) if known.sum() > 1 else seen.sum(0)
    adjusted = adjust([p if n >= min(SEEN, len(tested)) else np.nan for p, n in zip(p_values, count, strict=True)])
    shown = min(SHOWN, len(names))
    sizes = figures(_metrics(shown), _tallies(np.abs(values[:, :shown])))
    signed = figures(_metrics(shown), _tallies(values[:, :shown]))
    rows = []
    for at in range(shown):
        size, mean, helps = sizes[at], signed[at], means[at]
        sure = None if np.isnan(adjusted[at]) else bool(adjusted[at] < 0.05 and helps.value > 0)
        cells: tuple[Any, ...] = (names[at], int(seen[:, at].sum()), size.value, size.low, size.high)
        cells += (mean.value, mean.low, mean.high, helps.value, helps.low, helps.high, adjusted[at], sure)
        rows.append(tuple(_plain(cell) for cell in cells))
    columns = ("part", "n", "importance", "low", "high", "mean", "mean_low", "mean_high", "helps", "helps_low",
               "helps_high", "p_adjusted", "significant")  # fmt: skip
    by = "speaks for the true answer more than for others'" if known.sum() > 1 else "speaks for the model's own answers"
    note = (
        f"Importance: the mean absolute value over {len(cases):,} examples. Significant: surely {by} on average, corrected "
        "for the number of parts (Holm): a false verdict among all of them is rarer than 1 in 20."
    )
    if len(names) > shown:
        note += f" The {shown} of {len(names):,} that count most are listed."
    return Table("importance", columns, tuple(rows), note)


def _pooled(
    model: Model, cases: Sequence[Case], found: Sequence[Attribution]
) -> tuple[list[str], Array, Array, NDArray[np.bool_]]:
    """Names; their values ``[N, F]``; those for the true answer (nan in rows where it is not known); who has them."""
    pooled = getattr(model.input, "pooled", None)
    labels = [case.parts if pooled is None else tuple(pooled(case.x)) for case in cases]
    at = {name: column for column, name in enumerate(dict.fromkeys(name for row in labels for name in row))}
    shape = (len(cases), len(at))
    values, truth, seen = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for row, (case, one, names) in enumerate(zip(cases, found, labels, strict=True)):
        columns = np.array([at[name] for name in names])
        np.add.at(values[row], columns, one.values[:, case.chosen])
        if case.true:
            np.add.at(truth[row], columns, one.values[:, -1])
        else:
            truth[row] = np.nan
        seen[row, columns] = True
    return list(at), values, truth, seen


def _metrics(count: int) -> list[Any]:
    return [ratio(str(at), at, count, better="neither") for at in range(count)]


def _tallies(values: Array) -> Array:
    return np.column_stack([values, np.ones(len(values))])


def _means(values: Array) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """The mean of each column with its interval, and the p-value of none."""
    tallies = _tallies(values)
    nothing = np.zeros_like(tallies)
    nothing[:, -1] = 1
    return paired(_metrics(values.shape[1]), nothing, tallies)


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not np.isfinite(cell) else cell
