"""A source is what a reader returns: raw columns by split, before anybody says which is input and which is target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from assay.core.columns import Column

SPLITS = ("train", "validation", "test")
WHOLE = "all"  # the name of the split of a source that holds none
FUTURE = "future"  # the name of a split without targets: asked for predictions, and never learned from or judged on


@dataclass(frozen=True)
class Problem:
    """Something in the data that a user can mend.

    Attributes:
        where: the file and line (or row) it stands at.
        what: what is wrong there, what is accepted, and the nearest right thing.
        row: the example's position in its split; ``None`` where it never became one (a ragged line).
    """

    where: str
    what: str
    row: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Split:
    """The columns of one split and the place of each of its rows.

    Attributes:
        columns: name → cells, all of one length.
        place: from a row number to ``file`` or ``file:line``, for errors.
        problems: lines that could not become rows.
    """

    columns: Mapping[str, Column]
    place: Callable[[int], str]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


@dataclass(frozen=True)
class Source:
    """What stands on disk under one name.

    Attributes:
        name: as the user gave it.
        format: the reader's name for it.
        splits: ``train``, ``validation``, ``test``, or the one split `WHOLE`.
        fingerprint: a hash of the content (not of names or dates).
        input: the column that the format itself says is the input, if it does.
        target: the same for the target.
        notes: what a user should know of how it was read (a guessed encoding, a file left out); no row is wrong for it.
        root: the folder that relative paths in its cells start from, and that none may leave; ``None`` in memory.
    """

    name: str
    format: str
    splits: Mapping[str, Split]
    fingerprint: str
    input: str | None = None
    target: str | None = None
    notes: tuple[str, ...] = ()
    root: Path | None = None


class Reader(Protocol):
    """A module in ``assay.readers``: one format on disk."""

    FORMAT: str
    LAYOUT: str  # one line that shows a user what the format looks like

    def reads(self, path: Any) -> bool:
        """Whether ``path`` is of this format. Cheap: looks at names and first bytes."""

    def read(self, path: Any) -> Source:
        """The source at ``path``.

        Raises:
            DataError: it cannot be read; names the file and line.
        """

    # A reader may also have ``offer(text)``: what was meant by a text that names nothing, in a sentence.


def as_reader(module: ModuleType) -> Reader:
    """The module seen as a reader (a structural check that our own readers are tested for)."""
    return module
