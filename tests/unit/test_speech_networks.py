"""Speech networks: what stands beside a sound in a batch changes nothing, and they learn what is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.core.errors import ConfigError
from assay.networks.speech import attention_encoder, levelled, recurrent_encoder, symbols
from assay.outputs import _ctc

ENCODERS = [recurrent_encoder, attention_encoder]


def batch(lengths, bands=40, seed=0):
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(len(lengths), max(lengths), bands, generator=torch.Generator().manual_seed(seed)) * mask[
        ..., None
    ], mask


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("length", [1, 2, 17, 18])
def test_a_padded_sound_gives_what_it_gives_alone(encoder, length):
    torch.manual_seed(0)
    body = encoder(40, "tiny").eval()
    head = symbols(body.features, 9, 0)
    mel, mask = batch([length, 41, 30])
    together = head(body(mel, mask))
    alone = head(body(mel[:1, :length], mask[:1, :length]))
    places = (length + 1) // 2
    assert together.shape == (3, 21, 9)
    torch.testing.assert_close(together[:1, :places], alone, rtol=1e-4, atol=1e-5)
    assert _ctc.frames_of(together).tolist() == [places, 21, 15]
    assert together[0, places:].argmax(-1).sum() == 0


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("bands", [40, 41, 80])
def test_sizes_grow_and_take_any_number_of_bands(encoder, bands):
    counts = [sum(p.numel() for p in encoder(bands, size).parameters()) for size in ("tiny", "small", "base")]
    assert counts == sorted(counts)
    mel, mask = batch([9], bands)
    assert encoder(bands, "tiny")(mel, mask)[0].shape == (1, 5, 64)
    with pytest.raises(ConfigError, match="huge"):
        encoder(bands, "huge")


def test_levels_take_out_microphone_and_loudness():
    mel, mask = batch([30, 20])
    louder = (mel * 1.0 + torch.randn(1, 1, 40) + 3) * mask.unsqueeze(2)
    torch.testing.assert_close(levelled(louder, mask), levelled(mel, mask), rtol=1e-3, atol=1e-3)
    assert levelled(mel, mask)[1, 20:].abs().max() == 0
    constant = torch.full((1, 5, 40), -20.0)
    assert levelled(constant, torch.ones(1, 5, dtype=torch.bool)).abs().max() < 1e-3


def test_levels_hardly_tell_how_quiet_the_pauses_are():
    """A word between pauses 40 dB and 60 dB below it: 20 dB more quiet is 4.6 nats, and nearly none of it is left."""
    mel, mask = batch([30])
    quiet, quieter = mel.clone(), mel.clone()
    quiet[:, 20:] -= 9.2
    quieter[:, 20:] -= 13.8
    torch.testing.assert_close(levelled(quieter, mask), levelled(quiet, mask), rtol=0, atol=0.05)
    assert levelled(quiet, mask)[:, 20:].mean() < -1  # that there is a pause is still heard


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_order_of_two_sounds_is_learned_without_an_alignment(encoder):
    """Two bumps in two bands: which comes first is the text; where they are is chance."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)

    def made(n):
        mel, first = torch.zeros(n, 30, 20), torch.from_numpy(rng.integers(0, 2, n))
        for row, low in zip(mel, first.tolist(), strict=True):
            a, b = rng.integers(2, 10), rng.integers(16, 26)
            row[a : a + 3, 4 if low else 14] += 3
            row[b : b + 3, 14 if low else 4] += 3
        return mel + 0.1 * torch.randn(mel.shape), torch.stack([2 - first, 1 + first], 1)

    body = encoder(20, "tiny")
    network = torch.nn.Sequential(body, symbols(body.features, 3, 0))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    mask = torch.ones(32, 30, dtype=torch.bool)
    for _ in range(120):
        mel, text = made(32)
        loss = _ctc.nats(network[1](network[0](mel, mask)), text, torch.full((32,), 2), 0).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    network.eval()
    mel, text = made(32)
    said = _ctc.greedy(network[1](network[0](mel, mask)), 0)
    assert np.mean([a == b for a, b in zip(said, text.tolist(), strict=True)]) > 0.9
