"""What a verb is made of: a module in ``assay.verbs`` with a ``Config`` and a ``run``.

``run(model, data, config, watch) → Outcome``: the parameters before ``config`` are what the user names, in that order; a
`Model` may be given as its folder, a `Task` as its name. ``Config`` is a frozen, keyword-only dataclass whose fields are
the options. The command and the Python function of the verb's name are both made from these two.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from assay.core.record import Record


@dataclass(frozen=True)
class Outcome:
    """What a verb hands back.

    Attributes:
        value: what the Python function returns: a model, a record, predictions, a path.
        record: what ``--json`` writes and the terminal shows.
        text: what the command prints on standard output in place of the record.
    """

    value: Any
    record: Record
    text: str | None = None


class Watch(Protocol):
    """Who looks on while a verb works: a live display, plain lines, or nobody.

    Attributes:
        started: `time.perf_counter` when the user asked; budgets of time count from there.
    """

    started: float

    def progress(self, what: str, done: int, total: int, facts: Mapping[str, str] | None = None) -> None:
        """``done`` of ``total`` units of ``what`` are finished; ``facts`` are further columns (loss, time left …)."""

    def say(self, text: str) -> None:
        """A sentence that stays on the screen."""


class Silence:
    """Nobody looks on."""

    def __init__(self) -> None:
        self.started = time.perf_counter()

    def progress(self, what: str, done: int, total: int, facts: Mapping[str, str] | None = None) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""
