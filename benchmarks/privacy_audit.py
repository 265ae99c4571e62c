"""Claim: the audit of a private training catches planted bugs and never an honest run; leaks are shown where there are any.

    python benchmarks/privacy_audit.py [DATA] [--honest 20] [--references 4]

Bugs are planted into our own DP-SGD: clipping the batch instead of its examples, noise divided by √B, another sampling rate
than the one accounted for, a layer left out of clipping, noise with the same seed at each update; and, beside these five,
batches cut from a shuffled list. The honest runs are of three tasks (a table, images, texts) at ε = 1, 3 and 8.

DATA is the folder with ``fairness/adult``, ``image/cifar10_jpeg`` and ``sentiment/sst2``. On a part of each a model is
trained until it knows its examples by heart, and one with ε = 1; both are audited by the command's own code.

Ends with status 1 where a bug goes unseen, an honest run is accused, a bound exceeds its claim, an overfit model is not
caught or a private one is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

import assay
from assay.core import discovery
from assay.core.loading import for_training
from assay.core.reading import read
from assay.core.settings import Settings
from assay.core.training import Training
from assay.core.verb import Silence
from assay.learners import private, supervised
from assay.learners.per_example import PerExample
from assay.learners.private import Private
from assay.learners.recorder import Recorder
from assay.verbs._audit_private_run import Claim, judged
from assay.verbs._findings import Findings

N, BATCH, EPOCHS, DELTA = 480, 24, 5, 1e-4
TAKEN, NOISY = Private.taken, Private.noisy
Clipped = tuple[list[Tensor], Tensor]


def _scaled(
    self: PerExample, x: Any, y: Any, most: float, weigh: Callable[[list[Tensor], float], list[Tensor]]
) -> Clipped:
    grads, losses = self._grads(x, y)
    return weigh(self.beside(grads) if self.beside else grads, most), losses


def batch_clipped(self: PerExample, x: Any, y: Any, most: float) -> Clipped:
    def weigh(grads: list[Tensor], most: float) -> list[Tensor]:
        summed = [g.sum(0) for g in grads]
        norm = float(torch.stack([s.norm() for s in summed]).norm())
        return [s * min(1.0, most / norm) for s in summed]

    return _scaled(self, x, y, most, weigh)


def layer_left_out(self: PerExample, x: Any, y: Any, most: float) -> Clipped:
    def weigh(grads: list[Tensor], most: float) -> list[Tensor]:
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads]).norm(dim=0)
        factor = (most / norms.clamp_min(1e-12)).clamp_max(1.0)
        return [torch.tensordot(factor, g, dims=1) for g in grads[:-2]] + [g.sum(0) for g in grads[-2:]]

    return _scaled(self, x, y, most, weigh)


def little_noise(self: Private, summed: list[Tensor], key: Tensor, step: int) -> list[Tensor]:
    return NOISY(replace(self, noise=self.noise / (self.rate * self.n) ** 0.5), summed, key, step)


def same_noise(self: Private, summed: list[Tensor], key: Tensor, _step: int) -> list[Tensor]:
    return NOISY(self, summed, key, 0)


def other_rate(self: Private, key: Tensor, step: int) -> Tensor:
    return TAKEN(replace(self, rate=1.5 * self.rate), key, step)


def shuffled(self: Private, _key: Tensor, _step: int) -> Tensor:
    return torch.randperm(self.n)[: round(self.rate * self.n)].sort().values


BUGS: dict[str, tuple[type, str, Any]] = {
    "clips the batch": (PerExample, "clipped", batch_clipped),
    "noise / √B": (Private, "noisy", little_noise),
    "sampling rate × 1.5": (Private, "taken", other_rate),
    "a layer unclipped": (PerExample, "clipped", layer_left_out),
    "noise re-used": (Private, "noisy", same_noise),
    "(shuffled batches)": (Private, "taken", shuffled),
}


@contextmanager
def planted(bug: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        if bug:
            where, name, function = BUGS[bug]
            stack.enter_context(mock.patch.object(where, name, function))
        yield


def made(task: str, n: int, seed: int) -> list[dict[str, Any]]:
    """Examples of a task that can be learned."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], n)
    found = discovery.task(task)
    xs, ys = _fake(found, rng, signs)
    rows = xs if found.input.row else [{"input": x} for x in xs]
    return [{**row, "tag": "ab"[at % 2], "answer": y} for at, (row, y) in enumerate(zip(rows, ys, strict=True))]


