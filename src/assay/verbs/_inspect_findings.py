"""What `inspect` gathers: a finding has a weight, a sentence where a user must act, and its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.core.figure import Better, Figure
from assay.core.record import Medium, Record, Table
from assay.methods.proportions import wilson

LISTED = 200  # rows of a table
LISTED_PROBLEMS = 10_000  # these must be mended one by one, so they are listed in full
MEDIA_BYTES = 4_000_000  # of all that is shown


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        weight: how much it matters; the heaviest is told first.
        note: the sentence to act upon; empty where all is well.
        figures, tables, media: the evidence.
    """

    weight: int = 0
    note: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    media: tuple[Medium, ...] = ()


def share(name: str, count: int, n: int, *, group: str | None = None, better: Better = "lower") -> Figure:
    """A share of examples with its Wilson interval."""
    low, high = wilson(count, n) if n else (None, None)
    return Figure(name, count / n if n else float("nan"), low, high, n, better=better, group=group)


def table(
    name: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]], note: str = "", most: int = LISTED
) -> tuple[Table, ...]:
    """The table, cut to ``most`` rows with the total in its note; none where there are no rows."""
    if not rows:
        return ()
    if len(rows) > most:
        note = f"{note} The first {most:,} of {len(rows):,} rows are listed.".strip()
    return (Table(name, tuple(columns), tuple(rows[:most]), note),)


def amount(n: int, what: str) -> str:
    """``n`` with its noun.

    >>> amount(1, "example"), amount(2000, "example"), amount(2, "class")
    ('1 example', '2,000 examples', '2 classes')
    """
    plural = what + ("es" if what.endswith("s") else "s")
    return f"{n:,} {what if n == 1 else plural}"


def verb(n: int, one: str, many: str) -> str:
    """The form of a verb for ``n`` of something.

    >>> verb(1, "is", "are"), verb(2, "is", "are")
    ('is', 'are')
    """
    return one if n == 1 else many


def some(names: Iterable[str], most: int = 5) -> str:
    """A few names in quotation marks, and how many more there are.

    >>> some(["a", "b", "c"], 2)
    '"a", "b" and 1 more'
    """
    given = list(names)
    more = f" and {len(given) - most:,} more" if len(given) > most else ""
    return ", ".join(f'"{name}"' for name in given[:most]) + more


def gathered(findings: Iterable[Finding], remarks: Sequence[str], record: Record) -> Record:
    """``record`` with all findings in it: the heaviest first, and media as far as their bytes are within the bound."""
    ordered = sorted(findings, key=lambda finding: -finding.weight)
    told = [finding.note for finding in ordered if finding.note]
    media: list[Medium] = []
    room = MEDIA_BYTES
    for medium in (medium for finding in ordered for medium in finding.media):
        room -= len(medium.data)
        if room >= 0:
            media.append(medium)
    total = Figure("findings", len(told), n=record.data["n"], better="lower")
    state = {**vars(record)}
    state["figures"] = (total, *(figure for finding in ordered for figure in finding.figures))
    state["tables"] = tuple(table for finding in ordered for table in finding.tables)
    state["media"] = tuple(media)
    state["notes"] = (*told, *remarks)
    return Record(**state)
