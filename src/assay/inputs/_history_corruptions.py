"""What befalls histories where they are recorded: clicks that are lost, clicks of somebody else, clicks out of order.

Legend: N histories, W places, V items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.core.protocols import LENGTH, Pack
from assay.inputs._severity import blocks, check_corruption

ITEMS, NONE = "items", 0
SHARES = {  # by severity
    "lost clicks": (0.03, 0.08, 0.15, 0.3, 0.5),  # of the items
    "random clicks": (0.03, 0.08, 0.15, 0.3, 0.5),  # as many more, for each item
    "shuffled neighbours": (1.3, 1.6, 2.2, 3.5, 6.0),  # places that an item may come too late
}
KINDS = tuple(SHARES)


def corrupted(x: Pack, catalogue: int, kind: str, severity: int, rng: np.random.Generator) -> Pack:
    """Histories (``items`` int32 ``[N, W]``, ``length`` ``[N]``) that one of `KINDS` befell.

    The last item that is left of a history is not lost; of one that has no room for more, the oldest go.

    Args:
        catalogue: V; a random click is any of these items, each as likely.

    Raises:
        ConfigError: there is no such kind or severity.
    """
    check_corruption(kind, severity, KINDS)
    share = SHARES[kind][severity - 1]
    items, length = x[ITEMS], x[LENGTH]
    out = {ITEMS: np.full_like(items, NONE), LENGTH: length.copy()}
    for block in blocks(len(items), 8 * items.shape[1]):
        most = int(length[block].max(initial=0))
        here = np.arange(most) < length[block][:, None]
        made, kept = _changed(items[block, :most], here, catalogue, kind, share, rng)
        count = np.minimum(kept.sum(axis=1), items.shape[1])
        # Those that are kept stand first and in their order; where they are too many, the newest of them.
        order = np.argsort(~kept, axis=1, kind="stable")
        first = (kept.sum(axis=1) - count)[:, None] + np.arange(min(made.shape[1], items.shape[1]))
        order = np.take_along_axis(order, np.minimum(first, max(made.shape[1] - 1, 0)), axis=1)
        there = np.arange(order.shape[1]) < count[:, None]
        out[ITEMS][block, : order.shape[1]] = np.where(there, np.take_along_axis(made, order, axis=1), NONE)
        out[LENGTH][block] = count
    return out


def _changed(
    items: NDArray[np.int32], here: NDArray[np.bool_], catalogue: int, kind: str, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Items and which of them are there, ``[N, T]`` both; T may be twice as wide as before."""
    chance = rng.random(items.shape)
    if kind == "lost clicks":
        chance = np.where(here, chance, -1)
        last = chance == chance.max(axis=1, keepdims=True, initial=0)  # one at least is left
        return items, here & ((chance >= share) | last)
    if kind == "shuffled neighbours":
        late = np.where(here, np.arange(items.shape[1]) + share * chance, np.inf)
        return np.take_along_axis(items, np.argsort(late, axis=1, kind="stable"), axis=1), here
    clicks = rng.integers(1, catalogue + 1, items.shape, dtype=np.int32)
    both = np.stack([clicks, items], axis=2).reshape(len(items), -1)
    return both, np.stack([here & (chance < share), here], axis=2).reshape(len(items), -1)
