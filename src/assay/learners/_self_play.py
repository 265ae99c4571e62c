"""Learning a board game by playing it against oneself: AlphaZero in the small, with Gumbel search.

Silver et al. 2018 (arXiv:1712.01815), with the search of Danihelka et al. 2022: many games go on side by side, a search of
a few looks ahead improves the policy of each position, and the network learns that policy and how the games end. What
is kept, evaluated and served is the network alone: search makes the lessons, not the answers.

As in supervised learning nothing random outlives its round: openings, noise and the positions to learn from are drawn
from the seed and the number of the round. A run that was killed goes on from its last checkpoint to the very same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.codecs.boards import Board
from assay.codecs.position import Position
from assay.core.errors import BudgetError
from assay.core.feed import collate
from assay.core.protocols import FittedInput, FittedOutput
from assay.learners._replay import Match, Memory, matches_of, matches_state
from assay.learners._search import Floats, Look, search
from assay.learners.averaging import Average
from assay.learners.engine import Job
from assay.learners.optimizers import optimizer_of
from assay.learners.run import Run, finish, keep, no_number, restore, stopped, within_memory
from assay.learners.schedule import Budget, rate_of
from assay.learners.signals import requests
from assay.learners.threads import Threads

GAMES = 128  # that go on side by side: the batch of a look
LOOKS = 16  # ahead, a move
ROUNDS = 16  # an epoch; in a round each game makes one move
OPENING = 6  # a game begins with fewer random moves than that: one learns to meet errors, too
REUSE = 4  # how often a position is learned from, on average
FIRST = 1_000  # positions before the first update
TRUST = 0.5  # how much the target of the value is the search's own value, and not how the game ended


@dataclass
class _Play:
    """The games under way and what was learned from, as they change."""

    matches: list[Match]
    memory: Memory
    games: int = 0
    updates: int = 0
    summed: int = 0  # updates in `Run.loss_sum`


def train(job: Job, network: nn.Module, board: Board) -> Run:
    """Train ``network`` in place by self-play; the run that ended holds the best weights.

    ``job.feed`` is not used: the games played are the data. An epoch is `ROUNDS` moves in each of `GAMES` games.

    Raises:
        BudgetError: it was told to stop or memory ran out (a checkpoint is kept), or the budget was over before the first
            update.
        ConfigError: the loss is no longer a number, or the folder holds the unfinished run of another command.
        ModelError: the checkpoint is damaged.
    """
    recipe = job.recipe
    run = Run(network, optimizer_of(recipe, network), Average(network, recipe.ema) if recipe.ema else None)
    play = _Play([], Memory(board))
    if job.checkpoint and restore(run, job.checkpoint, job.plan):
        _resume(play, run, board)
        job.watch.say(f"Going on from round {run.step:,}, where an earlier run of this command stopped.")
    else:
        rng = np.random.default_rng([job.settings.seed, 0])
        play.matches = [_opening(board, rng) for _ in range(GAMES)]
    timed = job.settings.seconds is not None and job.device.type == "cpu"
    threads = Threads() if timed else Threads(most=1)
    try:
        with within_memory(recipe), requests() as asked:
            _loop(job, run, play, board, threads, asked)
    finally:
        threads.restore()
    return finish(run)


def look_with(
    network: nn.Module, fitted_input: FittedInput, output: FittedOutput, board: Board, device: torch.device
) -> Look:
    """The network as one that looks at positions: masked logits, and the expected outcome for the player to move."""

    def look(positions: Sequence[Position]) -> tuple[Floats, Floats]:
        legal = board.legal(positions)
        with torch.inference_mode():
            x = collate(fitted_input, {"observation": board.observe(positions), "legal": legal}, device)
            raw = output.forward(network, x).float().cpu().numpy()
        return np.where(legal, raw[:, :-1], -np.inf), np.tanh(raw[:, -1])

    return look


def _loop(job: Job, run: Run, play: _Play, board: Board, threads: Threads, asked: Callable[[], str | None]) -> None:
    recipe, settings, pace = job.recipe, job.settings, job.pace
    began = time.perf_counter()
    budget = Budget(recipe.epochs * ROUNDS, settings.seconds, (settings.started or began) - run.seconds)
    first, before = run.step, run.seconds
    over = budget.share(run.step) >= 1
    while not over and not run.stale(recipe.patience):
        lr = rate_of(recipe, budget, run.step)
        rng = np.random.default_rng([settings.seed, 1, run.step])
        _round(job, run, play, board, rng)
        due = play.memory.count * REUSE // recipe.batch_size if play.memory.count >= FIRST else 0
        run.network.train()
        while play.updates < due:
            threads.begin()
            run.loss_sum += _update(job, run, play, lr, rng)
            threads.end()
            play.summed += 1
        run.step += 1
        run.seconds = before + time.perf_counter() - began
        over = budget.share(run.step) >= 1
        stop = asked()
        if stop or pace.look():
            done, whole = budget.position(run.step)
            rate = (run.step - first) * GAMES / (time.perf_counter() - began)
            loss = {"loss": f"{run.loss_sum / play.summed:.4f}"} if play.summed else {}
            facts = {"games": f"{play.games:,}", **loss, "moves/s": f"{rate:,.0f}"}
            job.watch.progress("train", int(done), math.ceil(whole), facts)
            if settings.seconds is not None:
                budget.reserve = min(pace.reserve_for_episodes(), settings.seconds / 2)
        if over or run.step % ROUNDS == 0:
            _epoch(job, run, play, lr, over=over)
        if job.checkpoint and (stop or (not over and pace.keep())):
            wrote = time.perf_counter()
            run.extra = _extra(play)
            keep(run, job.checkpoint, job.plan)
            pace.wrote(wrote)
        if stop:
            raise stopped(job.checkpoint, stop, f"in round {run.step:,}")
    whole = math.ceil(budget.position(run.step)[1])
    job.watch.progress("train", whole, whole)
    if not play.updates:
        raise BudgetError(
            f"The budget was over after {play.games:,} whole games of {board.name}, before the first update. Give more "
            "--time or --epochs."
        )


def _round(job: Job, run: Run, play: _Play, board: Board, rng: np.random.Generator) -> None:
    """One move in each game; those that end are learned from and begun anew."""
    run.network.eval()
    look = look_with(run.network, job.fitted_input, job.output, board, job.device)
    positions = [match.position for match in play.matches]
    observation, legal = board.observe(positions), board.legal(positions)
    found = search(board, positions, look, LOOKS, rng)
    for at, match in enumerate(play.matches):
        match.steps.append(
            {
                "observation": observation[at],
                "legal": legal[at],
                "policy": found.policy[at],
                "value": np.asarray(found.value[at]),
                "sign": np.array(1 if match.position.current_player() == 0 else -1, dtype=np.float32),
            }
        )
        match.move(int(found.action[at]))
        if match.position.is_terminal():
            play.memory.learn(match.steps, board.outcome(match.position), TRUST)
            play.games += 1
            play.matches[at] = _opening(board, rng)


def _update(job: Job, run: Run, play: _Play, lr: float, rng: np.random.Generator) -> float:
    """One update: cross-entropy with the improved policy, and the squared error of the value."""
    for group in run.optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)
    drawn = {name: tensor.to(job.device) for name, tensor in play.memory.draw(job.recipe.batch_size, rng).items()}
    x = job.fitted_input.collate({"observation": drawn["observation"], "legal": drawn["legal"]})
    run.optimizer.zero_grad(set_to_none=True)
    raw = job.output.forward(run.network, x)
    policy = -(drawn["policy"] * functional.log_softmax(raw[:, :-1], dim=-1)).sum(-1).mean()
    loss: Tensor = policy + functional.mse_loss(raw[:, -1].tanh(), drawn["value"])
    found = loss.item()
    if not math.isfinite(found):  # before such weights are kept anywhere
        raise no_number(f"after {play.games:,} games", lr, job.recipe.lr / 10)
    loss.backward()  # type: ignore[no-untyped-call]
    if job.recipe.clip:
        nn.utils.clip_grad_norm_(run.network.parameters(), job.recipe.clip)
    run.optimizer.step()
    if run.average:
        run.average.update(play.updates)
    play.updates += 1
    return found


def _epoch(job: Job, run: Run, play: _Play, lr: float, *, over: bool) -> None:
    """A row of the curve, and a validation where it is due."""
    row: dict[str, float] = {"epoch": round(run.step / ROUNDS, 3), "seconds": round(run.seconds, 3), "lr": lr}
    if play.summed:
        row["loss"] = run.loss_sum / play.summed
    row |= {"games": play.games, "positions": play.memory.count}
    if job.score and (job.settings.seconds is None or over or job.pace.validate()):
        began = time.perf_counter()
        score, shown = job.score(run.evaluated)
        run.offer(score + 1e-9 * run.step)  # of equals the later one
        job.pace.validated_from(began)
        row |= shown
        if job.pace.speak():
            figures = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in list(shown.items())[:2])
            job.watch.say(f"after {play.games:,} games: {figures}")
    run.history.append(row)
    run.loss_sum, play.summed = 0.0, 0


def _opening(board: Board, rng: np.random.Generator) -> Match:
    """A new game, some random moves old."""
    match = Match(board.start())
    for _ in range(int(rng.integers(0, OPENING))):
        legal = match.position.legal_actions()
        action = int(legal[rng.integers(len(legal))])
        if match.position.child(action).is_terminal():
            break
        match.move(action)
    return match


def _extra(play: _Play) -> dict[str, Tensor]:
    counts = torch.tensor([play.games, play.updates, play.summed])
    return {"counts": counts, **play.memory.state(), **matches_state(play.matches)}


def _resume(play: _Play, run: Run, board: Board) -> None:
    play.games, play.updates, play.summed = run.extra["counts"].tolist()
    play.memory.restore(run.extra)
    play.matches = matches_of(board, run.extra)
