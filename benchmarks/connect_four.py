"""Claim: minutes of self-play on two cores give a network that beats simple players of connect four without any search.

    python benchmarks/connect_four.py [--time 15min | --epochs N] [--seed 0] [--mcts 100]

Trains ``game-playing connect_four`` with its defaults, then plays the 200 test games against each opponent, half of them as
first player: ``random``; ``greedy``, which wins at once where it can and else plays at random; ``look-ahead``, which also
makes no move that lets the other win at once, where it has another. The network plays its most probable legal move.
Beside them stands a peer that is no part of the training: OpenSpiel's own tree search with random play-outs, ``--mcts``
simulations a move, 100 games.

Ends with status 1 where fewer than 95 % of the games against ``random`` or 70 % of those against ``look-ahead`` are won.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import pyspiel

import assay
from assay.codecs.boards import board
from assay.learners._self_play import look_with

BARS = {"random": 0.95, "look-ahead": 0.70}
GAMES = 100


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--time")
    options.add_argument("--epochs", type=int)
    options.add_argument("--size", default="tiny")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--mcts", type=int, nargs="*", default=[100, 1000])
    chosen = options.parse_args()
    budget: dict[str, Any] = {"epochs": chosen.epochs} if chosen.epochs else {"time": chosen.time or "15min"}
    wall, cpu = time.perf_counter(), time.process_time()
    model = assay.train("game-playing", "connect_four", seed=chosen.seed, size=chosen.size, **budget)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"trained in {wall:,.0f} s ({cpu:,.0f} s of CPU), {model.parameters:,} weights, seed {chosen.seed}")
    found = assay.evaluate(model, "connect_four", by=("opponent",))
    failed = False
    print(f"{'opponent':<22}{'won':>8}{'interval':>16}{'bar':>8}")
    for figure in found.figures:
        if figure.name != "win_rate" or figure.group is None:
            continue
        name = next((opponent for opponent in ("random", "greedy", "look-ahead") if opponent in str(figure.group)), "")
        bar = BARS.get(name)
        failed |= bar is not None and figure.value < bar
        interval = f"{figure.low:.3f} … {figure.high:.3f}"
        print(f"{name:<22}{figure.value:>8.3f}{interval:>16}{'' if bar is None else f'≥ {bar:.2f}':>8}")
    for simulations in chosen.mcts:
        won, drawn = against_search(model, simulations)
        print(f"{f'OpenSpiel MCTS, {simulations}':<22}{won:>8.3f}{f'drawn {drawn:.3f}':>16}")
    return int(failed)


def against_search(model: Any, simulations: int) -> tuple[float, float]:
    """The share of games won and drawn against OpenSpiel's tree search."""
    game = board("connect_four")
    look = look_with(model.network.eval(), model.input, model.output, game, model.device)
    rules = pyspiel.load_game("connect_four")
    returns = []
    for seed in range(GAMES):
        evaluator = pyspiel.RandomRolloutEvaluator(1, seed)
        bot = pyspiel.MCTSBot(rules, evaluator, 1.4, simulations, 100, False, seed, False)
        state = rules.new_initial_state()
        while not state.is_terminal():
            mine = state.current_player() == seed % 2
            state.apply_action(int(look([state])[0].argmax(1)[0]) if mine else bot.step(state))
        returns.append(state.returns()[seed % 2])
    return float(np.mean(np.array(returns) > 0)), float(np.mean(np.array(returns) == 0))


if __name__ == "__main__":
    sys.exit(main())
