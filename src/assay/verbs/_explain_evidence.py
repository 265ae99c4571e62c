"""Whether explanations can be trusted: what they leave over, whether they find what matters sooner than chance does, whether
a second run says the same, and whether they still say it of a network that has forgotten everything.

Legend: P parts, C claims.
"""

from __future__ import annotations

import math
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
from assay.verbs._explain_methods import ROUNDING, attributed, by_chance, drawn, rounding
from assay.verbs._explain_player import Case, Player
from assay.verbs._findings import Findings, together

JUDGED = 20  # examples of many whose explanations are tried
REPEATED = 5  # of which a second run is made
SCRAMBLES = 5  # networks with shuffled weights, over which examples are spread
AGREES = 0.8  # correlation of two runs below which they do not say the same
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
    parts = [_gap(model, cases, found)]
    if tried:
        some, theirs = [cases[i] for i in tried], [found[i] for i in tried]
        parts.append(curves(player, some, theirs, seed))
        parts.append(_agreement(player, some, theirs, method, budget, seed))
        if sanity:
            parts.append(_sanity(player, some, theirs, method, budget, seed))
    else:
        parts.append(Findings(notes=("There is one part only, and all of the answer is its.",)))
    return together(parts)


def _gap(model: Model, cases: Sequence[Case], found: Sequence[Attribution]) -> Findings:
    """How far values miss what all parts add together, on average over the examples."""
    gaps = []
    for case, one in zip(cases, found, strict=True):
        gap = abs(float(one.gap[case.chosen]))
        noise = len(case.parts) * float(rounding(model, case, one)[case.chosen])  # each part's is left out or kept
        gaps.append(0.0 if gap <= noise else gap)
    return Findings((_mean("efficiency_gap", gaps, "lower"),)) if np.isfinite(gaps).all() else Findings()


def _agreement(
    player: Player, cases: Sequence[Case], found: Sequence[Attribution], method: str, budget: int, seed: int
) -> Findings:
    """The correlation with the values of a second run; 1 for methods without chance, which need none."""
    sampled = any(by_chance(method, budget, len(case.parts)) for case in cases)
    if not sampled and not drawn(player.model, method):
        return Findings((Figure("agreement", 1.0, n=len(cases), better="higher"),))
    cases, found = cases[:REPEATED], found[:REPEATED]
    again = attributed(replace(player, seed=seed + 1), cases, method, budget, seed + 1)
    alike = _alike(cases, found, again)
    if not alike:
        return Findings()
    figure = _correlations("agreement", alike, "higher")
    if figure.value >= AGREES:
        return Findings((figure,))
    more = f"; a larger --budget (it was {budget:,}) makes them surer" if sampled else ""
    said = f"Another run says other things (agreement {number(figure.value)}): do not rely on small differences"
    return Findings((figure,), notes=(f"{said} between parts{more}.",))


def _sanity(
    player: Player, cases: Sequence[Case], found: Sequence[Attribution], method: str, budget: int, seed: int
) -> Findings:
    """The correlation with what is said of the same network with shuffled weights."""
    alike: list[float] = []
    if len(cases) < SCRAMBLES:
        cases, found = list(cases) * SCRAMBLES, list(found) * SCRAMBLES
    for turn in range(SCRAMBLES):
        other = replace(
            player.model, network=scrambled(player.model.network, torch.Generator().manual_seed(seed + turn))
        )
        some, theirs = cases[turn::SCRAMBLES], found[turn::SCRAMBLES]
        again = attributed(replace(player, model=other, watch=None), some, method, budget, seed + turn)
        alike += _alike(some, theirs, again)
    if not alike:
        return Findings()
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
    """The correlation of two explanations of each example, without those of which neither tells one part from another."""
    each = [
        correlation(one.values[:, case.chosen], other.values[:, case.chosen])
        for case, one, other in zip(cases, a, b, strict=True)
    ]
    return [value for value in each if not math.isnan(value)]


def correlation(a: Array, b: Array) -> float:
    """The correlation of two rows of values; 0 where all of one are the same, nan where all of both are.

    >>> same, other = np.full(3, 0.1), np.array([1.0, 2.0, 3.0])
    >>> correlation(same, other), correlation(same, 0 * same), round(correlation(other, 2 * other), 9)
    (0.0, nan, 1.0)
    """
    a, b = _centred(a), _centred(b)
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not any(sizes):
        return math.nan
    return float(a @ b / (sizes[0] * sizes[1])) if all(sizes) else 0.0


def _centred(values: Array) -> Array:
    return values - values.mean() if np.ptp(values) > ROUNDING * np.abs(values).max() else np.zeros_like(values)


def _mean(name: str, values: Sequence[float], better: Better) -> Figure:
    return over_runs(name, values, better=better)


def _correlations(name: str, values: Sequence[float], better: Better) -> Figure:
    """Their mean, its interval within −1 … 1."""
    figure = _mean(name, values, better)
    if figure.low is None or figure.high is None:
        return figure
    return replace(figure, low=max(figure.low, -1.0), high=min(figure.high, 1.0))
