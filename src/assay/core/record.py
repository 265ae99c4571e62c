"""A record is what a judge returns: figures, tables, media and where they came from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.core.figure import Figure, finite


@dataclass(frozen=True)
class Table:
    """A named table of JSON-able cells; ``note`` is the sentence that a reader needs beside it."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The table as a JSON object; a cell that is no finite number becomes ``null``, and is read back as an empty one."""
        return {
            "name": self.name,
            "columns": list(self.columns),
            "rows": [finite(row) for row in self.rows],
            "note": self.note,
        }

    @staticmethod
    def from_json(state: dict[str, Any]) -> Table:
        """The inverse of `to_json`."""
        return Table(
            state["name"], tuple(state["columns"]), tuple(tuple(r) for r in state["rows"]), state.get("note", "")
        )


@dataclass(frozen=True)
class Medium:
    """Something to look at: ``kind`` says what ``data`` is (SVG text, a base64 PNG, or plain text)."""

    name: str
    kind: Literal["svg", "png", "text"]
    data: str
    caption: str = ""

    def to_json(self) -> dict[str, Any]:
        """The medium as a JSON object."""
        return {"name": self.name, "kind": self.kind, "data": self.data, "caption": self.caption}

    @staticmethod
    def from_json(state: dict[str, Any]) -> Medium:
        """The inverse of `to_json`."""
        return Medium(**state)


@dataclass(frozen=True)
class Record:
    """What a verb found, of which model and data.

    Attributes:
        verb, task: names.
        model: ``{"hash": …}`` of the artefact judged, or ``None`` (``inspect`` judges data alone).
        data: ``{"fingerprint": …, "n": …, "split": …}``.
        notes: sentences that a reader of the figures must know.
        seconds: how long the verb took.
        when: seconds since the epoch at which it ended.
    """

    verb: str
    task: str
    model: dict[str, Any] | None
    data: dict[str, Any]
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    media: tuple[Medium, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    when: float = field(default_factory=time.time)

    def figure(self, name: str, group: str | None = None) -> Figure:
        """The figure of that name (and group).

        Raises:
            KeyError: there is none.
        """
        for figure in self.figures:
            if figure.name == name and figure.group == group:
                return figure
        raise KeyError(f"no figure {name!r} of group {group!r}; there are {sorted({f.name for f in self.figures})}")

    def table(self, name: str) -> Table:
        """The table of that name.

        Raises:
            KeyError: there is none.
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(f"no table {name!r}; there are {[t.name for t in self.tables]}")

    def to_json(self) -> dict[str, Any]:
        """The record as the JSON object that ``--json`` writes."""
        return {
            "verb": self.verb,
            "task": self.task,
            "model": self.model,
            "data": self.data,
            "figures": [f.to_json() for f in self.figures],
            "tables": [t.to_json() for t in self.tables],
            "media": [m.to_json() for m in self.media],
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "when": round(self.when, 3),
        }

    @staticmethod
    def from_json(state: dict[str, Any]) -> Record:
        """The inverse of `to_json`."""
        return Record(
            verb=state["verb"],
            task=state["task"],
            model=state["model"],
            data=state["data"],
            figures=tuple(Figure.from_json(f) for f in state["figures"]),
            tables=tuple(Table.from_json(t) for t in state["tables"]),
            media=tuple(Medium.from_json(m) for m in state["media"]),
            notes=tuple(state.get("notes", ())),
            seconds=state["seconds"],
            when=state.get("when", 0.0),
        )
