"""Claim: 2,000 bootstrap replicates of 100,000 examples, on the whole and in 20 groups, within 3 s on two cores.

    python benchmarks/bootstrap.py

Prints the time and peak memory of `figures` and `paired` at 500, 2,000 and 8,000 replicates; the ratio to two peers in
the same run; and what other ways of drawing the weights cost.

The peers are scipy.stats.bootstrap (BCa, over the rows' numbers) and the loop that people write (draw indices, call
scikit-learn). Both are far too slow at this size, so they run on fewer examples and replicates, on the whole alone, and
their time is scaled in proportion to examples × replicates; ours is measured on the same job at full size.
"""

from __future__ import annotations

import math
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn.metrics import f1_score, log_loss

from assay.core.metric import Array, Metric, ratio
from assay.methods.bootstrap import bootstrap_blocks
from assay.methods.intervals import figures, paired

N, CLASSES, GROUPS = 100_000, 9, 20


def data(seed: int) -> tuple[np.ndarray, Array, Array]:
    """Labels, probabilities, and tallies ``[N, 2 + 3 × 9]``: log loss, one, and the three counts of F1 by class."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, CLASSES, N)
    logits = random.normal(size=(N, CLASSES)) + 2 * np.eye(CLASSES)[truth]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    answer = chances.argmax(axis=1)
    one_hot = np.eye(CLASSES)
    loss = -np.log(chances[np.arange(N), truth])
    hit = one_hot[truth] * (truth == answer)[:, None]
    return truth, chances, np.concatenate([np.c_[loss, np.ones(N)], hit, one_hot[answer], one_hot[truth]], axis=1)


def macro_f1(sums: Array) -> Array:
    """From summed counts ``[…, 27]``."""
    hit, answered, true = np.split(sums[..., 2:], 3, axis=-1)
    return np.asarray((2 * hit / (answered + true)).mean(axis=-1))


METRICS = [ratio("log_loss", 0, 1, better="lower"), Metric("macro_f1", macro_f1, "higher")]


def best(job: Callable[[], object], repeats: int = 3) -> float:
    """The least of a few timings, in seconds: others use this machine too."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def peak(job: Callable[[], object]) -> float:
    """The most memory that a job holds beyond what was there, in MB."""
    tracemalloc.start()
    job()
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size / 1e6


def ours(tallies: Array, other: Array, groups: list[str]) -> None:
    """Time and memory by number of replicates."""
    print(f"{N:,} examples, {GROUPS} groups and the whole, log loss and macro F1 ({tallies.shape[1]} tally columns)")
    print(f"{'replicates':>10} {'figures':>9} {'peak':>9} {'weights alone':>15} {'paired':>9}")
    for replicates in (500, 2000, 8000):
        size: dict[str, int] = {"replicates": replicates}
        repeats = 1 if replicates > 2000 else 3
        seconds = best(lambda: figures(METRICS, tallies, groups=groups, **size), repeats)  # noqa: B023
        memory = peak(lambda: figures(METRICS, tallies, groups=groups, **size))  # noqa: B023
        flat = peak(lambda: [None for _ in bootstrap_blocks(tallies, **size)])  # noqa: B023
        two = best(lambda: paired(METRICS, tallies, other, groups=groups, **size), 1)  # noqa: B023
        print(f"{replicates:>10,} {seconds:>7.2f} s {memory:>6.0f} MB {flat:>12.0f} MB {two:>7.2f} s")


def peers(truth: np.ndarray, chances: Array, tallies: Array) -> None:
    """Ratios on the whole, 2,000 replicates."""
    f1 = best(lambda: figures(METRICS[1:], tallies))
    both = best(lambda: figures(METRICS, tallies))
    mean = best(lambda: figures(METRICS[:1], tallies[:, :2]))

    n, replicates = 10_000, 20

    def loop() -> None:
        random = np.random.default_rng(0)
        labels = np.arange(CLASSES)
        for _ in range(replicates):
            rows = random.integers(0, n, n)
            log_loss(truth[rows], chances[rows], labels=labels)
            f1_score(truth[rows], chances[rows].argmax(axis=1), average="macro")

    scaled = best(loop) * (N / n) * (2000 / replicates)
    print(f"\nthe whole alone, 2,000 replicates: log loss and macro F1 {both:.2f} s, macro F1 alone {f1:.2f} s")
    print(f"index-resampling loop over scikit-learn, scaled from {n:,} examples × {replicates}: {scaled:.0f} s")
    print(f"  {scaled / both:.0f} times ours")

    sample = tallies[:2000, 0]
    scaled = best(
        lambda: stats.bootstrap((sample,), np.mean, n_resamples=2000, method="BCa", vectorized=True, batch=100), 1
    ) * (N / len(sample))
    print(f"scipy.stats.bootstrap (BCa), log loss alone, scaled from {len(sample):,} examples × 2,000: {scaled:.1f} s")
    print(f"  {scaled / mean:.0f} times ours ({mean:.2f} s); its jackknife grows with n², so that flatters it")


def weights() -> None:
    """Nanoseconds a Poisson(1) weight as float64, in blocks of 256 × 2,048."""
    shape = (256, 2048)
    size = shape[0] * shape[1]
    tail = np.cumsum([math.exp(-1) / math.factorial(i) for i in range(9)])
    cuts = [cut for cut in np.round(65536 * tail).astype(int).tolist() if cut < 65536]
    table = np.searchsorted(cuts, np.arange(65536), side="right").astype(np.uint8)
    random = np.random.Generator(np.random.SFC64(0))

    def bits() -> np.ndarray:
        return random.integers(0, 2**64, size // 4, dtype=np.uint64).view(np.uint16).reshape(shape)

    def compared() -> Array:
        drawn = bits()
        counts = np.zeros(shape, dtype=np.uint8)
        for cut in cuts:
            counts += (drawn >= cut).view(np.uint8)
        return counts.astype(np.float64)

    ways: dict[str, Callable[[], object]] = {
        "16 bits, comparisons (used)": compared,
        "16 bits, lookup table": lambda: np.take(table, bits(), mode="clip").astype(np.float64),
        "Generator.poisson": lambda: random.poisson(1.0, shape).astype(np.float64),
    }
    print("\nns a weight")
    for name, way in ways.items():
        way()
        print(f"  {name:<28} {best(way, 7) / size * 1e9:.2f}")


def main() -> None:
    """Print all."""
    truth, chances, tallies = data(0)
    other = data(1)[2]
    other[:, 2 + 2 * CLASSES :] = tallies[:, 2 + 2 * CLASSES :]
    groups = [f"g{g}" for g in np.random.default_rng(2).integers(0, GROUPS, N)]
    ours(tallies, other, groups)
    peers(truth, chances, tallies)
    weights()
    scale = 1 if sys.platform == "darwin" else 1024
    print(f"\npeak of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
