"""Occlusion: what is lost when one part alone is taken away (Zeiler and Fergus 2014)."""

from __future__ import annotations

import numpy as np

from assay.methods.attribution import Attribution, Game, ask


def occlusion(game: Game, parts: int) -> Attribution:
    """The value with all parts minus the value without each one.

    It is exact for what it asks, in P + 2 evaluations; but where two parts say the same, each alone can be missed and
    both count for nothing. The values do not add up to anything, so the attribution has no efficiency gap.

    Args:
        game: masks ``[M, P]`` → values ``[M, C]``.
        parts: P, which may be 0.

    >>> either = lambda masks: masks[:, :2].any(axis=1, keepdims=True) + 3.0 * masks[:, 2:]
    >>> occlusion(either, 3).values[:, 0].tolist()
    [0.0, 0.0, 3.0]
    """
    masks = np.concatenate(
        [np.ones((1, parts), dtype=np.bool_), ~np.eye(parts, dtype=np.bool_), np.zeros((1, parts), dtype=np.bool_)]
    )
    answers = ask(game, masks)
    full, empty = answers[0], answers[-1]
    values = full - answers[1:-1]
    return Attribution(
        "occlusion", values, np.zeros_like(values), full, empty, len(np.unique(masks, axis=0)), efficient=False
    )
