"""Groups that nobody named, for which a model is worse: searched for on one half of the examples, confirmed on the other."""

from __future__ import annotations

import math

import numpy as np

from assay.core.dataset import Dataset
from assay.core.errors import DataError
from assay.core.figure import Figure, human, number
from assay.core.metric import Array, Metric, ratio
from assay.core.model import Answers, Model
from assay.core.record import Table
from assay.methods.gaps import Gap, gaps
from assay.methods.groups import Grouping
from assay.methods.slices import Rows, Search, Slice, search
from assay.verbs._audit_groups import searchable
from assay.verbs._findings import Findings

TOLD, LISTED = 5, 10
SHARES = (0.01, 0.03, 0.1, 0.3)  # of the examples, that a group is of
THIS = 0.03  # the one that is told of, or the next that could be found


def found_groups(model: Model, dataset: Dataset, answers: Answers, seed: int) -> Findings:
    """Conjunctions of up to three values of columns for which the model is worse than for the rest.

    Raises:
        DataError: no column makes groups.
    """
    encoded = answers.encoded
    verdicts = np.asarray(model.output.verdict(answers.columns, encoded.y), dtype=np.float64)
    known = np.flatnonzero(np.isfinite(verdicts))
    attributes, without = searchable(dataset, encoded.kept[known])
    if not attributes:
        more = (
            f" ({', '.join(without[:LISTED])} {'have' if len(without) > 1 else 'has'} one value, or too many)"
            if without
            else ""
        )
        raise DataError(
            f"--find-groups needs columns beside input and target that make groups, and {dataset.name} has none{more}. Add "
            "what is known of the examples (where, when, by whom, of whom) as columns."
        )
    metric, sign = _scored(model, answers, verdicts)
    tallies = np.stack([sign * verdicts[known], np.ones(len(known))], axis=1)
    done = search(attributes, verdicts[known], seed=seed)
    level = 1 - 0.05 * len(done.slices) / max(1, done.candidates)
    gaps_ = [_gap(one, metric, tallies, ~done.seen, level, seed) for one in done.slices]
    total = Figure("found_groups", float(len(done.slices)), n=len(known), better="lower")
    return Findings(
        figures=(total, *(_figure(gap) for gap in gaps_)),
        tables=(_found(done, gaps_), _could(done, metric)),
        notes=_notes(done, gaps_, metric, attributes, without),
    )


def _scored(model: Model, answers: Answers, verdicts: Array) -> tuple[Metric, int]:
    """The metric whose mean over examples the verdicts are, and 1, or -1 where it is that of minus them; else one of their
    own."""
    assert answers.tallies is not None
    mean = float(verdicts.mean())
    for one in model.output.metrics:
        value = None if one.merge else one.over(answers.tallies)
        for sign in (1, -1):
            if value is not None and abs(value - sign * mean) <= 1e-6 * abs(mean) and mean:
                plain = sign == 1 and bool(np.isin(verdicts, (0.0, 1.0)).all())
                return ratio(one.name, 0, 1, better=one.better, unit=one.unit, proportion=plain), sign
    return ratio(getattr(model.output, "judged", "verdict"), 0, 1, better="higher"), 1


def _gap(one: Slice, metric: Metric, tallies: Array, unseen: Rows, level: float, seed: int) -> Gap:
    """The gap of a group to everybody else, on the examples that the search did not see. Of several found among many
    candidates the intervals are as much wider as keeps 95 % of those that are told (Benjamini & Yekutieli 2005)."""
    grouping = Grouping("", np.where(one.rows[unseen], 0, -1), (one.name,))
    return gaps([metric], tallies[unseen], grouping, level=level, seed=seed)[0]


def _figure(gap: Gap) -> Figure:
    m = gap.metric
    return Figure(f"{m.name}_gap", gap.value, gap.low, gap.high, gap.n, m.unit, m.better, gap.group)


def _found(done: Search, found: list[Gap]) -> Table:
    rows = tuple(
        (
            one.name,
            gap.n,
            float(one.rows.mean()),
            gap.of_group,
            gap.of_rest,
            gap.value,
            gap.low,
            gap.high,
            one.p,
            one.adjusted,
        )
        for one, gap in zip(done.slices, found, strict=True)
    )
    columns = ("group", "n", "share", "value", "rest", "gap", "low", "high", "p", "p_adjusted")
    note = (
        "Groups that the search put forward and that examples which it never saw confirm; n and all figures are of these. "
        "Of groups that are listed 1 in 20 is false in the mean (Benjamini–Hochberg). Those that cost the whole most (gap × "
        "share) come first."
    )
    return Table("found groups", columns, rows, note)


def _could(done: Search, metric: Metric) -> Table:
    found = [(share, done.smallest(share)) for share in SHARES]
    rows = tuple((share, gap if math.isfinite(gap) else None) for share, gap in found)
    note = (
        "The smallest gap that this search finds in 4 of 5 cases, by the share of all examples that a group is; none where "
        "even the largest that there can be is not found."
    )
    return Table("what the search could find", ("share", f"smallest {metric.name}_gap"), rows, note)


def _notes(
    done: Search, found: list[Gap], metric: Metric, attributes: tuple[Grouping, ...], without: tuple[str, ...]
) -> tuple[str, ...]:
    name, unit = human(metric.name), f" {metric.unit}" if metric.unit else ""
    notes = []
    for gap in found[:TOLD]:
        side = "below" if gap.value < 0 else "above"
        notes.append(
            f"Found: the model is worse for {gap.group}. Its {name} of {number(gap.of_group)}{unit} is "
            f"{number(gap.size.value)}{gap.size.interval()} {side} the rest's (n = {gap.n:,})."
        )
    looked = f"{sum(done.looked_at):,} groups by {len(attributes)} column{'s' if len(attributes) > 1 else ''}"
    if not found:
        notes.append(f"Of {looked}, none is shown to be worse off.")
    share = next((share for share in SHARES if share >= THIS and math.isfinite(done.smallest(share))), None)
    if share is not None:
        size = f"{number(done.smallest(share))}{unit} in {name}"
        could = f"A group of {100 * share:g} % of the examples would have been found in 4 of 5 cases from a gap of {size} on"
        could += f", and one of {100 * THIS:g} % cannot be relied on to be found." if share > THIS else "."
    elif not done.exact and done.deviation == 0:
        could = f"All examples have the same {name}, so there is no gap to find."
    else:
        could = f"In so few examples it cannot be relied on to find a gap in {name}, however large."
    notes.append(f"The search looked at {looked}. {could}")
    if without:
        shown = ", ".join(without[:LISTED]) + (" …" if len(without) > LISTED else "")
        notes.append(f"Not searched, for one value or more than 50 that are no numbers: {shown}.")
    return tuple(notes)
