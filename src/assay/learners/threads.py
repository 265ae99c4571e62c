"""How many threads an update runs on, under a budget of time: on a busy machine, fewer are faster.

The threads of one update wait for each other, so where another program takes a core, all of them run at the pace of the
one that was put aside: two threads were measured at a tenth of the speed of one. The number of threads changes how sums
are rounded, so it is adapted only where the clock decides the result anyhow.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

import torch

TRIED = 4  # updates a trial of a number of threads takes; the first warms up and does not count
SLOWER = 1.4  # than the best pace with these threads: something else is running
AGAIN = 20.0  # seconds until a number that lost is tried again


@dataclass
class Threads:
    """The number of threads at hand, or one: whichever makes updates faster now.

    Attributes:
        most: how many there are; nothing is done where that is one.
        paces: the seconds an update took in the trial under way.
        usual: the best pace seen with ``most``.
        found: the pace of each number in the last trials.
    """

    most: int = field(default_factory=torch.get_num_threads)
    paces: list[float] = field(default_factory=list)
    usual: float = float("inf")
    found: dict[int, float] = field(default_factory=dict)
    decided: float = 0.0
    _began: float = 0.0

    def begin(self) -> None:
        """An update begins."""
        self._began = time.perf_counter()

    def end(self) -> None:
        """It has ended: perhaps the next one runs on another number of threads."""
        if self.most == 1:
            return
        now, threads = time.perf_counter(), torch.get_num_threads()
        self.paces.append(now - self._began)
        if len(self.paces) < TRIED:
            return
        pace = statistics.median(self.paces[1:])
        self.paces.clear()
        self.found[threads] = pace
        if threads == self.most:
            self.usual = min(self.usual, pace)
        other = 1 if threads == self.most else self.most
        if other not in self.found:
            busy = pace > SLOWER * self.usual if threads == self.most else now - self.decided > AGAIN
            first = not self.decided
            if busy or first:
                self.decided = now
                torch.set_num_threads(other)
            return
        best = min(self.found, key=self.found.__getitem__)
        self.decided = now
        self.found.clear()
        torch.set_num_threads(best)

    def restore(self) -> None:
        """All threads again."""
        if self.most > 1:
            torch.set_num_threads(self.most)
