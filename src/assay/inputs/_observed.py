"""What an observation needs besides: reading one from JSON, keeping one in JSON, and what is usually seen."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.environments import episode, kind, parse
from assay.codecs.spaces import Form
from assay.codecs.stages import Stage
from assay.core.errors import DataError, nearest
from assay.core.protocols import Pack, Problems

LOOKS = 256  # random steps from which an unfitted input learns what it usually sees


def typical(observations: NDArray[Any]) -> NDArray[Any]:
    """The mean of observations ``[N, …]``, rounded where they are bytes."""
    mean = observations.mean(axis=0, dtype=np.float64)
    if observations.dtype == np.uint8:
        return np.asarray(np.round(mean), dtype=np.uint8)
    return np.asarray(mean, dtype=np.float32)


def spread(observations: NDArray[Any]) -> tuple[float, ...]:
    """The deviation of each number of vectors ``[N, D]``; none of images."""
    if observations.ndim != 2:
        return ()
    return tuple(observations.std(axis=0, dtype=np.float64).tolist())


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


def episodes(xs: Sequence[Any], environment: str, form: Form, problems: Problems) -> Pack:
    """The facts of episodes of one environment: ``seed`` int64 ``[N]``, and of a board game the codes of its other facts.

    Raises:
        DataError: all of them are of another environment.
    """
    facts = boards.FACTS if form.kind == "board" else {}
    given_names = {parsed[0] for x in xs if (parsed := parse(x))}
    named = {name: boards.check(name) if kind(name) == "board" else name for name in given_names}
    if len(set(named.values())) == 1 and environment not in named.values():
        raise DataError(f"This model plays {environment}, and the data is of {next(iter(named))}.")
    out = {name: np.zeros(len(xs), dtype=np.int64) for name in ("seed", *facts)}
    for at, x in enumerate(xs):
        parsed = parse(x)
        if parsed is None or not parsed[1].get("seed", "").isdecimal():
            problems[at] = f"{str(x)[:60]!r} is no episode such as {episode(environment, seed=17)}"
            continue
        played, given = named[parsed[0]], parsed[1]
        if played != environment:
            problems[at] = f"it is an episode of {played}, and this model plays {environment}"
            continue
        out["seed"][at] = int(given["seed"])
        for name, accepted in facts.items():
            value = given.get(name, accepted[0])
            if value in accepted:
                out[name][at] = accepted.index(value)
            else:
                problems[at] = f'there is no {name} "{value}". {nearest(value, accepted)}'
    return out


def positions(xs: Sequence[Any], environment: str, problems: Problems) -> Pack:
    """Positions of a board game, each as the moves that led to it: ``observation`` float32 and ``legal`` bool ``[N, A]``."""
    game = boards.board(environment)
    found = [game.start()] * len(xs)
    for at, x in enumerate(xs):
        try:
            found[at] = boards.position(game, x)
        except (DataError, ValueError) as error:
            problems[at] = str(error)
    return {"observation": game.observe(found), "legal": game.legal(found)}


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
