"""What attacks on a model found, in words: every sentence names the attack that it speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.figure import number
from assay.methods import membership
from assay.methods.membership import FALSE_POSITIVES, LEAK, NO_LEAK, Found

BY_LOSS, BY_REFERENCES = "loss", "reference models"
SHOWN = 0.025  # a corrected, one-sided p-value that shows something


@dataclass(frozen=True)
class Asked:
    """What one attack can do: ``auc`` or ``tpr_at_1_fpr``, of all or of a group, with how many members and others."""

    attack: str
    group: str | None
    what: str
    members: int
    others: int
    found: Found


def told_of(
    said: str, asked: Sequence[Asked], corrected: Sequence[float], members: int, others: int, blind: Found | None
) -> list[str]:
    """The verdict, what the other attack found where there are two, and the groups in which members are found.

    Args:
        said: the verdict.
        asked: everything that was asked, with its corrected p-value in ``corrected``.
        members, others: how many were told apart.
        blind: as in `assay.methods.membership.verdict`.
    """
    whole = [one for one in asked if one.group is None]
    areas = [one for one in whole if one.what == "auc"]
    apart = blind is not None and not blind.low <= 0.5 <= blind.high  # members and others, by themselves
    many, by = len(areas) > 1, " and by ".join(one.attack for one in areas)
    sample = f"{members:,} examples that it was trained on and {others:,} that were held out"
    if not areas:  # a lone reference model leaves half of the examples out
        return [
            f"Privacy: cannot tell: of {sample}, those that a reference model was not trained on are fewer than "
            f"{membership.LEAST} on a side. An even number of --references leaves none out."
        ]
    if said == LEAK:
        best = max(areas if apart else whole, key=lambda one: one.found.low - _chance(one))
        size = f"{_size(best)} (chance is {100 * _chance(best):.0f} %; {sample})"
        first = f"Privacy: {said}: the attack by {best.attack} {_does(best)} {size}."
    elif said == NO_LEAK:
        best = max(areas, key=lambda one: one.found.high)
        first = (
            f"Privacy: {said} by {'these attacks' if many else 'this attack'} (by {by}): with {sample}, the area "
            f"under the curve is {number(best.found.high)} at most, where chance is 0.5. Another attack could find more."
        )
    elif apart and blind is not None:
        best = areas[0]
        found = " and ".join(f"{number(one.found.value)} (by {one.attack})" for one in areas)
        round_ = f", {number(1 - blind.value)} when turned round" if blind.value < 0.5 else ""
        size = f"{number(blind.value)} [{number(blind.low)}, {number(blind.high)}]{round_}"
        first = (
            "Privacy: cannot tell: training and held-out examples differ by themselves. Models that were not trained on "
            f"them tell them apart with an area of {size}, where 0.5 is none, so up to {number(membership.beyond(blind))} "
            f"may be no memory; the {'attacks reach' if many else 'attack reaches'} {found}. "
            "Held-out examples of the same kind as those of the training would tell."
        )
    elif said != LEAK and (turned := membership.turned([one.found for one in areas])) is not None:
        best = next(one for one in areas if one.found == turned)
        first = (
            "Privacy: cannot tell: training and held-out examples differ by themselves. The attack by "
            f"{best.attack} {_does(best)} {_size(best)} only, less often than by chance ({sample}), which no memory "
            "explains and which can hide some. Held-out examples of the same kind as those of the training would tell."
        )
    else:
        best, least = areas[0], membership.smallest_area(members, others)
        first = (
            f"Privacy: cannot tell at this n: with {sample}, an area of {number(least)} or more would most probably have "
            f"been shown, and the attack by {best.attack} found {number(best.found.value)} [{number(best.found.low)}, "
            f"{number(best.found.high)}], where chance is 0.5."
        )
    of_all = said == NO_LEAK or (said != LEAK and apart)  # the first sentence speaks of every attack
    second = [one for one in whole if one.attack != best.attack and one.what == best.what and not of_all]
    more = [f"The attack by {one.attack} {_does(one)} {_size(one)}." for one in second]
    return [first, *_groups(asked, corrected, best.attack), *more]


def within(asked: Sequence[Asked], guarantees: Sequence[tuple[float, float]]) -> str:
    """What the claimed privacy allows an attack, beside the surest that was shown.

    Args:
        asked: everything that was asked.
        guarantees: the ε and δ that is claimed, and others that hold with it.
    """
    epsilon, delta = guarantees[0]
    area, tail = membership.largest(guarantees)
    most = {"auc": area, "tpr_at_1_fpr": tail}
    beyond = [one for one in asked if one.group is None and one.found.low > most[one.what]]
    held = "neither is shown to be exceeded"
    if beyond:
        best = max(beyond, key=lambda one: one.found.low - most[one.what])
        held = (
            f"the attack by {best.attack} {_does(best)} {_size(best)}, so the claim is wrong, or held-out examples are of "
            "another kind"
        )
    return (
        f"A training with the noise of this one (ε = {epsilon:g}, δ = {number(delta)}) lets an attack have an area of "
        f"{number(area)} at most, and find {100 * tail:.1f} % of the training examples when it accuses "
        f"{100 * FALSE_POSITIVES:g} % of the others: {held}."
    )


def _does(one: Asked) -> str:
    if one.what == "auc":
        return "ranks a training example above a held-out one in"
    return f"accuses {100 * FALSE_POSITIVES:g} % of the held-out examples and finds, of the training examples,"


def _size(one: Asked) -> str:
    value, low, high = (f"{100 * share:.1f} %" for share in (one.found.value, one.found.low, one.found.high))
    return f"{value} [{low}, {high}]" + (" of pairs" if one.what == "auc" else "")


def _chance(one: Asked) -> float:
    return 0.5 if one.what == "auc" else FALSE_POSITIVES


def _groups(asked: Sequence[Asked], corrected: Sequence[float], attack: str) -> list[str]:
    """The groups whose members this attack finds, after correction for all that was asked."""
    named = [
        f"{one.group} ({number(one.found.value)})"
        for one, p in zip(asked, corrected, strict=True)
        if one.attack == attack and one.group is not None and one.what == "auc" and p <= SHOWN
    ]
    if not named:
        return []
    return [
        f"Groups in which the area of the attack by {attack} is above 0.5, corrected for all that were asked about: "
        f"{', '.join(named)}."
    ]
