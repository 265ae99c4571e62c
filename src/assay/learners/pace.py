"""When to look, when to validate and when to write, so that none of it costs much of the time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

LOOK = 0.2  # seconds between two looks at the loss: each one waits for the device
SPEAK = 1.0  # seconds between two lines on epochs
KEEP = 15.0  # seconds between two checkpoints, at least
WRITING = 0.05  # of the time may go into checkpoints
VALIDATION = 0.04  # of a time budget may go into validation
SAVING = 2.0  # seconds that starting, writing the model and its card, and ending may take


@dataclass
class Pace:
    """Times and costs measured so far, in seconds.

    Attributes:
        validated_n: examples that are held out for validation.
        closing_n: examples that are evaluated after training.
    """

    validated_n: int
    closing_n: int
    looked: float = field(default_factory=time.perf_counter)
    kept: float = field(default_factory=time.perf_counter)
    validated: float = 0.0
    validation: float = 0.0
    writing: float = 0.0
    spoke: float = 0.0

    def look(self) -> bool:
        """Whether it is time to look at the loss."""
        now = time.perf_counter()
        due = now - self.looked > LOOK
        if due:
            self.looked = now
        return due

    def keep(self) -> bool:
        """Whether it is time to write a checkpoint."""
        return time.perf_counter() - self.kept > KEEP and self.affords()

    def affords(self) -> bool:
        """Whether another checkpoint stays within the time that may go into them."""
        return time.perf_counter() - self.kept > self.writing / WRITING

    def speak(self) -> bool:
        """Whether a line on an epoch is due: short epochs would flood the screen."""
        now = time.perf_counter()
        due = now - self.spoke > SPEAK
        if due:
            self.spoke = now
        return due

    def wrote(self, began: float) -> None:
        """A checkpoint was written, from ``began`` until now."""
        self.kept = time.perf_counter()
        self.writing = self.kept - began

    def validate(self) -> bool:
        """Whether validation is due under a time budget."""
        return time.perf_counter() - self.validated > self.validation / VALIDATION

    def validated_from(self, began: float) -> None:
        """Validation ran from ``began`` until now. The first time warms caches up, and is not counted."""
        before, self.validated = self.validated, time.perf_counter()
        if before:
            cost = self.validated - began
            self.validation = min(cost, self.validation) if self.validation else cost

    def reserve(self, an_update: float, batch_size: int) -> float:
        """Seconds to leave for what follows the last update: an example costs what it did in validation, or a third of what
        it does in an update."""
        one = self.validation / self.validated_n if self.validation else an_update / batch_size / 3
        return 1.25 * one * (self.validated_n + self.closing_n) + self.writing + SAVING

    def reserve_for_episodes(self) -> float:
        """Seconds to leave for what follows the last update, where examples are played one by one."""
        return 1.25 * self.validation * (1 + self.closing_n / max(self.validated_n, 1)) + self.writing + SAVING
