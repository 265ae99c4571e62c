"""Actions: probabilities against torch.distributions, bounds, tallies of episodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Normal, kl_divergence

from assay.outputs._fitted_action import FittedAction
from assay.outputs.action import Action

CHOICE = FittedAction(kind="choice", counts=(3,))
SEVERAL = FittedAction(kind="choice", counts=(2, 4), shape=(2,))
NUMBERS = FittedAction(kind="numbers", shape=(2,), low=(-2.0, 0.0), high=(2.0, float("inf")))


@pytest.fixture
def raw() -> torch.Tensor:
    return torch.randn(5, 7, generator=torch.Generator().manual_seed(0))


def test_choices_agree_with_torch(raw):
    raw = raw[:, :4]
    theirs = Categorical(logits=raw[:, :3])
    action = torch.tensor([[0], [1], [2], [1], [0]])
    log_probability, entropy = CHOICE.judged(raw, action)
    torch.testing.assert_close(log_probability, theirs.log_prob(action[:, 0]))
    torch.testing.assert_close(entropy, theirs.entropy())
    torch.testing.assert_close(CHOICE.loss(raw, {"action": action}), -log_probability)
    other = raw.flip(0)
    torch.testing.assert_close(CHOICE.gap(raw, other), kl_divergence(theirs, Categorical(logits=other[:, :3])))
    assert (CHOICE.gap(raw, raw) == 0).all()


def test_several_choices_are_independent(raw):
    action = torch.tensor([[0, 3]] * 5)
    first, second = Categorical(logits=raw[:, :2]), Categorical(logits=raw[:, 2:6])
    log_probability, entropy = SEVERAL.judged(raw, action)
    torch.testing.assert_close(log_probability, first.log_prob(action[:, 0]) + second.log_prob(action[:, 1]))
    torch.testing.assert_close(entropy, first.entropy() + second.entropy())


def test_numbers_agree_with_torch(raw):
    raw = raw[:, :5]
    theirs = Normal(raw[:, :2], raw[:, 2:4].exp())
    action = torch.ones(5, 2)
    log_density, entropy = NUMBERS.judged(raw, action)
    torch.testing.assert_close(log_density, theirs.log_prob(action).sum(1))
    torch.testing.assert_close(entropy, theirs.entropy().sum(1))
    other = raw.flip(0)
    expected = kl_divergence(theirs, Normal(other[:, :2], other[:, 2:4].exp())).sum(1)
    torch.testing.assert_close(NUMBERS.gap(raw, other), expected)


def test_draws_follow_the_probabilities():
    raw = torch.tensor([[2.0, 0.0, 1.0, 0.0]]).repeat(20_000, 1)
    drawn = CHOICE.draw(raw, torch.Generator().manual_seed(1))[:, 0]
    share = torch.bincount(drawn, minlength=3) / len(drawn)
    torch.testing.assert_close(share, raw[0, :3].softmax(0), atol=0.015, rtol=0)
    numbers = NUMBERS.draw(
        torch.tensor([[0.5, -1.0, 0.0, -1.0, 0.0]]).repeat(20_000, 1), torch.Generator().manual_seed(1)
    )
    torch.testing.assert_close(numbers.mean(0), torch.tensor([0.5, -1.0]), atol=0.03, rtol=0)
    torch.testing.assert_close(numbers.std(0), torch.tensor([1.0, float(np.exp(-1))]), atol=0.03, rtol=0)


def test_numbers_are_brought_within_their_bounds():
    told = NUMBERS.told(torch.tensor([[1.0, 3.0], [0.25, -1.0], [9.0, 0.5]]))
    np.testing.assert_allclose(told, [[2.0, 3.0], [0.5, 0.0], [2.0, 0.5]])
    back = NUMBERS.encode([told[1]], {})["action"]
    np.testing.assert_allclose(back, [[0.25, 0.0]])


def test_actions_out_of_range_are_problems():
    problems = {}
    CHOICE.encode([2, 3, "x", 0.5], problems)
    assert sorted(problems) == [1, 2, 3]
    assert "0 … 2" in problems[1]


def test_no_illegal_move_is_ever_chosen():
    game = FittedAction(kind="choice", counts=(3,), game=True)
    network = lambda observation: torch.tensor([[5.0, 1.0, 0.0, 0.3]])  # noqa: E731
    x = {"observation": torch.zeros(1, 2), "legal": torch.tensor([[False, True, True]])}
    answers = game.decode(network, x)
    row = game.rows(answers)[0]
    assert row["action"] == 1
    assert set(row["probabilities"]) == {"1", "2"}
    assert row["value"] == pytest.approx(np.tanh(0.3))


def test_tallies_give_the_metrics():
    answers = {"return": np.array([3.0, 5.0]), "length": np.array([10.0, 20.0])}
    sums = CHOICE.tally(answers, {}).sum(0)
    assert [float(metric.of(sums)) for metric in CHOICE.metrics] == [4.0, 15.0]
    assert CHOICE.rows(answers)[1] == {"return": 5.0, "length": 20.0}
    won = answers | {"won": np.array([1.0, 0.0]), "drawn": np.array([0.0, 0.0])}
    game = FittedAction(kind="choice", counts=(3,), game=True)
    assert game.metrics[0].name == "win_rate"
    assert float(game.metrics[0].of(game.tally(won, {}).sum(0))) == 0.5


@pytest.mark.parametrize("fitted", [CHOICE, SEVERAL, NUMBERS])
def test_a_fitted_output_comes_back_from_json(fitted):
    assert Action().load(fitted.to_json()) == fitted
