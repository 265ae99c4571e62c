"""A bound on ε that holds, and checks of a private run that see each planted bug and no honest run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binom
from tests.odds import most

from assay.learners.recorder import LENGTH, Recorder
from assay.methods.canaries import best_guesses, bound, ceiling, likelihood_scores, lower_bound, options, p_value
from assay.methods.conformance import checks

RATE, NOISE, STEPS, EXAMPLES = 0.1, 1.0, 80, 300


def test_without_delta_the_p_value_is_that_of_guessing_as_well_as_epsilon_lets_one():
    right = np.exp(1.5) / (1 + np.exp(1.5))
    assert p_value(45, 50, 200, 1.5, 0.0) == pytest.approx(binom.sf(44, 50, right))


def test_p_values_rise_with_epsilon_and_delta():
    values = [p_value(90, 100, 1000, epsilon, 1e-5) for epsilon in (0, 1, 2, 3, 5)]
    assert values == sorted(values)
    assert p_value(90, 100, 1000, 1.0, 1e-5) < p_value(90, 100, 1000, 1.0, 1e-3)


def test_the_bound_is_where_the_p_value_reaches_the_level():
    found = lower_bound(95, 100, 1000, 1e-5)
    assert p_value(95, 100, 1000, found - 1e-4, 1e-5) < 0.05 <= p_value(95, 100, 1000, found + 1e-4, 1e-5)


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_bound_holds_for_randomised_response_which_leaks_all_that_it_may(epsilon):
    rng = np.random.default_rng(0)
    right, above, best = np.exp(epsilon) / (1 + np.exp(epsilon)), 0, 0.0
    for _ in range(300):
        inside = rng.random(400) < 0.5
        told = np.where(rng.random(400) < right, inside, ~inside)
        found = bound(told + rng.random(400) / 2, inside, 0.0, guesses=(100, 400)).epsilon
        above += found > epsilon
        best = max(best, found)
    assert above <= most(300, 0.05)
    assert best > 0.7 * epsilon, "and it is not far below"


def test_chance_shows_nothing():
    rng = np.random.default_rng(1)
    found = [bound(rng.normal(size=200), rng.random(200) < 0.5, 1e-5, guesses=(50, 200)).epsilon for _ in range(300)]
    assert sum(epsilon > 0 for epsilon in found) <= most(300, 0.05)


def test_more_canaries_can_show_more():
    assert ceiling(100, 1e-5) < ceiling(1000, 1e-5) < ceiling(10_000, 1e-6)
    assert ceiling(100, 0.0) == pytest.approx(np.log(0.05**0.01 / (1 - 0.05**0.01)), abs=1e-4)
    assert all(count % 2 == 0 and 8 <= count <= 130 for count in options(130))


def test_never_more_are_guessed_than_there_are_canaries():
    for canaries in range(8, 1500):
        assert all(count % 2 == 0 and count <= canaries for count in options(canaries)), canaries
    assert ceiling(1199, 1e-5) > ceiling(300, 1e-5)


def test_without_noise_every_canary_that_was_drawn_is_known():
    seen = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert likelihood_scores(seen, 0.5, 0.0).tolist() == [1.0, 0.0]


def run(seed=0, *, noise=NOISE, rate=RATE, clip="example", fresh=True, shuffled=False):
    """DP-SGD by hand on gradients of two tensors, with a recorder that is told the honest claim."""
    rng, own = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    weights = [("layer.weight", torch.zeros(20, 10)), ("layer.bias", torch.zeros(30))]
    recorder = Recorder(canaries=200, seed=seed)
    recorder.begin(weights, examples=EXAMPLES, rate=RATE, noise=NOISE, clip=1.0)
    for step in range(STEPS):
        taken = np.flatnonzero(rng.random(EXAMPLES) < rate)
        rows = torch.from_numpy(rng.permutation(EXAMPLES)[: int(RATE * EXAMPLES)] if shuffled else taken)
        recorder.taken(rows)
        parts = [
            recorder.gradients([torch.randn(len(part), *w.shape, generator=own) + 0.1 for _, w in weights])
            for part in rows.split(20)
        ]
        grads = [torch.cat(each) for each in zip(*parts, strict=True)]
        norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads]).norm(dim=0)
        factor = (1 / norms).clamp_max(1)
        summed = [torch.tensordot(factor, g, dims=1) for g in grads]
        if clip == "batch":
            summed = [g.sum(0) for g in grads]
            whole = float(torch.stack([s.norm() for s in summed]).norm())
            summed = [s * min(1.0, 1 / whole) for s in summed]
        if clip == "not the bias":
            summed[1] = grads[1].sum(0)
        chance = torch.Generator().manual_seed(1000 * seed + (step if fresh else 0))
        recorder.released([(s + noise * torch.randn(s.shape, generator=chance)) / (RATE * EXAMPLES) for s in summed])
    return recorder


def failed(recorder):
    return [check.name for check in checks(recorder.recorded, rate=RATE, noise=NOISE) if not check.passed]


def shown(recorder, delta=1e-5):
    guesses, _ = best_guesses(len(recorder.inside), RATE, NOISE, STEPS, delta)
    return bound(likelihood_scores(np.array(recorder.seen), RATE, NOISE), recorder.inside, delta, guesses=guesses)


def test_honest_runs_pass_all_checks():
    assert [failed(run(seed)) for seed in range(10)] == [[]] * 10


@pytest.mark.parametrize(
    ("planted", "seen"),
    [
        ({"clip": "batch"}, "clipping of layer.weight"),
        ({"noise": NOISE / np.sqrt(RATE * EXAMPLES)}, "noise of layer.weight"),
        ({"rate": 1.5 * RATE}, "sampling rate"),
        ({"clip": "not the bias"}, "clipping of layer.bias"),
        ({"fresh": False}, "fresh noise each step"),
        ({"shuffled": True}, "sampling by chance"),
    ],
)
def test_each_planted_bug_is_seen_for_what_it_is(planted, seen):
    assert seen in failed(run(1, **planted))


def test_a_layer_that_is_not_clipped_shows_itself_there_alone():
    names = [name for name in failed(run(2, clip="not the bias")) if "layer" in name]
    assert names
    assert not [name for name in names if "weight" in name]


def test_canaries_see_through_too_little_noise_and_an_honest_run_keeps_its_bound():
    honest, weak = shown(run(3)), shown(run(3, noise=0.1))
    assert 0 < honest.epsilon < weak.epsilon
    assert weak.epsilon > 2 * honest.epsilon


def test_canaries_are_as_long_as_no_clipping_would_let_through():
    recorder = Recorder(canaries=40, seed=0)
    recorder.begin([("a", torch.zeros(30)), ("b", torch.zeros(30))], examples=10, rate=1.0, noise=1.0, clip=0.5)
    recorder.taken(torch.arange(10))
    first = recorder.gradients([torch.zeros(10, 30), torch.zeros(10, 30)])
    drawn = int(recorder.inside.sum())
    assert [len(g) for g in first] == [10 + drawn] * 2, "every canary that is in is drawn at rate 1"
    lengths = torch.stack([g[10:].norm(dim=1) for g in first]).norm(dim=0)
    assert torch.allclose(lengths, torch.full((drawn,), LENGTH * 0.5))
    again = recorder.gradients([torch.zeros(3, 30), torch.zeros(3, 30)])
    assert [len(g) for g in again] == [3, 3], "once an update"
    clipped = [g[10:] / (LENGTH * 0.5) * 0.5 for g in first]
    recorder.released([g.sum(0) / 10 for g in clipped])
    assert np.allclose(recorder.seen[0], recorder.inside)
    assert all(np.allclose(rest, 0, atol=1e-6) for _, rest in recorder.recorded.rests)
