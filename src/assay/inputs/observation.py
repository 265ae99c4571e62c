"""What a player sees of an environment: a vector of numbers, an image, or a board.

An example of this input is an episode (``CartPole-v1?seed=17``), played when it is judged; to be answered alone, it is one
observation as JSON writes it, or the moves that led to a position of a board game.

Legend: N examples, B batch, P parts, M masks, D numbers, C channels, H and W sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from assay.codecs import boards
from assay.codecs.drawing import scaled
from assay.codecs.environments import episode, kind, parse
from assay.codecs.spaces import Form
from assay.codecs.stages import stage
from assay.core.errors import DataError, Unsupported
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.inputs._moments import Decide, moments
from assay.inputs._observation_corruptions import corrupted, kinds
from assay.inputs._observed import (
    episodes,
    is_moves,
    is_number,
    packed,
    positions,
    random_play,
    spread,
    typical,
    unpacked,
    value_of,
)
from assay.inputs._shade_bars import bars
from assay.inputs._shade_board import board
from assay.inputs._shade_cells import closed, enlarged, opened, over

REGIONS = 7  # of an image, along each side
COARSE = 12  # sides of the picture that images are compared by


@dataclass(frozen=True)
class Observation:
    """Observations of one environment.

    Attributes:
        normalise: whether numbers are brought to a mean of 0 and a deviation of 1 as they are met in play (images never).
    """

    normalise: bool = True

    names = ("episode",)
    row = False
    store = False
    optional = False
    files = False
    example = "[0.1, -0.5]"
    usual = "environment"  # the format that a text is of which names nothing

    def accepts(self, cell: Any) -> bool:
        """Whether a cell is an episode, an observation (numbers, lists of them, JSON of these), or may be moves."""
        if isinstance(cell, str):
            text = cell.strip()
            return parse(text) is not None or text[:1] in ("[", "{") or is_moves(text) or is_number(text)
        return isinstance(cell, Mapping | list | tuple | np.ndarray | int | float) and not isinstance(cell, bool)

    def fit(self, xs: Sequence[Any]) -> FittedObservation:
        """Open the environment of the episodes, and look at what its first random steps show.

        Raises:
            DataError: these are no episodes, or those of several environments; or the environment raised.
            Unsupported: a library that the environment needs is not installed, or it shows what cannot be learned from.
        """
        found = {parsed[0] if (parsed := parse(x)) else None for x in xs}
        if None in found or not found:
            raise DataError("To learn from play takes an environment's id, such as CartPole-v1.")
        if len(found) > 1:
            raise DataError(
                f"One environment can be learned at a time, not {len(found)}: {', '.join(sorted(map(str, found)))}."
            )
        environment = str(found.pop())
        if kind(environment) == "board":
            game = boards.board(environment)
            seen = game.observe([game.start()])
            return FittedObservation(game.name, Form("board", game.shape, ()), False, typical(seen))
        copies = stage(environment, 1)
        try:
            form = copies.form
            seen = random_play(copies)
            return FittedObservation(environment, form, self.normalise, typical(seen), spread(seen))
        finally:
            copies.close()

    def load(self, state: JSON) -> FittedObservation:
        """The inverse of `FittedObservation.to_json`."""
        form = Form.from_json(state["form"])
        usual = unpacked(state["typical"], form)
        wide = tuple(map(float, state.get("spread", ())))
        return FittedObservation(state["environment"], form, bool(state["normalise"]), usual, wide)

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Episodes of a small environment."""
        return [episode("CartPole-v1", seed=int(seed)) for seed in rng.integers(0, 1 << 30, n)]