def _fake(task: Any, rng: np.random.Generator, signs: Any) -> tuple[list[Any], list[str]]:
    if task.name == "image-classification":
        xs = [(rng.integers(0, 256, (16, 16, 3)) // 2 + (64 if sign > 0 else 0)).astype(np.uint8) for sign in signs]
    elif task.name == "text-classification":
        words = np.array([f"w{i}" for i in range(60)])
        xs = [" ".join([*rng.choice(words, 8), "good" if sign > 0 else "bad"]) for sign in signs]
    else:
        xs = [{f"x{k}": float(v + (sign if k == 0 else 0)) for k, v in enumerate(rng.normal(size=8))} for sign in signs]
    return xs, ["yes" if sign > 0 else "no" for sign in signs]


def recorded(task_name: str, epsilon: float, seed: int, bug: str | None = None) -> tuple[Findings, float]:
    """What the audit says of one private training of made data, and the CPU seconds that it took."""
    task = discovery.task(task_name)
    inputs = () if task.input.row else ("input",)
    splits = for_training(made(task_name, N, seed), task, inputs=inputs, target="answer", validation=0)
    network = task.networks[0]
    changes = {"batch_size": BATCH, "epochs": EPOCHS, "patience": None}
    recorder = Recorder(seed=seed)
    training = Training(
        task=task,
        network=network,
        size=network.sizes[0] if network.sizes else None,
        splits={"train": splits["train"]},
        recipe=replace(network.recipe, **changes),
        settings=Settings(seed=seed, epsilon=epsilon, delta=DELTA, device="cpu"),
        plan={},
        observer=recorder,
    )
    began = time.process_time()
    with planted(bug):
        supervised.fit(training, Silence())
    found = judged(recorder, Claim(epsilon, DELTA, recorder.rate, recorder.noise, len(recorder.seen)))
    return found, time.process_time() - began


def caught(found: Findings) -> bool:
    """Whether a check failed, or the bound is above the claim."""
    values = {figure.name: figure.value for figure in found.figures}
    return values["epsilon_lower_bound"] > values["epsilon_claimed"] or not all(row[-1] for row in found.tables[0].rows)


def line(found: Findings) -> str:
    values = {figure.name: figure.value for figure in found.figures}
    failed = [row[0] for row in found.tables[0].rows if not row[-1]]
    return (
        f"ε claimed {values['epsilon_claimed']:g}, shown {values['epsilon_lower_bound']:.2f} (honest "
        f"{values['epsilon_lower_bound_expected']:.2f}, ceiling {values['epsilon_lower_bound_ceiling']:.2f}), failed: "
        f"{len(failed)} {failed[:2]}"
    )


def runs(honest: int) -> bool:
    private.noise_for = lru_cache(private.noise_for)  # the same noise for all runs of one ε
    good = True
    for bug in BUGS:
        found, seconds = recorded("tabular-classification", 8.0, 0, bug)
        good &= caught(found) or bug.startswith("(")
        print(
            f"{'caught' if caught(found) else 'MISSED'}  {bug:20} {line(found)}  {seconds:.0f} CPU s",
            found.notes[-1][:220],
            sep="\n    ",
            flush=True,
        )
    accused = beyond = 0
    for seed in range(honest):
        task = {9: "image-classification", 19: "text-classification"}.get(seed % 20, "tabular-classification")
        found, seconds = recorded(task, (1.0, 3.0, 8.0)[seed % 3], seed)
        values = {figure.name: figure.value for figure in found.figures}
        accused += caught(found)
        beyond += values["epsilon_lower_bound"] > values["epsilon_claimed"]
        least = min(row[3] for row in found.tables[0].rows)
        print(f"honest  {task:24} {line(found)}, least p {least:.2g}  {seconds:.0f} CPU s", flush=True)
    print(f"{accused} of {honest} honest runs accused, {beyond} bounds above their claim")
    return good and not accused and not beyond


def adult(data: Path, n: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    source = read(str(data / "fairness" / "adult"), None)
    columns = {name: column[:n].tolist() for name, column in source.splits["train"].columns.items()}
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return "tabular-classification", rows, {"target": source.target or list(columns)[-1], "ignore": "fnlwgt"}


def cifar(data: Path, n: int) -> tuple[str, Any, dict[str, Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(data / "image" / "cifar10_jpeg" / "test.parquet").slice(0, n)
    return "image-classification", table, {}


def sst2(data: Path, n: int) -> tuple[str, list[dict[str, Any]], dict[str, Any]]:
    lines = (data / "sentiment" / "sst2" / "train.tsv").read_text(encoding="utf-8").splitlines()[:n]
    pairs = [line.rsplit("\t", 1) for line in lines]
    return "text-classification", [{"text": text, "label": label} for text, label in pairs], {"target": "label"}


def leaks(data: Path, references: int) -> bool:
    good = True
    plain = {"validation": 0.0, "patience": 0, "weight_decay": 0.0, "augment": False, "ema": 0.0, "smoothing": 0.0}
    for source, n, epochs in ((adult, 1500, 30), (sst2, 1500, 15), (cifar, 1500, 15)):
        task, rows, options = source(data, n)
        for name, more in (("overfit", {"epochs": epochs}), ("ε = 1", {"epochs": epochs, "epsilon": 1.0})):
            began = time.process_time()
            model = assay.train(task, rows, quiet=True, device="cpu", **options, **plain, **more)
            record = assay.audit(model, rows, privacy=True, references=references, device="cpu", quiet=True)
            area = record.figure("membership_auc")
            leak = area.low is not None and area.low > 0.5
            good &= leak == (name == "overfit")
            print(f"{source.__name__} {name}: {area}", end="; ")
            print(*[f for f in record.figures if f.group is None and f is not area], sep="; ")
            print(f"    {time.process_time() - began:.0f} CPU s", *record.notes[:3], sep="\n    ", flush=True)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--honest", type=int, default=20)
    parser.add_argument("--references", type=int, default=4)
    given = parser.parse_args()
    good = runs(given.honest)
    if given.data:
        good &= leaks(given.data, given.references)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
