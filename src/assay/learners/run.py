"""What changes while a network is trained; all of it goes into a checkpoint, and comes back to the bit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from assay.core.errors import BudgetError, ConfigError, ModelError
from assay.core.figure import count
from assay.core.recipe import Recipe
from assay.core.training import Training
from assay.core.verb import Watch
from assay.learners import checkpoint
from assay.learners.averaging import Average, snapshot


@dataclass
class Run:
    """A training under way.

    Attributes:
        network, optimizer, average: what learns.
        step: how many updates were made.
        seconds: how long they took, before a resume included.
        loss_sum: of the updates of this epoch.
        history: one row an epoch.
        best, best_score, best_epoch: the weights that validated best so far, and when (an epoch from 1; 0 for none).
        extra: what a learner has to keep besides (its replay memory, games under way).
    """

    network: nn.Module
    optimizer: Optimizer
    average: Average | None
    step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    best_score: float = -math.inf
    best_epoch: int = 0
    extra: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and kept: the average of weights where there is one."""
        return self.average.network if self.average else self.network

    def stale(self, patience: int | None) -> bool:
        """Whether so many epochs have passed since the one that validated best."""
        return patience is not None and self.best_epoch > 0 and len(self.history) - self.best_epoch >= patience

    def offer(self, score: float) -> None:
        """Keep the weights as they are now if ``score`` is the best so far (or nothing is kept yet)."""
        if self.best is None or score > self.best_score:
            self.best, self.best_score, self.best_epoch = snapshot(self.evaluated), score, len(self.history) + 1


def announce(training: Training, examples: int, watch: Watch) -> None:
    """Say that the training begins: its data has been read by now, and was not refused."""
    network, size = training.network.name, training.size
    named = f"{network} ({size})" if size else network
    watch.say(f"Training {named} on {count(examples, 'example')}, seed {training.settings.seed}.")


def finish(run: Run) -> Run:
    """The run that ended: where nothing was validated, the last weights are the best."""
    if run.best is None:
        run.offer(0.0)
        run.best_epoch = len(run.history)
    return run


def stopped(path: Path | None, reason: str, when: str, kept: str = "Its state") -> BudgetError:
    """What to raise where a run is told to stop (``reason``) ``when`` it was, its checkpoint at ``path`` (or nowhere)."""
    what = f"Training was stopped by {reason} {when}."
    if path is None:
        return BudgetError(f"{what} Give an --out folder to be able to go on later.")
    return BudgetError(f"{what} {kept} is kept in {path.parent}: run the same command again to go on from there.")


def no_number(when: str, lr: float, lower: float, clipped: bool = False) -> ConfigError:
    """What to raise where the loss is no longer a number, at a learning rate of ``lr``."""
    other = "" if clipped else ", or with --clip 1"
    return ConfigError(
        f"The loss is no longer a number {when}, at a learning rate of {lr:.3g}. What was kept before stands. Train anew "
        f"(--overwrite) with a lower --lr, such as {lower:.3g}{other}."
    )


@contextmanager
def within_memory(recipe: Recipe) -> Iterator[None]:
    """Say what to do where memory runs out.

    Raises:
        BudgetError: it did.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(recipe) from error
    except RuntimeError as error:
        if "can't allocate memory" in str(error):  # how PyTorch's CPU allocator says it
            raise _out_of_memory(recipe) from error
        raise


def _out_of_memory(recipe: Recipe) -> BudgetError:
    return BudgetError(
        f"Memory ran out at a batch of {recipe.batch_size}. Run again with --accumulate 2 (the same batch, in two parts) "
        "or a smaller --batch-size or --size."
    )


def keep(run: Run, path: Path, plan: Mapping[str, Any]) -> None:
    """Write the run as a checkpoint; ``plan`` says what it is a run of.

    Raises:
        BudgetError: the disk is full; the checkpoint before stands.
    """
    state, plain = checkpoint.optimizer_state(run.optimizer)
    tensors: dict[str, Mapping[str, Tensor]] = {"network": run.network.state_dict(), "optimizer": state}
    if run.average:
        tensors["average"] = run.average.network.state_dict()
    if run.best is not None:
        tensors["best"] = run.best
    if run.extra:
        tensors["extra"] = run.extra
    facts = {
        "plan": plan,
        "optimizer": plain,
        "step": run.step,
        "seconds": run.seconds,
        "loss_sum": run.loss_sum,
        "history": run.history,
        "best_score": run.best_score if math.isfinite(run.best_score) else None,
        "best_epoch": run.best_epoch,
    }
    checkpoint.save(path, tensors, facts)


def restore(run: Run, path: Path, plan: Mapping[str, Any]) -> bool:
    """Take up the run that ``path`` holds, if there is one.

    Raises:
        ConfigError: it is the run of another plan.
        ModelError: it is damaged.
    """
    if not path.is_file():
        return False
    tensors, facts = checkpoint.load(path)
    check_plan(facts["plan"], plan, path.parent)
    run.network.load_state_dict(tensors["network"])
    checkpoint.restore_optimizer(run.optimizer, tensors.get("optimizer", {}), facts["optimizer"])
    if run.average:
        run.average.network.load_state_dict(tensors["average"])
    run.best = tensors.get("best")
    run.extra = tensors.get("extra", {})
    run.best_score = -math.inf if facts["best_score"] is None else facts["best_score"]
    for name in ("step", "seconds", "loss_sum", "history", "best_epoch"):
        setattr(run, name, facts[name])
    return True


def _flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with what it nests beside the rest, so that a difference names one thing."""
    found: dict[str, Any] = {}
    for name, value in plan.items():
        found |= {f"{name} {k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def forget_other(path: Path, plan: Mapping[str, Any]) -> None:
    """Remove a checkpoint of another plan, or a damaged one; that of this plan stays, to go on from."""
    if not path.is_file():
        return
    try:
        same = checkpoint.load(path)[1]["plan"] == plan
    except ModelError:
        same = False
    if not same:
        path.unlink()


def check_plan(was: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a run of other data or options.

    Raises:
        ConfigError: naming what differs.
    """
    was, now = _flat(was), _flat(now)
    differ = [name for name in sorted({*was, *now}) if was.get(name) != now.get(name)]
    if differ:
        shown = "; ".join(f"{name}: {was.get(name)} there, {now.get(name)} now" for name in differ[:4])
        raise ConfigError(
            f"{folder} holds a training of other data or options ({shown}). Run the command that began it to go on, "
            "name another folder with --out, or begin anew with --overwrite."
        )
