"""The training loop: any network whose output gives a loss an example, ``[B]``.

Nothing random outlives an update: order, augmentation and dropout are drawn from the seed and the number of the epoch or
update. So a run that was killed goes on from its last checkpoint to the very same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import BudgetError
from assay.core.feed import Batch, Feed
from assay.core.protocols import FittedInput, FittedOutput, Tensors
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.verb import Watch
from assay.learners.averaging import Average
from assay.learners.devices import autocast
from assay.learners.fair import Fair
from assay.learners.optimizers import DEFAULT_LR, optimizer_of
from assay.learners.pace import SAVING, Pace
from assay.learners.per_example import FEW, Objective, PerExample, gradients
from assay.learners.private import AUGMENT, CHANCE, KEY, Private, new_key, secret
from assay.learners.recorder import Recorder
from assay.learners.run import Run, finish, keep, no_number, restore, stopped, within_memory
from assay.learners.schedule import Budget, rate_of
from assay.learners.seeds import mixed, seed_chance
from assay.learners.signals import requests
from assay.learners.threads import Threads

FAIR = "fair"  # where a run keeps what group-DRO has learned
Augment = Callable[[Tensors, Tensors, torch.Generator], tuple[Tensors, Tensors]]
Update = Callable[[Tensor, float, torch.Generator], Tensor]  # rows, learning rate → the loss, still on the device
Score = Callable[[nn.Module], tuple[float, dict[str, float]]]  # → what to maximise, and what to show


@dataclass(frozen=True)
class Job:
    """What stays the same while training.

    Attributes:
        feed: the training examples.
        score: validates a network; ``None`` keeps the last weights.
        plan: what this is a run of, JSON-able; a checkpoint of another plan is refused.
        checkpoint: where to keep it; ``None`` for nowhere.
        augment: a random change of a batch's input and target together; ``None`` for the input's own.
        fair: how examples are weighed so that groups are treated alike; ``None`` where they all count the same.
        private: the mechanism of a training with differential privacy; ``None`` for one without.
        observer: who stands beside a private training and audits it; ``None`` for nobody.
    """

    feed: Feed
    fitted_input: FittedInput
    output: FittedOutput
    recipe: Recipe
    settings: Settings
    device: torch.device
    score: Score | None
    pace: Pace
    watch: Watch
    plan: Mapping[str, Any]
    checkpoint: Path | None
    augment: Augment | None = None
    fair: Fair | None = None
    private: Private | None = None
    observer: Recorder | None = None


def train(job: Job, network: nn.Module) -> Run:
    """Train ``network`` in place; the run that ended holds the best weights.

    Raises:
        BudgetError: it was told to stop, memory ran out or the disk is full; a checkpoint is kept.
        ConfigError: the loss is no longer a number, or the folder holds the unfinished run of another command.
        ModelError: the checkpoint is damaged.
    """
    recipe = job.recipe
    run = Run(network, optimizer_of(recipe, network), Average(network, recipe.ema) if recipe.ema else None)
    if job.checkpoint and restore(run, job.checkpoint, job.plan):
        job.watch.say(f"Going on from update {run.step:,}, where an earlier run of this command stopped.")
    forward: nn.Module = torch.compile(network) if job.settings.compile else network  # type: ignore[assignment]
    update: Update = partial(_update, job, run, forward)
    if job.private:
        run.extra = run.extra or {KEY: new_key()}
        few = torch.arange(min(FEW, len(job.feed)))
        whole, *alone = (job.feed.batch(rows) for rows in (few, *torch.split(few, 1)))
        objective = Objective(network, job.output, recipe.smoothing)
        per_example = PerExample(objective, whole.x, whole.y, [(one.x, one.y) for one in alone])
        if job.observer:
            job.observer.stand_beside(network, per_example, job.private)
        update = partial(_private_update, job, run, per_example)
    if job.fair and job.fair.adaptive:
        run.extra = {FAIR: run.extra.get(FAIR, job.fair.begun()).to(job.device)}
    timed = job.settings.seconds is not None and job.device.type == "cpu"
    threads = Threads() if timed else Threads(most=1)
    try:
        with within_memory(recipe), requests() as asked:
            _loop(job, run, threads, asked, update)
    finally:
        threads.restore()
        if job.private:
            per_example.close()
    return finish(run)


def _loop(job: Job, run: Run, threads: Threads, asked: Callable[[], str | None], update: Update) -> None:
    recipe, settings, pace = job.recipe, job.settings, job.pace
    size = min(recipe.batch_size, len(job.feed))
    per_epoch = len(job.feed) // size  # batches of one size; each epoch leaves out another few examples
    began = time.perf_counter()
    budget = Budget(recipe.epochs * per_epoch, settings.seconds, (settings.started or began) - run.seconds)
    first, before, warm = run.step, run.seconds, 0.0
    generator = torch.Generator(job.device)
    lr = rate_of(recipe, budget, max(0, run.step - 1))
    # A run that is resumed may have been stopped between the last update of an epoch and its validation.
    over = budget.share(run.step) >= 1 and run.step == per_epoch * len(run.history)
    budget.reserve = min(SAVING, (settings.seconds or 0) / 2)  # until it is known what an update takes
    while not over and not run.stale(recipe.patience):
        epoch = len(run.history)
        start = run.step - per_epoch * epoch
        order = job.feed.shuffled(
            size,
            torch.Generator().manual_seed(mixed(settings.seed, 1, epoch)),
            job.fair.drawn if job.fair else None,
        )
        total = torch.zeros((), device=job.device)
        run.network.train()
        for at in range(start, per_epoch):
            if budget.share(run.step) >= 1 and at > start:  # an epoch that was begun has an update
                break
            lr = rate_of(recipe, budget, run.step)
            threads.begin()
            total += update(order[at * size : (at + 1) * size], lr, generator)
            threads.end()
            run.step += 1
            warm = warm or time.perf_counter()
            stop = asked()
            if stop or pace.look():
                run.loss_sum, total = run.loss_sum + float(total), torch.zeros_like(total)
                run.seconds = before + time.perf_counter() - began
                done = run.step - epoch * per_epoch
                _check(run.loss_sum, epoch, lr, recipe)
                rate = (run.step - first) / (time.perf_counter() - began)
                facts = {"epoch": _of(epoch, recipe, settings)}
                if not job.private:
                    facts["loss"] = f"{run.loss_sum / done:.4f}"
                job.watch.progress(
                    "train", *_whole(budget.position(run.step)), facts | {"examples/s": f"{rate * size:,.0f}"}
                )
                if settings.seconds is not None and (more := run.step - first - 1):  # the first one warms up
                    an_update = (time.perf_counter() - warm) / more
                    budget.reserve = min(pace.reserve(an_update, size), settings.seconds / 2)
                if stop or pace.keep():
                    _keep(job, run)
                if stop:
                    raise stopped(job.checkpoint, stop, f"in epoch {epoch + 1} (update {run.step:,})")
        run.loss_sum += float(total)
        run.seconds = before + time.perf_counter() - began
        _check(run.loss_sum, epoch, lr, recipe)
        row = {"epoch": round(run.step / per_epoch, 3), "seconds": round(run.seconds, 3), "lr": lr}
        if not job.private:  # no noise covers it
            row["loss"] = run.loss_sum / (run.step - epoch * per_epoch)
        over = budget.share(run.step) >= 1  # asked once: the last weights must be validated
        if job.score and (settings.seconds is None or over or pace.validate()):
            row |= _validate(job, run)
        run.history.append(row)
        run.loss_sum = 0.0
        if not over and pace.keep():
            _keep(job, run)
    run.seconds = before + time.perf_counter() - began
    _, whole = _whole(budget.position(run.step))
    job.watch.progress("train", whole, whole)
    if not run.history:
        raise BudgetError("The time was over before the first update. Give more --time.")


def _update(job: Job, run: Run, forward: nn.Module, rows: Tensor, lr: float, generator: torch.Generator) -> Tensor:
    """One update; returns the mean loss, still on the device."""
    recipe, seed = job.recipe, job.settings.seed
    seed_chance(job.device, mixed(seed, 2, run.step))  # dropout
    generator.manual_seed(mixed(seed, 3, run.step))
    for group in run.optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    run.optimizer.zero_grad(set_to_none=True)
    parts = (
        [rows] if job.settings.accumulate == 1 else [p for p in rows.tensor_split(job.settings.accumulate) if len(p)]
    )
    total = torch.zeros((), device=job.device)
    by_cell = run.extra.get(FAIR) if job.fair else None
    plain = []
    for part in parts:
        batch = job.feed.batch(part)
        x, y = _varied(job, batch, generator)
        with autocast(job.device, job.settings.precision):
            raw = job.output.forward(forward, x, y)
            each = job.output.objective(raw, y, recipe.smoothing)
            if job.fair:
                plain.append(each.detach())
                each = job.fair.weighed(each, part, by_cell)
            loss = each.mean()
        if len(parts) > 1:
            loss = loss * (len(part) / len(rows))
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    if recipe.clip:
        nn.utils.clip_grad_norm_(run.network.parameters(), recipe.clip)
    run.optimizer.step()
    if job.fair and by_cell is not None:
        run.extra = {FAIR: job.fair.learned(by_cell, torch.cat(plain).float(), rows)}
    if run.average:
        run.average.update(run.step)
    return total


def _private_update(
    job: Job, run: Run, per_example: PerExample, _rows: Tensor, lr: float, generator: torch.Generator
) -> Tensor:
    """One update of DP-SGD in the place of `_update`; the examples are its own choice, and its loss is told to nobody."""
    assert job.private is not None
    key, step = run.extra[KEY], run.step
    seed_chance(job.device, secret(key, CHANCE, step))
    generator.manual_seed(secret(key, AUGMENT, step))
    for group in run.optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)

    def batch(part: Tensor) -> tuple[Tensors, Tensors]:
        found = job.feed.batch(part)
        x, y = _varied(job, found, generator)
        return x, y

    taken = job.private.taken(key, step)
    if job.observer:
        job.observer.taken(taken)
    summed, lost = gradients(per_example, batch, taken, job.private.clip, job.settings.accumulate)
    released = job.private.noisy(summed, key, step)
    if job.observer:
        job.observer.released(released)
    for parameter, gradient in zip(per_example.learns, released, strict=True):
        parameter.grad = gradient
    run.optimizer.step()
    if run.average:
        run.average.update(step)
    return torch.full((), math.nan if lost else 0.0, device=job.device)


def _varied(job: Job, batch: Batch, generator: torch.Generator) -> tuple[Tensors, Tensors]:
    if not job.recipe.augment:
        return batch.x, batch.y
    if job.augment:
        return job.augment(batch.x, batch.y, generator)
    return job.fitted_input.augment(batch.x, generator), batch.y


def _validate(job: Job, run: Run) -> dict[str, float]:
    assert job.score is not None
    began = time.perf_counter()
    score, shown = job.score(run.evaluated)
    run.offer(score)
    job.pace.validated_from(began)
    if job.pace.speak():
        job.watch.say(_line(run, shown))
    return shown


def _keep(job: Job, run: Run) -> None:
    if job.checkpoint:
        began = time.perf_counter()
        keep(run, job.checkpoint, job.plan)
        job.pace.wrote(began)


def _check(loss_sum: float, epoch: int, lr: float, recipe: Recipe) -> None:
    """End a run whose loss is no longer a number before such weights are kept anywhere."""
    if loss_sum - loss_sum != 0:
        lower = min(recipe.lr / 10, DEFAULT_LR[recipe.optimizer])
        raise no_number(f"in epoch {epoch + 1}", lr, lower)


def _whole(position: tuple[float, float]) -> tuple[int, int]:
    return int(position[0]), math.ceil(position[1])


def _of(epoch: int, recipe: Recipe, settings: Settings) -> str:
    return str(epoch + 1) if settings.seconds is not None else f"{epoch + 1}/{recipe.epochs}"


def _line(run: Run, shown: Mapping[str, float]) -> str:
    figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in list(shown.items())[:2])
    return f"epoch {len(run.history) + 1}: {figures}"
