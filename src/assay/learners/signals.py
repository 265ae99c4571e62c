"""Ctrl-C and SIGTERM as a question that the training loop asks after each update."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def requests() -> Iterator[Callable[[], str | None]]:
    """Gives a function that names the signal that asked to stop, if one did. A second one interrupts at once.

    Outside the main thread signals cannot be caught; there nothing is changed.
    """
    asked: list[str] = []

    def handle(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked[0] if asked else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