@dataclass(frozen=True)
class FittedObservation:
    """Observations of one environment brought to arrays.

    Attributes:
        environment: its id.
        form: how an observation becomes an array.
        normalise: whether the network normalises numbers.
        typical: what is seen on average, ``[*form.shape]``; it stands for what is absent.
        spread: how far each number of a vector lies from that, ``[D]``; none for an image or a board.
    """

    environment: str
    form: Form
    normalise: bool
    typical: NDArray[Any] = field(compare=False)
    spread: tuple[float, ...] = field(default=(), compare=False)

    @property
    def dims(self) -> JSON:
        """What a body must know."""
        return {"kind": self.form.kind, "shape": list(self.form.shape), "normalise": self.normalise}

    @property
    def remarks(self) -> tuple[str, ...]:
        """None."""
        return ()

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """Episodes → ``seed`` int64 ``[N]`` (and, of a board game, the codes of its other facts, int64 ``[N]``).

        Observations → ``observation``, float32 ``[N, D]`` or uint8 ``[N, C, H, W]``; positions of a board game →
        ``observation`` float32 and ``legal`` bool ``[N, A]``.
        """
        if any(parse(x) for x in xs):
            return episodes(xs, self.environment, self.form, problems)
        if self.form.kind == "board":
            return positions(xs, self.environment, problems)
        out = np.zeros((len(xs), *self.form.shape), dtype=self.form.dtype)
        for at, x in enumerate(xs):
            try:
                out[at] = self.form.read(value_of(x))
            except ValueError as error:
                problems[at] = f"as an observation of {self.environment}, {error}. It shows {self._shows()}"
        return {"observation": out}

    def notes(self, xs: Sequence[Any]) -> Problems:
        """Nothing is odd that can be answered."""
        return {}

    def collate(self, arrays: Tensors) -> Tensors:
        """The arrays as they are; the network brings them to scale."""
        return arrays

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Nothing changes: no change of an observation is known to keep the right action."""
        return x

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The numbers of a vector by name; the regions of an image; the cells of a board."""
        if self.form.kind == "vector":
            return self.form.names
        rows, columns = self._grid()
        return tuple(f"row {row + 1}, column {column + 1}" for row in range(rows) for column in range(columns))

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """What is not kept is as it is on average under the policy; on a board, empty of everything."""
        seen = x["observation"]
        if len(self.form.shape) == 1:
            kept = mask
        else:
            rows, columns = self._grid()
            height, width = self.form.shape[-2:]
            row = np.arange(height) * rows // height
            column = np.arange(width) * columns // width
            kept = mask.reshape(len(mask), 1, rows, columns)[:, :, row][:, :, :, column]
        absent = np.zeros_like(self.typical) if self.form.kind == "board" else self.typical
        out = {name: np.repeat(array, len(mask), axis=0) for name, array in x.items()}
        return {**out, "observation": np.where(kept, seen, absent).astype(seen.dtype)}

    @property
    def absence(self) -> str:
        """What a part that is absent looks like."""
        if self.form.kind == "board":
            return "A cell of the board that is absent is empty of everything."
        return "A part that is absent is as it is on average in play."

    def moments(self, xs: Sequence[Any], decide: Decide, n: int, seed: int) -> list[Any]:
        """Observations met in the episodes ``xs``, ``n`` at most, see `assay.inputs._moments.moments`."""
        problems: Problems = {}
        seeds = episodes(xs, self.environment, self.form, problems)["seed"].tolist()
        return moments(self.environment, self.form, decide, seeds, n, seed)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """What can befall such observations; nothing where they are a board, or choices alone."""
        return kinds(self.form)

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Noisy, missing or stuck readings, or what befalls images (see `assay.inputs._observation_corruptions`).

        Raises:
            Unsupported: these are episodes.
        """
        if "observation" not in x:
            raise Unsupported("An episode shows nothing until it is played: what it shows then can be corrupted.")
        made = corrupted(x["observation"], self.form, self.typical, self.spread, kind, severity, rng)
        return {**x, "observation": made}

    def features(self, x: Pack) -> NDArray[np.float32]:
        """The numbers of a vector, or a coarse picture, ``[N, D]``; the seed of an episode."""
        if "observation" not in x:
            return np.asarray(x["seed"], dtype=np.float32)[:, None]
        seen = x["observation"].astype(np.float32)
        if self.form.kind != "image":
            return seen.reshape(len(seen), -1)
        images = torch.from_numpy(seen)
        height, width = self.form.shape[-2:]
        coarse = (min(COARSE, height), min(COARSE, width))
        return torch.nn.functional.adaptive_avg_pool2d(images, coarse).flatten(1).numpy()

    def show(self, x: Any) -> tuple[str, str]:
        """An episode or a position as it is written; a vector as lines ``name: value``; an image as a picture."""
        if parse(x) or self.form.kind == "board":
            return "text", str(x)
        try:
            seen = self.form.read(value_of(x))
        except ValueError:
            return "text", str(x)[:200]
        if self.form.kind == "vector":
            return "text", "\n".join(f"{name}: {value:.4g}" for name, value in zip(self.form.names, seen, strict=True))
        pixels = np.ascontiguousarray(seen.transpose(1, 2, 0) if len(seen) == 3 else seen[-1])
        return "png", closed(Image.fromarray(pixels))

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """What `show` gives with what each part counts for (``values`` ``[P]``): bars for the numbers of a vector, colours
        over the cells of a board or the regions of an image."""
        kind, data = self.show(x)
        if parse(x):
            return kind, data
        if self.form.kind == "board" and len(self.form.shape) == 3:
            return board(self.environment, boards.position(boards.board(self.environment), x), values)
        if kind == "png":
            return kind, closed(over(enlarged(opened(data)), scaled(values)[0].reshape(self._grid())))
        lines = data.splitlines() if self.form.kind == "vector" else [""] * len(values)
        return bars(self.parts({}), [line.rpartition(": ")[2] for line in lines], values)

    def to_json(self) -> JSON:
        """Everything that `Observation.load` needs."""
        return {
            "environment": self.environment,
            "form": self.form.to_json(),
            "normalise": self.normalise,
            "typical": packed(self.typical),
            "spread": list(self.spread),
        }

    def _grid(self) -> tuple[int, int]:
        if len(self.form.shape) == 1:
            return 1, self.form.shape[0]
        height, width = self.form.shape[-2:]
        most = REGIONS if self.form.kind == "image" else max(height, width)
        return min(most, height), min(most, width)

    def _shows(self) -> str:
        shape = (
            " × ".join(map(str, self.form.leaves[0].shape)) if self.form.kind == "image" else f"{self.form.shape[0]}"
        )
        return f"{shape} {'bytes' if self.form.kind == 'image' else 'numbers'}"
