"""Whether the parts that are said to count most move the answer most: put in, and taken out, next to random orders.

Legend: N examples, R random orders, S steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.figure import Figure
from assay.core.metric import Array
from assay.core.record import Table
from assay.methods.attribution import Attribution
from assay.methods.intervals import over_runs
from assay.methods.removal import Removal, asked
from assay.methods.removal import curves as of_answers
from assay.verbs._explain_player import Case, Player
from assay.verbs._findings import Findings

ALONE, AMONG = 16, 4  # random orders for one example, and for each of several
GRID = 11  # shares of the parts at which curves of several examples are averaged


def curves(player: Player, cases: Sequence[Case], found: Sequence[Attribution], seed: int) -> Findings:
    """``deletion_gain`` and ``insertion_gain``, and a sentence where they do not show that the order is better than chance.

    Their intervals are over examples; of one example, over the random orders.
    """
    rng = np.random.default_rng([seed, 2])
    orders = ALONE if len(cases) == 1 else AMONG
    values = [one.values[:, case.chosen] for case, one in zip(cases, found, strict=True)]
    answers = player.values(cases, [asked(value, orders, rng) for value in values])
    each = [of_answers(answer[:, case.chosen], len(case.parts)) for case, answer in zip(cases, answers, strict=True)]
    figures = []
    for name in ("insertion", "deletion"):
        gains: list[Array] = [getattr(one, f"{name}_gains") for one in each]
        runs = gains[0] if len(each) == 1 else [gain.mean() for gain in gains]
        figures.append(over_runs(f"{name}_gain", [float(run) for run in runs], better="higher"))
    return Findings(tuple(figures), (_table(each),), notes=_doubts(figures, len(cases)))


def _doubts(figures: Sequence[Figure], count: int) -> tuple[str, ...]:
    weak = [figure for figure in figures if figure.low is None or figure.low <= 0]
    if not weak:
        return ()
    names = " and ".join(str(figure).replace("_", " ") for figure in weak)
    what, them = ("This explanation is", "it") if count == 1 else ("These explanations are", "them")
    much = "" if len(weak) == len(figures) else " in both ways"
    return (f"{what} not shown to beat a random order of the parts{much} ({names}): do not rely on {them}.",)


def _table(each: Sequence[Removal]) -> Table:
    """The curves, averaged over the examples, with the middle 95 % of the random ones."""
    grid = each[0].share if len(each) == 1 else np.linspace(0, 1, GRID)
    rows = []
    for name in ("insertion", "deletion"):
        own = np.mean([np.interp(grid, one.share, getattr(one, name)) for one in each], axis=0)
        drawn = np.array(
            [[np.interp(grid, one.share, row) for row in getattr(one, f"random_{name}")] for one in each]
        )  # [N, R, S]
        middle = drawn.mean((0, 1))
        low, high = np.quantile(drawn.mean(0), (0.025, 0.975), axis=0)
        rows += [(name, *map(float, row)) for row in zip(grid, own, middle, low, high, strict=True)]
    note = "Shares of the range of values that was met; the random columns are of random orders of the same parts."
    return Table("faithfulness", ("curve", "share", "value", "random", "random_low", "random_high"), tuple(rows), note)
