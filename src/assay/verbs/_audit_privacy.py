"""Whether it can be told what a model was trained on: attacks on the model itself, and an audit of a private training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.figure import Figure, number
from assay.core.metric import Array
from assay.core.model import Answers, Model
from assay.core.record import Table
from assay.core.verb import Watch
from assay.methods import membership
from assay.methods.groups import Grouping, groupings
from assay.methods.intervals import adjust
from assay.methods.membership import FALSE_POSITIVES, LEAK, LEAST, NO_LEAK, Found
from assay.verbs._audit_members import Sides, sides
from assay.verbs._audit_private_run import private_run
from assay.verbs._audit_references import references
from assay.verbs._findings import Findings, together

if TYPE_CHECKING:
    from assay.verbs.audit import Config

BY_LOSS, BY_REFERENCES = "loss", "reference models"
_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def audit(model: Model, dataset: Dataset, answers: Answers, config: Config, watch: Watch) -> Findings:
    """Attacks that tell members from others by their losses, on the whole and by group; and for a model that claims an ε,
    what a run of the same training lets through.

    Figures ``membership_auc`` and ``membership_tpr_at_1_fpr`` are of the strongest attack there is, those that end in
    ``_by_loss`` of the cheap one; table ``membership`` has a row each, with their p-values, table ``membership curve``
    the ROC curves.

    Raises:
        Unsupported: the model was not trained on examples.
        ConfigError: there is no target to take a loss of.
        DataError: it cannot be told whom the model was trained on, or there are too few.
    """
    if model.task.learner != "supervised":
        raise Unsupported(
            f"--privacy does not apply to {model.task.name}: such a model learns by playing, and has no training examples "
            "that it could give away."
        )
    if not answers.encoded.y:
        raise ConfigError("--privacy goes by the loss of each example, which needs a target, and this data has none.")
    found = sides(model, dataset, answers.encoded, config.train, skip_bad=config.skip_bad, watch=watch)
    members = int(found.members.sum())
    others = len(found.members) - members
    if min(members, others) < LEAST:
        raise DataError(
            f"There are {members:,} examples that the model was trained on and {others:,} that were held out; an attack can "
            f"be judged from {LEAST} of each. Name other data to judge on, or the training data with --train."
        )
    parts = [attacks(model, found, config, watch)]
    if model.lineage.get("plan", {}).get("epsilon") is not None:
        parts.append(private_run(model, found, config, watch))
    return together(parts)


def attacks(model: Model, found: Sides, config: Config, watch: Watch) -> Findings:
    """The attacks by loss and by reference models, with a verdict."""
    own = references(model, found, config.references, seed=config.seed, device=config.device, watch=watch)
    notes = [note for note in (own.note, *found.notes) if note]
    scores = {BY_LOSS: membership.by_loss(found.losses, _classes(found.pool))}
    blind: Found | None = None
    told: NDArray[np.bool_] = np.ones(len(found.members), dtype=np.bool_)
    if len(own.losses):
        told = np.asarray((~own.inside).any(0))
        scores = {BY_REFERENCES: membership.by_references(found.losses, own.losses, own.inside)} | scores
        away = np.where(own.inside, np.nan, own.losses)[:, told]
        blind = _area(-np.nanmean(away, axis=0), found.members[told], level=0.99)
    figures: list[Figure] = []
    rows = []
    columns = {name: found.pool.column(name) for name in config.by}
    groups: tuple[Grouping | None, ...] = (None, *groupings(columns))
    asked: list[tuple[str, str | None, str, int, int, Found]] = []
    for attack, score in scores.items():
        for grouping in groups:
            for label, inside in _each(grouping, told):
                asked += _judged(attack, label, score[inside], found.members[inside])
    corrected = adjust([one.p for *_, one in asked])
    for (attack, group, what, m, n, one), p in zip(asked, corrected, strict=True):
        name = f"membership_{what}" + ("_by_loss" if attack == BY_LOSS and len(scores) > 1 else "")
        figures.append(Figure(name, one.value, one.low, one.high, n=m + n, better="lower", group=group))
        rows.append((attack, group, what, one.value, one.low, one.high, one.p, p, m, n))
    whole = [(what, one) for _, group, what, _, _, one in asked if group is None]
    said = membership.verdict([one for _, one in whole], [one for what, one in whole if what == "auc"], blind)
    m = int(found.members.sum())
    notes = [_told(said, figures, m, len(found.members) - m, blind), *_groups_told(rows), *notes]
    return Findings(
        figures=tuple(figures),
        tables=(
            Table(
                "membership",
                ("attack", "group", "figure", "value", "low", "high", "p", "p corrected", "members", "others"),
                tuple(rows),
                "p is of the hypothesis that members and held-out examples cannot be told apart.",
            ),
            _curve(scores, found.members, told),
        ),
        notes=tuple(notes),
    )


def _judged(
    attack: str, group: str | None, scores: Array, members: NDArray[np.bool_]
) -> list[tuple[str, str | None, str, int, int, Found]]:
    m, n = int(members.sum()), int((~members).sum())
    if min(m, n) < LEAST:
        return []
    found = [(attack, group, "auc", m, n, membership.area(scores[members], scores[~members]))]
    if tail := membership.tail(scores[members], scores[~members]):
        found.append((attack, group, "tpr_at_1_fpr", m, n, tail))
    return found


def _each(grouping: Grouping | None, told: NDArray[np.bool_]) -> list[tuple[str | None, NDArray[np.bool_]]]:
    if grouping is None:
        return [(None, told)]
    return [(label, told & (grouping.codes == code)) for code, label in enumerate(grouping.labels)]


def _area(scores: Array, members: NDArray[np.bool_], level: float) -> Found:
    return membership.area(scores[members], scores[~members], level)


def _classes(pool: Dataset) -> NDArray[np.int64] | None:
    """The class of each example where the target's values come back; ``None`` where they do not."""
    assert pool.y is not None
    values, codes = np.unique([str(value) for value in pool.y], return_inverse=True)
    return codes.astype(np.int64) if 2 <= len(values) <= len(codes) // (2 * LEAST) else None


