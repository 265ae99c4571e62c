"""What is odd in true objects that can be learned from still: too small to be seen, or drawn twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.core.protocols import Problems
from assay.outputs._boxes_cells import Object
from assay.outputs._boxes_tables import overlaps

TINY = 0.01  # of the image's width or height: at the sizes that networks see, two or three pixels
SAME = 0.9  # overlap from which two boxes are of one object


def odd_objects(found: Sequence[Sequence[Object]]) -> Problems:
    """By position, what is odd in the objects of each image; those to be ignored are not looked at.

    >>> speck = Object("cat", (0.5, 0.5, 0.505, 0.9), False)
    >>> odd_objects([[speck], [Object("cat", (0.1, 0.1, 0.5, 0.9), False)]])
    {0: 'cat 1 of 1 is narrower or lower than 1 % of the image'}
    """
    odd: Problems = {}
    for at, things in enumerate(found):
        if said := [*_tiny(things), *_twice(things)]:
            odd[at] = "; ".join(said)
    return odd


def _tiny(things: Sequence[Object]) -> list[str]:
    small = [
        at
        for at, thing in enumerate(things)
        if not thing.ignore and min(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]) < TINY
    ]
    if not small:
        return []
    if len(small) == 1:
        which = f"{_name(things, small[0])} of {len(things)} is"
    else:
        which = f"{len(small)} of {len(things)} objects (the first is {_name(things, small[0])}) are"
    return [f"{which} narrower or lower than {100 * TINY:g} % of the image"]


def _twice(things: Sequence[Object]) -> list[str]:
    looked = [at for at, thing in enumerate(things) if not thing.ignore]
    if len(looked) < 2:
        return []
    boxes = np.array([things[at].box for at in looked], dtype=np.float64)
    same = np.argwhere(np.triu(overlaps(boxes, boxes) >= SAME, 1))
    if not len(same):
        return []
    one, other = (_name(things, looked[at]) for at in same[0])
    more = f", and {len(same) - 1} more such" if len(same) > 1 else ""
    return [f"{one} and {other} have nearly the same box{more}"]


def _name(things: Sequence[Object], at: int) -> str:
    return f"{things[at].label} {at + 1}"
