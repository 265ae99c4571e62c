"""Claim: an Atari game is learned above its random score within half an hour on two cores.

    python benchmarks/atari.py [GAME] [TIME]

Trains ``game-playing`` on GAME (``ALE/Breakout-v5``) for TIME (``30min``), shows the curve, and judges the policy on
the test games beside 20 games of random actions. Needs: pip install "assay[games]".

Ends with status 1 where the interval of the policy's mean score does not lie above that of random play.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import assay
from assay.codecs.stages import stage
from assay.core.folder import read_card
from assay.core.metric import ratio
from assay.learners._episodes import play
from assay.methods.intervals import figures
from assay.readers.environment import SEEDS

GAMES = 20
SCORE = ratio("mean_return", 0, 1, better="higher")


def by_chance(game: str) -> np.ndarray:
    """The scores of random actions, ``[GAMES]``."""
    rng = np.random.default_rng(0)
    copies = stage(game, GAMES, threads=torch.get_num_threads())
    actions = int(copies.actions.n)
    scores = play(copies, lambda seen: rng.integers(0, actions, len(seen)).tolist(), SEEDS["test"][:GAMES])["return"]
    copies.close()
    return np.asarray(scores)


def main() -> int:
    """Print the curve and the figures; the exit status."""
    game = sys.argv[1] if len(sys.argv) > 1 else "ALE/Breakout-v5"
    budget = sys.argv[2] if len(sys.argv) > 2 else "30min"
    scores = by_chance(game)
    (chance,) = figures((SCORE,), np.column_stack([scores, np.ones(GAMES)]))
    print(f"random play: {chance}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        model = assay.train("game-playing", game, out=Path(folder) / "model", time=budget)
        record = next(record for record in read_card(model) if record.verb == "train")
    curve = record.table("learning curve")
    shown = [name for name in ("steps", "seconds", "return", "validation_mean_return") if name in curve.columns]
    print("\t".join(shown))
    for row in curve.rows:
        cells = [row[curve.columns.index(name)] for name in shown]
        print("\t".join("" if cell is None else f"{cell:.4g}" for cell in cells))
    policy = record.figure("mean_return")
    print(f"policy: {policy}; random play: {chance}")
    assert policy.low is not None
    assert chance.high is not None
    return 0 if policy.low > chance.high else 1


if __name__ == "__main__":
    sys.exit(main())
