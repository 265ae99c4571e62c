"""What a player sees of an environment: a vector of numbers, an image, or a board.

An example of this input is an episode (``CartPole-v1?seed=17``), played when it is judged; to be answered alone, it is one
observation as JSON writes it, or the moves that led to a position of a board game.

Legend: N examples, B batch, P parts, M masks, D numbers, C channels, H and W sides.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs import boards
from assay.codecs.environments import episode, kind, parse
from assay.codecs.spaces import Form
from assay.codecs.stages import stage
from assay.core.errors import DataError, nearest
from assay.core.protocols import JSON, Pack, Problems, Tensors
from assay.inputs._observed import is_moves, is_number, packed, random_play, typical, unpacked, value_of

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
            return FittedObservation(environment, form, self.normalise, typical(random_play(copies)))
        finally:
            copies.close()

    def load(self, state: JSON) -> FittedObservation:
        """The inverse of `FittedObservation.to_json`."""
        form = Form.from_json(state["form"])
        return FittedObservation(state["environment"], form, bool(state["normalise"]), unpacked(state["typical"], form))

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
    """

    environment: str
    form: Form
    normalise: bool
    typical: NDArray[Any] = field(compare=False)

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
            return self._episodes(xs, problems)
        if self.form.kind == "board":
            return self._positions(xs, problems)
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
        from PIL import Image

        shown = seen.transpose(1, 2, 0) if len(seen) == 3 else seen[-1]
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(shown)).save(buffer, format="PNG")
        return "png", base64.b64encode(buffer.getvalue()).decode()

    def to_json(self) -> JSON:
        """Everything that `Observation.load` needs."""
        return {
            "environment": self.environment,
            "form": self.form.to_json(),
            "normalise": self.normalise,
            "typical": packed(self.typical),
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

    def _episodes(self, xs: Sequence[Any], problems: Problems) -> Pack:
        facts = boards.FACTS if self.form.kind == "board" else {}
        given_names = {parsed[0] for x in xs if (parsed := parse(x))}
        named = {name: boards.check(name) if kind(name) == "board" else name for name in given_names}
        if len(set(named.values())) == 1 and self.environment not in named.values():
            raise DataError(f"This model plays {self.environment}, and the data is of {next(iter(named))}.")
        out = {name: np.zeros(len(xs), dtype=np.int64) for name in ("seed", *facts)}
        for at, x in enumerate(xs):
            parsed = parse(x)
            if parsed is None or not parsed[1].get("seed", "").isdecimal():
                problems[at] = f"{str(x)[:60]!r} is no episode such as {episode(self.environment, seed=17)}"
                continue
            environment, given = named[parsed[0]], parsed[1]
            if environment != self.environment:
                problems[at] = f"it is an episode of {environment}, and this model plays {self.environment}"
                continue
            out["seed"][at] = int(given["seed"])
            for name, accepted in facts.items():
                value = given.get(name, accepted[0])
                if value in accepted:
                    out[name][at] = accepted.index(value)
                else:
                    problems[at] = f'there is no {name} "{value}". {nearest(value, accepted)}'
        return out

    def _positions(self, xs: Sequence[Any], problems: Problems) -> Pack:
        game = boards.board(self.environment)
        positions = [game.start()] * len(xs)
        for at, x in enumerate(xs):
            try:
                positions[at] = boards.position(game, x)
            except (DataError, ValueError) as error:
                problems[at] = str(error)
        return {"observation": game.observe(positions), "legal": game.legal(positions)}
