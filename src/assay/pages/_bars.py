"""How a progress bar looks: one line where it fits, two where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

Row = tuple[str, int, int, list[tuple[str, str]]]

WHAT, BAR = 28, (8, 32)  # columns


def bars(rows: Sequence[Row]) -> Bars:
    """Rows of (what, done, total, facts as name and value) for a rich console."""
    return Bars(rows)


class Bars:
    """Drawn to the width that the console has at that moment."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One or two lines a row."""
        width, ascii_only = options.max_width, options.ascii_only
        what = min(max((len(row[0]) for row in self.rows), default=0), WHAT, max(8, width // 3))
        counts = [f"{done:,}/{total:,}" if total > 0 else f"{done:,}" for _, done, total, _ in self.rows]
        counted = max((len(text) for text in counts), default=0)
        facts = [_facts(row[3]) for row in self.rows]
        room = width - what - counted - 6
        longest = max((text.cell_len for text in facts), default=0)
        beside = longest + BAR[0] + 2 <= room
        bar = max(BAR[0], min(BAR[1], room - longest - 2 if beside else room))
        for (name, done, total, _), count, fact in zip(self.rows, counts, facts, strict=True):
            ended = 0 < total <= done
            mark = ("v" if ascii_only else "✓") if ended else " "
            line = Text.assemble((mark, "green"), " ", (_fit(name, what), "bold"), "  ")
            line.append_text(_bar(done / total if total > 0 else 0.0, bar, ended, ascii_only))
            line.append(f"  {count:>{counted}}", "" if ended else "default")
            fits = beside or fact.cell_len <= room - bar - 2
            if fits and fact.cell_len:
                line.append("  ").append_text(fact)
            line.truncate(width)
            yield line
            if not fits and fact.cell_len:
                below = Text("  ").append_text(fact)
                below.truncate(width, overflow="crop" if ascii_only else "ellipsis")
                yield below


def _bar(share: float, width: int, ended: bool, ascii_only: bool) -> Text:
    full, half, rest = ("=", ">", ".") if ascii_only else ("━", "╸", "─")
    steps = round(min(max(share, 0.0), 1.0) * width * 2)
    made, colour = steps // 2, "green" if ended else "cyan"
    tip = half if steps % 2 and made < width else ""
    return Text.assemble((full * made + tip, colour), (rest * (width - made - len(tip)), "bright_black"))


def _facts(pairs: list[tuple[str, str]]) -> Text:
    text = Text()
    for at, (name, value) in enumerate(pairs):
        text.append("  " if at else "")
        text.append(f"{name} " if name else "", "bright_black")
        text.append(value)
    return text


def _fit(text: str, width: int) -> str:
    return f"{text:<{width}}" if len(text) <= width else text[: width - 1] + "…"
