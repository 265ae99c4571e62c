"""What corruptions did, as tables and as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.figure import Figure, human, number
from assay.core.record import Table
from assay.methods.intervals import adjust

LEVEL = 0.05  # of a false alarm among all verdicts of a table
WORSE, BETTER, CHANGED, SAME, UNKNOWN = "worse", "better", "changed", "no change shown", "cannot tell"


@dataclass(frozen=True)
class Asked:
    """One metric under one corruption and severity: its value, its paired distance from clean, and the p-value of none."""

    kind: str
    severity: int
    value: Figure
    apart: Figure
    p: float


@dataclass(frozen=True)
class Fall:
    """The first metric under one corruption, as the mean over all severities."""

    kind: str
    value: Figure
    apart: Figure
    p: float


def summary(falls: Sequence[Fall], clean: Figure) -> Table:
    """One row a corruption, the most harmful first."""
    rows = []
    for fall, p, verdict in ranked(falls):
        ends = (fall.apart.low, fall.apart.high)
        rows.append(
            (human(fall.kind), clean.value, fall.value.value, fall.apart.value, *ends, fall.apart.n, p, verdict)
        )
    columns = ("corruption", "clean", "corrupted", "difference", "low", "high", "n", "p_adjusted", "verdict")
    note = (
        f"The {human(clean.name)}, clean and as the mean over five severities, and the paired difference with its 95 % "
        "interval. Verdicts are corrected for the number of rows (Holm)."
    )
    return Table("corruptions", columns, tuple(tuple(_plain(cell) for cell in row) for row in rows), note)


def curves(clean: Sequence[Figure], asked: Sequence[Asked]) -> Table:
    """One row a corruption, severity and metric; clean inputs have the severity 0 and no corruption."""
    rows: list[tuple[Any, ...]] = [
        ("none", 0, f.name, f.value, f.low, f.high, None, None, None, f.n, None, "") for f in clean
    ]
    for one, p in zip(asked, adjust([one.p for one in asked]), strict=True):
        value, apart = one.value, one.apart
        told = (value.value, value.low, value.high, apart.value, apart.low, apart.high, value.n, p)
        rows.append((human(one.kind), one.severity, value.name, *told, _verdict(apart, p, len(asked))))
    columns = ("corruption", "severity", "metric", "value", "low", "high", "difference", "difference_low",
               "difference_high", "n", "p_adjusted", "verdict")  # fmt: skip
    note = (
        "Every metric by corruption and severity, with 95 % intervals, and its paired difference from clean inputs. "
        "Verdicts are corrected for the number of rows (Holm)."
    )
    return Table("robustness", columns, tuple(tuple(_plain(cell) for cell in row) for row in rows), note)


def ranked(falls: Sequence[Fall]) -> list[tuple[Fall, float, str]]:
    """Each fall with its adjusted p-value and its verdict, the most harmful first."""
    adjusted = adjust([fall.p for fall in falls])
    found = [(fall, p, _verdict(fall.apart, p, len(falls))) for fall, p in zip(falls, adjusted, strict=True)]
    return sorted(found, key=lambda one: (one[2] == UNKNOWN, -_harm(one[0].apart)))


def verdict_note(falls: Sequence[Fall], asked: Sequence[Asked], clean: Figure) -> str:
    """Which corruption hurts most, and which are not shown to hurt."""
    order = ranked(falls)
    name, single = human(clean.name), _single(order, asked, clean)
    worst, _, verdict = order[0]
    if verdict not in (WORSE, CHANGED):
        if verdict == UNKNOWN:
            return f"Robustness: with so few examples it cannot be told whether any corruption changes the {name}."
        return (
            f"Robustness: no corruption is shown to make the {name} worse on average over five severities; the largest "
            f"change, under {human(worst.kind)}, is {_signed(worst.apart)}.{single}"
        )
    severest = max((a for a in asked if a.kind == worst.kind and a.value.name == clean.name), key=lambda a: a.severity)
    hurt = sum(1 for *_, v in order if v == verdict)
    spared = [human(fall.kind) for fall, _, v in order if v not in (WORSE, CHANGED)]
    text = (
        f"Robustness: the model suffers most from {human(worst.kind)}: its {name} goes from {number(clean.value)} to "
        f"{number(worst.value.value)} on average over five severities ({_signed(worst.apart)}), and to "
        f"{number(severest.value.value)} at the severest. {hurt} of {len(order)} corruptions "
        f"{'is' if hurt == 1 else 'are'} shown to make it worse"
    )
    text += f"; of {', '.join(spared)} no harm is shown." if spared else "."
    return text + single


def _single(order: Sequence[tuple[Fall, float, str]], asked: Sequence[Asked], clean: Figure) -> str:
    """The severities that by themselves are shown to be harmful, of corruptions whose mean over all of them is not."""
    spared = {fall.kind for fall, _, verdict in order if verdict not in (WORSE, CHANGED)}
    found: dict[str, list[str]] = {}
    for one, p in zip(asked, adjust([one.p for one in asked]), strict=True):
        if (
            one.kind in spared
            and one.value.name == clean.name
            and _verdict(one.apart, p, len(asked)) in (WORSE, CHANGED)
        ):
            found.setdefault(one.kind, []).append(str(one.severity))
    named = "; ".join(f"{human(kind)} at {', '.join(severities)}" for kind, severities in found.items())
    return f" At single severities harm is shown: {named}." if found else ""


def calibration_note(clean: Figure, mean: Figure, apart: Figure, p: float, chance: float) -> str:
    """Whether confidence can be believed under corruption as far as it can be without."""
    start = f"Calibration error: {number(clean.value)}{clean.interval()} on clean inputs"
    start += f" (perfect confidence would show about {number(chance)} at this n)"
    if not p < LEVEL:
        return f"{start}; no change under corruption is shown ({_signed(apart)})."
    less = "less" if apart.value > 0 else "better"
    return (
        f"{start}, {number(mean.value)} on corrupted ones: confidence can be believed {less} there ({_signed(apart)})."
    )


def _verdict(apart: Figure, p: float, count: int) -> str:
    """In one word, from a p-value that is corrected already, for ``count`` of them. Nothing is known where so few examples
    could not show a change though it befell every one of them (a test of signs)."""
    if math.isnan(p):
        return UNKNOWN
    if p >= LEVEL:
        return UNKNOWN if count * 2.0 ** (1 - apart.n) >= LEVEL else SAME
    return CHANGED if apart.better == "neither" else WORSE if _harm(apart) > 0 else BETTER


def _harm(apart: Figure) -> float:
    """How far a difference goes the wrong way; either way where none is better."""
    return {"higher": -apart.value, "lower": apart.value, "neither": abs(apart.value)}[apart.better]


def _signed(figure: Figure) -> str:
    plus = "+" if figure.value > 0 else ""
    unit = f" {figure.unit}" if figure.unit else ""
    return f"{plus}{number(figure.value)}{unit}{figure.interval()}"


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
