"""Every metric of every named group against everybody else, what parity asks to be equal, and calibration by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.core.dataset import Dataset
from assay.core.figure import Figure
from assay.core.metric import Array, Metric
from assay.core.model import Answers, Model
from assay.core.record import Table
from assay.methods.calibration import calibration_error, calibration_tally, chance_error
from assay.methods.gaps import Gap, gaps
from assay.methods.groups import Grouping, remarks
from assay.methods.spreads import proportion, spread
from assay.methods.verdicts import CANNOT_TELL, NO_GAP, WORSE, holm, smallest, verdict
from assay.verbs._audit_gaps_told import Judged, small, told
from assay.verbs._audit_groups import crossings, named
from assay.verbs._findings import Findings

LISTED = 500  # rows of the table of gaps


def named_groups(model: Model, dataset: Dataset, answers: Answers, by: Sequence[str], seed: int) -> Findings:
    """The groups of the columns ``by``, and where there are several columns their crossings.

    Raises:
        DataError: a column is missing or makes no groups.
    """
    columns = named(dataset, by, answers.encoded.kept)
    crossed, notes = crossings(columns)
    asked = [*columns, *crossed]
    assert answers.tallies is not None
    metrics, tallies = model.output.metrics, answers.tallies
    rates: tuple[Metric, ...] = getattr(model.output, "rates", ())
    rated = model.output.rated(answers.columns, answers.encoded.y) if rates else None  # type: ignore[attr-defined]
    found = [_all(metrics, tallies, rates, rated, grouping, seed) for grouping in asked]
    whole = {metric.name: metric.over(tallies) for metric in metrics}
    whole |= {metric.name: metric.over(rated) for metric in rates if rated is not None}
    judged = _judged([gap for part in found for gap in part], metrics[0].name, whole)
    sure = _calibration(model, answers)
    parities: Mapping[str, tuple[str, ...]] = getattr(model.output, "parities", {})
    apart = [f for grouping, part in zip(asked, found, strict=True) for f in _spreads(grouping, part, parities)]
    return Findings(
        figures=(*_figures(judged), *apart),
        tables=(
            _gap_table(judged, metrics[0].name),
            *(_group_table(grouping, part, sure) for grouping, part in zip(asked, found, strict=True)),
        ),
        notes=(*told(judged, columns, metrics), *notes, *small(columns), *remarks(columns)),
    )


def _all(
    metrics: Sequence[Metric],
    tallies: Array,
    rates: Sequence[Metric],
    rated: Array | None,
    grouping: Grouping,
    seed: int,
) -> tuple[Gap, ...]:
    """The gaps of all groups of a grouping in metrics and rates, group by group."""
    found = gaps(metrics, tallies, grouping, seed=seed)
    more = () if rated is None else gaps(rates, rated, grouping, seed=seed)
    m, r = len(metrics), len(rates)
    each = [(*found[g * m : (g + 1) * m], *more[g * r : (g + 1) * r]) for g in range(len(grouping.labels))]
    return tuple(gap for group in each for gap in group)


def _judged(found: Sequence[Gap], headline: str, whole: Mapping[str, float]) -> list[Judged]:
    """Verdicts, corrected for all of them; of a rate of several classes only the class with the clearest gap is kept."""
    adjusted, levels = holm(found, headline)
    clearest: dict[tuple[str, str], Judged] = {}
    for gap, p, level in zip(found, adjusted, levels, strict=True):
        least = smallest(gap, level)
        one = Judged(gap, p, least, verdict(gap, p, least, whole[gap.metric.name]))
        key = (gap.group, gap.metric.name.partition(" of ")[0])
        if key not in clearest or _clear(gap) > _clear(clearest[key].gap):
            clearest[key] = one
    return list(clearest.values())


def _clear(gap: Gap) -> float:
    return abs(gap.value) / gap.error if gap.error > 0 else -1.0


def _figures(judged: Sequence[Judged]) -> list[Figure]:
    return [
        Figure(
            f"{gap.metric.name}_gap", gap.value, gap.low, gap.high, gap.n, gap.metric.unit, gap.metric.better, gap.group
        )
        for gap in (one.gap for one in judged)
    ]


def _spreads(grouping: Grouping, found: Sequence[Gap], parities: Mapping[str, tuple[str, ...]]) -> list[Figure]:
    """How far apart the groups of a column are in each metric, and in what parity asks to be equal."""
    column, most = grouping.name, int((grouping.codes >= 0).sum())
    by_name: dict[str, list[Gap]] = {}
    for gap in found:
        by_name.setdefault(gap.metric.name, []).append(gap)
    made = [
        spread(group, f"{name}_difference", column, unit=group[0].metric.unit)
        for name, group in by_name.items()
        if " of " not in name
    ]
    for name, rates in parities.items():
        own = [gap for rate in rates for gap in by_name[rate]]
        made += [
            spread(own, f"{name}_difference", column, most=most),
            proportion(own, f"{name}_ratio", column, most=most),
        ]
    return made


def _gap_table(judged: Sequence[Judged], headline: str) -> Table:
    order = {WORSE: 0, CANNOT_TELL: 2, NO_GAP: 2}

    def rank(one: Judged) -> tuple[int, bool, float]:
        """Those who are worse off come first, and of them those who are in the first metric."""
        p = one.adjusted if math.isfinite(one.adjusted) else 2.0
        return order.get(one.verdict, 1), one.gap.metric.name != headline, p

    ordered = sorted(judged, key=rank)
    rows = [
        (one.gap.metric.name, one.gap.group, one.gap.n, one.gap.of_group, one.gap.of_rest, one.gap.value, one.gap.low,
         one.gap.high, one.gap.p, one.adjusted, one.least, one.verdict)
        for one in ordered[:LISTED]
    ]  # fmt: skip
    columns = ("metric", "group", "n", "value", "rest", "gap", "low", "high", "p", "p_adjusted", "smallest", "verdict")
    cut = f" The first {LISTED:,} of {len(judged):,} rows are listed." if len(judged) > LISTED else ""
    note = (
        "Each group against everybody else. Verdicts are corrected for the number of rows (Holm; half of the error is the "
        "first metric's): a false one among all of them is rarer than 1 in 20. The column smallest is the gap that so many "
        f"examples would have shown in 4 of 5 cases, were this group so much worse off than the rest is now.{cut}"
    )
    return Table("gaps", columns, tuple(tuple(_plain(cell) for cell in row) for row in rows), note)


def _group_table(grouping: Grouping, found: Sequence[Gap], sure: tuple[Array, Array] | None) -> Table:
    """What a column adds: how many examples each group is, and how good the model is for it."""
    n = len(grouping.codes)
    count = np.bincount(grouping.codes[grouping.codes >= 0], minlength=len(grouping.labels)).tolist()
    names = [name for name in dict.fromkeys(gap.metric.name for gap in found) if " of " not in name]
    values = {(gap.group, gap.metric.name): gap.of_group for gap in found}
    columns = ["group", "n", "share", *names]
    note = ""
    if sure is not None:
        columns += ["calibration_error", "by_chance"]
        note = (
            "A calibration error is never below 0: by_chance is about what so many answers would show were their "
            "confidence perfect."
        )
    rows = []
    for at, label in enumerate(grouping.labels):
        row: list[Any] = [label, count[at], count[at] / n, *(values[label, name] for name in names)]
        if sure is not None:
            own = grouping.codes == at
            row += [calibration_error().over(calibration_tally(sure[0][own], sure[1][own])), chance_error(sure[0][own])]
        rows.append(tuple(_plain(cell) for cell in row))
    return Table(f"groups of {grouping.name}", tuple(columns), tuple(rows), note)


def _calibration(model: Model, answers: Answers) -> tuple[Array, Array] | None:
    """The confidence of each answer and whether it is right, where answers are classes."""
    if not model.output.classes or not answers.encoded.y:
        return None
    rows = model.output.rows(answers.columns)
    if not rows or "confidence" not in rows[0]:
        return None
    return np.array([row["confidence"] for row in rows]), model.output.verdict(answers.columns, answers.encoded.y)


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
