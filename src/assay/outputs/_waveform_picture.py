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

from assay.codecs.sound import hz_to_mel

WIDE, HIGH, LINE = 480, 120, 18  # pixels: of a spectrogram, and of a line of words
LEFT, RIGHT, BELOW = 42, 10, 30  # pixels around them, for the axes
HERTZ = (0, 500, 1_000, 2_000, 4_000, 8_000, 16_000)  # that are named, as far as they are there
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)  # seconds from one named to the next
MARKS = 8  # of them at most
RANGE = 9.0  # natural logarithms from the darkest to the brightest: 78 dB
SHADES = np.array([[0, 0, 4], [59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]])


def above(panels: Sequence[tuple[str, NDArray[np.floating]]], title: str, rate: int, step: float) -> str:
    """An SVG of spectrograms on one scale of time and loudness, each under its name: kHz upwards, seconds to the right.

    Args:
        panels: names and natural logarithms of magnitudes ``[T, M]``.
        title: what stands above them all.
        rate: samples a second; the bands reach up to half of it.
        step: seconds from frame to frame.
    """
    longest = max(len(mel) for _, mel in panels)
    loudest = max(float(mel.max()) for _, mel in panels)
    parts, y = [], 0
    if title:
        y += LINE
        parts.append(_words(title if len(title) <= 80 else title[:79] + "…", y - 5))
    for name, mel in panels:
        y += LINE
        parts.append(_words(name, y - 5, LEFT))
        wide = max(1, round(WIDE * len(mel) / longest))
        parts.append(
            f'<image x="{LEFT}" y="{y}" width="{wide}" height="{HIGH}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_png(mel, loudest)}"/>{_hertz(rate, y)}'
        )
        y += HIGH + 8
    parts.append(_seconds(longest * step, y - 8))
    wide, y = LEFT + WIDE + RIGHT, y + BELOW - 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {y}" width="{wide}" height="{y}" role="img" '
        f'aria-label="Spectrograms: {html.escape(", ".join(name for name, _ in panels))}">{"".join(parts)}</svg>'
    )


def _hertz(rate: int, top: int) -> str:
    """What stands left of a spectrogram, whose bands are evenly far apart on the mel scale."""
    parts, most = [], float(hz_to_mel(rate / 2))
    for hertz in (hertz for hertz in HERTZ if hertz <= rate / 2):
        y = top + HIGH * (1 - float(hz_to_mel(hertz)) / most)
        unit = " kHz" if 2 * hertz > rate / 2 else ""
        parts.append(f'<path d="M{LEFT - 4} {y:.1f}h4" stroke="#767676"/>')
        parts.append(_words(f"{hertz / 1_000:g}{unit}", y + 3.5, LEFT - 6, "end", 9))
    return "".join(parts)


def _seconds(longest: float, bottom: int) -> str:
    """What stands below the last spectrogram."""
    parts = []
    step = next((step for step in STEPS if longest / step <= MARKS), STEPS[-1])
    marks = int(longest / step)
    for at in range(marks + 1):
        x = LEFT + WIDE * at * step / longest
        parts.append(f'<path d="M{x:.1f} {bottom}v4" stroke="#767676"/>')
        parts.append(_words(f"{at * step:g}{' s' if at == marks else ''}", bottom + 15, x, "middle", 10))
    return "".join(parts)


def _words(text: str, y: float, x: float = 0, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-family="sans-serif" font-size="{size}" '
        f'fill="#767676">{html.escape(text)}</text>'
    )


def _png(mel: NDArray[np.floating], loudest: float) -> str:
    """Time to the right, low bands below, loud cells bright; a PNG in base64."""
    level = np.clip(1 + (mel.astype(np.float64) - loudest) / RANGE, 0, 1).T[::-1]
    place = np.linspace(0, 1, len(SHADES))
    colours = np.stack([np.interp(level, place, SHADES[:, i]) for i in range(3)], axis=2)
    stream = io.BytesIO()
    Image.fromarray(colours.round().astype(np.uint8)).quantize(64).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")
