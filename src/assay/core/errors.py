"""The errors that a user can mend. Anything else that is raised is our own bug."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any


class AssayError(Exception):
    """What a user can mend: the message says what was given, what is accepted and the nearest right thing."""


class DataError(AssayError):
    """The data cannot be read, or cannot be learned from."""


class ConfigError(AssayError):
    """An option, a name or a combination of them is not accepted."""


class ModelError(AssayError):
    """A model folder is missing, damaged, or its evidence speaks of another model."""


class BudgetError(AssayError):
    """The budget of time, memory or disk cannot be kept."""


class Unsupported(AssayError):
    """Asked of a task that cannot have it; the message gives the reason."""


def nearest(given: str, accepted: Iterable[str]) -> str:
    """A sentence that offers the nearest accepted name and then lists the others.

    >>> nearest("resnet", ["residual", "lenet"])
    'Did you mean "lenet"? Accepted: lenet, residual.'
    >>> nearest("zzz", ["a", "b"])
    'Accepted: a, b.'
    >>> nearest("zzz", ["10: a", "2: b"])
    'Accepted: 2: b, 10: a.'
    """
    names = sorted({str(name) for name in accepted}, key=_by_number)
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(str(given).casefold(), folded, n=1, cutoff=0.5)
    offer = f'Did you mean "{folded[close[0]]}"? ' if close else ""
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"{offer}Accepted: {shown or '(none)'}."


def _by_number(name: str) -> list[Any]:
    """What sorts "2: b" before "10: a"."""
    return [(len(part), part) if at % 2 else part for at, part in enumerate(re.split(r"(\d+)", name))]


def choose(kind: str, given: str, accepted: Iterable[str], error: type[AssayError] = ConfigError) -> str:
    """``given`` when it is one of ``accepted``; else an error that offers the nearest.

    Raises:
        AssayError: of the class ``error``, naming ``kind``, what was given and what is accepted.
    """
    names = list(accepted)
    if given in names:
        return given
    raise error(f'There is no {kind} "{given}". {nearest(given, names)}')
