"""What is known of a demo's data beside what was found in it."""

from __future__ import annotations

import math
from typing import Any

from assay.core.demo import Demo, Planted
from assay.core.figure import human, number
from assay.core.record import Record
from assay.learners.schedule import seconds

WORSE = "worse"


def reached(demo: Demo, judged: Record, trained: Record, time: str) -> tuple[str, ...]:
    """The known answer beside what the model reached; far from it, that its ``time`` was the reason.

    Args:
        demo: what is known.
        judged: the record of the model's evaluation.
        trained: that of its training.
        time: its budget, as it was given.
    """
    if demo.known is None:
        return ()
    name, best, why = demo.known
    figure = judged.figure(name)
    around = "" if figure.low is None else f" [{figure.low:.4g}, {figure.high:.4g}]"
    told = (
        f"Known: the best {human(name)} that any model can reach here is {best:.4g}, {why}. "
        f"Reached: {figure.value:.4g}{around}.",
    )
    if demo.enough is None or (figure.value >= demo.enough) == (figure.better == "higher"):
        return told
    return (
        *told,
        f"That is far from it because the time was short: {time} gave {_epochs(trained)} on this machine, or on what other "
        f"work left of it. Give each training more: --time {_longer(time)}.",
    )


def found_again(
    planted: Planted, explained: Record | None, audited: Record | None, leak: Record | None
) -> tuple[str, ...]:
    """What was planted for explanations and audits to find, beside what they found."""
    told = []
    if explained:
        first = explained.table("attribution").rows[0][0]
        told.append(f"Planted: {planted.why} ({planted.part}). The explanation puts first: {first}.")
    if audited:
        worse = [
            f"{number(row['gap'])} [{number(row['low'])}, {number(row['high'])}] in {row['metric']}"
            for row in _rows(audited, "gaps")
            if row["group"] == planted.group and str(row["verdict"]).startswith(WORSE)
        ]
        said = f"{planted.group} is worse off, {worse[0]}" if worse else f"no gap is shown for {planted.group}"
        told.append(f"Planted: {planted.harm} ({planted.group}). The audit finds: {said}.")
    if leak:
        area = leak.figure("membership_auc")
        around = "" if area.low is None else f" [{area.low:.3f}, {area.high:.3f}]"
        told.append(
            "Planted: labels drawn by lot, which can only be learned by heart. The audit tells whom the model was trained "
            f"on with an AUC of {area.value:.3f}{around}, where guessing has 0.5."
        )
    return tuple(told)


def _epochs(trained: Record) -> str:
    curve = trained.table("learning curve")
    epochs = float(curve.rows[-1][curve.columns.index("epoch")])
    return f"{epochs:.2g} epoch{'' if epochs == 1 else 's'}"


def _longer(time: str) -> str:
    """Four times as long, in whole minutes.

    >>> _longer("45s"), _longer("20s")
    ('3min', '2min')
    """
    return f"{math.ceil(4 * seconds(time) / 60)}min"


def _rows(record: Record, name: str) -> list[dict[str, Any]]:
    table = record.table(name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
