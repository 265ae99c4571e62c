"""A terminal that is given only clean text, and ASCII where it can show nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from assay.pages import _marks as marks
from assay.pages._words import clean, warns

DIM, BOLD, HEAD = "bright_black", "bold", "bold cyan"
NAME = 8  # characters of names at least
_ONE_LINE = str.maketrans({"\n": "⏎", "\t": " "})


class Screen:
    """What `assay.pages.terminal` prints on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = console.width
        self.ascii = console.options.ascii_only

    def text(self, *parts: tuple[str, str]) -> Text:
        """Pieces of (text, style) as one; never markup."""
        return Text.assemble(*((marks.plain(t) if self.ascii else t, style) for t, style in parts))

    def line(self, *parts: tuple[str, str]) -> None:
        """A line of pieces; a blank one without any."""
        self.console.print(self.text(*parts), soft_wrap=False)

    def indented(self, *parts: tuple[str, str]) -> None:
        """A paragraph two blanks from the left."""
        self.console.print(Padding(self.text(*parts), (0, 0, 0, 2)))

    def note(self, note: str) -> None:
        """A sentence: marked where it warns."""
        grid = Grid.grid(padding=(0, 1))
        grid.add_column()
        grid.add_column(overflow="fold")
        mark = ("!", "bold yellow") if warns(note) else ("·", DIM)
        grid.add_row(self.text(mark), self.text((clean(note), "")))
        self.console.print(grid)

    def grid(
        self, heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[tuple[str, str]]], rest: str = ""
    ) -> None:
        """A table without lines: heads as (text, whether at the right), rows of (text, style), what was left out.

        Where it is too wide the names in the first column lose their middle, and no other cell loses anything.
        """
        rows = [[(content.translate(_ONE_LINE), style) for content, style in row] for row in rows]
        first, *others = _widths(heads, rows)
        room = max(NAME, self.width - 2 - sum(others) - 2 * len(others))
        if first > room:
            heads = [(_shortened(heads[0][0], room), heads[0][1]), *heads[1:]]
            rows = [[(_shortened(row[0][0], room), row[0][1]), *row[1:]] for row in rows]
        grid = Grid(box=None, padding=(0, 2, 0, 0), header_style=DIM, pad_edge=False)
        for head, right in heads:
            grid.add_column(self.text((head, DIM)), justify="right" if right else "left", no_wrap=True)
        for row in rows:
            grid.add_row(*(self.text(part) for part in row))
        self.console.print(Padding(grid, (0, 0, 0, 2), expand=False))
        if rest:
            self.line((f"  … {rest}", DIM))
        self.line()

    def needed(self, heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[tuple[str, str]]]) -> int:
        """How many characters a grid is wide where nothing is shortened."""
        wide = _widths(heads, rows)
        return 2 + sum(wide) + 2 * (len(wide) - 1)


def _widths(heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    columns = ([heads[i][0], *(row[i][0] for row in rows)] for i in range(len(heads)))
    return [max(cell_len(content.translate(_ONE_LINE)) for content in column) for column in columns]


def _shortened(name: str, width: int) -> str:
    """A name in so many columns of the terminal, of which some letters take two."""
    fits = (marks.fit_each(name, most) for most in range(width, 1, -1))
    return next((short for short in fits if cell_len(short) <= width), "…")