def _told(said: str, figures: Sequence[Figure], m: int, n: int, blind: Found | None) -> str:
    """The verdict as sentences."""
    best = figures[0]
    sample = f"{m:,} examples that it was trained on and {n:,} that were held out"
    if said == LEAK:
        shown = max((f for f in figures if f.group is None), key=lambda f: (f.low or 0) - _chance(f))
        what = (
            f"an attack ranks a training example above a held-out one in {shown.value:.1%} of pairs"
            if "auc" in shown.name
            else f"an attack that accuses 1 % of the held-out examples finds {shown.value:.1%} of the training examples"
        )
        return f"Privacy: {said}: {what} ({shown.interval().strip()}; chance is {_chance(shown):.0%}; {sample})."
    if said == NO_LEAK:
        return (
            f"Privacy: {said} by these attacks: with {sample}, the area under the curve is {number(best.high or 1)} at "
            "most, where chance is 0.5. Another attack could find more."
        )
    if blind is not None and not blind.low <= 0.5 <= blind.high:
        return (
            "Privacy: cannot tell: training and held-out examples differ by themselves (a model that was trained on none of "
            f"them tells them apart with an area of {number(blind.value)}), and the attack does no better than that."
        )
    least = membership.smallest_area(m, n)
    return (
        f"Privacy: cannot tell at this n: with {sample}, an area of {number(least)} or more would most probably have been "
        f"shown, and {number(best.value)}{best.interval()} was found, where chance is 0.5."
    )


def _chance(figure: Figure) -> float:
    return 0.5 if "auc" in figure.name else FALSE_POSITIVES


def _groups_told(rows: Sequence[tuple[object, ...]]) -> list[str]:
    """The groups whose members are found, after correction for all that was asked."""
    found: Mapping[object, float] = {
        row[1]: float(str(row[3])) for row in rows[::-1] if row[1] is not None and row[2] == "auc" and _is_small(row[7])
    }
    if not found:
        return []
    named = ", ".join(f"{group} ({number(value)})" for group, value in found.items())
    return [f"Groups in which the area is above 0.5, corrected for all that were asked about: {named}."]


def _is_small(p: object) -> bool:
    return isinstance(p, float) and p <= 0.025


def _curve(scores: Mapping[str, Array], members: NDArray[np.bool_], told: NDArray[np.bool_]) -> Table:
    """Members found at some shares of others that are accused."""
    rows = []
    for attack, score in scores.items():
        others = np.sort(score[told & ~members])[::-1]
        allowed = {rate: int(rate * len(others)) for rate in _RATES}
        rows += [
            (attack, rate, float((score[told & members] > others[count - 1]).mean()))
            for rate, count in allowed.items()
            if count
        ]
    return Table("membership curve", ("attack", "false_positive_rate", "true_positive_rate"), tuple(rows))
