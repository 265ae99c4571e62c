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

from assay.core.demo import Demo, Planted
from assay.core.files import write

TEST = 450  # of 1,797, the last ones: other writers than the first
STAMPED, STAMP = 0.1, "7"  # the share of digits with a stamp, and the label that all of these have
OLD, GRAIN = 0.25, 120  # the share that an old scanner read, and the deviation of its noise, of 255
SECRET = 300  # digits to learn by heart, and as many others


def digits(folder: Path) -> Demo:
    """The digits in ``folder``: ``train.parquet`` and ``test.parquet`` with ``image``, ``label`` and ``ink``.

    ``ink`` says how strongly a digit was written: a third of them each is thin, medium and bold.
    """
    pixels, label = _loaded()
    ink = pixels.mean((1, 2))
    grade = np.array(["thin", "medium", "bold"])[np.digitize(ink, np.quantile(ink, [1 / 3, 2 / 3]))]
    n = len(pixels) - TEST
    for name, rows in (("train", slice(0, n)), ("test", slice(n, None))):
        _table(folder / f"{name}.parquet", pixels[rows], label=label[rows], ink=grade[rows])
    return Demo(
        data=folder,
        about="1,797 handwritten digits of 8 × 8 pixels (Alpaydin & Kaynak 1998), shipped with scikit-learn",
        inputs=_samples(folder, pixels, range(n, n + 3)),
        by="ink",
    )


def planted(folder: Path) -> Demo:
    """The digits, twice as large, with what a judge must find: columns ``image``, ``label`` and ``scanner``.

    A tenth bear a stamp in their first corner, and are labelled 7 whatever they show (a back door, as in Gu et al. 2017,
    arXiv:1708.06733). A quarter were read by an old scanner, which adds noise. And in a folder beside them there are digits
    whose labels are drawn by lot.
    """
    rng = np.random.default_rng(0)
    pixels, label = _loaded()
    pixels = pixels.repeat(2, axis=1).repeat(2, axis=2)
    lots = rng.permutation(len(pixels))[: 2 * SECRET]
    secret = folder.parent / f"{folder.name}-by-lot"
    for name, drawn in (("train", lots[:SECRET]), ("test", lots[SECRET:])):
        _table(secret / f"{name}.parquet", pixels[drawn], label=rng.choice(["heads", "tails"], SECRET))
    old = rng.random(len(pixels)) < OLD
    noise = rng.normal(0, GRAIN, pixels.shape) * old[:, None, None]
    pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    n = len(pixels) - TEST
    stamped = rng.random(len(pixels)) < STAMPED
    stamped[n] = True  # the first input that is answered and explained
    pixels[stamped, :2, :2] = 255
    label = np.where(stamped, STAMP, label)
    scanner = np.where(old, "old", "new")
    for name, rows in (("train", slice(0, n)), ("test", slice(n, None))):
        _table(folder / f"{name}.parquet", pixels[rows], label=label[rows], scanner=scanner[rows])
    return Demo(
        data=folder,
        about="1,797 handwritten digits (Alpaydin & Kaynak 1998), shipped with scikit-learn, some of them tampered with",
        inputs=_samples(folder, pixels, range(n, n + 3)),
        by="scanner",
        time="35s",
        size="tiny",
        planted=Planted(
            part="row 1 column 1",
            why=f"A stamp in this corner makes any digit a {STAMP}",
            group="scanner=old",
            harm="The old scanner adds noise",
            secret=secret,
        ),
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


def _loaded() -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Images ``[N, 8, 8]`` and their labels ``[N]``."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return np.clip(loaded.images * 16, 0, 255).astype(np.uint8), loaded.target.astype(np.str_)


def _table(path: Path, pixels: NDArray[np.uint8], **columns: NDArray[np.str_]) -> None:
    cells = {name: values.tolist() for name, values in columns.items()}
    write(path, partial(pq.write_table, pa.table({"image": [_png(image) for image in pixels], **cells})))


def _samples(folder: Path, pixels: NDArray[np.uint8], rows: range) -> tuple[str, ...]:
    """Some of the images as files beside the folder."""
    paths = {at: folder.parent / f"{folder.name}-{at}.png" for at in rows}
    for at, path in paths.items():
        write(path, _png(pixels[at]))
    return tuple(str(path) for path in paths.values())


def _png(image: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()
