"""What private training learns: the updates of DP-SGD, and on which tasks."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.fakes import SUPERVISED, TARGET, columns, rows
from torch import nn

import assay
from assay.core import discovery
from assay.core.errors import Unsupported
from assay.core.feed import Feed
from assay.core.packing import Encoded
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.verb import Silence
from assay.learners import engine, private
from assay.learners.pace import Pace
from assay.learners.per_example import Objective, PerExample
from assay.learners.private import Private, new_key
from assay.learners.recipes import for_privacy, override, suited

NAME = "tabular-classification"
WAYS = {  # to the gradients of single examples, of each task's first network: docs/verbs/train.md says it too
    "image-classification": "hooks",
    "image-regression": "hooks",
    "object-detection": "hooks",
    "recommendation": "one by one",
    "speech-recognition": "one by one",
    "speech-synthesis": "one by one",
    "tabular-classification": "func",
    "tabular-regression": "func",
    "text-classification": "one by one",
    "translation": "one by one",
    "video-classification": "one by one",
}
OTHERS = {  # of the other networks; the page has them in its last column
    ("image-classification", "lenet"): "one by one",
    ("recommendation", "attention"): "one by one",
    ("speech-recognition", "attention"): "hooks",
    ("text-classification", "convolution"): "hooks",
    ("text-classification", "attention"): "hooks",
    ("text-classification", "lstm"): "func",
    ("text-classification", "gru"): "one by one",
    ("translation", "attention"): "one by one",
    **{("video-classification", name): "one by one" for name in ("motion", "recurrent", "attention", "average")},
}
REFUSED = {"text-generation": "keeps counts of the training data .* take --network attention"}


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


def test_private_training_learns_and_less_epsilon_learns_no_better(monkeypatch):
    fixed = bytes(range(32))
    monkeypatch.setattr(
        private.secrets, "token_bytes", lambda n: fixed[:n]
    )  # what is nearly noise may be right by luck
    found, told = {}, blobs(500, seed=1)
    for epsilon in (8.0, 0.05):
        made = assay.train(NAME, blobs(1200), target=TARGET, epsilon=epsilon, delta=1e-4, epochs=12)
        assert made.lineage["plan"]["recipe"]["optimizer"] == "sgd"
        said = made.predict([{name: row[name] for name in "abc"} for row in told])
        found[epsilon] = np.mean([a["label"] == row[TARGET] for a, row in zip(said, told, strict=True)])
    assert found[8.0] > 0.9
    assert found[0.05] < found[8.0] - 0.1


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


def private_ways(monkeypatch, task: str, data=None, **options) -> list[str]:
    """Train privately on a few rows; the ways that were taken."""
    found, real = [], engine.PerExample

    def seen(*given):
        made = real(*given)
        found.append(made.way)
        return made

    monkeypatch.setattr(engine, "PerExample", seen)
    of = discovery.task(task)
    named = columns(of) if data is None else {"target": TARGET}
    made = assay.train(task, data or rows(of, 60), epsilon=8.0, delta=1e-3, epochs=1, **options, **named)
    assert all(bool(p.isfinite().all()) for p in made.network.parameters())
    return found


def test_every_task_has_a_way_or_a_reason():
    assert sorted([*WAYS, *REFUSED]) == SUPERVISED
    page = (Path(__file__).parents[2] / "docs/verbs/train.md").read_text(encoding="utf-8")
    for task, way in WAYS.items():
        assert f"| {task} | " in page
        assert next(line for line in page.splitlines() if line.startswith(f"| {task} | ")).split(" | ")[2] == way
    for task in REFUSED:
        assert "refused" in next(line for line in page.splitlines() if line.startswith(f"| {task} | "))


@pytest.mark.parametrize("task", SUPERVISED)
def test_a_task_trains_privately_by_its_way_or_is_refused_with_a_reason(task, monkeypatch):
    if task in REFUSED:
        with pytest.raises(Unsupported, match=REFUSED[task]):
            private_ways(monkeypatch, task)
    else:
        assert private_ways(monkeypatch, task) == [WAYS[task]]


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of an LSTM under torch.func
@pytest.mark.parametrize(("task", "network"), OTHERS)
def test_another_network_trains_privately_by_its_way(task, network, monkeypatch):
    assert private_ways(monkeypatch, task, network=network) == [OTHERS[task, network]]


@pytest.mark.parametrize(
    ("task", "network", "why"),
    [("recommendation", "linear", "keeps counts"), ("text-classification", "mixed", "learns from examples together")],
)
def test_a_network_that_cannot_be_private_is_refused(task, network, why, monkeypatch):
    with pytest.raises(Unsupported, match=why):
        private_ways(monkeypatch, task, network=network)


def test_the_network_that_a_refusal_names_works(monkeypatch):
    assert private_ways(monkeypatch, "text-generation", network="attention", size="tiny") == ["hooks"]


class Padded(nn.Module):
    """Takes the mean over all places, padding too: how long the others are has a say."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 2)

    def forward(self, x):
        return self.layer(x.unsqueeze(2)).mean(1)


def test_a_network_that_learns_from_the_padding_of_others_is_taken_one_by_one():
    torch.manual_seed(0)
    x, y = torch.randn(3, 4), {"scale": torch.ones(3)}
    x[0, 2:] = 0
    each = [({"x": x[at : at + 1, : 2 if at == 0 else 4]}, {"scale": torch.ones(1)}) for at in range(3)]
    objective = Objective(Padded(), Plain(), 0.0)
    even = PerExample(objective, {"x": x}, y)
    even.close()
    assert even.way == "hooks"
    assert PerExample(objective, {"x": x}, y, each).way == "one by one"


def test_a_table_without_categories_is_differentiated_for_all_rows_at_once(monkeypatch):
    """An embedding of nothing has no rule in `torch.func`, and is left out of what learns."""
    assert private_ways(monkeypatch, NAME, blobs(60)) == ["func"]


def test_recipes_begin_as_noise_wants_them_unless_the_user_says_otherwise():
    begun = for_privacy(Recipe())
    own = override(begun, {"optimizer": "adamw", "batch_size": 50})
    assert (own.optimizer, own.lr, own.batch_size) == ("adamw", 1e-3, 50)
    assert for_privacy(Recipe(optimizer="muon", lr=0.12)).optimizer == "muon"
    assert suited(Recipe(), 320, {}).batch_size == 40
    assert suited(begun, 320, {"epsilon": 8.0}).batch_size == 80
