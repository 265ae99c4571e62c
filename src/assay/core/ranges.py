"""Ranges of options, written where the options are: ``context: Annotated[int, Within(1, 32_768)] = 256``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from assay.core.errors import ConfigError


@dataclass(frozen=True)
class Within:
    """The range of a field.

    >>> share = Within(0, 1, above=True)
    >>> print(share, [value in share for value in (0, 0.5, 1, float("nan"))])
    above 0, at most 1 [False, True, True, False]

    Attributes:
        least, most: its ends, both accepted.
        above: whether ``least`` itself is not.
    """

    least: float
    most: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most and not (self.above and value == self.least)  # NaN is in none

    def __str__(self) -> str:
        least, most = _number(self.least), _number(self.most)
        return f"above {least}, at most {most}" if self.above else f"from {least} to {most}"


def check(thing: Any) -> None:
    """Refuse a dataclass with a field out of its range, as its ``__post_init__``.

    Raises:
        ConfigError: naming the field, its value and what is accepted.
    """
    for name, (kind, within) in _ranges(thing.__class__).items():
        value = getattr(thing, name)
        if value not in within:
            what = "a whole number" if kind is int else "a number"
            raise ConfigError(f"--set {name}={_number(value)}: it takes {what} {within}.")


@lru_cache(maxsize=64)
def _ranges(kind: type) -> dict[str, tuple[type, Within]]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        name: (hint.__origin__, within)
        for name, hint in hints.items()
        for within in getattr(hint, "__metadata__", ())
        if isinstance(within, Within)
    }


def _number(value: float) -> str:
    """As people write it: ``65,536``, ``0.5``, and 0 for 0.0.

    >>> _number(65_536), _number(0.0), _number(1e-300), _number(float("inf"))
    ('65,536', '0', '1e-300', 'inf')
    """
    return f"{value:,}" if isinstance(value, int) else str(value).removesuffix(".0")
