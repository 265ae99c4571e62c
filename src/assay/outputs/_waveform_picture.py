"""Spectrograms above one another as one SVG.

Legend: T frames, M mel bands.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDE, HIGH, LINE = 480, 120, 18  # pixels: of a spectrogram, and of a line of words
RANGE = 9.0  # natural logarithms from the darkest to the brightest: 78 dB
SHADES = np.array([[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]])


def above(panels: Sequence[tuple[str, NDArray[np.floating]]], title: str) -> str:
    """An SVG of spectrograms on one scale of time and loudness, each under its name.

    Args:
        panels: names and natural logarithms of magnitudes ``[T, M]``.
        title: what stands above them all.
    """
    longest = max(len(mel) for _, mel in panels)
    loudest = max(float(mel.max()) for _, mel in panels)
    parts, y = [], 0
    if title:
        y += LINE
        parts.append(_words(title if len(title) <= 80 else title[:79] + "…", y - 5))
    for name, mel in panels:
        y += LINE
        parts.append(_words(name, y - 5))
        wide = max(1, round(WIDE * len(mel) / longest))
        parts.append(
            f'<image x="0" y="{y}" width="{wide}" height="{HIGH}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_png(mel, loudest)}"/>'
        )
        y += HIGH + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {y}" width="{WIDE}" height="{y}" role="img" '
        f'aria-label="Spectrograms: {html.escape(", ".join(name for name, _ in panels))}">{"".join(parts)}</svg>'
    )


def _words(text: str, y: int) -> str:
    return f'<text x="0" y="{y}" font-family="sans-serif" font-size="12" fill="#767676">{html.escape(text)}</text>'


def _png(mel: NDArray[np.floating], loudest: float) -> str:
    """Time to the right, low bands below, loud cells bright; a PNG in base64."""
    level = np.clip(1 + (mel.astype(np.float64) - loudest) / RANGE, 0, 1).T[::-1]
    place = np.linspace(0, 1, len(SHADES))
    colours = np.stack([np.interp(level, place, SHADES[:, i]) for i in range(3)], axis=2)
    stream = io.BytesIO()
    Image.fromarray(colours.round().astype(np.uint8)).quantize(64).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")
