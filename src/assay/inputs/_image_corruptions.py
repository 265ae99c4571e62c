"""What befalls images where they are used: noise, blur, light, compression, and what stands in the way.

The kinds and their levels are those of Hendrycks & Dietterich (2019, arXiv:1903.12261), who gave them for images of 32
pixels a side (CIFAR-10-C) and of 224 (ImageNet-C): between these, levels go by the logarithm of the shorter side. Occlusion
is not theirs: a rectangle of one grey, as in Random Erasing (Zhong et al. 2017, arXiv:1708.04896).

Legend: N images, H height, W width, C channels, F frames.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter1d

from assay.inputs._severity import blocks, check_corruption

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

KINDS = ("gaussian noise", "blur", "brightness", "contrast", "jpeg", "pixelate", "occlusion")
SIDES = (32, 224)
LEVELS = {  # at these two sides, by severity
    "gaussian noise": ((0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38)),  # deviation, of 0 … 1
    "blur": ((0.4, 0.6, 0.7, 0.8, 1.0), (1.0, 2.0, 3.0, 4.0, 6.0)),  # deviation, in pixels
    "brightness": ((0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5)),  # added to the value, of 0 … 1
    "contrast": ((0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05)),  # what is left of it
    "jpeg": ((80, 65, 58, 50, 40), (25, 18, 15, 10, 7)),  # quality
    "pixelate": ((0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25)),  # sides that are left
    "occlusion": ((0.02, 0.05, 0.1, 0.2, 0.35),) * 2,  # share of the area
}


def corrupted(image: Pixels, kind: str, severity: int, rng: np.random.Generator) -> Pixels:
    """Images ``[N, H, W, C]`` or clips ``[N, F, H, W, C]`` that one of `KINDS` befell, of the same shape.

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, KINDS)
    height, width, channels = image.shape[-3:]
    much = level(kind, severity, min(height, width))
    if kind == "occlusion":
        return _covered(image, much, rng)
    frames = image.reshape(-1, height, width, channels)
    if kind in ("jpeg", "pixelate"):
        return _one_by_one(frames, lambda p: (_compressed if kind == "jpeg" else _coarse)(p, much)).reshape(image.shape)
    out = np.empty_like(frames)
    for block in blocks(len(frames), height * width * channels):
        shares = np.asarray(frames[block] / np.float32(255), dtype=np.float32)
        out[block] = np.clip(np.rint(255 * _change(shares, kind, much, rng)), 0, 255)
    return out.reshape(image.shape)


def level(kind: str, severity: int, side: int) -> float:
    """How much of a corruption a severity is for images whose shorter side has so many pixels.

    >>> level("blur", 5, 28), level("blur", 5, 224), round(level("blur", 5, 96), 2)
    (1.0, 6.0, 2.75)
    """
    small, large = (levels[severity - 1] for levels in LEVELS[kind])
    share = min(1.0, max(0.0, math.log(side / SIDES[0]) / math.log(SIDES[1] / SIDES[0])))
    return float(small ** (1 - share) * large**share)


def _change(shares: Floats, kind: str, much: float, rng: np.random.Generator) -> Floats:
    if kind == "gaussian noise":
        return shares + np.float32(much) * rng.standard_normal(shares.shape, dtype=np.float32)
    if kind == "blur":
        across = gaussian_filter1d(shares, much, axis=2, mode="nearest")
        return np.asarray(gaussian_filter1d(across, much, axis=1, mode="nearest"), dtype=np.float32)
    if kind == "contrast":
        mean = shares.mean(axis=(1, 2), keepdims=True)
        return np.asarray(mean + (shares - mean) * np.float32(much), dtype=np.float32)
    # Brightness: the value of hue, saturation and value grows; the other two stay.
    value = shares.max(axis=3, keepdims=True)
    brighter = np.minimum(value + np.float32(much), 1)
    return np.asarray(np.where(value > 0, shares * (brighter / np.maximum(value, 1e-6)), brighter), dtype=np.float32)


def _covered(image: Pixels, area: float, rng: np.random.Generator) -> Pixels:
    height, width = image.shape[-3:-1]
    high, wide = (max(1, round(side * area**0.5)) for side in (height, width))
    grey = rng.integers(0, 256, len(image))
    # Placed so that a larger rectangle holds the smaller one of the same draw.
    rows, columns = (rng.random((len(image), 2)) * (height - high, width - wide)).round().astype(int).T
    out = image.copy()
    for row, top, left, shade in zip(out, rows, columns, grey, strict=True):
        row[..., top : top + high, left : left + wide, :] = shade
    return out


def _one_by_one(frames: Pixels, change: Callable[[Pillow.Image], Pillow.Image]) -> Pixels:
    out = np.empty_like(frames)

    def one(at: int) -> None:
        picture = Pillow.fromarray(frames[at].squeeze(-1) if frames.shape[-1] == 1 else frames[at])
        out[at] = np.asarray(change(picture)).reshape(out.shape[1:])

    with ThreadPoolExecutor() as pool:  # Pillow lets go of the interpreter
        list(pool.map(one, range(len(frames)), chunksize=64))
    return out


def _compressed(picture: Pillow.Image, quality: float) -> Pillow.Image:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=round(quality))
    return Pillow.open(stream, formats=("JPEG",))


def _coarse(picture: Pillow.Image, share: float) -> Pillow.Image:
    small = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    return picture.resize(small, Pillow.Resampling.BOX).resize(picture.size, Pillow.Resampling.NEAREST)
