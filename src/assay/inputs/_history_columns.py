"""Which columns of a table say who had what, and when; and times as numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.columns import Column
from assay.core.errors import DataError, nearest

USUAL = {
    "user": "user userid uid customer customerid visitor visitorid session sessionid account accountid member memberid "
    "reviewer reviewerid client clientid person",
    "item": "item itemid iid product productid movie movieid film filmid article articleid track trackid song songid "
    "book bookid isbn asin sku business businessid video videoid game gameid",
    "time": "time timestamp ts date datetime unixtime eventtime createdat playedat clickedat when",
}


@dataclass(frozen=True)
class Events:
    """The columns of a table of events.

    Attributes:
        user, item: their names.
        time: its name; ``None`` where there is none, and the order of the rows is that of the events.
    """

    user: str
    item: str
    time: str | None


def find(columns: Sequence[str], given: Mapping[str, str], name: str) -> Events | None:
    """The columns ``given`` by hand, or else those with a usual name; ``None`` where there is no user or no item.

    ``given`` holds ``user``, ``item`` and ``time``, each a column's name or ``auto`` (``time`` may be ``none``). A type
    after a name (``user_id:token``) is no part of it.

    >>> find(["user_id:token", "movieId", "rating"], {"user": "auto", "item": "auto", "time": "auto"}, "clicks.csv")
    Events(user='user_id:token', item='movieId', time=None)

    Raises:
        DataError: a column that was named does not exist, or is named twice; offers the nearest.
    """
    found: dict[str, str | None] = {}
    for role in USUAL:
        chosen = given[role]
        if chosen == "none" and role == "time":
            found[role] = None
        elif chosen == "auto":
            found[role] = usual(role, columns)
        elif chosen in columns:
            found[role] = chosen
        else:
            raise DataError(f'{name} has no column "{chosen}" (--set {role}={chosen}). {nearest(chosen, columns)}')
    by_hand = [role for role in ("user", "item") if given[role] != "auto"]
    missing = [role for role in ("user", "item") if found[role] is None]
    if by_hand and missing:
        raise DataError(
            f"{name}: which column is the {missing[0]}? Name it with --set {missing[0]}=… Columns: {', '.join(columns)}."
        )
    if missing:
        return None
    user, item, when = found["user"], found["item"], found["time"]
    assert user is not None
    assert item is not None
    if len({user, item, when}) < 3:
        raise DataError(f"{name}: user, item and time must be three columns; they are {user}, {item} and {when}.")
    return Events(user, item, when)


def usual(role: str, columns: Sequence[str]) -> str | None:
    """The column that has a usual name for the ``role``: ``user``, ``item`` or ``time``; ``None`` where none has.

    >>> usual("item", ["rating", "Movie_ID", "user"])
    'Movie_ID'
    """
    able = {re.sub(r"[^a-z]", "", column.split(":")[0].casefold()): column for column in columns[::-1]}
    return next((able[word] for word in USUAL[role].split() if word in able), None)


def times(column: Column) -> tuple[NDArray[np.float64], list[int]]:
    """Seconds (or whatever unit numbers are in), NaN where there is none, and the rows whose cell is no time.

    A time is a number, or a date with or without a time of day as ISO 8601 writes it (UTC where no zone is given).

    >>> found, wrong = times(Column(["1970-01-02", "1970-01-01T00:01Z", None, "soon"]))
    >>> found.tolist(), wrong
    ([86400.0, 60.0, nan, nan], [3])
    """
    cells = column.tolist()
    try:
        values = np.array([math.nan if cell is None or cell == "" else float(cell) for cell in cells])
        wrong = [at for at in np.flatnonzero(~np.isfinite(values)).tolist() if cells[at] not in (None, "")]
        return values, wrong
    except (TypeError, ValueError, OverflowError):
        pass
    found = [_seconds(cell) for cell in cells]
    wrong = [
        at for at, (cell, value) in enumerate(zip(cells, found, strict=True)) if value is None and cell is not None
    ]
    return np.array([math.nan if value is None else value for value in found]), [at for at in wrong if cells[at] != ""]


def _seconds(cell: Any) -> float | None:
    if isinstance(cell, datetime | date):
        moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
    else:
        text = str(cell).strip()
        try:
            number = float(text)
        except ValueError:
            pass
        else:
            return number if math.isfinite(number) else None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
