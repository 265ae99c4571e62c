"""What befalls videos where they are used: all that befalls images, and pictures that never come.

Legend: N clips, S frames, H height, W width, C channels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.inputs import _image_corruptions as images
from assay.inputs._severity import check_corruption

KINDS = (*images.KINDS, "dropped frames", "frame rate")
DROPPED = (0.05, 0.1, 0.2, 0.35, 0.5)  # share of the frames
HELD = (2, 3, 4, 6, 8)  # frames from one new picture to the next


def corrupted(video: NDArray[np.uint8], kind: str, severity: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Clips ``[N, S, H, W, C]`` that one of `KINDS` befell, of the same shape.

    What stands in the way stands still, while noise is another one in every frame. A frame that is dropped, and those
    between two new pictures at a lower frame rate, show the last picture that came, as a player does.

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, KINDS)
    if kind in images.KINDS:
        return images.corrupted(video, kind, severity, rng)
    n, count = video.shape[:2]
    frame = np.arange(count)
    if kind == "frame rate":
        return video[:, frame // HELD[severity - 1] * HELD[severity - 1]]
    lost = rng.random((n, count)) < DROPPED[severity - 1]
    lost[:, 0] = False
    seen = np.maximum.accumulate(np.where(lost, 0, frame), axis=1)
    return video[np.arange(n)[:, None], seen]
