"""Who looks on while a verb works: bars on a terminal, plain lines anywhere else; always on standard error.

No thread runs beside the work: the display is drawn from within the calls, at most ten times a second, and the calls in
between cost about a microsecond. Standard output stays free for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from assay.core.verb import Watch
from assay.pages._words import clean, duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Clock = Callable[[], float]

_drawn_on: list[Console] = []  # the consoles of the displays that run, the innermost last

REFRESH = 0.1  # seconds between two drawings
EVERY = 5.0  # seconds between two plain lines of one task
ROWS = 6  # tasks on the screen; older ones that are finished scroll away
BURST = 8  # finished tasks that may be drawn out of turn, refilled as many a second
LEFT = "time left"  # the fact that is worked out where the caller does not give it


@contextmanager
def live(
    stream: TextIO | None = None, *, started: float | None = None, clock: Clock = time.monotonic
) -> Iterator[Watch]:
    """A watch that draws on ``stream`` (standard error) and leaves the terminal as it was, however the block ends.

    Args:
        stream: where to; bars are drawn where it is a terminal that can move its cursor, else plain lines are written.
        started: `time.perf_counter` when the user asked; now where it is not given.
        clock: seconds; for tests.
    """
    stream = stream or sys.stderr
    started = time.perf_counter() if started is None else started
    if not stream.isatty():
        lines = _Lines(stream, clock, started)
        try:
            yield lines
        finally:
            lines.close()
        return
    from rich.console import Console  # 0.1 s that a pipe does not pay

    screen = Console(file=stream, highlight=False)
    if screen.is_dumb_terminal:
        lines = _Lines(stream, clock, started)
        try:
            yield lines
        finally:
            lines.close()
        return
    from rich.live import Live

    with Live(
        console=screen,
        auto_refresh=False,
        redirect_stdout=sys.stdout.isatty(),  # else results would end up on standard error
        vertical_overflow="crop",
    ) as display:
        # A hidden cursor would stay hidden where the process is killed.
        screen.show_cursor(True)
        _drawn_on.append(screen)
        bars = _Bars(lambda renderable: display.update(renderable, refresh=True), screen.print, clock, started)
        try:
            yield bars
        finally:
            _drawn_on.remove(screen)
            bars.close()


def console() -> Console:
    """A console on standard error for more than a sentence: what is printed on it stands above a display that runs.

    A console of one's own would write across the bars.
    """
    from rich.console import Console

    return _drawn_on[-1] if _drawn_on else Console(stderr=True, highlight=False)


@dataclass
class _Task:
    """One thing that is counted."""

    what: str
    began: float
    origin: int  # where the count stood at the first call: not 0 in a run that goes on
    done: int = 0
    total: int = 0
    facts: Mapping[str, str] | None = None
    now: float = 0.0
    shown: float = -1e9  # when it was last drawn
    ended: bool = False  # whether its end was drawn
    over: bool = False  # whether this run of it has come to its end

    def line(self) -> list[tuple[str, str]]:
        """Its facts, with the time that is left, or that it took."""
        facts = [(clean(name), clean(value)) for name, value in (self.facts or {}).items()]
        spent = self.now - self.began
        if self.total > 0 and self.done >= self.total:
            return [*((n, v) for n, v in facts if n != LEFT), ("", duration(spent))]
        made = self.done - self.origin
        if any(name == LEFT for name, _ in facts) or self.total <= 0 or made <= 0 or spent < 1:
            return facts
        return [*facts, (LEFT, duration(spent / made * (self.total - self.done)))]


class _Lines:
    """Plain lines: the first and the last of each task, and one every few seconds."""

    def __init__(self, stream: TextIO, clock: Clock, started: float) -> None:
        self.started = started
        self._stream = stream
        self._clock = clock
        self._tasks: dict[str, _Task] = {}

    def progress(self, what: str, done: int, total: int, facts: Mapping[str, str] | None = None) -> None:
        now = self._clock()
        task = self._tasks.get(what)
        begun = _begun(self._tasks, task, done, now)
        if task is None or begun:
            shown, ended = (-1e9, False) if task is None else (task.shown, task.ended)
            task = self._tasks[what] = _Task(what, *(begun or (now, done)), shown=shown, ended=ended)
        task.done, task.total, task.facts, task.now = done, total, facts, now
        told, task.over = task.over, 0 < total <= done
        if told and task.over:
            return
        ends = task.over and not task.ended
        if now - task.shown >= EVERY or (ends and now - task.shown >= REFRESH):
            self._write(task)

    def say(self, text: str) -> None:
        self._print(clean(text))

    def close(self) -> None:
        """Write what was not written yet of each task."""
        for task in self._tasks.values():
            if task.shown < task.now and not (task.ended and task.over):
                self._write(task)

    def _write(self, task: _Task) -> None:
        task.shown = self._clock()
        task.ended |= (
            0 < task.total <= task.done
        )  # and stays so when it begins again: a last line each time is too much
        share = f"/{task.total:,} ({100 * task.done // task.total} %)" if task.total > 0 else ""
        facts = ", ".join(" ".join(part for part in pair if part) for pair in task.line())
        self._print(f"{clean(task.what)} {task.done:,}{share}" + (f": {facts}" if facts else ""))

    def _print(self, text: str) -> None:
        try:
            print(text, file=self._stream, flush=True)
        except BrokenPipeError:
            # Who read the lines is gone. The work is worth more than its display, and goes on.
            self._print = lambda text: None  # type: ignore[method-assign]  # noqa: ARG005


class _Bars:
    """Bars that are drawn again in their place."""

    def __init__(
        self, draw: Callable[[RenderableType], None], print_: Callable[..., None], clock: Clock, started: float
    ) -> None:
        self.started = started
        self._draw = draw
        self._print = print_
        self._clock = clock
        self._tasks: dict[str, _Task] = {}
        self._due = -1e9
        self._credit, self._credited = float(BURST), clock()

    def progress(self, what: str, done: int, total: int, facts: Mapping[str, str] | None = None) -> None:
        now = self._clock()
        task = self._tasks.get(what)
        fresh = _begun(self._tasks, task, done, now)
        if task is None or fresh:
            task = self._tasks[what] = _Task(what, *(fresh or (now, done)))
        task.done, task.total, task.facts, task.now = done, total, facts, now
        task.over = 0 < total <= done
        if now >= self._due:
            self._refresh(now)
        elif (fresh or (done >= total and not task.ended)) and self._spend(now):
            # No later call may come for a long time, and a stale bar would lie for as long.
            self._refresh(now)

    def say(self, text: str) -> None:
        from rich.text import Text

        self._print(Text(clean(text)))

    def close(self) -> None:
        """Draw the last state of each task."""
        if any(task.shown < task.now for task in self._tasks.values()):
            self._refresh(self._clock())

    def _spend(self, now: float) -> bool:
        self._credit = min(float(BURST), self._credit + (now - self._credited) * BURST)
        self._credited = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _refresh(self, now: float) -> None:
        self._due = now + REFRESH
        for task in list(self._tasks.values()):
            if len(self._tasks) > ROWS and task.ended:
                self._print(_bars([task]))
                del self._tasks[task.what]
        for task in self._tasks.values():
            task.shown = now
            task.ended = 0 < task.total <= task.done
        self._draw(_bars(list(self._tasks.values())))


def _begun(tasks: Mapping[str, _Task], task: _Task | None, done: int, now: float) -> tuple[float, int] | None:
    """When a task began and where its count stood then; nothing where it goes on.

    One that was over, and is told of after another, begins again: it did when that other was last heard of.
    """
    if task is None or done < task.done:
        return now, done
    latest = max(other.now for other in tasks.values())
    return (latest, 0) if task.over and task.now < latest else None


def _bars(tasks: list[_Task]) -> RenderableType:
    from assay.pages._bars import bars

    return bars([(clean(task.what), task.done, task.total, task.line()) for task in tasks])
