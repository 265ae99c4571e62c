"""Small drawings as SVG that stand by themselves, in light and in the dark, and the colours of what speaks for and against.

Red is for and blue against, a pair that every kind of colour blindness can tell apart (Brewer's RdBu). The scale is
symmetric, so that as much against is as deep as so much for; nothing has no colour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from html import escape

import numpy as np
from numpy.typing import NDArray

from assay.core.figure import number

FOR, AGAINST = (200, 30, 46), (28, 100, 190)
DEEPEST = 0.66  # opacity of the largest: words on it can be read
PAD = 16  # pixels around a drawing
GAP = 8  # pixels between two drawings
LEGEND = 30  # height of a legend
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', Inter, Arial, sans-serif"
LEAST = 1e-4  # below this figures stand with an exponent
_DARK = (
    ".paper{fill:#171c23}.ink{fill:#e7ebf1}.soft{fill:#9ba7b7}.line{stroke:#3b4553}"
    ".for{fill:#f0616d}.against{fill:#5c9dee}"
)
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_SIZE = re.compile(r'^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"')
_STEPS = 6  # of a legend's ramp, either way
_STEP = 9  # pixels of each


def scaled(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Values as shares −1 … 1 of the largest of them, and that one; what is no number counts as nothing.

    >>> scaled(np.array([1.0, -2.0, np.nan]))[0].tolist()
    [0.5, -1.0, 0.0]
    """
    values = np.where(np.isfinite(values), values, 0.0)
    most = float(np.abs(values).max(initial=0))
    return values / (most or 1.0), most


def sheet(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """A drawing on paper of its own; ``label`` says what is in it to who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {xy(width)} {xy(height)}" width="{xy(width)}" '
        f'height="{xy(height)}" role="img" aria-label="{quoted(label)}" font-family="{SANS}" font-size="13">'
        f"<style>@media (prefers-color-scheme:dark){{{_DARK}}}</style>"
        f'<rect class="paper" width="{xy(width)}" height="{xy(height)}" rx="10" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def text(x: float, y: float, content: object, kind: str = "ink", anchor: str = "start", more: str = "") -> str:
    """A piece of text whose anchor is at (x, y), ``ink`` or ``soft``."""
    colour = "#161a20" if kind == "ink" else "#586374"
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{xy(x)}" y="{xy(y)}" class="{kind}" fill="{colour}"{place}{more}>{quoted(content)}</text>'


def patch(x: float, y: float, width: float, height: float, share: float, told: str = "", round_by: float = 3) -> str:
    """A rectangle in the colour of a share −1 … 1; ``told`` is what a pointer over it shows."""
    inside = f"<title>{quoted(told)}</title>" if told else ""
    name, colour = ("for", FOR) if share > 0 else ("against", AGAINST)
    return (
        f'<rect x="{xy(x)}" y="{xy(y)}" width="{xy(max(width, 0))}" height="{xy(max(height, 0))}" rx="{xy(round_by)}" '
        f'class="{name}" fill="#{bytes(colour).hex()}" fill-opacity="{abs(share) * DEEPEST:.3f}">{inside}</rect>'
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin straight line."""
    return f'<line x1="{xy(x1)}" y1="{xy(y1)}" x2="{xy(x2)}" y2="{xy(y2)}" class="line" stroke="#c9d0da" stroke-width="1"/>'


def legend(x: float, y: float, most: float) -> str:
    """What the colours say, from the most against to the most for; its top left corner at (x, y)."""
    if not most:
        return text(x, y + 14, "Nothing here speaks for or against it.", "soft", more=' font-size="11"')
    small = ' font-size="11"'
    left = x + 58 + 7 * len(number(most))
    right = left + (2 * _STEPS + 1) * _STEP
    ramp = (patch(left + at * _STEP, y + 5, _STEP, 11, at / _STEPS - 1, round_by=0) for at in range(2 * _STEPS + 1))
    before = text(left - 8, y + 14, f"against  −{number(most)}", "soft", "end", small)
    return "".join([before, *ramp, text(right + 8, y + 14, f"+{number(most)}  for", "soft", more=small)])


def paired(left: str, right: str, most: float) -> str:
    """Two drawings (SVG) of one size, side by side over what colours say (see `legend`); where they do not say how large
    they are, the right one alone."""
    found = _SIZE.match(left)
    if found is None or not right.startswith(found[0]):
        return right
    width, height = float(found[1]), float(found[2])
    places = ((PAD, left), (PAD + width + GAP, right))
    parts = [f'<svg x="{xy(x)}" y="{PAD}" {drawing.removeprefix("<svg ")}' for x, drawing in places]
    key = legend(PAD, PAD + height + 8, most)
    return sheet(
        2 * width + GAP + 2 * PAD, height + LEGEND + 2 * PAD, [*parts, key], "As it was, and what counts in it"
    )


def signed(value: float, most: float = 0.0) -> str:
    """A value with its sign; beside others of which ``most`` is the largest, all with as many decimals: a hundredth of it
    or so is the least that is told.

    >>> signed(0.5), signed(-0.5), signed(0.0), signed(0.00049, 0.7), signed(-1.385, 4.2)
    ('+0.500', '−0.500', '0', '0', '−1.39')
    """
    size = number(abs(value))
    if most >= LEAST:
        decimals = max(0, 2 - math.floor(math.log10(most)))
        value = round(value, decimals)
        size = f"{abs(value):,.{decimals}f}"
    return f"{'+' if value > 0 else '−'}{size}" if value else "0"


def quoted(content: object) -> str:
    r"""Text that can stand in an element or an attribute of XML: what would be markup, what no XML may hold, and marks that
    turn the direction of a line are spelt otherwise.

    >>> quoted('<b title="x">\x00')
    '&lt;b title=&quot;x&quot;&gt;�'
    """
    return escape(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(content)), quote=True)


def xy(x: float) -> str:
    """A coordinate to a tenth of a pixel.

    >>> xy(12.0), xy(0.26)
    ('12', '0.3')
    """
    return f"{x:.1f}".removesuffix(".0")


def cut(content: str, most: int) -> str:
    """Text of at most so many characters, its middle left out where it is too long.

    >>> cut("a long name", 7)
    'a l…ame'
    """
    if len(content) <= most:
        return content
    tail = (most - 1) // 2
    return f"{content[: most - 1 - tail]}…{content[len(content) - tail :]}"
