"""Training with differential privacy: gradients of single examples, their bound, the noise, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from scipy.special import ndtr, ndtri
from tests.fakes import columns, rows
from torch import nn

import assay
from assay.core import discovery
from assay.core.errors import ConfigError, Unsupported
from assay.core.folder import read_card
from assay.core.norms import group_norms, has_batch_norms
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.learners import engine, private
from assay.learners.checkpoint import load as load_checkpoint
from assay.learners.per_example import Objective, PerExample, gradients
from assay.learners.private import NOISE, SAMPLE, Private, epsilon_of, new_key, stream
from assay.methods.membership import largest

NAME = "tabular-classification"


class Plain:
    """An output whose objective is the sum of what the network answers, times the target."""

    def forward(self, network, x, y=None):
        return network(**x)

    def objective(self, raw, y, smoothing):
        return (raw.flatten(1).sum(1) * y["scale"]).square()


class Mixing(nn.Module):
    """Takes the mean over the batch off, so that one example alone teaches nothing."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        x = self.linear(x)
        return x - x.mean(0)


class Image(nn.Module):
    """A convolution of images that come with their channels last, as our networks for images read them."""

    def __init__(self):
        super().__init__()
        self.layers = group_norms(
            nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 4, 3))
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        return self.layers(x)


class Own(nn.Module):
    """A layer with a parameter and a buffer, which hooks do not know."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        return (x * self.weight + self.shift).relu()


class Ragged(nn.Module):
    """Looks at values to decide what to do, which no rule for a whole batch can follow."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        return x * self.weight if bool((x.sum() > 0).item()) else x * self.weight * 1.0


def per_example_of(
    network: nn.Module, x: torch.Tensor
) -> tuple[PerExample, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    y = {"scale": torch.linspace(0.5, 2.0, len(x))}
    return PerExample(Objective(network, Plain(), 0.0), {"x": x}, y), {"x": x}, y


@pytest.mark.parametrize(
    ("network", "shape", "way"),
    [(Image, (4, 3, 8, 8), "hooks"), (Own, (4, 3), "func"), (Ragged, (4, 3), "one by one")],
)
def test_every_way_gives_the_gradient_of_each_example_alone_and_bounds_it(network, shape, way):
    torch.manual_seed(0)
    x = torch.randn(shape)
    made = network()
    found, x, y = per_example_of(made, x.to(memory_format=torch.channels_last) if x.ndim == 4 else x)
    assert found.way == way
    summed, losses = found.clipped(x, y, 0.7)
    found.close()
    wanted = [torch.zeros_like(p) for p in found.learns]
    for at in range(4):
        loss = found.objective({"x": x["x"][at : at + 1]}, {"scale": y["scale"][at : at + 1]}).sum()
        each = torch.autograd.grad(loss, found.learns)
        norm = math.sqrt(sum(float(g.square().sum()) for g in each))
        torch._foreach_add_(wanted, torch._foreach_mul(each, min(1.0, 0.7 / norm)))
        assert float(losses[at]) == pytest.approx(float(loss.detach()), rel=1e-4)
    for a, b in zip(summed, wanted, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert math.sqrt(sum(float(g.square().sum()) for g in summed)) <= 4 * 0.7 + 1e-5


def test_a_network_that_mixes_examples_is_refused():
    with pytest.raises(Unsupported, match="each example alone"):
        per_example_of(Mixing(), torch.randn(4, 3))


def test_an_example_without_a_gradient_does_not_spoil_the_others():
    torch.manual_seed(0)
    found, x, y = per_example_of(Own(), torch.randn(4, 3))
    x["x"][2] = math.nan
    summed, lost = gradients(found, lambda at: ({"x": x["x"][at]}, {"scale": y["scale"][at]}), torch.arange(4), 1.0, 1)
    assert not lost
    assert all(g.isfinite().all() for g in summed)
    assert gradients(found, lambda at: ({"x": x["x"][at]}, y), torch.empty(0, dtype=torch.int64), 1.0, 1)[1] is False
    assert gradients(found, lambda at: ({"x": x["x"][at]}, {"scale": y["scale"][at]}), torch.tensor([2]), 1.0, 1)[1]


def mechanism(**changes) -> Private:
    held = {"epsilon": 2.0, "delta": 1e-5, "rate": 0.1, "noise": 1.5, "clip": 0.5, "updates": 50, "n": 1000}
    return Private(**(held | changes))


def test_examples_are_taken_each_by_itself_and_sometimes_none():
    held, key = mechanism(), new_key()
    taken = [held.taken(key, step) for step in range(400)]
    sizes = np.array([len(rows) for rows in taken])
    assert abs(sizes.mean() - 100) < 3  # 95 % within 0.93
    assert 60 < sizes.var() < 125  # n q (1 − q) = 90: a batch of one size would have none
    often = np.bincount(np.concatenate(taken), minlength=1000)
    assert 10 < often.min() < often.max() < 80
    assert any(len(mechanism(n=10).taken(key, step)) == 0 for step in range(40))


def test_noise_has_its_deviation_and_is_never_used_twice():
    held, key = mechanism(), new_key()
    zero = [torch.zeros(200, 100), torch.zeros(300)]
    first, again, other = (held.noisy(zero, key, step) for step in (3, 3, 4))
    assert torch.equal(first[0], again[0])  # so that a run that was killed makes the same update again
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], held.noisy(zero, new_key(), 3)[0])
    assert float(first[0].std() * held.rate * held.n) == pytest.approx(1.5 * 0.5, rel=0.02)
    a, b = (stream(key, purpose, 3).standard_normal(1000) for purpose in (SAMPLE, NOISE))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.15


