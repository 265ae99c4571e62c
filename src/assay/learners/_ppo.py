"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347) on copies of an environment side by side.

A *round* is some steps in every copy, and a few passes over them; an *epoch* is some rounds and a validation. All copies
are reset when an epoch begins, from seeds that are drawn from the seed of the training and the number of the epoch, and
nothing random outlives its round. So a checkpoint at the end of an epoch is the whole state of a training: a run that
was killed goes on to the very same weights, and no environment needs to be written to disk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.codecs.stages import Stage
from assay.core.errors import BudgetError
from assay.learners._by_hand import ByHand, suits
from assay.learners._rollout import Play, Rollout
from assay.learners.averaging import Average
from assay.learners.engine import Job
from assay.learners.optimizers import optimizer_of
from assay.learners.run import Run, finish, keep, no_number, restore, stopped, within_memory
from assay.learners.schedule import Budget, rate_of
from assay.learners.signals import requests
from assay.outputs._fitted_action import FittedAction

VALUE = 0.5  # weight of the value's squared error
Solved = Callable[[], bool]  # whether the last validation is surely good enough


@dataclass(frozen=True)
class Manner:
    """How play is learned from: `assay.outputs.action.Action`, its gaps filled.

    Attributes:
        steps: in each copy, a round.
        rounds: an epoch.
        validations: how many steps of validation there may be for each step learned from.
    """

    discount: float
    trace: float
    steps: int
    rounds: int
    passes: int
    bound: float
    entropy: float
    validations: float


def train(job: Job, network: nn.Module, stage: Stage, seeds: Sequence[int], manner: Manner, solved: Solved) -> Run:
    """Train ``network`` in place on episodes that begin from ``seeds``; the run that ended holds the best weights.

    Raises:
        BudgetError: it was told to stop, or memory ran out; the checkpoint of the last epoch is kept.
        ConfigError: the loss is no longer a number, or the folder holds the unfinished run of another command.
        DataError: the environment raised; the checkpoint of the last epoch is kept.
        ModelError: the checkpoint is damaged.
    """
    recipe = job.recipe
    run = Run(network, optimizer_of(recipe, network), Average(network, recipe.ema) if recipe.ema else None)
    if job.checkpoint and restore(run, job.checkpoint, job.plan):
        job.watch.say(f"Going on from epoch {len(run.history) + 1}, where an earlier run of this command stopped.")
    play = Play(stage, manner.discount, manner.trace)
    with within_memory(recipe), requests() as asked:
        _loop(job, run, play, seeds, manner, solved, asked)
    return finish(run)


def _loop(
    job: Job,
    run: Run,
    play: Play,
    seeds: Sequence[int],
    manner: Manner,
    solved: Solved,
    asked: Callable[[], str | None],
) -> None:
    recipe, settings = job.recipe, job.settings
    began = time.perf_counter()
    budget = Budget(recipe.epochs * manner.rounds, settings.seconds, (settings.started or began) - run.seconds)
    before, first = run.seconds, run.step
    over = budget.share(run.step) >= 1 or run.stale(recipe.patience)
    while not over:
        epoch = len(run.history)
        play.begin(seeds, np.random.default_rng([settings.seed, 1, epoch]))
        if not epoch:
            _warm_up(job, run, play, manner)
        losses: list[tuple[float, float]] = []
        for _ in range(manner.rounds):
            if budget.share(run.step) >= 1 and losses:
                break
            lr = rate_of(recipe, budget, run.step)
            losses.append(_round(job, run, play, manner, lr))
            run.step += 1
            run.seconds = before + time.perf_counter() - began
            if stop := asked():
                raise stopped(job.checkpoint, stop, f"in epoch {epoch + 1}", "Its state at the end of the epoch before")
            if job.pace.look():
                rate = (run.step - first) * manner.steps * play.stage.size / (time.perf_counter() - began)
                facts = {"return": _mean(play.returns), "steps/s": f"{rate:,.0f}"}
                done, whole = budget.position(run.step)
                job.watch.progress("train", int(done), math.ceil(whole), facts)
                if settings.seconds is not None:
                    budget.reserve = min(job.pace.reserve_for_episodes(), settings.seconds / 2)
        over = budget.share(run.step) >= 1
        row = _row(run, play, manner, losses, lr)
        if job.score and (over or _validation_is_due(run, row, manner)):
            row |= _validate(job, run)
            over = over or solved()
        run.history.append(row)
        over = over or run.stale(recipe.patience)
        if job.checkpoint and not over and job.pace.affords():
            wrote = time.perf_counter()
            keep(run, job.checkpoint, job.plan)
            job.pace.wrote(wrote)
    run.seconds = before + time.perf_counter() - began
    job.watch.progress("train", 1, 1)
    if not run.history:
        raise BudgetError("The time was over before the first update. Give more --time.")


def _warm_up(job: Job, run: Run, play: Play, manner: Manner) -> None:
    """Steps that are not learned from: what observations and rewards are like, before the first update."""
    generator = torch.Generator().manual_seed(_mixed(job, 0, 0))
    run.network.eval()
    rollout, worth = play.collect(run.network, job.output, manner.steps, generator, job.device)  # type: ignore[arg-type]
    _follow(run.network, rollout, worth)


