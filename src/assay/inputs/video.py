"""Videos: files, encoded bytes or arrays in; ``uint8 [N, S, H, W, C]`` kept; ``float [B, S, C, H, W]`` in −1 … 1 out.

More frames are kept than a network learns from at once: training takes every S / T-th of them from a random one on, so
that a clip is not always the same frames, and the time between two frames never changes.

Legend: N examples, B batch, S frames kept, T frames of a network, H height, W width, C channels, M masks, P parts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs.media import VIDEOS
from assay.core.errors import DataError
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs._moves import moved
from assay.inputs._video_clip import Look, clip, look, oddities
from assay.inputs._video_corruptions import KINDS, corrupted
from assay.inputs._video_file import library as library
from assay.inputs._video_views import SHOWN, blurred, likeness_of, strip

LOOKED = 64  # training clips that sides and frames are chosen from
THREADS = 4
PARTS = 4  # cells of the grid a side, and stretches of time


@dataclass(frozen=True)
class Video:
    """The video modality.

    Attributes:
        frames: how many a network learns from at once; fewer where most training clips have fewer.
        spare: how many times as many are kept.
        max_side: larger clips are scaled down until both sides fit; the sides themselves come from the training data.
        shift: how far training clips are moved at random, all frames alike, as a share of the side.
        light: how much brighter or darker they are made at random, as a share.
        flip: whether they are mirrored. Not by default: what moves to the left then moves to the right, which is another
            action wherever a label names a direction (a turn, a sign of sign language).
    """

    frames: Annotated[int, Within(1, 256)] = 16
    spare: Annotated[int, Within(1, 64)] = 2
    max_side: Annotated[int, Within(8, 1024)] = 96
    shift: Annotated[float, Within(0, 0.5)] = 1 / 12
    light: Annotated[float, Within(0, 1)] = 0.3
    flip: bool = False

    names = ("video", "clip", "movie", "file", "path", "filename", "frames")
    row = False
    store = True
    optional = False
    files = True

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is a path or name of a video file, encoded bytes, or an array of frames."""
        if isinstance(cell, Mapping):
            return "bytes" in cell or "path" in cell
        if isinstance(cell, np.ndarray):
            return cell.ndim == 4 and cell.dtype == np.uint8
        if isinstance(cell, str | Path):
            return str(cell).lower().endswith(VIDEOS)
        return isinstance(cell, bytes)

    def fit(self, xs: Sequence[Any]) -> FittedVideo:
        """Choose sides, channels and frames from up to 64 training clips.

        Raises:
            DataError: not one of them can be opened.
            Unsupported: they are files, and PyAV is not installed.
        """
        seen: list[Look] = []
        why = "there are none"
        for at in np.unique(np.linspace(0, len(xs) - 1, num=min(len(xs), LOOKED)).astype(int)):
            try:
                seen.append(look(xs[int(at)]))
            except ValueError as error:
                why = str(error)
        if not seen:
            raise DataError(f"No training clip could be opened ({why}).")
        height, width, count = np.median([(one.height, one.width, one.frames) for one in seen], axis=0)
        scale = min(1.0, self.max_side / max(height, width))
        frames = max(1, min(self.frames, int(count)))
        return FittedVideo(
            frames=frames,
            kept=frames * max(1, min(self.spare, int(count) // frames)),
            height=max(8, round(height * scale)),
            width=max(8, round(width * scale)),
            channels=1 if all(one.grey for one in seen) else 3,
            shift=self.shift,
            light=self.light,
            flip=self.flip,
        )

    def load(self, state: JSON) -> FittedVideo:
        """The inverse of `FittedVideo.to_json`."""
        return FittedVideo(**state)

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Clips of 8 frames of 16 × 16: the top (+1) or the bottom (−1) is brighter in every frame, and flickers more."""
        signs = rng.choice([-1, 1], n)[:, None, None, None, None]
        top = signs * np.linspace(1, -1, 16)[None, None, :, None, None]
        flicker = rng.normal(0, 30, (n, 8, 16, 16, 3)) * (1 + 0.7 * np.sign(top))
        return list(np.clip(128 + 60 * top + flicker, 0, 255).astype(np.uint8))

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if x[:, :8].mean() > x[:, 8:].mean() else -1 for x in xs])


@dataclass(frozen=True)
class FittedVideo:
    """Clips brought to one size and number of frames.

    Attributes:
        frames: T.
        kept: S, a multiple of T.
    """

    frames: int
    kept: int
    height: int
    width: int
    channels: int
    shift: float
    light: float
    flip: bool

    remarks = ()
    absence = "A cell that is absent shows the strongly blurred mean of the clip over time: nothing moves there."
    corruptions = KINDS

    @property
    def dims(self) -> JSON:
        """What a body must know."""
        return {"channels": self.channels, "frames": self.frames, "height": self.height, "width": self.width}

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``uint8 [N, S, H, W, C]``: frames at evenly spaced times, the same in every run."""
        frames = np.zeros((len(xs), self.kept, self.height, self.width, self.channels), dtype=np.uint8)

        def one(at: int) -> None:
            try:
                frames[at] = clip(xs[at], self.kept, self.height, self.width, self.channels)
            except ValueError as error:
                problems[at] = str(error)

        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:  # PyAV lets go of the interpreter
            list(pool.map(one, range(len(xs))))
        return {"video": frames}

    def notes(self, xs: Sequence[Any]) -> Problems:
        """Clips of which a part is missing or damaged (what could be read of them was used), or that hold one frame only."""

        def one(at: int) -> str:
            try:
                return ". ".join(oddities(xs[at], self.kept, moving=self.frames > 1))
            except ValueError:
                return ""  # a problem of `encode`

        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
            return {at: noted for at, noted in enumerate(pool.map(one, range(len(xs)))) if noted}

    def collate(self, arrays: Tensors) -> Tensors:
        """``[B, S, C, H, W]`` in −1 … 1; a view of channels-last memory."""
        return {"video": arrays["video"].permute(0, 1, 4, 2, 3).float().mul_(1 / 127.5).sub_(1)}

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """T of the S frames of each clip, from a random one on; all made brighter or darker alike, moved by the same
        random whole number of pixels (edges mirrored), and perhaps mirrored: ``[B, T, C, H, W]``."""
        video = x["video"]
        batch, step = len(video), self.kept // self.frames
        begin = torch.randint(0, step, (batch, 1), generator=generator, device=generator.device).to(video.device)
        at = begin + torch.arange(0, self.kept, step, device=video.device)
        taken = video[torch.arange(batch, device=video.device)[:, None], at]
        most = max(1, round(self.shift * min(video.shape[3:])))
        whole = moved(taken.flatten(1, 2), most, self.flip, generator)  # the frames as channels of one image
        gain = torch.rand((batch, 1, 1, 1), generator=generator, device=generator.device).to(video.device)
        gain = 1 + self.light * (2 * gain - 1)
        whole = whole.add_(1).mul_(gain).sub_(1)  # black stays black
        return {"video": whole.view(batch, self.frames, self.channels, *whole.shape[2:])}

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The cells of a grid of at most 4 × 4 in each of at most four stretches of time."""
        times, rows, columns = self._grid
        return tuple(
            f"time {t + 1} row {r + 1} column {c + 1}"
            for t in range(times)
            for r in range(rows)
            for c in range(columns)
        )

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """What is not kept shows the strongly blurred mean of the clip over time: nothing moves there, and there is no
        edge or colour that the clip does not have."""
        video = x["video"][0]
        times, rows, columns = self._grid
        when = np.arange(self.kept) * times // self.kept
        cell = (np.arange(self.height) * rows // self.height)[:, None] * columns
        cell = cell + (np.arange(self.width) * columns // self.width)[None, :]
        kept = mask[:, when[:, None, None] * (rows * columns) + cell][..., None]
        return {"video": np.where(kept, video[None], blurred(video)[None, None])}

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """What befalls images, dropped frames, or a lower frame rate (see `assay.inputs._video_corruptions`)."""
        return {"video": corrupted(x["video"], kind, severity, rng)}

    def features(self, x: Pack) -> NDArray[np.float32]:
        """Edges and a thumbnail of the first, the middle and the last frame, and above all where and when the clip moves,
        ``[N, D]``; brightness and contrast taken out, so that a re-compressed or brighter copy stays near, and another clip
        of the same camera does not."""
        return likeness_of(x["video"], self.flip)

    def show(self, x: Any) -> tuple[str, str]:
        """Six frames, evenly over the clip's time, side by side as one base64 PNG of at most 640 pixels."""
        return "png", strip(clip(x, min(SHOWN, self.kept), self.height, self.width, self.channels))

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The frame in the middle of each stretch of time, its cells coloured by what they count for (``values`` ``[P]``),
        side by side as one base64 PNG."""
        frames = clip(x, self._grid[0], self.height, self.width, self.channels)
        return "png", strip(frames, np.asarray(values).reshape(self._grid))

    def to_json(self) -> JSON:
        """Everything that `Video.load` needs."""
        return dict(vars(self))

    @property
    def _grid(self) -> tuple[int, int, int]:
        return min(PARTS, self.kept), min(PARTS, self.height), min(PARTS, self.width)
