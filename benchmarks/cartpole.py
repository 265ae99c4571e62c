"""Claim: CartPole is learned within half a minute from any seed, at more than twice stable-baselines3's pace.

    python benchmarks/cartpole.py [SEEDS]

First trains ``game-playing`` on CartPole-v1 with its defaults from SEEDS (10) seeds, and judges each on 100 fresh episodes.
Then times both PPOs with the same settings: two tanh perceptrons of 64 × 64, 8 environments, 256 steps a round, 10 passes,
batches of 64, the same learning rate; validation counts for nothing. Needs the peer: pip install stable-baselines3.

Ends with status 1 where a seed stays below 475 or takes more than 30 s, or the pace is less than twice the peer's. Seconds
are wall time; on a busy machine read the CPU seconds beside them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

import assay
from assay.core.folder import read_card

BAR, AIM = 30.0, 10.0
RETURN = 475.0
PACE = 2.0
COPIES, STEPS, BATCH = 8, 256, 64
EPOCHS = 3  # of 1,024 steps in each copy
REPEATS = 3


def learned(seed: int) -> tuple[float, float, float]:
    """The mean return over the 100 test episodes, and the wall and CPU seconds of the whole training."""
    wall, cpu = time.perf_counter(), time.process_time()
    model = assay.train("game-playing", "CartPole-v1", seed=seed)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return assay.evaluate(model, "CartPole-v1").figure("mean_return").value, wall, cpu


def own_pace() -> float:
    """Environment steps a second of training; neither steps nor seconds of validation count."""
    options = ("target=none", "entropy=0.0", f"copies={COPIES}", f"steps={STEPS}")
    with tempfile.TemporaryDirectory() as folder:
        model = assay.train(
            "game-playing",
            "CartPole-v1",
            out=Path(folder) / "model",
            epochs=EPOCHS,
            batch_size=BATCH,
            lr=3e-4,
            schedule="constant",
            set=options,
        )
        record = next(record for record in read_card(model) if record.verb == "train")
    return record.figure("examples_per_second").value


def peer_pace() -> float:
    """The same of stable-baselines3."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    environments = make_vec_env("CartPole-v1", n_envs=COPIES, seed=0)
    model = PPO("MlpPolicy", environments, n_steps=STEPS, batch_size=BATCH, n_epochs=10, device="cpu", seed=0)
    model.learn(COPIES * STEPS)  # what is slow the first time
    began = time.perf_counter()
    steps = EPOCHS * 1024 * COPIES
    model.learn(steps, reset_num_timesteps=False)
    return steps / (time.perf_counter() - began)


def main() -> int:
    """Print the figures; the exit status."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    torch.set_num_threads(1)  # for both: such small networks are slower on more
    good = []
    for seed in range(seeds):
        reached, wall, cpu = learned(seed)
        good.append(reached >= RETURN and min(wall, cpu) <= BAR)
        print(f"seed {seed}: mean return {reached:.1f} after {wall:.1f} s ({cpu:.1f} CPU seconds)", flush=True)
    print(f"{sum(good)} of {seeds} seeds reach {RETURN:g} within {BAR:g} s (aim {AIM:g} s)", flush=True)
    ratios = []
    for _ in range(REPEATS):
        own, peer = own_pace(), peer_pace()
        ratios.append(own / peer)
        print(f"steps a second: assay {own:,.0f}, stable-baselines3 {peer:,.0f}", flush=True)
    ratio = statistics.median(ratios)
    print(f"assay makes {ratio:.2f} times the peer's steps (bar {PACE})")
    return 0 if all(good) and ratio >= PACE else 1


if __name__ == "__main__":
    sys.exit(main())
