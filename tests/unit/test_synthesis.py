"""Speech from text: durations that nobody tells, and what is said for as long."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import betabinom
from torch import nn

from assay.core.errors import ConfigError
from assay.core.model import BodyAndHead
from assay.networks._alignment import durations, forward_sum, spread, unlikelihood
from assay.networks.synthesis import convolutions, speaker

BANDS, LONGEST = 20, 120


def test_the_prior_is_beta_binomial():
    length, frames = torch.tensor([7, 4]), torch.tensor([20, 12])
    found = spread(length, frames).exp().numpy()
    for row, (n, whole) in enumerate(((7, 20), (4, 12))):
        for t in range(1, whole + 1):
            expected = betabinom(n - 1, t, whole - t + 1).pmf(np.arange(n))
            np.testing.assert_allclose(found[row, t - 1, :n], expected, rtol=1e-3)


def _every_way(places: int, frames: int):
    """All monotonic ways through ``places`` characters: the character of each frame."""
    if places == 1:
        yield [0] * frames
        return
    for first in range(1, frames - places + 2):
        for rest in _every_way(places - 1, frames - first):
            yield [0] * first + [1 + at for at in rest]


def test_the_likeliest_way_is_found_among_all():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 8, 3, generator=generator) * 2
    length, frames = torch.tensor([3, 3, 2, 3]), torch.tensor([8, 6, 8, 3])
    masked = scores.masked_fill(torch.arange(3) >= length[:, None, None], -1e9)
    found = durations(masked, length, frames)
    for row in range(4):
        n, whole = int(length[row]), int(frames[row])
        log = masked[row].log_softmax(1)
        best = max(_every_way(n, whole), key=lambda way: float(sum(log[t, at] for t, at in enumerate(way))))
        assert found[row].tolist() == [best.count(at) for at in range(3)]


def test_fewer_frames_than_characters_still_sum_up():
    found = durations(torch.zeros(1, 2, 5), torch.tensor([5]), torch.tensor([2]))
    assert int(found.sum()) == 2
    assert forward_sum(torch.zeros(1, 2, 5), torch.tensor([5]), torch.tensor([2])).tolist() == [0]


def test_the_forward_sum_is_over_every_way():
    scores = torch.randn(1, 7, 3, generator=torch.Generator().manual_seed(1))
    log = scores[0].log_softmax(1)
    ways = torch.stack([sum(log[t, at] for t, at in enumerate(way)) for way in _every_way(3, 7)])
    found = forward_sum(scores, torch.tensor([3]), torch.tensor([7]))
    assert float(found) == pytest.approx(-float(ways.logsumexp(0)), rel=1e-4)


def test_the_likelihood_is_of_every_way_whatever_scores_sum_to():
    scores = 5 * torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(2))
    length, frames = torch.tensor([3, 4]), torch.tensor([7, 5])
    found = unlikelihood(scores, length, frames)
    for at in range(2):
        ways = torch.stack([sum(scores[at, t, place] for t, place in enumerate(way))
                            for way in _every_way(int(length[at]), int(frames[at]))])  # fmt: skip
        assert float(found[at]) == pytest.approx(-float(ways.logsumexp(0)), rel=1e-4)
    assert float(unlikelihood(scores[:1], torch.tensor([4]), torch.tensor([3]))) == 0


def _network(size: str = "tiny") -> nn.Module:
    torch.manual_seed(0)
    body = convolutions(12, pad=0, unknown=1, size=size)
    return BodyAndHead(body, speaker(body.features, BANDS, LONGEST)).eval()


def _said(tokens: torch.Tensor, lasts: torch.Tensor, voice: torch.Tensor) -> torch.Tensor:
    """The spectrogram of a voice ``[12, M]`` that says each token for as long, with silence before and behind: and 1."""
    rows = [torch.cat([voice[0].expand(3, -1), voice[t].repeat_interleave(n, 0), voice[0].expand(3, -1)])
            for t, n in zip(tokens, lasts, strict=True)]  # fmt: skip
    mel = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    here = nn.utils.rnn.pad_sequence([torch.ones(len(row), 1) for row in rows], batch_first=True)
    return torch.cat([mel, here], dim=2)


def _words(n: int, generator: torch.Generator) -> torch.Tensor:
    """Nine different letters each: where one stands twice, nobody could tell where the first one ends."""
    return torch.stack([torch.randperm(10, generator=generator)[:9] + 2 for _ in range(n)])


def test_it_finds_and_learns_the_durations_that_a_voice_has():
    """Every letter has a sound and a length of its own, which is told to nobody."""
    generator = torch.Generator().manual_seed(0)
    voice = torch.randn(12, BANDS, generator=generator)
    length_of = torch.randint(2, 8, (12,), generator=generator)
    network = _network().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(150):
        tokens = _words(16, generator)
        given = _said(tokens, length_of[tokens], voice)
        raw = network(tokens=tokens, mask=torch.ones_like(tokens, dtype=torch.bool), given=given)
        here = given[:, :, -1]
        error = (((raw[:, :, :BANDS] - given[:, :, :BANDS]).abs().mean(2) * here).sum(1) / here.sum(1)).mean()
        optimizer.zero_grad()
        (error + raw[:, 0, -1].mean()).backward()
        optimizer.step()
        losses.append(float(error.detach()))
    assert losses[-1] < 0.35 * losses[0]
    network.eval()
    tokens = _words(20, generator)
    mask = torch.ones_like(tokens, dtype=torch.bool)
    given = _said(tokens, length_of[tokens], voice)
    with torch.inference_mode():
        _, keys, there = network.body(tokens=tokens, mask=mask)
        found, _ = network.head._aligned(keys, there, given)
        free = network(tokens=tokens, mask=mask)
    right = (found[:, 1:-1] - length_of[tokens]).abs()
    assert float((right == 0).float().mean()) > 0.9
    frames, true = free[:, :, BANDS].sum(1), given[:, :, -1].sum(1)
    assert float(((frames - true).abs() / true).mean()) < 0.05


def test_what_stands_beside_an_example_changes_nothing():
    network = _network()
    tokens = torch.randint(2, 12, (2, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    with torch.inference_mode():
        both = network(tokens=tokens, mask=mask)
        alone = network(tokens=tokens[1:, :5], mask=mask[1:, :5])
    frames = int(alone[0, :, BANDS].sum())
    assert int(both[1, :, BANDS].sum()) == frames
    torch.testing.assert_close(both[1, :frames], alone[0, :frames], rtol=1e-4, atol=1e-5)
    assert not both[1, frames:].any()
    assert not both[:, :, -1].any(), "without a target nothing is aligned"


def test_answers_are_bounded_and_never_empty():
    network = _network()
    tokens = torch.full((1, 40), 3)
    mask = torch.ones_like(tokens, dtype=torch.bool)
    for bias, frames in ((5.0, LONGEST), (-5.0, 1)):
        nn.init.zeros_(network.head.lasts.weight)
        nn.init.constant_(network.head.lasts.bias, bias)
        with torch.inference_mode():
            assert int(network(tokens=tokens, mask=mask)[:, :, BANDS].sum()) == frames


def test_an_unknown_character_is_a_pause_and_a_size_that_is_none():
    network = _network()
    with torch.inference_mode():
        mask = torch.ones(1, 3, dtype=torch.bool)
        a = network(tokens=torch.tensor([[4, 0, 5]]), mask=mask)
        b = network(tokens=torch.tensor([[4, 1, 5]]), mask=mask)
    assert torch.equal(a, b)
    with pytest.raises(ConfigError, match="tiny"):
        convolutions(12, size="tin")
