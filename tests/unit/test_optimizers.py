"""Optimizers that a recipe names."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from assay.core.errors import ConfigError
from assay.core.recipe import Recipe
from assay.learners.optimizers import DEFAULT_LR, optimizer_of, orthogonal


class Net(nn.Module):
    """Everything that an optimizer must tell apart: a matrix, a kernel, a norm, biases, an embedding, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x).mean((2, 3)) + self.embedding.weight.mean(0))


def problem() -> tuple[torch.Tensor, torch.Tensor]:
    """Bright on the left or on the right."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(64) % 2
    x = torch.randn(64, 1, 8, 8, generator=generator)
    x[:, :, :, :4] += (2.0 * y - 1)[:, None, None, None] * 2
    return x, y


def seeded() -> Net:
    torch.manual_seed(0)
    return Net()


def train(network: nn.Module, optimizer: Optimizer, steps: int) -> float:
    x, y = problem()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("name", DEFAULT_LR)
def test_every_optimizer_learns_at_its_own_default_rate(name: str) -> None:
    network = seeded()
    optimizer = optimizer_of(Recipe(optimizer=name, lr=DEFAULT_LR[name]), network)
    scaled(optimizer, DEFAULT_LR[name])
    first = train(network, optimizer, 1)
    assert train(network, optimizer, 80) < 0.5 * first


def scaled(optimizer: Optimizer, lr: float) -> None:
    """What the engine does before each update."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("lr_scale", 1.0)


@pytest.mark.parametrize("name", DEFAULT_LR)
def test_only_matrices_decay(name: str) -> None:
    network = seeded()
    optimizer = optimizer_of(Recipe(optimizer=name, lr=0.1, weight_decay=0.1), network)
    decayed = {id(p) for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    names = {name for name, p in network.named_parameters() if id(p) in decayed}
    assert names == {"body.0.weight", "body.3.weight", "head.weight"}
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in network.parameters())


def test_what_does_not_learn_is_left_out() -> None:
    network = seeded()
    network.embedding.requires_grad_(False)
    optimizer = optimizer_of(Recipe(optimizer="muon"), network)
    assert all(p is not network.embedding.weight for group in optimizer.param_groups for p in group["params"])


def test_nesterov_is_asked_of_sgd_only_where_there_is_momentum() -> None:
    assert optimizer_of(Recipe(optimizer="sgd", momentum=0.9), seeded()).param_groups[0]["nesterov"] is True
    assert optimizer_of(Recipe(optimizer="sgd", momentum=0.0), seeded()).param_groups[0]["nesterov"] is False


def test_muon_turns_the_matrices_of_the_body_and_no_other_parameter() -> None:
    network = seeded()
    optimizer = optimizer_of(Recipe(optimizer="muon"), network)
    turned = {id(p) for group in optimizer.param_groups if group["orthogonal"] for p in group["params"]}
    assert {name for name, p in network.named_parameters() if id(p) in turned} == {"body.0.weight", "body.3.weight"}


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (8, 8)])
def test_newton_schulz_brings_every_singular_value_near_one(shape: tuple[int, int]) -> None:
    g = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonal(g, steps=5))
    assert values.min() > 0.3
    assert values.max() < 1.4


def test_newton_schulz_keeps_the_directions_of_its_matrix() -> None:
    u, _, v = torch.linalg.svd(torch.randn(5, 5, generator=torch.Generator().manual_seed(2)))
    g = u @ torch.diag(torch.tensor([1.0, 0.8, 0.6, 0.5, 0.4])) @ v
    middle = u.T @ orthogonal(g, steps=5) @ v.T
    assert (middle - torch.diag(middle.diagonal())).abs().max() < 1e-4


def test_muon_keeps_the_length_of_a_matrix_and_moves_it_against_the_gradient() -> None:
    network = seeded()
    weight = network.body[3].weight
    before = weight.detach().clone()
    optimizer = optimizer_of(Recipe(optimizer="muon", lr=0.1), network)
    train(network, optimizer, 1)
    assert weight.norm().item() == pytest.approx(before.norm().item(), rel=1e-5)
    assert ((weight - before) * weight.grad).sum() < 0


def test_the_vectors_of_muon_take_the_same_steps_as_pytorchs_adamw() -> None:
    network, twin = seeded(), seeded()
    twin.load_state_dict(network.state_dict())
    ours = optimizer_of(Recipe(optimizer="muon", lr=0.1), network)
    theirs = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.0)
    for group in ours.param_groups:
        group["lr"] = 0.0 if group["orthogonal"] else 0.01
    for _ in range(5):
        for mine, other in zip(network.parameters(), twin.parameters(), strict=True):
            mine.grad = other.grad = torch.randn(mine.shape, generator=torch.Generator().manual_seed(mine.numel()))
        ours.step()
        theirs.step()
    torch.testing.assert_close(network.head.weight, twin.head.weight)
    torch.testing.assert_close(network.body[1].bias, twin.body[1].bias)


@pytest.mark.parametrize("name", DEFAULT_LR)
def test_state_taken_and_put_back_goes_on_to_the_same_bits(name: str) -> None:
    recipe = Recipe(optimizer=name, lr=DEFAULT_LR[name])
    network = seeded()
    optimizer = optimizer_of(recipe, network)
    scaled(optimizer, recipe.lr)
    train(network, optimizer, 3)
    twin = copy.deepcopy(network)
    resumed = optimizer_of(recipe, twin)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(network, optimizer, 3)
    train(twin, resumed, 3)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_an_unknown_optimizer_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="adamw"):
        optimizer_of(Recipe(optimizer="adam"), seeded())
