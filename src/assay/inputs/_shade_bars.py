"""Names with bars, to the right for what speaks for an answer and to the left for what speaks against it, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.codecs.drawing import DEEPEST, LEGEND, PAD, cut, line, patch, quoted, scaled, sheet, signed, text

WIDTH, ROW, BAR = 540, 24, 14  # pixels: of the drawing, from row to row, of a bar
NAMES, FIGURES = 220, 54  # for the names at the left, and for a figure beside a bar
MOST = 25  # rows
LETTERS = 32  # of a name with what it holds


def bars(
    names: Sequence[str], cells: Sequence[str], values: NDArray[np.float64], *, order: str = ""
) -> tuple[str, str]:
    """``("svg", …)`` of one bar for each part.

    Args:
        names: of the parts, ``[P]``.
        cells: what stands behind each name, softer; ``""`` for nothing.
        values: ``[P]``.
        order: what the order of the parts is where it means something ("oldest first"): then it stays, and of many the
            last ones are drawn; else the largest come first, and of many the largest are drawn.
    """
    given = np.asarray(values, dtype=np.float64)
    shares, most = scaled(given)
    count = len(shares)
    by_size = np.argsort(-np.abs(shares), kind="stable")[:MOST].tolist()
    shown = list(range(max(0, count - MOST), count)) if order else by_size
    rest = sorted(set(range(count)) - set(shown))
    middle, reach = PAD + NAMES + (WIDTH - 2 * PAD - NAMES) / 2, (WIDTH - 2 * PAD - NAMES) / 2 - FIGURES
    rows = [(names[at], cells[at], float(given[at]), float(shares[at])) for at in shown]
    if rest:
        others = (f"{len(rest):,} {'before' if order else 'more'}, together", "", float(np.nansum(given[rest])), 0.0)
        rows = [others, *rows] if order else [*rows, others]
    y, parts = PAD + 20.0, []
    for row in rows:
        parts.append(_row(*row, most, y, middle, reach))
        y += ROW
    frame = [
        text(PAD, PAD + 8, order, "soft", more=' font-size="11"'),
        text(middle - 8, PAD + 8, "against ←", "soft", "end", ' font-size="11"'),
        text(middle + 8, PAD + 8, "→ for", "soft", more=' font-size="11"'),
        line(middle, PAD + 16, middle, y),
    ]
    if not most:
        frame.append(text(PAD, y + 16, "Nothing here speaks for or against it.", "soft", more=' font-size="11"'))
        y += LEGEND
    return "svg", sheet(WIDTH, y + PAD - 6, [*frame, *parts], "Parts by what they count for")


def _row(name: str, cell: str, value: float, share: float, most: float, y: float, middle: float, reach: float) -> str:
    told = signed(value, most) if np.isfinite(value) else "not defined"
    name = cut(name, LETTERS)
    held = (
        f'<tspan class="soft" fill="#586374"> = {quoted(cut(cell, max(6, LETTERS - len(name))))}</tspan>'
        if cell
        else ""
    )
    label = text(PAD, y + 15, name).replace("</text>", f"{held}<title>{quoted(f'{name} {cell} {told}')}</title></text>")
    width = reach * abs(share)
    bar = patch(middle - width * (share < 0), y + 4, width, BAR, 1 / DEEPEST * np.sign(share), told, 2) if width else ""
    beyond = middle + (width + 6) * (1 if share >= 0 else -1)
    return label + bar + text(beyond, y + 15, told, "soft", "start" if share >= 0 else "end", ' font-size="11"')
