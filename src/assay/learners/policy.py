"""Learning from play: an environment by proximal policy optimisation, a board game by playing against oneself."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from assay.codecs import boards
from assay.codecs.environments import kind, longest, parse, threshold
from assay.codecs.stages import stage
from assay.core.errors import ConfigError
from assay.core.metric import Array
from assay.core.model import Model, build
from assay.core.packing import Encoded, encode
from assay.core.recipe import Recipe
from assay.core.seen import hashes
from assay.core.settings import Settings
from assay.core.task import fit_codecs
from assay.core.training import Training
from assay.core.verb import Watch
from assay.inputs._observed import spread, typical
from assay.learners import _ppo, _self_play, checkpoint
from assay.learners._rollout import Play
from assay.learners.devices import device
from assay.learners.engine import Job
from assay.learners.pace import Pace
from assay.learners.run import Run, announce
from assay.learners.supervised import Fitted, curve, inherit
from assay.networks.board import RECIPE as BOARD

COPIES = 8
STEPS = 128
SUITED: dict[str, dict[str, Any]] = {
    "board": asdict(BOARD)
}  # in place of what the network recommends and the user left as it is
LEAST, MOST = 1024, 4096  # steps in each copy, an epoch


def fit(training: Training, watch: Watch) -> Fitted:
    """Train on episodes from the seeds of the ``train`` split, select on those of ``validation`` where there is one.

    Raises:
        DataError: the environment cannot be opened, or raised.
        Unsupported: a library that it needs is not installed, or it shows or takes what cannot be learned.
        ConfigError, BudgetError, ModelError: as `assay.learners._ppo.train`.
    """
    task, splits, settings = training.task, training.splits, training.settings
    where = device(settings.device)
    fitted_input, fitted_output = fit_codecs(task, splits["train"].x, splits["train"].x)
    environment, form = fitted_input.environment, fitted_input.form  # type: ignore[attr-defined]
    _refuse(settings)
    seen, default = form.kind, training.network.recipe
    suited = {k: v for k, v in SUITED.get(seen, {}).items() if getattr(training.recipe, k) == getattr(default, k)}
    recipe = replace(training.recipe, **suited)
    encoded = {}
    for name, part in splits.items():
        some = part[: form.effort.episodes] if name == "validation" else part
        encoded[name] = encode(some, fitted_input, None, store=False, skip_bad=settings.skip_bad)
    announce(training, len(encoded["train"]), watch)
    own = _own_recipe(recipe) if suited else ""
    if own:
        watch.say(own)
    torch.manual_seed(settings.seed)
    module = build(training.network, training.size, fitted_input, fitted_output)
    notes = []
    if training.parent:
        notes.append(_inherited(module, training.parent, fitted_input, fitted_output, environment))
    module = module.to(where)
    model = Model(
        task=task,
        network_name=training.network.name,
        size=training.size or (training.network.sizes[0] if training.network.sizes else None),
        input=fitted_input,
        output=fitted_output,
        network=module,
        roles=splits["train"].roles,
        options=training.network.options,
        chosen=training.chosen,
    )
    validation = encoded.get("validation")
    judge = _Judge(model, validation, recipe, _target(task.output, environment)) if validation else None
    job = Job(
        feed=cast(Any, None),  # play makes its own examples
        fitted_input=fitted_input,
        output=fitted_output,
        recipe=recipe,
        settings=settings,
        device=where,
        score=judge,
        pace=Pace(len(validation) if validation else 0, len(splits["test"]) if "test" in splits else 0),
        watch=watch,
        plan=training.plan,
        checkpoint=training.folder / checkpoint.NAME if training.folder else None,
    )
    if seen == "board":
        run = _self_play.train(job, module, boards.board(environment))
        pace = run.step * _self_play.GAMES / run.seconds
    else:
        run, model = _by_trial(job, model, task.output, splits["train"].x, judge)
        judged = sum(row.get("judged_seconds", 0.0) for row in run.history)  # steps of validation do not count
        pace = run.history[-1]["steps"] / (run.seconds - judged)
    assert run.best is not None
    module.load_state_dict(run.best)
    if judge and judge.solved():
        notes.append(f"Training ended where validation was surely above {judge.target:g}, what {environment} asks for.")
    learned = curve(run)
    return Fitted(
        model=model,
        curve=replace(learned, note=f"{learned.note} {own}".rstrip()),
        examples_per_second=pace,
        seconds=run.seconds,
        best_epoch=run.best_epoch,
        notes=tuple(note for note in notes if note),
        seen=np.concatenate([hashes(encoded[name]) for name in ("train", "validation") if name in encoded]),
    )


def _refuse(settings: Settings) -> None:
    """Refuse options that would be passed over.

    Raises:
        ConfigError: naming the first.
    """
    given = {
        "--accumulate": settings.accumulate != 1,
        "--precision": settings.precision != "fp32",
        "--compile": settings.compile,
    }
    for name, there in given.items():
        if there:
            raise ConfigError(f"{name} does not apply to learning from play: its batches are small. Leave it out.")


def _own_recipe(recipe: Recipe) -> str:
    """What a board is learned with where the user left it open, in words."""
    return (
        f"Board games are learned with a recipe of their own: {recipe.optimizer}, a learning rate of {recipe.lr:g}, batches "
        f"of {recipe.batch_size:,}. Options such as --lr change it."
    )


def _by_trial(job: Job, model: Model, action: Any, episodes: Any, judge: _Judge | None) -> tuple[Run, Model]:
    """Train by proximal policy optimisation; the model then knows what it usually sees."""
    fitted: Any = model.input
    seeds = [int(parsed[1]["seed"]) for x in episodes if (parsed := parse(x))]
    steps = action.steps or STEPS
    limit = longest(fitted.environment)
    manner = _ppo.Manner(
        discount=action.discount,
        trace=action.trace,
        steps=steps,
        rounds=math.ceil(min(max(2 * (limit or MOST), LEAST), MOST) / steps),
        passes=action.passes or fitted.form.effort.passes,
        bound=action.bound,
        entropy=action.entropy,
        validations=fitted.form.effort.validations,
    )
    threads = torch.get_num_threads()
    copies = stage(fitted.environment, action.copies or COPIES, learning=True, threads=threads)
    try:
        if fitted.form.effort.small:
            torch.set_num_threads(1)
        run = _ppo.train(job, model.network, copies, seeds, manner, judge.solved if judge else lambda: False)
        assert run.best is not None
        model.network.load_state_dict(run.best)
        play = Play(copies, manner.discount, manner.trace)
        play.begin(seeds, np.random.default_rng(job.settings.seed))
        generator = torch.Generator().manual_seed(job.settings.seed)
        rollout, _ = play.collect(model.network, cast(Any, model.output), steps, generator, job.device)
    finally:
        torch.set_num_threads(threads)
        copies.close()
    met = rollout.observation.cpu().numpy()
    return run, replace(model, input=replace(fitted, typical=typical(met), spread=spread(met)))


class _Judge:
    """Validation: episodes from seeds that nothing is learned from.

    Attributes:
        target: the mean return at which training may end; ``None`` for none.
    """

    def __init__(self, model: Model, episodes: Encoded, recipe: Recipe, target: float | None) -> None:
        self.target = target
        self._model = model
        self._episodes = episodes
        metrics = model.output.metrics
        self._metric = next((metric for metric in metrics if metric.name == recipe.select), metrics[0])
        self._tallies: Array | None = None

    def __call__(self, network: nn.Module) -> tuple[float, dict[str, float]]:
        """What to maximise, and what to show."""
        self._tallies = replace(self._model, network=network).tallies(self._episodes)
        shown = {f"validation_{metric.name}": metric.over(self._tallies) for metric in self._model.output.metrics}
        value = shown[f"validation_{self._metric.name}"]
        shown["judged_steps"] = float(self._tallies[:, 2].sum())
        return (-value if self._metric.better == "lower" else value), shown

    def solved(self) -> bool:
        """Whether the last mean return is above the target by more than chance (two standard errors)."""
        if self.target is None or self._tallies is None:
            return False
        returns = self._tallies[:, 0]
        return bool(returns.mean() - 2 * returns.std(ddof=1) / math.sqrt(len(returns)) >= self.target)


def _target(action: Any, environment: str) -> float | None:
    """The mean return at which training may end."""
    if kind(environment) == "board" or action.target == "none":
        return None
    return threshold(environment) if action.target == "auto" else action.aim()


def _inherited(module: nn.Module, parent: Model, fitted_input: Any, fitted_output: Any, environment: str) -> str:
    """Take over the weights of a parent that sees and does the same kind of thing.

    Raises:
        ConfigError: it does not.
    """
    theirs = {**parent.input.dims, **parent.output.dims}
    own = {**fitted_input.dims, **fitted_output.dims}
    if theirs != own:
        played = parent.input.environment  # type: ignore[attr-defined]
        raise ConfigError(
            f"--from: that model plays {played}, which shows and takes something else than {environment} ({theirs} there, "
            f"{own} here)."
        )
    return inherit(module, parent.network)
