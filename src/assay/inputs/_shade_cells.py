"""A picture whose cells are coloured by what they count for: the picture grey and pale, the colour deeper the more it is."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from assay.codecs.drawing import AGAINST, FOR
from assay.core.figure import number

PALE = 0.4  # how far a grey picture is brought to white, so that its shadows hide no colour
KEY, RAMP = 18, 40  # pixels: height of the legend, and half of its ramp
GAP, READABLE = 8, 280  # pixels: between two pictures, and what a legend needs across
SOFT = (88, 99, 116)
DEEPEST = 0.75  # opacity of the deepest cell


def over(picture: Pillow.Image, shares: NDArray[np.float64]) -> Pillow.Image:
    """A picture with the colours of a grid of cells over all of it, of the same size.

    Args:
        picture: of any mode.
        shares: −1 … 1, ``[rows, columns]``, the first row on top.
    """
    grey = np.asarray(picture.convert("L"), dtype=np.float64)[..., None]
    base = grey + PALE * (255 - grey)
    height, width = base.shape[:2]
    rows = np.arange(height) * shares.shape[0] // height
    columns = np.arange(width) * shares.shape[1] // width
    cells = shares[rows][:, columns][..., None]
    colour = np.where(cells > 0, np.array(FOR, dtype=np.float64), np.array(AGAINST, dtype=np.float64))
    opacity = DEEPEST * np.abs(cells)
    return Pillow.fromarray((base * (1 - opacity) + colour * opacity).round().astype(np.uint8))


def keyed(picture: Pillow.Image, most: float) -> Pillow.Image:
    """A picture with what its colours say below it, from ``most`` against to as much for."""
    page = Pillow.new("RGB", (picture.width, picture.height + KEY), "white")
    page.paste(picture, (0, 0))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(10)
    middle, line = picture.width // 2, picture.height + KEY // 2 + 1
    ramp = np.linspace(-1, 1, 2 * RAMP + 1)[None]
    page.paste(over(Pillow.new("L", (ramp.size, 8), 255), ramp), (middle - RAMP, line - 4))
    draw.text((middle - RAMP - 6, line), f"against  -{number(most)}", SOFT, font, anchor="rm")
    draw.text((middle + RAMP + 7, line), f"+{number(most)} for", SOFT, font, anchor="lm")
    return page


def beside(original: Pillow.Image, shaded: Pillow.Image, most: float) -> Pillow.Image:
    """A picture as it was and the one that is coloured, side by side, since what the grey one lacks may be what counts."""
    original = original.convert("RGB")
    width = max(2 * original.width + GAP, READABLE)
    page = Pillow.new("RGB", (width, original.height), "white")
    left = (width - 2 * original.width - GAP) // 2
    page.paste(original, (left, 0))
    page.paste(shaded, (left + original.width + GAP, 0))
    return keyed(page, most)


def enlarged(picture: Pillow.Image, least: int = 160) -> Pillow.Image:
    """A picture of at least so many pixels on its longer side, its pixels kept sharp."""
    times = -(-least // max(picture.size))
    return picture.resize((picture.width * times, picture.height * times), Pillow.Resampling.NEAREST)


def opened(shown: str) -> Pillow.Image:
    """The picture of a base64 PNG."""
    return Pillow.open(io.BytesIO(base64.b64decode(shown)), formats=("PNG",))


def closed(picture: Pillow.Image) -> str:
    """A picture as a base64 PNG."""
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
