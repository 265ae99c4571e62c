"""A board whose cells are coloured by what they count for, with the pieces on it, as SVG.

A game draws its board as text in a way of its own. Where a row of the text is a row of what a player sees (which a short
game shows), its letters are the pieces; else the cells stand without them.

Legend: R rows, K columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.drawing import LEGEND, PAD, legend, patch, scaled, sheet, signed, text

SIDE, CELL = 420, 44  # pixels: of the largest board, and of the largest cell
LOOKS = 24  # moves of the game that shows how its text is to be read
EMPTY = frozenset(".-+_ ")
CHESS = dict(zip("KQRBNPkqrbnp", "♔♕♖♗♘♙♚♛♜♝♞♟", strict=True))


def board(name: str, position: Any, values: NDArray[np.float64]) -> tuple[str, str]:
    """``("svg", …)`` of a position of the game ``name``.

    Args:
        values: of its cells, row after row, ``[R · K]``.
    """
    game = boards.board(name)
    rows, columns = game.shape[-2:]
    given = np.asarray(values, dtype=np.float64).reshape(rows, columns)
    shares, most = scaled(given)
    way = _reading(name)
    pieces = None if way is None else _grid(str(position), rows, columns, *way)
    upright = range(rows - 1, -1, -1) if way is not None and way[1] else range(rows)
    cell = min(CELL, SIDE // max(rows, columns))
    parts = []
    for top, row in enumerate(upright):
        for column in range(columns):
            x, y = PAD + column * cell, PAD + top * cell
            value = given[row, column]
            told = f"row {row + 1}, column {column + 1}: {signed(value) if np.isfinite(value) else 'not defined'}"
            parts.append(patch(x, y, cell, cell, float(shares[row, column]), told, 0))
            parts.append(
                f'<rect class="line" x="{x}" y="{y}" width="{cell}" height="{cell}" fill="none" stroke="#c9d0da"/>'
            )
            piece = pieces[row][column] if pieces else "."
            if piece not in EMPTY:
                drawn = CHESS.get(piece, piece) if name.startswith("chess") else piece
                size = f' font-size="{cell * 0.55:.0f}" font-weight="600" pointer-events="none"'
                parts.append(text(x + cell / 2, y + cell * 0.69, drawn, "ink", "middle", size))
    y = PAD + rows * cell + 8
    width = max(2 * PAD + columns * cell, 2 * PAD + 330)
    return "svg", sheet(width, y + LEGEND, [*parts, legend(PAD, y, most)], "Cells by what they count for")


@lru_cache(maxsize=32)
def _reading(name: str) -> tuple[int, bool] | None:
    """The line of the text that the board begins at, and whether the last row comes first; ``None`` where the text is no
    picture of what is seen. One letter must always stand for what looks alike."""
    game = boards.board(name)
    rows, columns = game.shape[-2:]
    position, rng = game.start(), np.random.default_rng(0)
    starts = range(len(str(position).splitlines()) + 1)
    ways: dict[tuple[int, bool], dict[bytes, str]] = {(at, turned): {} for at in starts for turned in (False, True)}
    for _ in range(LOOKS):
        if position.is_terminal():
            break
        seen = game.observe([position])[0].transpose(1, 2, 0)
        for way, known in list(ways.items()):
            grid = _grid(str(position), rows, columns, *way)
            alike = grid is not None and all(
                known.setdefault(seen[row, column].tobytes(), grid[row][column]) == grid[row][column]
                for row in range(rows)
                for column in range(columns)
            )
            if not alike:
                del ways[way]
        position.apply_action(int(rng.choice(position.legal_actions())))
    return next((way for way, known in ways.items() if len(set(known.values())) > 1), None)


def _grid(shown: str, rows: int, columns: int, start: int, turned: bool) -> Sequence[str] | None:
    """The letters of a board out of its text, ``[R]`` of ``[K]``."""
    if "/" in shown.split(" ")[0]:  # as chess writes it
        lines = [re.sub(r"\d", lambda found: "." * int(found[0]), line) for line in shown.split(" ")[0].split("/")]
    else:
        lines = [re.sub(r"^\s*\d+|\s", "", line) for line in shown.splitlines()]
        lines = [line[:columns] if line[columns:].isdigit() else line for line in lines]
    found = lines[start : start + rows]
    if len(found) < rows or any(len(line) != columns for line in found):
        return None
    return found[::-1] if turned else found
