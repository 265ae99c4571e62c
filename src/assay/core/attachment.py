"""An answer that is a file, to be opened by other programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attachment:
    """The content of a file among the values of an answer.

    Attributes:
        suffix: of its name, with the dot.
        content: its bytes.
        about: what it is, in a few words (``1.8 s``).

    >>> print(Attachment(".bin", b"x", "1 byte"))
    1 byte (.bin)
    """

    suffix: str
    content: bytes
    about: str

    def __str__(self) -> str:
        return f"{self.about} ({self.suffix})"
