"""Made images of coloured shapes on textured grounds: every box is known to the pixel."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from assay.core.demo import Demo
from assay.core.files import write

COUNTS = {"train": 440, "validation": 60, "test": 100}
SIDE = 64  # pixels
LEAST, LARGEST = 10, 28  # pixels a shape is wide and high
MOST = 4  # shapes an image
COLOURS = ((230, 60, 50), (40, 190, 60), (60, 90, 230), (240, 200, 40), (170, 70, 200), (240, 240, 240))
GROUNDS = ("plain", "stripes", "blotches")

Mask = NDArray[np.bool_]


def shapes(folder: Path) -> Demo:
    """The images in ``folder``: ``train.parquet`` … with ``image``, ``objects`` and ``ground``.

    ``objects`` is JSON, a list of label and box an image; ``ground`` says what is behind the shapes.
    """
    rng = np.random.default_rng(0)
    samples: list[bytes] = []
    for name, n in COUNTS.items():
        made = [scene(rng, GROUNDS[at % len(GROUNDS)]) for at in range(n)]
        encoded = [_png(picture) for picture, _ in made]
        table = {
            "image": encoded,
            "objects": [json.dumps(objects) for _, objects in made],
            "ground": [GROUNDS[at % len(GROUNDS)] for at in range(n)],
        }
        write(folder / f"{name}.parquet", partial(pq.write_table, pa.table(table)))
        samples = encoded[:3]
    paths = [folder.parent / f"{folder.name}-{at}.png" for at in range(len(samples))]
    for path, content in zip(paths, samples, strict=True):
        write(path, content)
    return Demo(
        data=folder,
        about=f"{sum(COUNTS.values())} made images of 1 to {MOST} discs, squares and triangles on plain, striped and "
        "blotched grounds",
        inputs=tuple(str(path) for path in paths),
        target="objects",
        by="ground",
        time="60s",
        size="tiny",
        known=("ap50", 1.0, "since no shape hides another one and their boxes are known to the pixel"),
        enough=0.7,
    )


def scene(rng: np.random.Generator, ground: str) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """An image ``uint8 [SIDE, SIDE, 3]`` and its objects, as `assay.outputs.boxes` takes them."""
    picture = _ground(rng, ground)
    taken = np.zeros((SIDE, SIDE), dtype=np.bool_)
    objects: list[dict[str, Any]] = []
    wanted = rng.integers(1, MOST + 1)
    for _ in range(8 * MOST):  # tries: crowded images may end with fewer than were wanted
        label = str(rng.choice(list(SHAPES)))
        side = int(rng.integers(LEAST, LARGEST + 1))
        left, top = (int(at) for at in rng.integers(0, SIDE - side + 1, 2))
        mask = np.zeros_like(taken)
        mask[top : top + side, left : left + side] = SHAPES[label](side)
        if taken[max(0, top - 1) : top + side + 1, max(0, left - 1) : left + side + 1].any():
            continue
        taken[top : top + side, left : left + side] = True
        colour = np.array(COLOURS[rng.integers(len(COLOURS))])
        picture[mask] = colour + rng.normal(0, 6, (int(mask.sum()), 3))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        objects.append({"label": label, "x0": columns[0] / SIDE, "y0": rows[0] / SIDE,
                        "x1": (columns[-1] + 1) / SIDE, "y1": (rows[-1] + 1) / SIDE})  # fmt: skip
        if len(objects) == wanted:
            break
    return np.clip(picture, 0, 255).astype(np.uint8), objects


def _ground(rng: np.random.Generator, kind: str) -> NDArray[np.float64]:
    """Muted colours ``[SIDE, SIDE, 3]``, unlike those of the shapes, with some noise."""
    first, second = (rng.uniform(80, 130) + rng.uniform(-15, 15, 3) for _ in range(2))
    if kind == "plain":
        share = np.zeros((SIDE, SIDE))
    elif kind == "stripes":
        angle, width = rng.uniform(0, np.pi), rng.uniform(4, 12)
        across = np.cos(angle) * np.arange(SIDE)[:, None] + np.sin(angle) * np.arange(SIDE)[None, :]
        share = np.sin(2 * np.pi * across / width) / 2 + 0.5
    else:
        coarse = Image.fromarray((255 * rng.random((8, 8))).astype(np.uint8))
        share = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255
    return first + (second - first) * share[..., None] + rng.normal(0, 8, (SIDE, SIDE, 3))


def _disc(side: int) -> Mask:
    at = np.arange(side) - (side - 1) / 2
    return np.asarray(at[:, None] ** 2 + at[None, :] ** 2 <= (side / 2) ** 2)


def _square(side: int) -> Mask:
    return np.ones((side, side), dtype=np.bool_)


def _triangle(side: int) -> Mask:
    rows, columns = np.arange(side)[:, None], np.arange(side)[None, :]
    return np.asarray(np.abs(2 * columns - (side - 1)) <= rows + 1)


SHAPES = {"disc": _disc, "square": _square, "triangle": _triangle}


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()