def test_the_noise_is_the_least_that_keeps_to_epsilon():
    found = private.private(Settings(epsilon=1.0, delta=1e-4), Recipe(batch_size=100, epochs=5), 1000)
    assert found is not None
    assert 0.97 < found.spent(found.updates) <= 1.0
    assert found.spent(found.updates // 2) < found.spent(found.updates)
    assert private.epsilon_of(found.noise * 0.98, found.rate, found.updates, found.delta) > 1.0
    assert (found.rate, found.updates) == (0.1, 50)


@pytest.mark.parametrize("noise", [1.0, 4.0])
def test_what_all_guarantees_allow_is_nearly_what_the_mechanism_does(noise):
    """One update that takes everybody is the Gaussian mechanism, whose best attack has an area of Φ(1 / (σ √2))."""
    delta = 1e-4
    held = Private(epsilon_of(noise, 1.0, 1, delta), delta, 1.0, noise, 1.0, 1, 1000)
    exact = float(ndtr(1 / (noise * math.sqrt(2))))
    area, tail = largest(held.guarantees())
    assert exact <= area < exact + 0.02 < largest([(held.epsilon, delta)])[0]
    found = float(ndtr(ndtri(0.01) + 1 / noise))
    assert found <= tail < 1.3 * found + 0.003


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilon": 0.0}, "above 0"),
        ({"epsilon": -1.0}, "above 0"),
        ({"epsilon": math.nan}, "above 0"),
        ({"epsilon": 1.0, "delta": 0.5}, "less than 1/"),
        ({"delta": 1e-5}, "give --epsilon too"),
        ({"epsilon": 1.0, "fair_by": "side"}, "--fair-by cannot go together"),
        ({"epsilon": 1.0, "time": "3min"}, "--time cannot go together"),
        ({"epsilon": 1.0, "seeds": 2}, "--seeds 2 cannot go together"),
        ({"epsilon": 1.0, "compile": True}, "--compile cannot go together"),
        ({"epsilon": 1.0, "precision": "bf16"}, "--precision cannot go together"),
    ],
)
def test_what_would_void_the_guarantee_is_refused(options, words):
    task = discovery.task(NAME)
    with pytest.raises(ConfigError, match=words):
        assay.train(
            NAME, rows(task, 60), target="answer", **({"ignore": "side"} if "fair_by" not in options else {}), **options
        )


def test_play_has_no_examples_to_protect():
    with pytest.raises(Unsupported, match="has none"):
        assay.train("game-playing", "CartPole-v1", epsilon=1.0)


