"""What befalls what a player sees: noise in its sensors, readings that are missing or stuck, and all that befalls images.

Delays are none of them: an observation alone does not say what came before it. A board has no corruption either: it is what
the rules made of it, and a changed one is another position, with other moves and another right answer.

Legend: N observations, D numbers, C channels, H and W sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs.spaces import Form
from assay.inputs import _image_corruptions as images
from assay.inputs._severity import check_corruption

NOISE = (0.02, 0.05, 0.1, 0.2, 0.4)  # deviation, of a number's own spread
LOST = (0.01, 0.03, 0.08, 0.15, 0.3)  # share of the readings
COLOURS = 3


def kinds(form: Form) -> tuple[str, ...]:
    """What can befall observations of this form; nothing where they are a board, or choices alone."""
    if form.kind == "image":
        return images.KINDS
    measured = form.kind == "vector" and not all(leaf.counts for leaf in form.leaves)
    return ("sensor noise", "missing values", "stuck channels") if measured else ()


def corrupted(
    seen: NDArray[Any],
    form: Form,
    typical: NDArray[Any],
    spread: Sequence[float],
    kind: str,
    severity: int,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Observations ``[N, D]`` or ``[N, C, H, W]`` that one of `kinds` befell.

    A missing reading is 0, one that is stuck shows what is typical. One-hot choices stay as they are.

    Args:
        typical, spread: what each number is on average, and its deviation, ``[D]``; where the latter is not known, that of
            ``seen``.

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, kinds(form))
    if form.kind == "image":
        if form.shape[0] == COLOURS:
            whole = images.corrupted(np.moveaxis(seen, 1, -1), kind, severity, rng)
            return np.ascontiguousarray(np.moveaxis(whole, -1, 1))
        return images.corrupted(seen[..., None], kind, severity, rng)[..., 0]  # grey frames of one scene
    measured = np.concatenate([np.full(leaf.width, not leaf.counts) for leaf in form.leaves])
    if kind == "sensor noise":
        wide = np.asarray(spread if len(spread) else seen.std(axis=0), dtype=np.float32)
        noise = rng.standard_normal(seen.shape, dtype=np.float32) * wide * np.float32(NOISE[severity - 1])
        return np.asarray(seen + np.where(measured, noise, np.float32(0)), dtype=seen.dtype)
    hit = measured & (rng.random(seen.shape) < LOST[severity - 1])
    return np.where(hit, typical if kind == "stuck channels" else np.float32(0), seen).astype(seen.dtype)
