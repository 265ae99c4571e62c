"""Long texts cut into passages, in their order, each with a little of what stands before it."""

from __future__ import annotations

from collections.abc import Iterator


class Passage(str):
    """A piece of a text that goes on after it: nothing is to be learned of its end."""

    __slots__ = ()


def passages(text: str, size: int, before: int) -> Iterator[tuple[str, str]]:
    """Pieces of at most ``size`` characters that cover ``text``, each with the ``before`` characters that precede it.

    >>> list(passages("abcdefgh", 3, 2))
    [('', 'abc'), ('bc', 'def'), ('ef', 'gh')]
    >>> [isinstance(piece, Passage) for _, piece in passages("abcdefgh", 3, 2)]
    [True, True, False]
    """
    assert size > 0
    assert before >= 0
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        context = text[max(0, start - before) : start]
        yield context, Passage(piece) if start + size < len(text) else piece
