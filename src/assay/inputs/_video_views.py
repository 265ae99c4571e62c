"""Clips as one picture or one vector: a strip of frames, a blur that stands for nothing, features for likeness.

Legend: N clips, S frames, H height, W width, C channels, D features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter
from torch.nn import functional

from assay.codecs.drawing import scaled
from assay.inputs._likeness import likeness, unmirrored
from assay.inputs._shade_cells import closed, keyed, over

SHOWN = 6
STRIP, WIDER, GAP = 640, 800, 3  # pixels, with coloured cells, and those between two frames
BLOCK = 16  # clips at once
STRETCHES, CELLS = 4, 8  # of time, and a side, in which motion is told apart
FLICKER = 1.5  # of 255: what the noise of a camera changes from frame to frame
MOVING = 24.0  # beside looks of a length of about 16


def strip(frames: NDArray[np.uint8], values: NDArray[np.float64] | None = None) -> str:
    """Frames ``[S, H, W, C]`` side by side, as a base64 PNG of about 640 pixels at most; small ones are enlarged, their
    pixels kept sharp. With ``values`` ``[S, rows, columns]`` of their cells they are grey, and coloured by these."""
    shares, most = scaled(np.zeros(0) if values is None else values)
    scale = (STRIP if values is None else WIDER) / max(frames.shape[1], len(frames) * frames.shape[2])
    scale = scale if scale < 1 else int(scale)
    size = (max(1, round(frames.shape[2] * scale)), max(1, round(frames.shape[1] * scale)))
    how = Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.LANCZOS
    picture = Pillow.new("RGB", (len(frames) * (size[0] + GAP) - GAP, size[1]), "white")
    for at, frame in enumerate(frames):
        still = Pillow.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame)
        still = still.resize(size, how)
        picture.paste(still if values is None else over(still, shares[at]), (at * (size[0] + GAP), 0))
    return closed(picture if values is None else keyed(picture, most))


def blurred(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean over time of ``[S, H, W, C]``, strongly blurred, ``[H, W, C]``."""
    mean = frames.mean(0).round().astype(np.uint8)
    picture = Pillow.fromarray(mean.squeeze(-1) if mean.shape[-1] == 1 else mean)
    radius = max(mean.shape[:2]) / 4
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))).reshape(mean.shape)


def likeness_of(video: NDArray[np.uint8], flip: bool) -> NDArray[np.float32]:
    """`likeness` of three frames and `motion` of clips ``[N, S, H, W, C]``: ``[N, D]``.

    With ``flip`` a mirrored clip has the same. D is 3 · (512 + 64 C) + 256.
    """
    count = video.shape[1]
    out = []
    for start in range(0, len(video), BLOCK):
        block = torch.from_numpy(np.ascontiguousarray(video[start : start + BLOCK])).permute(0, 1, 4, 2, 3)
        stills = [likeness(block[:, at].float() / 255, flip) for at in (0, count // 2, count - 1)]
        out.append(torch.cat([*stills, motion(block.float().mean(2), flip)], dim=1))
    return torch.cat(out).numpy() if out else np.empty((0, 0), dtype=np.float32)


def motion(grey: torch.Tensor, flip: bool) -> torch.Tensor:
    """Where and when clips ``[B, S, H, W]`` in 0 … 255 move, ``[B, 4 · 8 · 8]``: of about length `MOVING` where much does,
    and 0 where nothing does.

    It weighs more than all that stands still: two clips of one camera are no copies of each other. On 300 clips of
    surveillance cameras 214 pairs were taken for near copies by their looks, and are 10 so; of 24 planted copies (brighter
    and noisier, moved by a pixel) all are found still.
    """
    batch, count = grey.shape[:2]
    if count < 2:
        return grey.new_zeros(batch, STRETCHES * CELLS**2)
    small = functional.interpolate(grey, size=(2 * CELLS, 2 * CELLS), mode="area")  # less of the noise of single pixels
    change = (small.diff(dim=1).abs() - FLICKER).clamp_min(0)
    change = functional.adaptive_avg_pool3d(change, (STRETCHES, CELLS, CELLS)).sqrt()
    if flip:
        change = unmirrored(change, change.flip(3))
    cells = change.flatten(1)
    length: torch.Tensor = cells.norm(dim=1, keepdim=True)
    return MOVING * cells / (length + 1)
