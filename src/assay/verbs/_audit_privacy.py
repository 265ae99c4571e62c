"""Whether it can be told what a model was trained on: attacks on the model itself, and an audit of a private training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.core.dataset import Dataset
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.figure import Figure
from assay.core.metric import Array
from assay.core.model import Answers, Model
from assay.core.record import Table
from assay.core.verb import Watch
from assay.methods import membership
from assay.methods.groups import Grouping, groupings
from assay.methods.intervals import adjust
from assay.methods.membership import LEAST, Found
from assay.verbs._audit_members import Sides, sides
from assay.verbs._audit_privacy_told import BY_LOSS, BY_REFERENCES, Asked, told_of, within
from assay.verbs._audit_private_run import claimed, private_run
from assay.verbs._audit_references import references
from assay.verbs._findings import Findings, together

if TYPE_CHECKING:
    from assay.verbs.audit import Config

USUAL_REFERENCES = 4
_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def audit(model: Model, dataset: Dataset, answers: Answers, config: Config, watch: Watch) -> Findings:
    """Attacks that tell members from others by their losses, on the whole and by group; and for a model that claims an ε,
    what a run of the same training lets through.

    Figures ``membership_auc`` and ``membership_tpr_at_1_fpr`` are of the attack by reference models, and those that end in
    ``_by_loss`` of the cheap one; without reference models the cheap one is the only one. The notes name the attack
    that they speak of. Table ``membership`` has a row each, with their p-values, table ``membership curve`` the ROC curves.

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
    if claimed(model):
        parts.append(private_run(model, found, config, watch))
    return together(parts)


def attacks(model: Model, found: Sides, config: Config, watch: Watch) -> Findings:
    """The attacks by loss and by reference models, with a verdict."""
    count = USUAL_REFERENCES if config.references is None else config.references
    own = references(model, found, count, seed=config.seed, device=config.device, watch=watch)
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
    asked: list[Asked] = []
    for attack, score in scores.items():
        for grouping in groups:
            for label, inside in _each(grouping, told):
                asked += _judged(attack, label, score[inside], found.members[inside])
    corrected = adjust([each.found.p for each in asked])
    whole = [each for each in asked if each.group is None]
    said = membership.verdict([e.found for e in whole], [e.found for e in whole if e.what == "auc"], blind)
    differ = _differ(whole, blind) and said == membership.CANNOT_TELL
    for each, p in zip(asked, corrected, strict=True):
        attack, group, what, m, n, one = each.attack, each.group, each.what, each.members, each.others, each.found
        name = f"membership_{what}" + ("_by_loss" if attack == BY_LOSS and len(scores) > 1 else "")
        figures.append(
            Figure(name, one.value, one.low, one.high, n=m + n, better="neither" if differ else "lower", group=group)
        )
        rows.append((attack, group, what, one.value, one.low, one.high, one.p, p, m, n))
    m = int(found.members.sum())
    claim = claimed(model)
    allowed = [within(asked, claim.guarantees())] if claim and whole and not _differ(whole, blind) else []
    notes = [*told_of(said, asked, corrected, m, len(found.members) - m, blind), *allowed, *notes]
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


def _differ(whole: list[Asked], blind: Found | None) -> bool:
    """Whether members and others differ by themselves: then an area beside 0.5 is neither good nor bad news."""
    apart = blind is not None and not blind.low <= 0.5 <= blind.high
    return apart or membership.turned([one.found for one in whole if one.what == "auc"]) is not None


def _judged(attack: str, group: str | None, scores: Array, members: NDArray[np.bool_]) -> list[Asked]:
    m, n = int(members.sum()), int((~members).sum())
    if min(m, n) < LEAST:
        return []
    found = [Asked(attack, group, "auc", m, n, membership.area(scores[members], scores[~members]))]
    if tail := membership.tail(scores[members], scores[~members]):
        found.append(Asked(attack, group, "tpr_at_1_fpr", m, n, tail))
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
