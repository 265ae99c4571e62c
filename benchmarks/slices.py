"""Claims about `assay audit --find-groups`: harmed slices are found, and few others.

    python benchmarks/slices.py

Claims: of 20 planted harmed slices in one table at least 60 % are found, with at most 5 % of what is found false; where
nothing is planted at most 5 % of 200 searches find anything; and the smallest gap that is stated is found in 4 of 5 cases.

A table has eight attributes of two to six values. A slice is a conjunction of one to three of them. It counts as found where
a group that is listed has more than half of its examples in common with it (Jaccard), and a group counts as false where less
than half of its examples are harmed.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from assay.methods.groups import Grouping
from assay.methods.slices import Search, search

Rows = np.ndarray
ATTRIBUTES = 8


def table(rng: np.random.Generator, n: int) -> list[Grouping]:
    """Attributes with values of unlike shares."""
    made = []
    for at, size in enumerate(rng.integers(2, 7, ATTRIBUTES).tolist()):
        codes = rng.choice(size, n, p=rng.dirichlet(np.full(size, 5.0)))
        made.append(Grouping(f"a{at}", codes.astype(np.int64), tuple(f"a{at}={value}" for value in range(size))))
    return made


def plant(
    rng: np.random.Generator, attributes: list[Grouping], count: int, shares: tuple[float, float]
) -> list[tuple[str, Rows]]:
    """Slices that hold for ``shares`` of the examples, and that have at most a fifth in common with another."""
    found: list[tuple[str, Rows]] = []
    while len(found) < count:
        chosen = np.sort(rng.choice(ATTRIBUTES, rng.integers(1, 4), replace=False)).tolist()
        values = [int(rng.integers(len(attributes[a].labels))) for a in chosen]
        rows = np.logical_and.reduce([attributes[a].codes == v for a, v in zip(chosen, values, strict=True)])
        if not shares[0] <= rows.mean() <= shares[1]:
            continue
        if all((rows & other).sum() <= 0.2 * min(rows.sum(), other.sum()) for _, other in found):
            found.append((" & ".join(attributes[a].labels[v] for a, v in zip(chosen, values, strict=True)), rows))
    return found


def matched(done: Search, planted: list[tuple[str, Rows]]) -> tuple[int, int, int]:
    """How many planted slices are found, how many by their very name, and how many of what was found is false."""
    harmed = np.logical_or.reduce([rows for _, rows in planted])
    found = sum(
        any((one.rows & rows).sum() > 0.5 * (one.rows | rows).sum() for one in done.slices) for _, rows in planted
    )
    named = sum(any(one.name == name for one in done.slices) for name, _ in planted)
    return found, named, sum(harmed[one.rows].mean() < 0.5 for one in done.slices)


def many(n: int, harm: float, shares: tuple[float, float], runs: int, count: int = 20) -> None:
    """A table with many harmed slices."""
    totals, listed, rates, cpu = np.zeros(3, dtype=int), 0, [], time.process_time()
    for run in range(runs):
        rng = np.random.default_rng([run, n])
        attributes = table(rng, n)
        planted = plant(rng, attributes, count, shares)
        right = rng.random(n) < np.where(np.logical_or.reduce([rows for _, rows in planted]), 0.9 - harm, 0.9)
        done = search(attributes, right.astype(float), seed=run)
        of_this = matched(done, planted)
        totals += of_this
        listed += len(done.slices)
        rates.append(of_this[2] / max(1, len(done.slices)))
    found, named, false = totals.tolist()
    low, high = shares
    print(
        f"{count} slices of {low:.0%}–{high:.0%} of {n:,}, {100 * harm:.0f} points worse, {runs} tables: "
        f"{found / (count * runs):.0%} found ({named / (count * runs):.0%} by name), {false} of {listed} listed are false "
        f"({np.mean(rates):.1%} in the mean), {(time.process_time() - cpu) / runs:.2f} s of CPU a search",
        flush=True,
    )


def nothing(n: int, runs: int) -> None:
    """Tables without any harm, by kind of score."""
    for kind in ("right or wrong", "errors"):
        alarms = 0
        for run in range(runs):
            rng = np.random.default_rng([run, 7])
            attributes = table(rng, n)
            scores = (rng.random(n) < 0.9).astype(float) if kind == "right or wrong" else -rng.exponential(1, n)
            alarms += bool(search(attributes, scores, seed=run).slices)
        print(f"nothing planted in {n:,} examples ({kind}): {alarms} of {runs} searches find something", flush=True)


def stated(n: int, share: float, runs: int) -> None:
    """How often a single harm of the size that is stated as the smallest is found."""
    found, sizes = 0, []
    for run in range(runs):
        rng = np.random.default_rng([run, 11])
        attributes = table(rng, n)
        size = search(attributes, (rng.random(n) < 0.9).astype(float), seed=run).smallest(share)
        planted = plant(rng, attributes, 1, (0.9 * share, 1.1 * share))
        right = rng.random(n) < np.where(planted[0][1], 0.9 - size, 0.9)
        found += matched(search(attributes, right.astype(float), seed=run), planted)[0]
        sizes.append(size)
    print(
        f"smallest gap stated for {share:.0%} of {n:,}: {np.mean(sizes):.3f}, found in {found / runs:.0%}", flush=True
    )


def main() -> None:
    """All claims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="tables with many slices; 20 times as many without any")
    runs = parser.parse_args().runs
    many(50_000, 0.1, (0.01, 0.03), runs)
    many(50_000, 0.1, (0.02, 0.06), runs)
    many(20_000, 0.2, (0.01, 0.03), runs)
    many(20_000, 0.1, (0.03, 0.04), 2 * runs, count=1)
    stated(10_000, 0.05, 5 * runs)
    nothing(3000, 20 * runs)


if __name__ == "__main__":
    main()
