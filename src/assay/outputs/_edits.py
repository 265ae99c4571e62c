"""How far two sequences are apart in insertions, deletions and substitutions, and which of them those are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

Change: TypeAlias = tuple[Hashable | None, Hashable | None]  # what stands there, what was said; None: nothing


def distance(said: Sequence[Hashable], true: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that make one sequence of the other (Levenshtein 1966).

    A column of the table is one whole number, of a bit a place (Myers 1999, in the form of Hyyrö 2003): long texts take
    microseconds a character.

    >>> distance("sitting", "kitten"), distance("the cat".split(), "a cat sat".split())
    (3, 2)
    """
    if not true:
        return len(said)
    whole, last = (1 << len(true)) - 1, 1 << (len(true) - 1)
    places: dict[Hashable, int] = {}
    for at, symbol in enumerate(true):
        places[symbol] = places.get(symbol, 0) | 1 << at
    more, less, score = whole, 0, len(true)
    for symbol in said:
        same = places.get(symbol, 0)
        level = (((same & more) + more) ^ more) | same | less
        up = less | ~(level | more) & whole
        down = more & level
        if up & last:
            score += 1
        elif down & last:
            score -= 1
        up, down = (up << 1 | 1) & whole, (down << 1) & whole
        same |= less
        more, less = down | ~(same | up) & whole, up & same
    return score


def changes(said: Sequence[Hashable], true: Sequence[Hashable]) -> list[Change]:
    """A shortest way from what is true to what was said: ``(true, said)`` for each place that differs, ``None`` where one
    side has nothing. Of equally short ways the one that substitutes most.

    >>> changes("the cats sat".split(), "a cat sat down".split())
    [('a', 'the'), ('cat', 'cats'), ('down', None)]
    """
    table = [list(range(len(said) + 1))]
    for row, symbol in enumerate(true, 1):
        above, here = table[-1], [row]
        for column, other in enumerate(said, 1):
            here.append(min(above[column - 1] + (symbol != other), above[column] + 1, here[-1] + 1))
        table.append(here)
    found: list[Change] = []
    row, column = len(true), len(said)
    while row or column:
        if row and column and table[row][column] == table[row - 1][column - 1] + (true[row - 1] != said[column - 1]):
            row, column = row - 1, column - 1
            if true[row] != said[column]:
                found.append((true[row], said[column]))
        elif row and table[row][column] == table[row - 1][column] + 1:
            row -= 1
            found.append((true[row], None))
        else:
            column -= 1
            found.append((None, said[column]))
    return found[::-1]
