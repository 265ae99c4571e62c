"""What the plots are drawn with: text, scales and ticks. Colours are classes that the page's style sheet fills in."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from html import escape

from assay.core.figure import number
from assay.pages._words import clean

Scale = Callable[[float], float]

GROWTH = 1.15  # how far a wide page may enlarge a plot
WIDE = 480.0  # pixels above which a plot is wide
SHRINKING = 0.9  # how far a narrow page may shrink a wide one: there it scrolls
CHARACTER = 6.3  # mean width of one, in pixels, at the size of a plot's labels


def svg(width: float, height: float, parts: Iterable[str], label: str, name: str = "plot") -> str:
    """A drawing that shrinks with the page, a wide one as far as it can still be read; ``label`` says what is in it to who
    cannot see it."""
    least = f";min-width:{xy(width * SHRINKING)}px" if width > WIDE else ""
    style = f"max-width:{xy(width * GROWTH)}px{least}"
    return (
        f'<svg class="{name}" viewBox="0 0 {xy(width)} {xy(height)}" style="{style}" role="img" '
        f'aria-label="{quoted(label)}">{"".join(parts)}</svg>'
    )


def quoted(text: object) -> str:
    """Text that can stand in an element or an attribute.

    >>> quoted('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return escape(clean(text), quote=True)


def xy(x: float) -> str:
    """A coordinate to a tenth of a pixel.

    >>> xy(12.0), xy(0.26)
    ('12', '0.3')
    """
    return f"{x:.1f}".removesuffix(".0")


def text(x: float, y: float, content: object, name: str = "", anchor: str = "start", turn: float = 0.0) -> str:
    """A piece of text, with its anchor at (x, y)."""
    turned = f' transform="rotate({xy(turn)} {xy(x)} {xy(y)})"' if turn else ""
    named = f' class="{name}"' if name else ""
    return f'<text x="{xy(x)}" y="{xy(y)}" text-anchor="{anchor}"{named}{turned}>{quoted(content)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, name: str) -> str:
    """A straight line."""
    return f'<line x1="{xy(x1)}" y1="{xy(y1)}" x2="{xy(x2)}" y2="{xy(y2)}" class="{name}"/>'


def rect(x: float, y: float, width: float, height: float, name: str, title: str = "", strength: float = 1.0) -> str:
    """A rectangle; ``strength`` is its opacity, ``title`` what a pointer over it shows."""
    faint = f' fill-opacity="{strength:.2f}"' if strength < 1 else ""
    inside = f"<title>{quoted(title)}</title>" if title else ""
    return (
        f'<rect x="{xy(x)}" y="{xy(y)}" width="{xy(max(width, 0))}" height="{xy(max(height, 0))}" rx="2" '
        f'class="{name}"{faint}>{inside}</rect>'
    )


def mark(x: float, y: float, side: str, size: float = 4.5, title: str = "") -> str:
    """A marker whose shape tells what its colour does: a disc, ``better`` up, ``worse`` down, ``apart`` a diamond."""
    inside = f"<title>{quoted(title)}</title>" if title else ""
    s = size * 1.2
    shapes = {
        "better": [(x, y - s), (x + s, y + s * 0.8), (x - s, y + s * 0.8)],
        "worse": [(x, y + s), (x + s, y - s * 0.8), (x - s, y - s * 0.8)],
        "apart": [(x, y - s), (x + s, y), (x, y + s), (x - s, y)],
    }
    if side not in shapes:
        return f'<circle cx="{xy(x)}" cy="{xy(y)}" r="{xy(size)}" class="mark {side or "whole"}">{inside}</circle>'
    points = " ".join(f"{xy(a)},{xy(b)}" for a, b in shapes[side])
    return f'<polygon points="{points}" class="mark {side}">{inside}</polygon>'


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """The straight map from values low … high to pixels start … end; all values alike stand in the middle."""
    span = high - low
    return lambda x: (start + end) / 2 if span == 0 else start + (x - low) / span * (end - start)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers within low … high.

    >>> ticks(0.0, 1.0), ticks(0.72, 0.85), ticks(3.0, 3.0)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.725, 0.75, 0.775, 0.8, 0.825, 0.85], [3.0])
    """
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((power * m for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - rough))
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def labels(values: list[float]) -> list[str]:
    """Ticks as text, with as many digits as tell them apart and no more.

    >>> labels([0.0, 0.25, 0.5]), labels([0.0, 1000.0, 2000.0])
    (['0', '0.25', '0.50'], ['0', '1,000', '2,000'])
    """
    if all(value == int(value) for value in values):
        return [f"{value:,.0f}".replace("-", "−") for value in values]
    if max(abs(value) for value in values) < 0.001:
        return [number(value) if value else "0" for value in values]
    digits = next(d for d in range(1, 13) if d == 12 or all(abs(round(v, d) - v) < 1e-9 for v in values))
    return [f"{value:,.{digits}f}".replace("-", "−") if value else "0" for value in values]


def cut(content: str, pixels: float) -> str:
    """Text that fits, its middle left out where it is too long.

    >>> cut("time 1 row 2 column 3", 21 * CHARACTER)
    'time 1 row 2 column 3'
    """
    most = max(int(pixels / CHARACTER + 1e-6), 3)  # the room of a whole number of characters is rounded
    if len(content) <= most:
        return content
    tail = (most - 1) // 2
    return f"{content[: most - 1 - tail]}…{content[-tail:]}"
