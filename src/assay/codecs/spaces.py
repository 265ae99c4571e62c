"""What an environment shows and what it can be told, as plain values: no library is needed to read them back.

A space of Gymnasium is brought to a `Form`: one vector of numbers (of boxes, choices, dicts and tuples of them), one image,
or one board. Choices become one-hot.

Legend: D numbers, C channels, H and W sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import Unsupported

Kind = Literal["vector", "image", "board"]
Channels = Literal["", "first", "last"]
SMALLEST_SIDE = 16  # a box of bytes whose sides are shorter is numbers and no image
WIDEST = 100_000  # one-hot numbers of a vector


@dataclass(frozen=True)
class Leaf:
    """One array among those that an observation is made of.

    Attributes:
        path: the keys (of a dict) and positions (in a tuple) that lead to it.
        shape: of the array as the environment gives it; ``()`` for a single number.
        counts: of choices: how many values each has; none for a box.
    """

    path: tuple[str | int, ...]
    shape: tuple[int, ...]
    counts: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """How many numbers it takes in a vector."""
        return sum(self.counts) if self.counts else math.prod(self.shape)

    @property
    def names(self) -> tuple[str, ...]:
        """One for each number: ``position[0]``, ``hand=3`` …"""
        name = ".".join(map(str, self.path))
        if self.counts:
            at = [""] if not self.shape else [f"[{i}]" for i in range(len(self.counts))]
            counted = zip(at, self.counts, strict=True)
            return tuple(f"{name or 'value'}{i}={value}" for i, count in counted for value in range(count))
        if not self.shape:
            return (name or "value",)
        return tuple(f"{name}[{', '.join(map(str, at))}]" for at in np.ndindex(*self.shape))

    def read(self, value: Any) -> NDArray[np.float32]:
        """The numbers of one value, ``[width]``.

        Raises:
            ValueError: in words: another shape, no numbers, no such choice.
        """
        array = _numbers(value)
        if array.shape != self.shape:
            raise ValueError(f"{_where(self.path)}it has the shape {_shape(array.shape)}, not {_shape(self.shape)}")
        if not np.isfinite(array).all():
            raise ValueError(f"{_where(self.path)}it holds a number that is infinite or none")
        if not self.counts:
            return array.astype(np.float32).reshape(-1)
        out = np.zeros(self.width, dtype=np.float32)
        start = 0
        for choice, count in zip(array.reshape(-1).tolist(), self.counts, strict=True):
            if choice != int(choice) or not 0 <= choice < count:
                raise ValueError(f"{_where(self.path)}{choice:g} is no choice out of 0 … {count - 1}")
            out[start + int(choice)] = 1
            start += count
        return out


@dataclass(frozen=True)
class Effort:
    """How play is spread where observations are cheap or dear to see and to answer.

    Attributes:
        copies: of an environment that are judged side by side.
        passes: over each round's steps.
        validations: steps of validation for each step learned from.
        episodes: the most that are validated on; ``None`` for all.
        small: whether products are so small that they are slower on several threads.
    """

    copies: int
    passes: int
    validations: float
    episodes: int | None
    small: bool


CHEAP = Effort(copies=128, passes=10, validations=2.0, episodes=None, small=True)
DEAR = Effort(copies=16, passes=3, validations=0.25, episodes=8, small=False)


@dataclass(frozen=True)
class Form:
    """What one observation is, and how it becomes an array.

    Attributes:
        kind: ``vector``, ``image`` or ``board``.
        shape: of the array: ``[D]``; ``[C, H, W]`` of an image (bytes) or a board (numbers).
        leaves: the arrays that it is made of; one for an image or a board.
        channels: where an image has its channels as the environment gives it; ``""`` where it has none.
    """

    kind: Kind
    shape: tuple[int, ...]
    leaves: tuple[Leaf, ...]
    channels: Channels = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Of a vector: one for each number."""
        return tuple(name for leaf in self.leaves for name in leaf.names)

    @property
    def dtype(self) -> type[np.uint8] | type[np.float32]:
        """Of the array."""
        return np.uint8 if self.kind == "image" else np.float32

    @property
    def effort(self) -> Effort:
        """How play is spread."""
        return DEAR if self.kind == "image" else CHEAP

    def read(self, raw: Any) -> NDArray[Any]:
        """One observation as the environment gives it, or as JSON writes that, as an array of `shape`.

        Raises:
            ValueError: in words: what it is instead.
        """
        if self.kind == "image":
            return self._image(raw)
        parts = [leaf.read(_follow(raw, leaf.path)) for leaf in self.leaves]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)).reshape(self.shape)

    def batch(self, raws: Sequence[Any]) -> NDArray[Any]:
        """Observations that an environment gave, ``[N, *shape]``: read without a look at each number."""
        if self.kind == "image":
            return self._turned(np.asarray(raws))
        if len(self.leaves) == 1 and not self.leaves[0].path and not self.leaves[0].counts:
            return np.asarray(raws, dtype=np.float32).reshape(len(raws), *self.shape)
        return np.stack([self.read(raw) for raw in raws])

    def to_json(self) -> dict[str, Any]:
        """Everything that `from_json` needs."""
        return asdict(self)

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> Form:
        """The inverse of `to_json`."""
        leaves = tuple(
            Leaf(tuple(leaf["path"]), tuple(leaf["shape"]), tuple(leaf["counts"])) for leaf in state["leaves"]
        )
        return Form(state["kind"], tuple(state["shape"]), leaves, state["channels"])

    def _image(self, raw: Any) -> NDArray[np.uint8]:
        array = _numbers(raw)
        if array.shape != self.leaves[0].shape:
            raise ValueError(f"it has the shape {_shape(array.shape)}, not {_shape(self.leaves[0].shape)}")
        if not ((array >= 0) & (array <= 255)).all():
            raise ValueError("an image holds whole numbers from 0 to 255")
        return np.asarray(self._turned(array[None].astype(np.uint8))[0])

    def _turned(self, images: NDArray[Any]) -> NDArray[Any]:
        if self.channels == "last":
            images = images.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(images.reshape(len(images), *self.shape))


