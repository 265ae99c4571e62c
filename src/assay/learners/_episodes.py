"""Judging a policy: whole episodes, each from a seed of its own, with the weights as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs.environments import kind
from assay.codecs.stages import Stage, stage
from assay.core.feed import collate
from assay.core.metric import Array
from assay.core.model import Model
from assay.core.packing import Encoded
from assay.core.protocols import Pack
from assay.core.verb import Watch
from assay.learners._matches import evaluate as evaluate_matches
from assay.outputs._fitted_action import FittedAction

Choose = Callable[[NDArray[Any]], list[Any]]  # observations [n, …] → actions as the environment takes them


def evaluate(model: Model, encoded: Encoded, watch: Watch | None) -> tuple[Pack, Array]:
    """Play the episodes that ``encoded.x`` lists (``seed`` ``[N]``); columns ``return`` and ``length``, and tallies.

    The likeliest action is taken, or one is drawn where the output is not ``greedy``.

    Raises:
        DataError: the environment raised; names the seed of the episode.
        Unsupported: a library that the environment needs is not installed.
    """
    environment: str = model.input.environment  # type: ignore[attr-defined]
    if kind(environment) == "board":
        return evaluate_matches(model, encoded, watch)
    output: FittedAction = model.output  # type: ignore[assignment]
    generator = torch.Generator().manual_seed(output.seed)
    model.network.eval()

    def choose(observations: NDArray[Any]) -> list[Any]:
        with torch.inference_mode():
            x = collate(model.input, {"observation": observations}, model.device)
            raw = output.forward(model.network, x).float().cpu()
        return output.told(output.best(raw) if output.greedy else output.draw(raw, generator))

    seeds = encoded.x["seed"][encoded.rows].tolist()
    effort = model.input.form.effort  # type: ignore[attr-defined]
    threads = torch.get_num_threads()
    copies = stage(environment, min(effort.copies, len(seeds)), threads=threads)
    try:
        if effort.small:
            torch.set_num_threads(1)
        columns = play(copies, choose, seeds, watch)
    finally:
        torch.set_num_threads(threads)
        copies.close()
    return columns, output.tally(columns, {})


def play(copies: Stage, choose: Choose, seeds: Sequence[int], watch: Watch | None = None) -> Pack:
    """An episode from each of the seeds: ``return`` and ``length``, float64 ``[N]``."""
    n = len(seeds)
    returns, lengths = np.zeros(n), np.zeros(n)
    live = list(range(min(copies.size, n)))  # copies that play, and the episode in each
    episode = dict(zip(live, live, strict=True))
    seen = copies.reset(live, [seeds[episode[copy]] for copy in live])
    begun, done = len(live), 0
    while live:
        step = copies.step(live, choose(seen))
        at = [episode[copy] for copy in live]
        returns[at] += step.rewards
        lengths[at] += 1
        seen = step.observations
        if not step.over.any():
            continue
        done += int(step.over.sum())
        if watch:
            watch.progress("play", done, n)
        free = [row for row in range(len(live)) if step.over[row]]
        again = free[: n - begun]
        if again:
            fresh = [live[row] for row in again]
            episode.update(zip(fresh, range(begun, begun + len(again)), strict=True))
            seen = seen.copy()
            seen[again] = copies.reset(fresh, [seeds[episode[copy]] for copy in fresh])
            begun += len(again)
        stays = [row for row in range(len(live)) if not step.over[row] or row in again]
        live, seen = [live[row] for row in stays], seen[stays]
    return {"return": returns, "length": lengths}
