"""A terminal that is given only clean text, and ASCII where it can show nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from assay.pages import _marks as marks
from assay.pages._words import clean

DIM, BOLD, HEAD = "bright_black", "bold", "bold cyan"


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
        """A sentence that must be seen."""
        grid = Grid.grid(padding=(0, 1))
        grid.add_column()
        grid.add_column(overflow="fold")
        grid.add_row(self.text(("!", "bold yellow")), self.text((clean(note), "")))
        self.console.print(grid)

    def grid(
        self, heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[tuple[str, str]]], rest: str = ""
    ) -> None:
        """A table without lines: heads as (text, whether at the right), rows of (text, style), what was left out."""
        grid = Grid(box=None, padding=(0, 2, 0, 0), header_style=DIM, pad_edge=False)
        for head, right in heads:
            grid.add_column(self.text((head, DIM)), justify="right" if right else "left", no_wrap=True)
        for row in rows:
            grid.add_row(*(self.text(part) for part in row))
        self.console.print(Padding(grid, (0, 0, 0, 2), expand=False))
        if rest:
            self.line((f"  … {rest}", DIM))
        self.line()
