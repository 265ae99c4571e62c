"""Whether explanations can be trusted: what they leave over, whether they find what matters sooner than chance does, whether
a second run says the same, and whether they still say it of a network that has forgotten everything.

Legend: P parts, C claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from assay.core.figure import Better, Figure, number
from assay.core.metric import Array
from assay.core.model import Model
from assay.methods.attribution import Attribution
from assay.methods.intervals import over_runs
from assay.methods.scrambled import scrambled
from assay.verbs._explain_curves import curves
from assay.verbs._explain_methods import attributed, by_chance
from assay.verbs._explain_player import Case, Player
from assay.verbs._findings import Findings, together

JUDGED = 20  # examples of many whose explanations are tried
REPEATED = 5  # of which a second run is made
SCRAMBLES = 5  # networks with shuffled weights, over which examples are spread
ROUNDING = 1e-6  # of a value: what a network's sums are off by anyway
SURVIVES = 0.5  # correlation above which an explanation does not depend on what was learned


def evidence(
    model: Model,
    player: Player,
    cases: Sequence[Case],
    found: Sequence[Attribution],
    method: str,
    budget: int,
    *,
    seed: int,
    sanity: bool,
) -> Findings:
    """The figures, tables and notes that say how far ``found`` can be trusted. Of many examples up to `JUDGED` are tried."""
    at = np.unique(np.linspace(0, len(cases) - 1, num=min(JUDGED, len(cases))).round().astype(int)).tolist()
    tried = [at_ for at_ in at if len(cases[at_].parts) > 1]
    parts = [_gap(cases, found)]
    if tried:
        some, theirs = [cases[i] for i in tried], [found[i] for i in tried]
        parts.append(curves(player, some, theirs, seed))
        parts.append(_agreement(player, some, theirs, method, budget, seed))
        if sanity:
            parts.append(_sanity(model, some, theirs, method, budget, seed))
    else:
        parts.append(Findings(notes=("There is one part only, and all of the answer is its.",)))
    return together(parts)


def _gap(cases: Sequence[Case], found: Sequence[Attribution]) -> Findings:
    """How far values miss what all parts add together, on average over the examples."""
    gaps = []
    for case, one in zip(cases, found, strict=True):
        gap, all_, none = (abs(float(column[case.chosen])) for column in (one.gap, one.full, one.empty))
        most = float(np.abs(one.values[:, case.chosen]).max(initial=0))
        gaps.append(0.0 if gap <= ROUNDING * max(all_, none, most) else gap)
    return Findings((_mean("efficiency_gap", gaps, "lower"),)) if np.isfinite(gaps).all() else Findings()


def _agreement(
    player: Player, cases: Sequence[Case], found: Sequence[Attribution], method: str, budget: int, seed: int
) -> Findings:
    """The correlation with the values of a second run; 1 for methods without chance, which need none."""
    if not any(by_chance(method, budget, len(case.parts)) for case in cases):
        return Findings((Figure("agreement", 1.0, n=len(cases), better="higher"),))
    cases, found = cases[:REPEATED], found[:REPEATED]
    again = attributed(player, cases, method, budget, seed + 1)
    return Findings((_correlations("agreement", _alike(cases, found, again), "higher"),))


def _sanity(
    model: Model, cases: Sequence[Case], found: Sequence[Attribution], method: str, budget: int, seed: int
) -> Findings:
    """The correlation with what is said of the same network with shuffled weights."""
    alike: list[float] = []
    if len(cases) < SCRAMBLES:
        cases, found = list(cases) * SCRAMBLES, list(found) * SCRAMBLES
    for turn in range(SCRAMBLES):
        other = replace(model, network=scrambled(model.network, torch.Generator().manual_seed(seed + turn)))
        some, theirs = cases[turn::SCRAMBLES], found[turn::SCRAMBLES]
        again = attributed(Player(other), some, method, budget, seed + turn)
        alike += _alike(some, theirs, again)
    figure = _correlations("sanity_correlation", alike, "neither")
    low = figure.value if figure.low is None else figure.low
    if figure.value > SURVIVES and low > 0:
        return Findings(
            (figure,),
            notes=(
                f"With its weights shuffled the network is explained much the same (correlation {number(figure.value)}"
                f"{figure.interval()}): what is shown is of the input, and not of what the network learned.",
            ),
        )
    return Findings((figure,))


def _alike(cases: Sequence[Case], a: Sequence[Attribution], b: Sequence[Attribution]) -> list[float]:
    """The correlation of two explanations of each example; 0 where all parts of one count the same."""
    return [
        _correlation(one.values[:, case.chosen], other.values[:, case.chosen])
        for case, one, other in zip(cases, a, b, strict=True)
    ]


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / size) if size > 0 else 0.0


def _mean(name: str, values: Sequence[float], better: Better) -> Figure:
    return over_runs(name, values, better=better)


def _correlations(name: str, values: Sequence[float], better: Better) -> Figure:
    """Their mean, its interval within −1 … 1."""
    figure = _mean(name, values, better)
    if figure.low is None or figure.high is None:
        return figure
    return replace(figure, low=max(figure.low, -1.0), high=min(figure.high, 1.0))