def test_counts_of_the_training_data_are_refused():
    task = discovery.task("recommendation")
    with pytest.raises(Unsupported, match="no noise covers"):
        assay.train(task.name, rows(task, 40), network="linear", epsilon=1.0, **columns(task))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    task = discovery.task(NAME)
    out = tmp_path_factory.mktemp("private") / "model"
    return assay.train(
        NAME, rows(task, 400), epsilon=8.0, delta=1e-4, epochs=2, batch_size=80, out=out, **columns(task)
    )


def test_a_private_model_states_what_it_promises_and_what_not(model):
    from assay.core.folder import read_card

    record = next(record for record in read_card(model) if record.verb == "train")
    assert record.figure("epsilon").value <= 8.0
    assert record.figure("delta").value == 1e-4
    assert record.figure("sampling_rate").value == pytest.approx(80 / record.data["n"])
    assert record.figure("noise_multiplier").value > 0.3
    assert record.figure("clip").value == 1.0
    told = " ".join(record.notes)
    assert "keep to (ε = 8" in told
    assert "ε does not cover what the codec learned" in told
    assert model.lineage["plan"]["epsilon"] == 8.0
    curve = next(table for table in record.tables if table.name == "learning curve")
    assert "loss" not in curve.columns  # no noise covers it


def test_the_secret_of_the_noise_is_in_no_file_of_the_model(model, tmp_path, monkeypatch):
    task, fixed = discovery.task(NAME), bytes(range(32))
    monkeypatch.setattr(private.secrets, "token_bytes", lambda n: fixed[:n])
    out = tmp_path / "model"
    assay.train(NAME, rows(task, 400), epsilon=8.0, delta=1e-4, epochs=2, batch_size=80, out=out, **columns(task))
    held = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert fixed not in held
    assert json.dumps(list(fixed)).encode() not in held


def test_two_trainings_with_one_seed_differ_and_one_that_was_stopped_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    task = discovery.task(NAME)
    options = {"epsilon": 8.0, "delta": 1e-4, "epochs": 2, "batch_size": 80, **columns(task)}
    data = rows(task, 400)

    def weights(trained) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in trained.network.parameters()])

    a, b = (assay.train(NAME, data, seed=0, **options) for _ in range(2))
    assert not torch.equal(weights(a), weights(b))
    fixed = bytes(range(32))
    monkeypatch.setattr(private.secrets, "token_bytes", lambda n: fixed[:n])
    whole = assay.train(NAME, data, **options)
    out, real, count = tmp_path / "model", engine._private_update, 0

    def stopping(job, run, *rest):
        nonlocal count
        count += 1
        if count == 4:
            engine._keep(job, run)
            raise KeyboardInterrupt
        return real(job, run, *rest)

    monkeypatch.setattr(engine, "_private_update", stopping)
    with pytest.raises(KeyboardInterrupt):
        assay.train(NAME, data, out=out, **options)
    assert load_checkpoint(out / "training.safetensors")[1]["step"] == 3
    monkeypatch.setattr(engine, "_private_update", real)
    monkeypatch.setattr(
        private.secrets, "token_bytes", lambda n: bytes(n)
    )  # another secret: that of the checkpoint counts
    assert torch.equal(weights(assay.train(NAME, data, out=out, **options)), weights(whole))


def test_a_parent_that_saw_the_examples_is_refused_and_one_of_which_nobody_knows_is_said(model, tmp_path, monkeypatch):
    task = discovery.task(NAME)
    options = {"from_": model.folder, "epsilon": 8.0, "delta": 1e-4, "epochs": 2, "batch_size": 80, **columns(task)}
    with pytest.raises(ConfigError, match="was trained on"):
        assay.train(NAME, rows(task, 400), **options)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "empty"))
    made = assay.train(NAME, rows(task, 400), out=tmp_path / "model", **options)
    notes = [note for record in read_card(made) for note in record.notes]
    assert any("holds only if the model of --from never saw these examples" in note for note in notes)


def test_batch_norms_give_way_and_the_model_comes_back_with_its_group_norms(tmp_path):
    task = discovery.task("image-classification")
    made = assay.train(
        task.name, rows(task, 60), network="residual", size="tiny", epsilon=8.0, delta=1e-3, epochs=1,
        out=tmp_path / "model", **columns(task),
    )  # fmt: skip
    assert not has_batch_norms(made.network)
    again = assay.load(tmp_path / "model")
    for a, b in zip(made.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(a, b)
