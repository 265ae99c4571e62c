"""What one part of an audit found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.core.figure import Figure
from assay.core.record import Medium, Table


@dataclass(frozen=True)
class Findings:
    """The pieces of a record.

    Attributes:
        figures, tables, media: the evidence.
        notes: sentences for the reader, the most important first.
    """

    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    media: tuple[Medium, ...] = ()
    notes: tuple[str, ...] = ()


def together(parts: Iterable[Findings]) -> Findings:
    """The findings of several parts as one, in their order.

    >>> together([Findings(notes=("one",)), Findings(notes=("two",))]).notes
    ('one', 'two')
    """
    found = list(parts)
    return Findings(
        tuple(figure for part in found for figure in part.figures),
        tuple(table for part in found for table in part.tables),
        tuple(medium for part in found for medium in part.media),
        tuple(note for part in found for note in part.notes),
    )
