"""An environment of Gymnasium or a board game, by its id: its rows are episodes, still to be played.

What an episode begins from is its seed. Those of training, validation and test are apart for good, so that a policy is
judged on episodes that it was neither trained nor selected on, and two policies on the very same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.codecs import boards
from assay.codecs.environments import episode, kind, offer, spec, version
from assay.core.columns import Column
from assay.core.errors import DataError
from assay.core.files import digest
from assay.core.source import Source, Split

FORMAT = "environment"
LAYOUT = (
    "an id: CartPole-v1, ALE/Breakout-v5, my_module:MyGame-v0, connect_four, hex(board_size=5) (needs the extra games)"
)

__all__ = ["FORMAT", "LAYOUT", "offer", "read", "reads"]  # a text that names nothing is offered what was meant

SEEDS = {"train": range(10_000), "validation": range(1_000_000, 1_000_032), "test": range(2_000_000, 2_000_100)}


@dataclass(frozen=True)
class EpisodePlaces:
    """Episodes by the seed that they begin from."""

    environment: str
    seeds: Sequence[int]

    def __call__(self, row: int) -> str:
        """The place of a row."""
        return f"{self.environment}, episode with the seed {self.seeds[row]}"


def reads(path: object) -> bool:
    """Whether ``path`` looks like an id of an environment, and no file or folder of that name exists.

    Cheap: nothing is imported for anything that does not.
    """
    return isinstance(path, str) and kind(path) is not None and not Path(path).exists()


def read(path: str) -> Source:
    """The episodes of that environment, by split: the columns ``episode``, ``environment`` and ``seed``, and of a board game
    ``opponent`` and ``side``.

    Raises:
        DataError: there is no environment of that id; offers the nearest.
        Unsupported: a library that it needs is not installed; names the command that installs it.
    """
    if kind(path) == "board":
        environment = boards.check(path)
        found: Mapping[str, Mapping[str, Sequence[Any]]] = boards.splits()
    else:
        spec(path)  # there is such an environment, or this says what there is
        environment = path
        found = {split: {"seed": list(seeds)} for split, seeds in SEEDS.items()}
    splits = {split: _split(environment, columns) for split, columns in found.items()}
    seeds = [f"{split} {columns['seed'][0]} {len(columns['seed'])}" for split, columns in found.items()]
    return Source(
        name=path,
        format=FORMAT,
        splits=splits,
        fingerprint=digest(FORMAT, environment, version(environment), *seeds),
        input="episode",
    )


def _split(environment: str, columns: Mapping[str, Sequence[Any]]) -> Split:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not rows:
        raise DataError(f"{environment} has no episodes.")
    cells = {
        "episode": Column([episode(environment, **row) for row in rows]),
        "environment": Column([environment] * len(rows)),
        **{name: Column(np.array(values) if name == "seed" else list(values)) for name, values in columns.items()},
    }
    return Split(cells, EpisodePlaces(environment, columns["seed"]))
