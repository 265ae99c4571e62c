"""Raw cells of a column as texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assay.codecs.plain import plain
from assay.core.columns import Column

MOST_NAMED = 12  # characters that a note names


def cells(xs: Sequence[Any]) -> Sequence[Any]:
    """The cells of a column as Python has them, all at once."""
    return xs.tolist() if isinstance(xs, Column) else xs


def line(x: Any, lower: bool = False) -> str:
    """A text on one line: white space is one space, wherever and however much of it there is.

    Raises:
        ValueError: as `assay.codecs.plain.plain`.

    >>> line(" Good \\n tea", lower=True)
    'good tea'
    """
    text = " ".join(plain(x).split())
    return text.lower() if lower else text


def text_of(read: Callable[[], str]) -> str:
    """What ``read`` gives; nothing where that is no text.

    >>> text_of(lambda: line(None))
    ''
    """
    try:
        return read()
    except ValueError:
        return ""


def unread(text: str, codes: Sequence[int], unknown: int) -> list[str]:
    """A sentence on the characters of a text that no training text has, by the code of each; none where all are known.

    >>> unread("2 of 12", [9, 5, 6, 7, 5, 8, 9], unknown=9)
    ['no training text has "2": not read.']
    """
    found = dict.fromkeys(character for character, code in zip(text, codes, strict=False) if code == unknown)
    named = ", ".join(f'"{character}"' for character in list(found)[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
    return [f"no training text has {named}{more}: not read."] if found else []
