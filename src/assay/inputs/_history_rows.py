"""From a table of events (user, item, time) to examples: one history a user and split, by leave-last-out.

The last event of every user is the target of ``test``, the last but one that of ``validation``, and all before are for
training. Events of one user go by time; those of one time stay in the order of the rows. Of an item that a user had more
than once the first event counts: what was seen is never recommended again.

Legend: E events, U users.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.catalogue import item_name
from assay.core.columns import Column, Index
from assay.core.errors import DataError
from assay.core.source import FUTURE, Problem, Source, Split
from assay.inputs._history_columns import Events, times

HISTORY, NEXT = "history", "next"
"""The columns of the examples: what a user had, and what came next."""


class Histories(Sequence[list[str]]):
    """Runs of one long sequence of events, each as the names of its items; nothing is copied."""

    __slots__ = ("_events", "_names", "_start", "_stop")

    def __init__(self, names: Sequence[str], events: Index, start: Index, stop: Index) -> None:
        self._names, self._events, self._start, self._stop = names, events, start, stop

    def __len__(self) -> int:
        return len(self._start)

    def __getitem__(self, at: Any) -> Any:
        run = self._events[self._start[at] : self._stop[at]]
        return [self._names[code] for code in run.tolist()]


@dataclass(frozen=True)
class TargetPlaces:
    """Examples stand where their last event does; where there is no target to look at there, the user is named too."""

    place: Callable[[int], str]
    rows: Index
    users: Sequence[str] = ()

    def __call__(self, row: int) -> str:
        """The place of an example."""
        where = self.place(int(self.rows[row]))
        return f"{where} ({self.users[row]})" if self.users else where


@dataclass(frozen=True)
class _Log:
    """Events in order: by user, then by time.

    Attributes:
        rows: where each stands in the table, ``[E]``.
        items: codes, ``[E]``, positions in ``names``.
        start, stop: the run of each user, ``[U]``.
        users: their names.
    """

    rows: Index
    items: Index
    start: Index
    stop: Index
    names: Sequence[str]
    users: Sequence[str]


def arranged(source: Source, split: Split, events: Events) -> Source:
    """The splits ``train``, ``validation``, ``test`` and `FUTURE` (all that is known of every user, no target).

    A user of two events has no place in training and validation, a user of one none in judging: his event is trained on.
    Columns that are the same in all rows of a user come along.

    Where no user has two events there is only the last of these splits.

    Raises:
        DataError: no event is whole.
    """
    log, problems, notes = _log(source, split, events)
    n = log.stop - log.start
    alone = not (n > 1).any()
    if alone:
        notes.append(
            f'No user (column "{events.user}") has two events of different items, so there is nothing to hold out and '
            f"nothing to learn from. Is {events.user} the user and {events.item} the item? Name them: --set user=… item=…"
        )
    single = int((n == 1).sum())
    if single and not alone:
        notes.append(
            f"{single:,} of {len(n):,} users {'has' if single == 1 else 'have'} one event only: trained on, and left out "
            "of judging."
        )
    if short := int((n == 2).sum()):
        notes.append(f"{short:,} user{' has' if short == 1 else 's have'} two events: in the test split only.")
    attributes, left_out = _attributes(split, log, events)
    if left_out:
        notes.append(f"Columns that differ among the rows of a user were left out: {', '.join(left_out)}.")
    made = {}
    for name, users, known, until in (
        (
            "train",
            np.flatnonzero(((n == 1) & ~np.array(alone)) | (n > 2)),
            np.where(n == 1, 0, n - 3),
            np.where(n == 1, 1, n - 2),
        ),
        ("validation", np.flatnonzero(n > 2), n - 2, n - 1),
        ("test", np.flatnonzero(n > 1), n - 1, n),
        (FUTURE, np.arange(len(n)), n, n),
    ):
        start, stop, end = log.start[users], (log.start + known)[users], (log.start + until)[users]
        first = start if name == "train" else stop
        nexts: Sequence[Any] = Histories(log.names, log.items, first, end)
        if name == FUTURE:
            nexts = [None] * len(users)
        elif name != "train":
            nexts = [log.names[code] for code in log.items[stop].tolist()]
        columns = {
            events.user: Column([log.users[user] for user in users.tolist()]),
            HISTORY: Column(Histories(log.names, log.items, start, stop)),
            NEXT: Column(nexts),
            **{column: cells.take(log.rows[start]) for column, cells in attributes.items()},
        }
        places = TargetPlaces(split.place, log.rows[end - 1], log.users if name == FUTURE else ())
        made[name] = Split(columns, places, problems)
    splits = {name: part for name, part in made.items() if len(part)}
    return replace(source, splits=splits, input=HISTORY, target=NEXT, notes=(*source.notes, *notes))


def _log(source: Source, split: Split, events: Events) -> tuple[_Log, tuple[Problem, ...], list[str]]:
    users, user_names = _coded(split.columns[events.user])
    items, item_names = _coded(split.columns[events.item])
    problems = list(split.problems)
    whole = np.ones(len(users), dtype=np.bool_)
    for column, codes in ((events.user, users), (events.item, items)):
        what = f'column "{column}": it is empty; every event names a user and an item'
        problems += [Problem(split.place(row), what) for row in np.flatnonzero(codes < 0).tolist()]
        whole &= codes >= 0
    notes = []
    when = np.zeros(len(users))
    if events.time is None:
        notes.append(
            "No column of times was found: the rows are taken to stand in the order of the events (--set time=…)."
        )
    else:
        when, wrong = times(split.columns[events.time])
        cells = split.columns[events.time]
        for row in sorted({*wrong, *np.flatnonzero(np.isnan(when)).tolist()}):
            cell = cells[row]
            shown = "it is empty" if cell is None else f'"{str(cell)[:40]}" is not accepted'
            accepted = "Accepted: a number, or a date as in 2024-05-31 or 2024-05-31T18:30:00Z"
            problems.append(Problem(split.place(row), f'column "{events.time}": {shown}. {accepted}'))
            whole[row] = False
    rows = np.flatnonzero(whole)
    if not len(rows):
        raise DataError(f"{source.name}: not one row is a whole event. The first: {problems[0]}")
    order = rows[np.lexsort((when[rows], users[rows]))]  # stable: rows of one user and time keep their order
    notes += _order_notes(users, when, order)
    kept = _first(users[order], items[order], len(item_names))
    if again := len(order) - int(kept.sum()):
        notes.append(
            f"{again:,} of {len(order):,} events are of an item that the user had before, and were dropped: the first one "
            "counts, since nothing is recommended again."
        )
    order = order[kept]
    start = np.flatnonzero(np.diff(users[order], prepend=-1))
    stop = np.append(start[1:], len(order))
    names = [user_names[code] for code in users[order][start].tolist()]
    return _Log(order, items[order].astype(np.int64), start, stop, item_names, names), tuple(problems), notes


def _coded(column: Column) -> tuple[Index, list[str]]:
    """Positions among the names, ``[E]``, in the order in which these first appear; −1 where there is none."""
    known: dict[Any, int] = {}
    names: dict[str, int] = {}
    codes = np.empty(len(column), dtype=np.int64)
    for at, cell in enumerate(column.tolist()):
        code = known.get(cell)
        if code is None:
            name = item_name(cell)
            code = known[cell] = -1 if name is None else names.setdefault(name, len(names))
        codes[at] = code
    return codes, list(names)


def _first(users: Index, items: Index, count: int) -> NDArray[np.bool_]:
    """Which events are the user's first of that item, ``[E]``."""
    kept = np.zeros(len(users), dtype=np.bool_)
    kept[np.unique(users * count + items, return_index=True)[1]] = True
    return kept


def _order_notes(users: Index, when: NDArray[np.float64], order: Index) -> list[str]:
    """A note where the times of a user go backwards in the order of the rows."""
    by_row = np.sort(order)
    by_row = by_row[np.argsort(users[by_row], kind="stable")]
    back = (np.diff(users[by_row]) == 0) & (np.diff(when[by_row]) < 0)
    if not back.any():
        return []
    count = len(np.unique(users[by_row][1:][back]))
    of = "1 user" if count == 1 else f"{count:,} users"
    return [f"The rows of {of} do not stand in the order of their times; each user's events were sorted by time."]


def _attributes(split: Split, log: _Log, events: Events) -> tuple[dict[str, Column], list[str]]:
    """The columns that have one value for every user, and the names of the others."""
    kept, left_out = {}, []
    owner = np.repeat(np.arange(len(log.start)), log.stop - log.start)
    taken = {events.user, events.item, events.time, HISTORY, NEXT}
    for name, column in split.columns.items():
        if name in taken:
            continue
        codes, _ = _coded(column)
        codes = codes[log.rows]
        if np.array_equal(codes, codes[log.start][owner]):
            kept[name] = column
        else:
            left_out.append(name)
    return kept, left_out
