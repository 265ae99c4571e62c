"""Claim: in the time that the article's script needs for its ten epochs, `assay train --time` reaches 80 % on CIFAR-10.

    python benchmarks/cifar10_budget.py DATA [--seeds 3] [--seconds S] [--tuned] [--json results.json]

DATA is the folder that holds ``cifar-10-batches-py``. The article's script is run first, and its whole time (reading,
ten epochs, testing) is the budget, unless ``--seconds`` names one. Then `assay train image-classification DATA --time
BUDGET` with all else by default, in a process of its own; its time counts from the start of the process to its end. The
accuracy is of the weights that it kept, on the 10,000 test images, which nothing was selected on.

``--tuned`` also trains a small residual network as one would write it by hand (three stages of 16, 32 and 64 channels, the
ResNet-8 of He et al. 2016; SGD with Nesterov momentum, one-cycle rate, label smoothing, moves and flips on whole batches) in
the same time.

Ends with status 1 where the mean accuracy is below 80 % or a run took more than the budget (and 3 % of it, for the process).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from article_cifar10 import Cifar10, peer
from torch import Tensor, nn
from torch.nn import functional

from assay.methods.intervals import over_runs
from assay.methods.proportions import wilson

BAR, AIM, TEST = 0.80, 0.85, 10_000


def assay_run(data: str, seconds: float, seed: int, scratch: Path) -> dict[str, Any]:
    """The command with its defaults; its wall time and the accuracy that its record states."""
    record = scratch / f"{seed}.json"
    command = [sys.executable, "-m", "assay", "train", "image-classification", data, "--out", str(scratch / f"m{seed}"),
               "--time", f"{seconds:.1f}s", "--seed", str(seed), "--json", str(record)]  # fmt: skip
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    figures = {f["name"]: f["value"] for f in json.loads(record.read_text())["figures"]}
    curve = next(t for t in json.loads(record.read_text())["tables"] if t["name"] == "learning curve")
    return {
        "seed": seed,
        "seconds": wall,
        "accuracy": figures["accuracy"],
        "curve": curve["rows"],
        "columns": curve["columns"],
    }


class Residual(nn.Module):
    """Two 3 × 3 convolutions past which the input runs; at half the sides where the width changes."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        stride = 1 if before == width else 2
        self.one = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.two = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.past = nn.Identity() if stride == 1 else nn.Conv2d(before, width, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.norms[0](self.one(x)))
        return functional.relu(self.norms[1](self.two(hidden)) + self.past(x))


def tuned_run(data: str, seconds: float, seed: int) -> dict[str, Any]:
    """A hand-written loop over a ResNet-8, its rate a function of the time that is used."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    held = {name: Cifar10(data, train=name == "train", transform=None) for name in ("train", "test")}
    x = {name: torch.from_numpy(np.ascontiguousarray(part.data)).permute(0, 3, 1, 2) for name, part in held.items()}
    y = {name: torch.tensor(part.targets) for name, part in held.items()}
    network = nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), Residual(16, 16), Residual(16, 32),
        Residual(32, 64), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.4, momentum=0.9, weight_decay=5e-4, nesterov=True, fused=True
    )
    budget, share = seconds - 6, 0.0
    while share < 1:
        order = torch.randperm(len(y["train"]))
        for at in range(0, len(order) - 127, 128):
            share = (time.perf_counter() - began) / budget
            if share >= 1:
                break
            optimizer.param_groups[0]["lr"] = 0.4 * (share / 0.2 if share < 0.2 else (1 - share) / 0.8)
            rows = order[at : at + 128]
            batch = functional.pad(x["train"][rows].float() / 127.5 - 1, (4, 4, 4, 4), mode="reflect")
            top, left = (int(v) for v in torch.randint(0, 9, (2,)))
            batch = batch[:, :, top : top + 32, left : left + 32]
            batch = torch.where(torch.rand(128, 1, 1, 1) < 0.5, batch, batch.flip(3))
            optimizer.zero_grad(set_to_none=True)
            logits = network(batch.contiguous(memory_format=torch.channels_last))
            functional.cross_entropy(logits, y["train"][rows], label_smoothing=0.1).backward()
            optimizer.step()
    network.eval()
    with torch.inference_mode():
        right = sum(
            int((network(x["test"][i : i + 500].float() / 127.5 - 1).argmax(1) == y["test"][i : i + 500]).sum())
            for i in range(0, TEST, 500)
        )
    return {"seed": seed, "seconds": time.perf_counter() - began, "accuracy": right / TEST}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="the budget, where the article's script is not to be run for it")
    parser.add_argument("--tuned", action="store_true", help="also a residual network written by hand")
    parser.add_argument("--json", default="cifar10_budget.json")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        seconds = options.seconds
        if seconds is None:
            began = time.perf_counter()
            results["article"] = article = peer(options.data, 10, 0, scratch)
            seconds = time.perf_counter() - began
            accuracy = article["correct"] / article["total"]
            print(f"The article's script: {seconds:.1f} s for ten epochs, accuracy {accuracy:.4f}", flush=True)
        results["seconds"] = seconds
        results["assay"] = [assay_run(options.data, seconds, seed, scratch) for seed in range(options.seeds)]
    for run in results["assay"]:
        low, high = wilson(run["accuracy"] * TEST, TEST)
        print(f"assay, seed {run['seed']}: {run['accuracy']:.4f} [{low:.4f}, {high:.4f}] in {run['seconds']:.1f} s")
    if options.tuned:
        results["tuned"] = tuned_run(options.data, seconds, 0)
        print(f"ResNet-8 by hand: {results['tuned']['accuracy']:.4f} in {results['tuned']['seconds']:.1f} s")
    mean = over_runs("accuracy", [run["accuracy"] for run in results["assay"]], better="higher")
    print(f"{mean} over seeds; bar {BAR}, aim {AIM}")
    Path(options.json).write_text(json.dumps(results, indent=2))
    late = any(run["seconds"] > 1.03 * seconds for run in results["assay"])
    sys.exit(mean.value < BAR or late)


if __name__ == "__main__":
    main()
