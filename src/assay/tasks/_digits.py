"""Handwritten digits that scikit-learn ships, written out as people have images: files, or bytes in a Parquet table."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from assay.core.demo import Demo
from assay.core.files import write

TEST = 450  # of 1,797, the last ones: other writers than the first


def digits(folder: Path) -> Demo:
    """The digits in ``folder``: ``train.parquet`` and ``test.parquet`` with ``image``, ``label`` and ``ink``.

    ``ink`` says how strongly a digit was written: a third of them each is thin, medium and bold.
    """
    from sklearn.datasets import load_digits

    loaded = load_digits()
    pixels = np.clip(loaded.images * 16, 0, 255).astype(np.uint8)
    ink = pixels.mean((1, 2))
    grade = np.array(["thin", "medium", "bold"])[np.digitize(ink, np.quantile(ink, [1 / 3, 2 / 3]))]
    encoded = [_png(image) for image in pixels]
    n = len(encoded) - TEST
    for name, rows in (("train", slice(0, n)), ("test", slice(n, None))):
        table = {"image": encoded[rows], "label": [str(y) for y in loaded.target[rows]], "ink": grade[rows].tolist()}
        write(folder / f"{name}.parquet", partial(pq.write_table, pa.table(table)))
    samples = []
    for at in range(n, n + 3):
        samples.append(folder.parent / f"{folder.name}-{at}.png")
        write(samples[-1], encoded[at])
    return Demo(
        data=folder,
        about="1,797 handwritten digits of 8 × 8 pixels (Alpaydin & Kaynak 1998), shipped with scikit-learn",
        inputs=tuple(str(path) for path in samples),
        by="ink",
    )


def inked(folder: Path) -> Demo:
    """The digits with how many of their 64 pixels are inked as ``target``: an answer that is known exactly."""
    demo = digits(folder)
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path)
        count = [int((np.asarray(Image.open(io.BytesIO(cell.as_py()))) > 127).sum()) for cell in table["image"]]
        changed = table.drop_columns(["label"]).append_column("pixels_inked", pa.array(count))
        write(path, partial(pq.write_table, changed))
    return replace(demo, target="pixels_inked", about=f"{demo.about}, with the number of inked pixels to predict")


def _png(image: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
