"""The engine's time an update over a bare PyTorch loop: same network, same batches. Bar: ≤ 5 % at batch 128, residual tiny.

The bare loop gathers the same examples from the same array, makes the same floats of them and takes the same update. Both
run in turns, so that a busy machine slows both; the figure is the ratio of their fastest turns.

Run: python benchmarks/engine_overhead.py
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from assay.core import discovery
from assay.core.feed import Feed
from assay.core.model import build, network_of
from assay.core.packing import Encoded
from assay.core.settings import Settings
from assay.core.verb import Silence
from assay.learners.engine import Job, train
from assay.learners.optimizers import optimizer_of
from assay.learners.pace import Pace

BAR, TURNS, STEPS, BATCH = 1.05, 7, 60, 128


def setting() -> tuple[Any, ...]:
    """Made images, their codec and a fresh tiny residual network with SGD."""
    rng = np.random.default_rng(0)
    task = discovery.task("image-classification")
    pixels = rng.integers(0, 256, (STEPS * BATCH, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, len(pixels))
    fitted_input, fitted_output = task.input.fit(list(pixels[:10])), task.output.fit([str(c) for c in range(10)])
    every = np.arange(len(pixels))
    encoded = Encoded({"image": pixels}, every, {"label": labels}, every, ())
    network = network_of(task, "residual")
    recipe = replace(network.recipe, optimizer="sgd", lr=0.01, momentum=0.9, batch_size=BATCH, epochs=1, augment=False,
                     ema=None, smoothing=0.0, schedule="linear", warmup=0.0)  # fmt: skip
    torch.manual_seed(0)
    module = build(network, "tiny", fitted_input, fitted_output)
    return encoded, fitted_input, fitted_output, recipe, module


def bare(encoded: Encoded, recipe: Any, module: Any) -> float:
    """Seconds of the loop that one would write by hand."""
    pixels, labels = torch.from_numpy(encoded.x["image"]), torch.from_numpy(encoded.y["label"])
    optimizer = optimizer_of(recipe, module)
    module.train()
    began = time.perf_counter()
    order = torch.randperm(len(pixels))
    for at in range(STEPS):
        rows = order[at * BATCH : (at + 1) * BATCH]
        x = pixels.index_select(0, rows).permute(0, 3, 1, 2).float().mul_(1 / 127.5).sub_(1)
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(module(image=x), labels.index_select(0, rows)).backward()
        optimizer.step()
    return time.perf_counter() - began


def engine(encoded: Encoded, fitted_input: Any, fitted_output: Any, recipe: Any, module: Any) -> float:
    """Seconds of the engine over the same updates."""
    device = torch.device("cpu")
    job = Job(
        feed=Feed(encoded, fitted_input, device),
        fitted_input=fitted_input,
        output=fitted_output,
        recipe=recipe,
        settings=Settings(),
        device=device,
        score=None,
        pace=Pace(0, 0),
        watch=Silence(),
        plan={},
        checkpoint=None,
    )
    began = time.perf_counter()
    train(job, module)
    return time.perf_counter() - began


if __name__ == "__main__":
    encoded, fitted_input, fitted_output, recipe, module = setting()
    bare(encoded, recipe, module)
    times = [
        (bare(encoded, recipe, module), engine(encoded, fitted_input, fitted_output, recipe, module))
        for _ in range(TURNS)
    ]
    peer, ours = (min(column) / STEPS * 1000 for column in zip(*times, strict=True))
    print(f"bare loop {peer:.2f} ms an update, engine {ours:.2f} ms: ratio {ours / peer:.3f} (bar {BAR})")
    sys.exit(ours / peer > BAR)
