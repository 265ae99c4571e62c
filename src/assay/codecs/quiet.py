"""Libraries in C++ that write to the process's standard error themselves, whatever Python has made of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """What is written to the standard error of the whole process goes nowhere: what matters of it is raised, too."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # there is none to write to
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)