def _round(job: Job, run: Run, play: Play, manner: Manner, lr: float) -> tuple[float, float]:
    """Play and learn from it; the mean loss and the mean entropy of the policy."""
    generator = torch.Generator().manual_seed(_mixed(job, 1, run.step))
    run.network.eval()
    output: FittedAction = job.output  # type: ignore[assignment]
    rollout, worth = play.collect(run.network, output, manner.steps, generator, job.device)
    run.network.train()
    torch.manual_seed(_mixed(job, 2, run.step))  # dropout
    for group in run.optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    rollout = replace(rollout, advantage=_standard(rollout.advantage))
    size = min(job.recipe.batch_size, len(rollout))
    orders = [torch.randperm(len(rollout), generator=generator).to(job.device) for _ in range(manner.passes)]
    if suits(run, output):
        hand = ByHand(run, job.recipe.clip)
        found, spread = hand.passes(rollout, orders, size, bound=manner.bound, value=VALUE, entropy=manner.entropy)
    else:
        found, spread = _passes(job, run, rollout, orders, size, manner)
    _follow(run.network, rollout, worth)
    if not math.isfinite(found):
        raise no_number(f"in epoch {len(run.history) + 1}", lr, job.recipe.lr / 10, clipped=bool(job.recipe.clip))
    return found, spread


def _passes(
    job: Job, run: Run, rollout: Rollout, orders: Sequence[Tensor], size: int, manner: Manner
) -> tuple[float, float]:
    """Updates on batches in each of some orders; the mean loss and the mean entropy of the policy."""
    total, spread, count = torch.zeros(()), torch.zeros(()), 0
    for order in orders:
        mixed = rollout.take(order)  # gathered once a pass: small updates are bound by the number of operations
        for start in range(0, len(rollout) // size * size, size):
            loss, entropy = _update(job, run, mixed.take(slice(start, start + size)), manner)
            total, spread, count = total + loss, spread + entropy, count + 1
    return float(total) / count, float(spread) / count


def _update(job: Job, run: Run, batch: Rollout, manner: Manner) -> tuple[Tensor, Tensor]:
    """One update; its loss and the policy's entropy, on the CPU."""
    output: FittedAction = job.output  # type: ignore[assignment]
    raw = output.forward(run.network, {"observation": batch.observation})
    log_probability, spread = output.judged(raw, batch.action)
    ratio = (log_probability - batch.log_probability).exp()
    bounded = ratio.clamp(1 - manner.bound, 1 + manner.bound)
    gain = torch.minimum(ratio * batch.advantage, bounded * batch.advantage).mean()
    entropy = spread.mean()
    loss = functional.mse_loss(output.value(raw), batch.value) * VALUE - gain
    if manner.entropy:
        loss = loss - manner.entropy * entropy
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    if job.recipe.clip:
        nn.utils.clip_grad_norm_(run.network.parameters(), job.recipe.clip)
    run.optimizer.step()
    if run.average:
        run.average.update(run.step)
    return loss.detach().cpu(), entropy.detach().cpu()


def _standard(advantage: Tensor) -> Tensor:
    if len(advantage) < 2:  # one step by itself has no deviation
        return advantage - advantage
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)


def _follow(network: nn.Module, rollout: Rollout, worth: Tensor) -> None:
    """Bring what the network knows of the scale of observations and rewards up to date."""
    network.body.observe(rollout.observation)  # type: ignore[union-attr, operator]
    network.head.gauge(worth.to(rollout.value.device))  # type: ignore[union-attr, operator]


def _row(run: Run, play: Play, manner: Manner, losses: list[tuple[float, float]], lr: float) -> dict[str, float]:
    steps = run.step * manner.steps * play.stage.size
    row = {"epoch": len(run.history) + 1, "seconds": round(run.seconds, 3), "steps": steps, "lr": lr}
    row |= {"loss": float(np.mean([loss for loss, _ in losses])), "entropy": float(np.mean([e for _, e in losses]))}
    if play.returns:
        row |= {"return": float(np.mean(play.returns)), "length": float(np.mean(play.lengths))}
    return row


def _validation_is_due(run: Run, row: dict[str, float], manner: Manner) -> bool:
    """Whether validation, were it to cost as much as the last one, stays within its share of all steps."""
    spent = [past.get("judged_steps", 0) for past in run.history]
    costs = [steps for steps in spent if steps]
    return sum(costs) + (costs[-1] if costs else 0) <= manner.validations * row["steps"]


def _validate(job: Job, run: Run) -> dict[str, float]:
    assert job.score
    began = time.perf_counter()
    run.network.eval()
    score, shown = job.score(run.evaluated)
    run.offer(score)
    job.pace.validated_from(began)
    if job.pace.speak():
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in list(shown.items())[:2])
        job.watch.say(f"epoch {len(run.history) + 1}: {figures}")
    return shown | {"judged_seconds": round(time.perf_counter() - began, 3)}


def _mean(returns: Sequence[float]) -> str:
    return f"{np.mean(returns):.4g}" if len(returns) else "…"


def _mixed(job: Job, use: int, number: int) -> int:
    return int(np.random.default_rng([job.settings.seed, 2, use, number]).integers(1 << 62))
