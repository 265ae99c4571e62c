"""Made clips whose label only motion decides: a patch of noise that drifts to the left or to the right over noise."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.demo import Demo
from assay.core.files import write
from assay.inputs.video import library

FRAMES, SIDE, RATE = 8, 32, 10
PATCH = 11
SPEEDS = {"slow": 1, "fast": 3}  # pixels a frame
CLIPS = {"train": 640, "test": 200}


def moving(folder: Path) -> Demo:
    """The clips in ``folder``, with ``clips.csv``: file, label (left or right), speed (slow or fast) and split.

    Raises:
        Unsupported: PyAV is not installed.
    """
    rng = np.random.default_rng(0)
    rows = []
    for split, count in CLIPS.items():
        clips, signs, speeds = drifting(rng, count)
        for at, (clip, sign, speed) in enumerate(zip(clips, signs, speeds, strict=True)):
            name = f"{split}/{at:03}.avi"
            write(folder / name, video(clip))
            rows.append([name, "right" if sign > 0 else "left", speed, split])
    table = io.StringIO()
    csv.writer(table).writerows([["file", "label", "speed", "split"], *rows])
    write(folder / "clips.csv", table.getvalue().encode())
    return Demo(
        data=folder / "clips.csv",
        about=f"{sum(CLIPS.values())} made clips of noise, in which one patch drifts to the left or to the right",
        inputs=tuple(str(folder / f"test/{at:03}.avi") for at in range(3)),
        by="speed",
        known=(
            "accuracy",
            1.0,
            "for every frame by itself is noise, and the order of the frames says which way it went",
        ),
    )


def drifting(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.str_]]:
    """Clips ``uint8 [N, T, H, W, 3]``, the way that each goes (−1 or 1), and its speed.

    A patch of noise drifts over noise that stands still, and comes in again at the other side: whatever way it goes, it
    is as likely to be at any place in any frame. All frames flicker.
    """
    signs, speeds = rng.choice([-1, 1], count), rng.choice(list(SPEEDS), count)
    clips = np.empty((count, FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    for clip, sign, speed in zip(clips, signs, speeds, strict=True):
        ground, patch = _texture(rng, SIDE), _texture(rng, PATCH)
        top, left = rng.integers(0, SIDE - PATCH), rng.integers(0, SIDE)
        for t, frame in enumerate(clip):
            picture = ground.copy()
            columns = (left + sign * SPEEDS[speed] * t + np.arange(PATCH)) % SIDE
            picture[top : top + PATCH, columns] = patch
            frame[:] = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255)
    return clips, signs, speeds


def _texture(rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Coloured noise in blocks of 2 × 2 pixels."""
    blocks = rng.normal(128, 45, ((side + 1) // 2, (side + 1) // 2, 3))
    return blocks.repeat(2, 0).repeat(2, 1)[:side, :side]


def video(frames: NDArray[np.uint8]) -> bytes:
    """Frames ``[T, H, W, 3]`` as an AVI file of JPEG frames.

    Raises:
        Unsupported: PyAV is not installed.
    """
    av: Any = library()
    stream = io.BytesIO()
    with av.open(stream, "w", format="avi") as container:
        track = container.add_stream("mjpeg", rate=Fraction(RATE))
        track.width, track.height, track.pix_fmt = frames.shape[2], frames.shape[1], "yuvj444p"
        track.codec_context.options = {"q": "3"}
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = number
            container.mux(track.encode(picture))
        container.mux(track.encode(None))
    return stream.getvalue()