def form_of(space: Any, environment: str) -> Form:
    """The form of what an environment shows, by its observation space.

    Raises:
        Unsupported: it is a space of text, graphs or sequences.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Box) and space.dtype == np.uint8 and (found := _image_shape(space.shape)):
        return Form("image", found[0], (Leaf((), tuple(space.shape)),), found[1])
    leaves = tuple(_leaves(space, (), environment))
    width = sum(leaf.width for leaf in leaves)
    if not 0 < width <= WIDEST:
        raise Unsupported(f"{environment} shows {width:,} numbers at once; from 1 to {WIDEST:,} can be learned from.")
    return Form("vector", (width,), leaves)


def action_of(space: Any, environment: str) -> dict[str, Any]:
    """What can be done, by the action space: ``kind`` (``choice`` or ``numbers``), ``shape``, and ``counts`` of choices or
    the bounds ``low`` and ``high`` of numbers.

    Raises:
        Unsupported: it is another kind of space.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete) and space.start == 0:
        return {"kind": "choice", "shape": (), "counts": (int(space.n),)}
    shape = () if space.shape is None else tuple(space.shape)
    if isinstance(space, spaces.MultiDiscrete):
        return {"kind": "choice", "shape": shape, "counts": tuple(int(count) for count in space.nvec.reshape(-1))}
    if isinstance(space, spaces.MultiBinary):
        return {"kind": "choice", "shape": shape, "counts": (2,) * math.prod(shape)}
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        low, high = (tuple(float(bound) for bound in bounds.reshape(-1)) for bounds in (space.low, space.high))
        return {"kind": "numbers", "shape": shape, "low": low, "high": high}
    raise Unsupported(
        f"The actions of {environment} are {space}. Accepted are choices from 0 on (Discrete, MultiDiscrete, MultiBinary) "
        "and boxes of numbers."
    )


def _leaves(space: Any, path: tuple[str | int, ...], environment: str) -> Iterator[Leaf]:
    from gymnasium import spaces

    if isinstance(space, spaces.Box):
        yield Leaf(path, tuple(space.shape))
    elif isinstance(space, spaces.Discrete):
        if space.start != 0:
            raise Unsupported(f"{environment} shows choices that begin at {space.start}; accepted are those from 0 on.")
        yield Leaf(path, (), (int(space.n),))
    elif isinstance(space, spaces.MultiDiscrete):
        yield Leaf(path, tuple(space.shape), tuple(int(count) for count in space.nvec.reshape(-1)))
    elif isinstance(space, spaces.MultiBinary):
        yield Leaf(path, tuple(space.shape))
    elif isinstance(space, spaces.Dict):
        for name, part in space.items():
            yield from _leaves(part, (*path, name), environment)
    elif isinstance(space, spaces.Tuple):
        for at, part in enumerate(space):
            yield from _leaves(part, (*path, at), environment)
    else:
        raise Unsupported(
            f"{environment} shows {_where(path)}a {type(space).__name__}. Accepted are boxes of numbers, images, choices, "
            "and dicts and tuples of these."
        )


def _image_shape(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], Channels] | None:
    """Channels, height and width of what may be an image, and where its channels are."""
    if len(shape) == 2 and min(shape) >= SMALLEST_SIDE:
        return (1, shape[0], shape[1]), ""
    if len(shape) == 3 and min(shape[:2]) >= SMALLEST_SIDE and shape[2] < SMALLEST_SIDE:
        return (shape[2], shape[0], shape[1]), "last"
    if len(shape) == 3 and min(shape[1:]) >= SMALLEST_SIDE and shape[0] < SMALLEST_SIDE:
        return (shape[0], shape[1], shape[2]), "first"
    return None


def _follow(raw: Any, path: tuple[str | int, ...]) -> Any:
    for at, key in enumerate(path):
        fits = isinstance(raw, Mapping) if isinstance(key, str) else isinstance(raw, Sequence) and key < len(raw)
        if not fits or (isinstance(key, str) and key not in raw):
            raise ValueError(f'there is no "{key}" in {_where(path[:at]).rstrip(": ") or "it"}')
        raw = raw[key]
    return raw


def _numbers(value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value)
        return array if array.dtype.kind in "uifb" else array.astype(np.float64)
    except (ValueError, TypeError):
        raise ValueError("it holds something that is no number, or rows of several lengths") from None


def _where(path: tuple[str | int, ...]) -> str:
    return f'"{".".join(map(str, path))}": ' if path else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "a single number"
