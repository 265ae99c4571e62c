"""Claim: private training costs nothing beside Opacus itself, and learns CIFAR-10 at ε = 8 as small networks do.

    python benchmarks/private_training.py [DATA [EPOCHS]]

Throughput: the same tiny residual network (group norms), the same made images, SGD, Poisson samples of 128 expected, all
laid out with the last dimension innermost, once by `opacus.PrivacyEngine` with a loop as one writes it by hand and once by
``train``'s engine. Both run in turns of 40 updates, in seconds of processor time for an example that was really taken; the
trial of ways to a gradient, once a training, is in the engine's time. The figure is the median ratio. Bar: at least 0.9.

Accuracy, where DATA (CIFAR-10) is given: ``image-classification`` with the tiny residual network, its own recipe, batches of
512 and EPOCHS (5) epochs at ε = 8, δ = 1e-5, with its interval. Published for small
networks without pretraining at about this ε: 0.662 with tempered sigmoids (Papernot et al. 2021, arXiv:2007.14191).
"""

from __future__ import annotations

import sys
import time
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from opacus import GradSampleModule, PrivacyEngine
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import assay
from assay.core import discovery
from assay.core.feed import Feed
from assay.core.folder import read_card
from assay.core.model import build, network_of
from assay.core.packing import Encoded
from assay.core.settings import Settings
from assay.core.verb import Silence
from assay.learners.engine import Job, train
from assay.learners.pace import Pace
from assay.learners.private import Private

BAR, TURNS, STEPS, BATCH = 0.9, 5, 40, 128
NOISE, CLIP = 1.0, 1.0


seen: list[int] = []  # how many examples each update of the engine took


class Counted(Private):
    """The mechanism, and how many examples it took."""

    def taken(self, key: torch.Tensor, step: int) -> torch.Tensor:
        rows = super().taken(key, step)
        seen.append(len(rows))
        return rows


def setting() -> tuple[Any, ...]:
    """Made images, their codec, a recipe and the network."""
    rng = np.random.default_rng(0)
    task = discovery.task("image-classification")
    pixels = rng.integers(0, 256, (STEPS * BATCH, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, len(pixels))
    fitted_input, fitted_output = task.input.fit(list(pixels[:10])), task.output.fit([str(c) for c in range(10)])
    every = np.arange(len(pixels))
    encoded = Encoded({"image": pixels}, every, {"label": labels}, every, ())
    network = replace(network_of(task, "residual"), options={"norm": "group"})
    recipe = replace(network.recipe, optimizer="sgd", lr=0.01, momentum=0.9, batch_size=BATCH, epochs=1, augment=False,
                     ema=None, smoothing=0.0, schedule="constant", warmup=0.0)  # fmt: skip
    return encoded, fitted_input, fitted_output, recipe, lambda: build(network, "tiny", fitted_input, fitted_output)


def opacus(encoded: Encoded, recipe: Any, module: Any) -> float:
    """Seconds an example of the loop that one would write by hand."""
    pixels = torch.from_numpy(encoded.x["image"]).permute(0, 3, 1, 2).float().mul_(1 / 127.5).sub_(1).contiguous()
    data = TensorDataset(pixels, torch.from_numpy(encoded.y["label"]))
    module = GradSampleModule(module.to(memory_format=torch.contiguous_format).train(), strict=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=True)
    module, optimizer, loader = PrivacyEngine().make_private(
        module=module,
        optimizer=optimizer,
        data_loader=DataLoader(data, batch_size=BATCH),
        noise_multiplier=NOISE,
        max_grad_norm=CLIP,
    )
    count, began = 0, time.process_time()
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(module(image=x), y).backward()
        optimizer.step()
        count += len(y)
    return (time.process_time() - began) / count


def engine(encoded: Encoded, fitted_input: Any, fitted_output: Any, recipe: Any, module: Any) -> float:
    """Seconds an example of the engine, the trial of ways to a gradient included."""
    device, n = torch.device("cpu"), len(encoded)
    held = Counted(epsilon=8, delta=1e-5, rate=BATCH / n, noise=NOISE, clip=CLIP, updates=STEPS, n=n)
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
        private=held,
    )
    seen.clear()
    began = time.process_time()
    train(job, module)
    return (time.process_time() - began) / sum(seen)


def throughput() -> float:
    """The median of the engine's examples a second over Opacus's."""
    encoded, fitted_input, fitted_output, recipe, made = setting()
    warnings.simplefilter("ignore")
    opacus(encoded, recipe, made())
    ratios = []
    for _ in range(TURNS):
        peer = opacus(encoded, recipe, made())
        ours = engine(encoded, fitted_input, fitted_output, recipe, made())
        ratios.append(peer / ours)
        print(f"Opacus {1 / peer:,.0f} examples/s of processor time, engine {1 / ours:,.0f}", flush=True)
    ratio = float(np.median(ratios))
    print(f"throughput {ratio:.3f} × Opacus (bar {BAR}; turns {', '.join(f'{r:.2f}' for r in sorted(ratios))})")
    return ratio


def accuracy(data: str, epochs: int) -> None:
    """Print the figures of CIFAR-10 at ε = 8."""
    model = assay.train("image-classification", data, network="residual", size="tiny", epsilon=8.0, delta=1e-5,
                        epochs=epochs, batch_size=512, augment=False, validation=0.02)  # fmt: skip
    record = assay.evaluate(model, data)
    print(record.figure("accuracy"), f"after {epochs} epochs, {model.parameters:,} weights")
    for kept in read_card(model):
        print(*(figure for figure in kept.figures if figure.name in ("epsilon", "noise_multiplier")), sep="; ")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        accuracy(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    sys.exit(throughput() < BAR)
