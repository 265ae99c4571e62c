"""Raw cells of a column as texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assay.codecs.plain import plain
from assay.core.columns import Column


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
