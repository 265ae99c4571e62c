"""An image with its true objects and those that were found, as SVG: every text in it is escaped."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from html import escape

import numpy as np

from assay.core.protocols import JSON
from assay.outputs._boxes_cells import Object

COLOURS = ("#e6194b", "#1f77d0", "#d98500", "#8a3ab9", "#0a9396", "#b5179e", "#5a8f00", "#7f5539")
MOST = 200  # boxes drawn of a kind
FAINT, STRONG = 0.45, 3  # opacity of what is not looked at, and the width of the line around what is
HALO = 2  # by how much the white line under a box is wider
_LETTER = 5.2  # width of one, at 9 pixels
_PNG = b"\x89PNG\r\n\x1a\n"


def pictured(
    shown: tuple[str, str], true: Sequence[Object], row: JSON | None, labels: Sequence[str]
) -> tuple[str, str]:
    """``("svg", …)`` of a shown PNG: true objects dashed, found ones solid with class and confidence, a colour a class.
    Where there is no answer, the true ones are named.

    Args:
        shown: what `FittedInput.show` gave; anything but a PNG is handed back as it is.
        true: the true objects.
        row: an answer as `FittedBoxes.rows` gives it, or ``None``; of a `claimed` one only that object is named.
        labels: the classes, in the order of their colours.
    """
    size = _size(shown)
    if size is None:
        return shown
    scale = max(1.0, 320 / max(size))  # so that words can be read beside small images
    width, height = size[0] * scale, size[1] * scale
    parts = [f'<image width="{width:.0f}" height="{height:.0f}" href="data:image/png;base64,{shown[1]}"/>']
    words = []
    for thing in true[:MOST]:
        colour = _colour(thing.label, labels)
        style = 'stroke-dasharray="4 3"' + (' opacity="0.5"' if thing.ignore else "")
        parts.append(_box(thing.box, width, height, colour, style, thing.label))
        if row is None:
            words.append(_word(thing.box, width, height, colour, thing.label))
    for found in reversed((row or {}).get("objects", [])[:MOST]):  # the first one on top of the others
        colour, faint = _colour(found["label"], labels), found.get("faint")
        told = f"{found['label']} {found['confidence']:.2f}" if "confidence" in found else found["label"]
        style = f'opacity="{FAINT}"' if faint else ""
        parts.append(_box(found["box"], width, height, colour, style, told, STRONG if faint is False else 1.5))
        if not faint:
            words.append(_word(found["box"], width, height, colour, told))
    return "svg", (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="objects">{"".join(parts + words)}</svg>'
    )


def claimed(row: JSON, label: str, box: Sequence[float]) -> JSON:
    """An answer in which one object stands out, the first, and all others are faint; one that the answer does not list (of
    another target, say) has no confidence."""
    objects: list[JSON] = row.get("objects", [])
    same = [thing for thing in objects if thing["label"] == label and np.allclose(thing["box"], box, atol=1e-5)][:1]
    others = [{**thing, "faint": True} for thing in objects if not same or thing is not same[0]]
    mine = same[0] if same else {"label": label, "box": list(box)}
    return {**row, "objects": [{**mine, "faint": False}, *others]}


def _box(
    box: Sequence[float], width: float, height: float, colour: str, style: str, told: str, stroke: float = 1.5
) -> str:
    """A line in a class's colour on a wider white one: of the two one is seen on any ground."""
    x0, y0, x1, y1 = box
    place = (
        f'x="{x0 * width:.1f}" y="{y0 * height:.1f}" width="{(x1 - x0) * width:.1f}" '
        f'height="{(y1 - y0) * height:.1f}" fill="none"'
    )
    under = 'opacity="0.4"' if "opacity" in style else 'opacity="0.85"'
    return (
        f'<rect {place} stroke="#fff" stroke-width="{stroke + HALO}" {under}/>'
        f'<rect {place} stroke="{colour}" stroke-width="{stroke}" {style}><title>{escape(told)}</title></rect>'
    )


def _word(box: Sequence[float], width: float, height: float, colour: str, told: str) -> str:
    """The class and confidence above a box, or within it where there is no room above."""
    wide = _LETTER * len(told) + 4
    x = max(0.0, min(box[0] * width, width - wide))
    y = box[1] * height - 11 if box[1] * height >= 11 else box[1] * height
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="11" fill="{colour}" fill-opacity="0.85"/>'
        f'<text x="{x + 2:.1f}" y="{y + 8.5:.1f}" font-family="sans-serif" font-size="9" fill="#fff">{escape(told)}</text>'
    )


def _colour(label: str, labels: Sequence[str]) -> str:
    at = labels.index(label) if label in labels else len(labels)
    return COLOURS[at % len(COLOURS)]


def _size(shown: tuple[str, str]) -> tuple[int, int] | None:
    """Width and height of a base64 PNG."""
    kind, data = shown
    if kind != "png":
        return None
    try:
        head = base64.b64decode(data[:64])
    except binascii.Error:
        return None
    if not head.startswith(_PNG) or len(head) < 24:
        return None
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
