"""What an observation needs besides: reading one from JSON, keeping one in JSON, and what is usually seen."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.spaces import Form
from assay.codecs.stages import Stage

LOOKS = 256  # random steps from which an unfitted input learns what it usually sees


def typical(observations: NDArray[Any]) -> NDArray[Any]:
    """The mean of observations ``[N, …]``, rounded where they are bytes."""
    mean = observations.mean(axis=0, dtype=np.float64)
    if observations.dtype == np.uint8:
        return np.asarray(np.round(mean), dtype=np.uint8)
    return np.asarray(mean, dtype=np.float32)


def random_play(copies: Stage) -> NDArray[Any]:
    """What some random steps show, ``[N, …]``."""
    copies.actions.seed(0)
    seen = [copies.reset([0], [0])]
    for seed in range(1, LOOKS):
        step = copies.step([0], [copies.actions.sample()])
        seen.append(copies.reset([0], [seed]) if step.over[0] else step.observations)
    return np.concatenate(seen)


def value_of(x: Any) -> Any:
    """An observation out of the JSON that writes it."""
    if not isinstance(x, str):
        return x
    try:
        return json.loads(x)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{x[:60]!r} is no JSON ({error})") from error


def is_number(text: str) -> bool:
    """Whether a text is one number (an observation that is a choice)."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_moves(text: str) -> bool:
    """Whether a text may be the moves of a board game; no path and no file looks so."""
    return "/" not in text and "." not in text and "\\" not in text and boards.accepts(text)


def packed(array: NDArray[Any]) -> str:
    """An array as text."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def unpacked(text: str, form: Form) -> NDArray[Any]:
    """The inverse of `_packed`.

    Raises:
        ValueError: it is not of the form's shape.
    """
    size = int(np.prod(form.shape)) * np.dtype(form.dtype).itemsize
    opener = zlib.decompressobj()
    data = opener.decompress(base64.b64decode(text), size + 1)
    if len(data) != size:
        raise ValueError("a typical observation of another shape")
    return np.frombuffer(data, dtype=form.dtype).reshape(form.shape).copy()
