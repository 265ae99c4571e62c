"""What is known of a demo's data beside what was found in it."""

from __future__ import annotations

from typing import Any

from assay.core.demo import Demo, Planted
from assay.core.figure import human, number
from assay.core.record import Record

WORSE = "worse"


def reached(demo: Demo, judged: Record) -> tuple[str, ...]:
    """The known answer beside what the model reached."""
    if demo.known is None:
        return ()
    name, best, why = demo.known
    figure = judged.figure(name)
    around = "" if figure.low is None else f" [{figure.low:.4g}, {figure.high:.4g}]"
    return (
        f"Known: the best {human(name)} that any model can reach here is {best:.4g}, {why}. "
        f"Reached: {figure.value:.4g}{around}.",
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


def _rows(record: Record, name: str) -> list[dict[str, Any]]:
    table = record.table(name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
