"""Images: files, encoded bytes or arrays of pixels in; ``uint8 [N, H, W, C]`` kept; ``float [B, C, H, W]`` in −1 … 1 out.

Legend: N examples, B batch, H height, W width, C channels, M masks, P parts.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter, ImageOps, UnidentifiedImageError

from assay.codecs.drawing import scaled
from assay.codecs.media import IMAGES
from assay.core.errors import DataError
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs._image_corruptions import KINDS, corrupted
from assay.inputs._likeness import likeness
from assay.inputs._moves import moved
from assay.inputs._shade_cells import beside, closed, opened, over

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")  # Pillow reads more, some through other programs
MOST_PIXELS = 100_000_000
GRID = 8


@dataclass(frozen=True)
class Image:
    """The image modality.

    Attributes:
        max_side: larger images are scaled down until both sides fit; the sides themselves come from the training data.
        shift: how far training batches are moved at random, as a share of the side.
        flip: whether they are mirrored; ``None`` is for colour images only, since digits and letters do not survive it.
    """

    max_side: Annotated[int, Within(8, 4096)] = 128
    shift: Annotated[float, Within(0, 0.5)] = 1 / 16
    flip: bool | None = None

    names = ("image", "img", "picture", "photo", "file", "path", "filename", "pixels")
    row = False
    store = True
    optional = False
    files = True

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is a path or name of an image file, encoded bytes, or an array of pixels."""
        if isinstance(cell, Mapping):
            return "bytes" in cell or "path" in cell
        if isinstance(cell, np.ndarray):
            return cell.ndim in (2, 3) and cell.dtype == np.uint8
        if isinstance(cell, str | Path):
            return str(cell).lower().endswith(IMAGES)
        return isinstance(cell, bytes | Pillow.Image)

    def fit(self, xs: Sequence[Any]) -> FittedImage:
        """Choose the sides and channels from up to 256 training images.

        Raises:
            DataError: not one of them can be opened.
        """
        shapes: list[tuple[int, int]] = []
        grey = True
        why = "there are none"
        for at in np.unique(np.linspace(0, len(xs) - 1, num=min(len(xs), 256)).astype(int)):
            try:
                picture = open_image(xs[int(at)])
            except ValueError as error:
                why = str(error)
                continue
            shapes.append((picture.height, picture.width))
            grey = grey and picture.mode in ("1", "L", "I", "I;16", "F")
        if not shapes:
            raise DataError(f"No training image could be opened ({why}).")
        height, width = np.median(np.array(shapes), axis=0)
        scale = min(1.0, self.max_side / max(height, width))
        channels = 1 if grey else 3
        return FittedImage(
            height=max(8, round(height * scale)),
            width=max(8, round(width * scale)),
            channels=channels,
            shift=self.shift,
            flip=channels == 3 if self.flip is None else self.flip,
        )

    def load(self, state: JSON) -> FittedImage:
        """The inverse of `FittedImage.to_json`."""
        return FittedImage(**state)

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Noisy 16 × 16 images that are brighter at the top (+1) or at the bottom (−1): mirroring changes no answer."""
        noise = rng.normal(0, 30, (n, 16, 16, 3))
        ramp = np.linspace(60, -60, 16)[None, :, None, None]
        signs = rng.choice([-1, 1], n)[:, None, None, None]
        return list(np.clip(128 + signs * ramp + noise, 0, 255).astype(np.uint8))

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if x[:8].mean() > x[8:].mean() else -1 for x in xs])


@dataclass(frozen=True)
class FittedImage:
    """Images brought to one size and number of channels."""

    height: int
    width: int
    channels: int
    shift: float
    flip: bool

    remarks = ()
    absence = "A cell that is absent shows a strong blur of the image itself."
    corruptions = KINDS

    @property
    def dims(self) -> JSON:
        """What a body must know."""
        return {"channels": self.channels, "height": self.height, "width": self.width}

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``uint8 [N, H, W, C]``; decoded on all cores (Pillow lets go of the interpreter while it decodes)."""
        pixels = np.zeros((len(xs), self.height, self.width, self.channels), dtype=np.uint8)

        def one(at: int) -> None:
            try:
                pixels[at] = self._pixels(xs[at])
            except ValueError as error:
                problems[at] = str(error)

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, range(len(xs)), chunksize=64))
        return {"image": pixels}

    def notes(self, xs: Sequence[Any]) -> Problems:
        """Nothing: an image that opens can be answered."""
        return {}

    def collate(self, arrays: Tensors) -> Tensors:
        """``[B, C, H, W]`` in −1 … 1; a view of channels-last memory."""
        return {"image": arrays["image"].permute(0, 3, 1, 2).float().mul_(1 / 127.5).sub_(1)}

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Each image moved by a random whole number of pixels (edges mirrored) and perhaps flipped."""
        image = x["image"]
        most = max(1, round(self.shift * min(image.shape[2:])))
        return {"image": moved(image, most, self.flip, generator)}

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The cells of a grid of at most 8 × 8, named by row and column."""
        rows, columns = self._grid
        return tuple(f"row {r + 1} column {c + 1}" for r in range(rows) for c in range(columns))

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Cells that are not kept show a strong blur of the image itself: no edge, no colour that is not there."""
        image = x["image"][0]
        rows, columns = self._grid
        cell = (np.arange(self.height) * rows // self.height)[:, None] * columns
        cell = cell + (np.arange(self.width) * columns // self.width)[None, :]
        kept = mask[:, cell][..., None]
        return {"image": np.where(kept, image[None], _blurred(image)[None])}

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Noise, blur, light, compression or something in the way (see `assay.inputs._image_corruptions`)."""
        return {"image": corrupted(x["image"], kind, severity, rng)}

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Edge directions on a grid of 8 × 8 cells, and half as heavy a blurred thumbnail of 8 × 8, as ``[N, D]``.

        Brightness and contrast are taken out of both, so a re-compressed, brighter or slightly cropped copy stays near;
        where a mirror image means the same (`flip`) it has the very same features. D is 512 + 64 × channels.
        """
        image = x["image"]
        size = 8 * 64 + 64 * self.channels
        out = np.empty((len(image), size), dtype=np.float32)
        step = max(1, (1 << 22) // max(1024 * self.channels, int(np.prod(image.shape[1:]))))
        for start in range(0, len(out), step):
            block = torch.from_numpy(np.ascontiguousarray(image[start : start + step])).permute(0, 3, 1, 2).float()
            out[start : start + step] = likeness(block.mul_(1 / 255), self.flip).numpy()
        return out

    def show(self, x: Any) -> tuple[str, str]:
        """The image as a base64 PNG of 160 pixels a side (small ones enlarged, their pixels kept sharp), of up to 320 where
        the network sees more than 160."""
        picture = open_image(x).convert("RGB")
        scale = max(160, min(320, max(self.height, self.width))) / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.LANCZOS)
        return "png", closed(picture)

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """What `show` gives, of the same size: grey, and its cells red where they speak for an answer and blue where against
        it, deeper the more (``values`` ``[P]``)."""
        kind, data = self.show(x)
        return kind, closed(over(opened(data), scaled(values)[0].reshape(self._grid)))

    def beside(self, x: Any, shaded: tuple[str, str], values: NDArray[np.float64]) -> tuple[str, str]:
        """What `show` gives, next to what `shade` gave, over the scale of its colours."""
        kind, data = self.show(x)
        return kind, closed(beside(opened(data), opened(shaded[1]), scaled(values)[1]))

    def to_json(self) -> JSON:
        """Everything that `Image.load` needs."""
        return dict(vars(self))

    @property
    def _grid(self) -> tuple[int, int]:
        return min(GRID, self.height), min(GRID, self.width)

    def _pixels(self, x: Any) -> NDArray[np.uint8]:
        if isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.shape == (self.height, self.width, self.channels):
            return x
        picture = open_image(x)
        if picture.mode in ("I", "I;16", "F"):
            picture = Pillow.fromarray(_to_eight_bits(np.asarray(picture)))
        elif "A" in picture.getbands() or "transparency" in picture.info:
            clear = picture.convert("RGBA")
            picture = Pillow.alpha_composite(Pillow.new("RGBA", clear.size, "white"), clear)
        picture = picture.convert("L" if self.channels == 1 else "RGB")
        if picture.size != (self.width, self.height):
            picture = picture.resize((self.width, self.height), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
        return np.asarray(picture).reshape(self.height, self.width, self.channels)


def open_image(x: Any) -> Pillow.Image:
    """A decoded image, upright, of at most 100 megapixels.

    Raises:
        ValueError: it is not an image, is cut off, or is too large; says which.
    """
    if isinstance(x, Mapping):
        x = x.get("bytes") or x.get("path")
    if x is None:
        raise ValueError("there is no image")
    if isinstance(x, np.ndarray):
        if x.dtype != np.uint8 or x.size == 0 or x.ndim not in (2, 3) or (x.ndim == 3 and x.shape[2] not in (1, 3, 4)):
            raise ValueError(f"{x.dtype} of shape {x.shape} is no image; accepted is uint8 [H, W] or [H, W, 1 | 3 | 4]")
        return Pillow.fromarray(x.squeeze(-1) if x.ndim == 3 and x.shape[-1] == 1 else x)
    if isinstance(x, Pillow.Image):
        return x
    try:
        picture = Pillow.open(io.BytesIO(x) if isinstance(x, bytes) else x, formats=FORMATS)
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError(f"{picture.width:,} × {picture.height:,} pixels are more than the 100 million accepted")
        picture.draft("RGB", (512, 512)) if min(picture.size) > 1024 else None
        picture.load()
        return ImageOps.exif_transpose(picture)
    except Pillow.DecompressionBombError as error:
        raise ValueError("it has more than the 100 million pixels accepted") from error
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return f"not an image (accepted: {', '.join(FORMATS)})"
    if "truncated" in str(error).lower():
        return "the image is cut off; copy the file again"
    return f"the image cannot be decoded ({error})"


def _to_eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    top = 65535 if array.max(initial=0) > 255 else 255
    return np.clip(array.astype(np.float64) * 255 / top, 0, 255).astype(np.uint8)


def _blurred(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Pillow.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    radius = max(image.shape[:2]) / 4
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))).reshape(image.shape)
