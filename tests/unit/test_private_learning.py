"""What private training learns: the updates of DP-SGD, and on which tasks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.fakes import TARGET
from torch import nn

import assay
from assay.core.feed import Feed
from assay.core.packing import Encoded
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.verb import Silence
from assay.learners import engine, private
from assay.learners.pace import Pace
from assay.learners.private import Private, new_key

pytest.importorskip("opacus")
NAME = "tabular-classification"


class Plain:
    """An output whose objective is the sum of what the network answers, times the target."""

    def forward(self, network, x, y=None):
        return network(**x)

    def objective(self, raw, y, smoothing):
        return (raw.flatten(1).sum(1) * y["scale"]).square()


class Given:
    """An input whose batches are taken as they are."""

    def collate(self, x):
        return x


class Named(nn.Module):
    """Hands what is called ``x`` to a network."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


def blobs(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Two clouds that 98 % of the rows can be told apart by."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n)
    place = rng.normal(size=(n, 3)) + (2 * label[:, None] - 1) * np.array([1.5, 1.5, 0.0])
    return [
        {"a": a, "b": b, "c": c, TARGET: ("no", "yes")[k]} for (a, b, c), k in zip(place.tolist(), label, strict=True)
    ]


def test_private_training_learns_and_less_epsilon_learns_less():
    found, told = {}, blobs(600, seed=1)
    for epsilon in (8.0, 0.05):
        made = assay.train(NAME, blobs(2000), target=TARGET, epsilon=epsilon, delta=1e-4, epochs=10, batch_size=240)
        said = made.predict([{name: row[name] for name in "abc"} for row in told])
        found[epsilon] = np.mean([a["label"] == row[TARGET] for a, row in zip(said, told, strict=True)])
    assert found[8.0] > 0.9
    assert found[0.05] < found[8.0] - 0.05


def test_updates_are_those_of_dp_sgd_written_by_hand(monkeypatch):
    torch.manual_seed(0)
    x, label = torch.randn(60, 3), torch.randint(0, 2, (60,))
    network, by_hand = (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1)) for _ in range(2))
    by_hand.load_state_dict(network.state_dict())
    fixed = bytes(range(32))
    monkeypatch.setattr(private.secrets, "token_bytes", lambda n: fixed[:n])
    held = Private(epsilon=2.0, delta=1e-3, rate=0.2, noise=1.5, clip=0.5, updates=15, n=60)
    key, lr = new_key(), 0.3
    every = np.arange(60)
    job = engine.Job(
        feed=Feed(Encoded({"x": x.numpy()}, every, {"scale": label.numpy()}, every, ()), Given(), torch.device("cpu")),
        fitted_input=Given(), output=Plain(), device=torch.device("cpu"), score=None, pace=Pace(0, 0), watch=Silence(),
        recipe=Recipe(optimizer="sgd", lr=lr, momentum=0.0, batch_size=12, epochs=3, schedule="constant"),
        settings=Settings(), plan={}, checkpoint=None, private=held,
    )  # fmt: skip
    engine.train(job, Named(network))
    for step in range(15):
        summed = [torch.zeros_like(p) for p in by_hand.parameters()]
        for row in held.taken(key, step):
            each = torch.autograd.grad((by_hand(x[row]).sum() * label[row]).square(), list(by_hand.parameters()))
            norm = math.sqrt(sum(float(g.square().sum()) for g in each))
            torch._foreach_add_(summed, torch._foreach_mul(each, min(1.0, held.clip / max(norm, 1e-12))))
        with torch.no_grad():
            for p, g in zip(by_hand.parameters(), held.noisy(summed, key, step), strict=True):
                p -= lr * g
    for a, b in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
