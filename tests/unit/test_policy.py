"""Learning from play: advantages by hand, a policy that learns, a run that is resumed, an environment that raises."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch

import assay
from assay.codecs.stages import Step, stage
from assay.core.errors import ConfigError, DataError
from assay.core.folder import load
from assay.core.model import BodyAndHead
from assay.learners import _ppo
from assay.learners._by_hand import ByHand, suits
from assay.learners._episodes import play
from assay.learners._rollout import Play, Rollout
from assay.learners.run import Run
from assay.networks.policy import policy, policy_head
from assay.outputs._fitted_action import FittedAction


class Sign(gymnasium.Env):  # type: ignore[type-arg]
    """Shows a sign for ten steps; telling it gives 1, so that the best return is 10. Step ``breaks`` raises."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    breaks = -1
    taken = 0

    def _look(self):
        self.sign = int(self.np_random.integers(2))
        return np.array([2 * self.sign - 1, self.np_random.normal()], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._look(), {}

    def step(self, action):
        type(self).taken += 1
        if type(self).taken == type(self).breaks:
            raise RuntimeError("a bug of its own")
        reward = float(action == self.sign)
        return self._look(), reward, False, False, {}


@pytest.fixture(autouse=True)
def registered():
    gymnasium.register("Sign-v0", entry_point=Sign, max_episode_steps=10, reward_threshold=9.9)
    Sign.breaks, Sign.taken = -1, 0
    yield
    del gymnasium.registry["Sign-v0"]


SMALL = {"epochs": 3, "set": ("copies=4", "steps=64", "passes=4"), "batch_size": 64}


def test_a_policy_learns_and_stops_when_it_is_good():
    model = assay.train("game-playing", "Sign-v0", seed=1, **SMALL)
    record = assay.evaluate(model, "Sign-v0")
    assert record.figure("mean_return").value > 9.5
    assert record.figure("mean_return").n == 100
    assert record.figure("mean_length").value == 10
    good, bad = model.predict([[1.0, 0.0], [-1.0, 0.0]])
    assert (good["action"], bad["action"]) == (1, 0)
    assert good["confidence"] > 0.9


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = assay.train(
        "game-playing", "Sign-v0", out=tmp_path / "whole", **SMALL | {"set": (*SMALL["set"], "target=none")}
    )
    plain = _ppo._round
    rounds = []

    def dies(job, run, *rest):
        if run.step == 20:  # in the middle of the second epoch
            raise KeyboardInterrupt
        rounds.append(run.step)
        return plain(job, run, *rest)

    monkeypatch.setattr(_ppo, "_round", dies)
    options = SMALL | {"set": (*SMALL["set"], "target=none")}
    with pytest.raises(KeyboardInterrupt):
        assay.train("game-playing", "Sign-v0", out=tmp_path / "cut", **options)
    monkeypatch.setattr(_ppo, "_round", plain)
    resumed = assay.train("game-playing", "Sign-v0", out=tmp_path / "cut", **options)
    theirs = whole.network.state_dict()
    for name, tensor in resumed.network.state_dict().items():
        assert torch.equal(tensor, theirs[name]), name
    assert load(tmp_path / "cut").predict([[1.0, 0.0]]) == whole.predict([[1.0, 0.0]])


def test_an_environment_that_raises_keeps_the_checkpoint(tmp_path):
    Sign.breaks = 4 * 1024 + 4 * 64 + 2_000  # in the second epoch
    options = SMALL | {"set": (*SMALL["set"], "target=none")}
    with pytest.raises(DataError, match=r"Sign-v0 raised RuntimeError in step .* with the seed .*: a bug of its own"):
        assay.train("game-playing", "Sign-v0", out=tmp_path / "model", **options)
    assert (tmp_path / "model" / "training.safetensors").is_file()


def test_advantages_are_those_of_the_definition():
    """Three steps: the first is cut short by the limit, the second ends; values are 1, 2, 3 and 4 after the last."""

    class Fixed:
        size = 1
        at = 0

        def reset(self, at, seeds):
            return np.array([[1.0 + self.at]], np.float32)

        def step(self, at, actions):
            self.at += 1
            seen = np.array([[10.0 if self.at == 1 else 1.0 + self.at]], np.float32)
            return Step(seen, np.array([1.0]), np.array([self.at == 2]), np.array([self.at <= 2]))

    class Net(torch.nn.Module):
        head = policy_head(1, kind="choice", width=2)

        def forward(self, observation):
            return torch.cat([torch.zeros(len(observation), 2), observation], dim=1)

    play_ = Play(Fixed(), discount=0.5, trace=0.8)
    play_.begin([0], np.random.default_rng(0))
    output = FittedAction(kind="choice", counts=(2,))
    rollout, worth = play_.collect(Net(), output, 3, torch.Generator().manual_seed(0), torch.device("cpu"))
    # cut: 1 + 0.5 · V(10) − 1; ended: 1 + 0 − 2; last: 1 + 0.5 · V(4) − 3
    np.testing.assert_allclose(rollout.advantage, [5.0, -1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(rollout.value, [6.0, 1.0, 3.0], atol=1e-6)
    np.testing.assert_allclose(worth, [1.0, 1.0, 1.0])
    np.testing.assert_allclose(rollout.log_probability.exp(), 0.5)


@pytest.mark.parametrize("entropy", [0.0, 0.05])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_gradients_by_hand_are_those_of_autograd(entropy, clip):
    generator = torch.Generator().manual_seed(0)
    body = policy("tiny", kind="vector", shape=[4], normalise=True)
    network = BodyAndHead(body, policy_head(body.features, kind="choice", width=3))
    for weight in network.parameters():
        weight.data += torch.randn(weight.shape, generator=generator) / 10
    body.observe(torch.randn(50, 4, generator=generator) * 3 + 1)
    output = FittedAction(kind="choice", counts=(3,))
    seen = torch.randn(200, 4, generator=generator)
    action = torch.randint(3, (200, 1), generator=generator)
    before = output.judged(network(observation=seen), action)[0].detach()
    moved = before + torch.randn(200, generator=generator) / 5  # many ratios are out of bounds
    assert ((before - moved).exp() - 1).abs().gt(0.2).float().mean() > 0.2
    advantage, value = torch.randn(2, 200, generator=generator)
    rollout = Rollout(seen, action, moved, advantage, value)
    orders = [torch.randperm(200, generator=generator) for _ in range(3)]
    manner = SimpleNamespace(bound=0.2, entropy=entropy)
    job = SimpleNamespace(output=output, recipe=SimpleNamespace(clip=clip))
    runs, found = [], []
    for by_hand in (True, False):
        twin = copy.deepcopy(network)
        decayed = [weight for weight in twin.parameters() if weight.ndim > 1]
        plain = [weight for weight in twin.parameters() if weight.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        run = Run(twin, torch.optim.AdamW(groups, lr=1e-3, eps=1e-3, fused=True), None)
        assert suits(run, output)
        if by_hand:
            hand = ByHand(run, clip)
            found.append(hand.passes(rollout, orders, 64, bound=0.2, value=_ppo.VALUE, entropy=entropy))
        else:
            found.append(_ppo._passes(job, run, rollout, orders, 64, manner))
        runs.append(run)
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    theirs = runs[1].network.state_dict()
    assert not torch.allclose(body.weight_0, theirs["body.weight_0"], atol=1e-4)
    for name, tensor in runs[0].network.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], atol=2e-6, rtol=1e-5, msg=name)


def test_an_episode_goes_the_same_way_whatever_is_played_beside_it():
    def choose(seen):
        return (seen[:, 0] > 0).astype(int).tolist()

    seeds = list(range(7))
    many = play(stage("Sign-v0", 3), choose, seeds)
    alone = [play(stage("Sign-v0", 1), lambda seen: [0], [seed])["length"][0] for seed in seeds]
    assert (many["return"] == 10).all()
    np.testing.assert_array_equal(many["length"], alone)
    pole = [
        play(stage("CartPole-v1", n), lambda seen: (seen[:, 2] > 0).astype(int).tolist(), seeds)["return"]
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(*pole)


def test_statistics_are_those_of_all_that_was_observed():
    body = policy("tiny", kind="vector", shape=[3], normalise=True)
    x = torch.randn(500, 3, dtype=torch.float32) * torch.tensor([1.0, 5.0, 0.1]) + 2
    for part in x.split(70):
        body.observe(part)
    torch.testing.assert_close(body.mean, x.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(body.variance, x.var(0, correction=0), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "shape", "dtype"), [("vector", [4], torch.float32), ("image", [4, 84, 84], torch.uint8)]
)
def test_bodies_give_features_for_policy_and_value(kind, shape, dtype):
    body = policy("tiny", kind=kind, shape=shape, normalise=True).eval()
    x = torch.ones(3, *shape, dtype=dtype)
    features = body(x)
    assert features.shape == (3, 2, body.features)
    raw = policy_head(body.features, kind="numbers", width=2)(features)
    assert raw.shape == (3, 5)
    torch.testing.assert_close(body(x[:1]), features[:1], atol=1e-5, rtol=1e-5)


def test_a_wrong_target_and_a_strange_parent_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="target=soon"):
        assay.train("game-playing", "Sign-v0", epochs=1, set=("target=soon",))
    assay.train("game-playing", "Sign-v0", out=tmp_path / "sign", epochs=1, set=("copies=2", "steps=32", "passes=1"))
    with pytest.raises(ConfigError, match="that model plays Sign-v0"):
        assay.train("game-playing", "CartPole-v1", from_=tmp_path / "sign", epochs=1)


def test_rewards_too_large_to_learn_from_are_refused_before_an_update():
    class Huge(Sign):
        def step(self, action):
            seen, reward, *rest = super().step(action)
            return seen, reward * 1e30, *rest

    gymnasium.register("Huge-v0", entry_point=Huge, max_episode_steps=10)
    try:
        with pytest.raises(DataError, match=r"Huge-v0 gave a reward of size 1e\+30.*TransformReward"):
            assay.train("game-playing", "Huge-v0", quiet=True, **SMALL)
    finally:
        del gymnasium.registry["Huge-v0"]


def test_a_round_of_one_step_can_be_learned_from():
    assert _ppo._standard(torch.tensor([3.0])).tolist() == [0.0]
    assert _ppo._standard(torch.tensor([1.0, 3.0])).sum() == 0
