"""What lies between mel bands: learned from recordings, and put into the wave."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from assay.codecs.sound import mel_filters, spectrogram
from assay.codecs.vocoder import detail_of, linear
from assay.core.model import BodyAndHead
from assay.networks._detail import Detail
from assay.networks.synthesis import convolutions, speaker
from assay.outputs._fitted_waveform import EXCERPT, excerpt
from assay.outputs.waveform import Waveform

RATE, N_FFT, HOP = 8_000, 512, 128
OPTIONS = {"rate": RATE, "hop": HOP, "bands": 40, "rounds": 16}


def _voice(pitch: float, seconds: float = 0.8) -> np.ndarray:
    """Harmonics of a pitch that rises a little, up to 3,500 Hz, in a little noise: ``[n]``."""
    t = np.arange(int(RATE * seconds)) / RATE
    phase = 2 * np.pi * pitch * (t + 0.1 * t * t)
    wave = sum(np.sin(k * phase) / k**0.5 for k in range(1, int(3_500 / pitch)))
    return (0.08 * wave + 0.001 * np.random.default_rng(0).normal(size=len(t))).astype(np.float32)


def _magnitude(wave: np.ndarray) -> torch.Tensor:
    return spectrogram(torch.from_numpy(wave)[None], N_FFT, HOP).sqrt()


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far two waves are apart in dB, frequency by frequency."""
    x, y = (_magnitude(wave).clamp_min(1e-2).log10() for wave in (a, b))
    return float(20 * (x - y)[:, 4:-4].square().mean().sqrt())


@pytest.fixture(scope="module")
def fitted():
    return Waveform(**OPTIONS).fit([(_voice(pitch), RATE) for pitch in (100, 150, 200)])


def test_detail_gives_the_spectrum_back_and_bands_are_met_even_if_it_is_wrong():
    true = _magnitude(_voice(120.0))
    filters = mel_filters(RATE, N_FFT, 40)
    mel = true @ filters
    detail = detail_of(true, mel, RATE, N_FFT)

    def misfit(found):
        return float((found - true).norm() / true.norm())

    assert misfit(linear(mel, RATE, N_FFT, detail=detail)) < 0.02
    assert misfit(linear(mel, RATE, N_FFT)) > 0.2
    wrong = linear(mel, RATE, N_FFT, detail=torch.randn(detail.shape, generator=torch.Generator().manual_seed(0)))
    assert float((wrong @ filters - mel).norm() / mel.norm()) < 0.05
    assert misfit(wrong) > 0.2


def test_an_excerpt_is_half_a_second_of_the_sound_and_the_same_for_the_same_sound(fitted):
    waves = [_voice(100.0), _voice(200.0), _voice(100.0), _voice(150.0, 0.1)]
    found = fitted.encode([(wave, RATE) for wave in waves], {})["excerpt"]
    assert found.dtype == np.int16
    assert found.shape == (4, (EXCERPT + 3) * HOP)
    assert np.array_equal(found[0], found[2])
    places = np.lib.stride_tricks.sliding_window_view(np.rint(waves[0] * 32_767).astype(np.int16), found.shape[1])
    assert (places == found[0]).all(1).any()
    assert np.abs(found[3, : len(waves[3])] - waves[3] * 32_767).max() < 1
    assert not found[3, len(waves[3]) :].any()
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 200)).astype(np.float32)
    begins = {int((wave == excerpt(wave, 20)[0]).argmax()) for wave in noise}
    assert len(begins) > 30, "they begin anywhere"
    assert max(begins) <= 180


def test_what_the_network_learns_from_is_the_detail_of_the_recording(fitted):
    wave = _voice(130.0, seconds=(EXCERPT + 3) * HOP / RATE)  # it is its own excerpt
    y = {name: torch.from_numpy(array) for name, array in fitted.encode([(wave, RATE)], {}).items()}
    known = fitted._detail(y["excerpt"])
    assert known.shape == (1, EXCERPT, 40 + 1 + N_FFT // 2)
    true = _magnitude(wave)[:, 2:-2]  # an excerpt has no frames that reach beyond its ends
    assert true.shape[1] == EXCERPT
    mel = (known[:, :, :40] * torch.tensor(fitted.spread) + torch.tensor(fitted.mean)).exp()
    found = linear(mel, RATE, N_FFT, rounds=0, detail=known[:, :, 40:])
    loud = true > 0.1
    assert float((found[loud] / true[loud]).log().abs().max()) < 0.05
    target, _ = fitted._target(y)
    torch.testing.assert_close(known[:, 3:-3, :40], target[:, 5:-5], atol=0.05, rtol=0.05)


def test_an_answer_with_its_detail_is_nearer_to_the_recording(fitted):
    wave = _voice(110.0)
    y = fitted.encode([(wave, RATE)], {})
    n = int(y["length"][0])
    true = _magnitude(wave)
    mel = torch.from_numpy(y["mel"].astype(np.float32))
    exact = detail_of(true, mel.exp(), RATE, N_FFT)

    def network(**x):
        there = torch.ones(1, n, 2)
        return torch.cat([(mel - torch.tensor(fitted.mean)) / torch.tensor(fitted.spread), there, exact], dim=2)

    answers = fitted.decode(network, {})
    assert answers["detail"].shape == (1, fitted.longest, 257)
    assert answers["detail"].dtype == np.int8
    within = exact[0].abs() < 7
    assert np.abs(answers["detail"][0, :n] / 16 - exact[0].numpy())[within.numpy()].max() < 0.04
    (fine,), (coarse,) = fitted.rows(answers), fitted.rows({name: answers[name] for name in ("mel", "length")})
    fine, coarse = (soundfile.read(io.BytesIO(row["speech"].content))[0].astype(np.float32) for row in (fine, coarse))
    assert len(fine) == len(coarse)
    assert _apart(fine, wave[: len(fine)]) < 0.6 * _apart(coarse, wave[: len(fine)])
    assert set(fitted.own(answers)) == {"mel", "length"}
    assert fitted.tally(answers, y)[0, 0] == pytest.approx(0, abs=1.0)


def test_it_learns_where_harmonics_lie_for_pitches_that_it_never_heard():
    torch.manual_seed(0)
    output = Waveform(**OPTIONS).fit([(_voice(pitch), RATE) for pitch in (100, 200, 300)])
    heard = [(_voice(pitch), RATE) for pitch in np.linspace(100, 240, 29)]
    new = [(_voice(pitch), RATE) for pitch in (113.3, 151.7, 204.1)]
    known, held = (output._detail(torch.from_numpy(output.encode(s, {})["excerpt"])) for s in (heard, new))
    network = Detail(40, 1 + N_FFT // 2, 48)
    before = network.cost(held)
    torch.testing.assert_close(before, held[:, :, 40:].abs().mean((1, 2)), msg="at first it is the outline")
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(120):
        optimizer.zero_grad()
        network.cost(known).mean().backward()
        optimizer.step()
    with torch.inference_mode():
        after, swapped = network.cost(held), network.cost(torch.cat([held[[1, 2, 0], :, :40], held[:, :, 40:]], dim=2))
    assert bool((after < 0.6 * before).all())
    assert bool((after < 0.7 * swapped).all()), "it is the pitch that tells it"


def _network(frequencies: int) -> nn.Module:
    torch.manual_seed(0)
    body = convolutions(12, pad=0, unknown=1, size="tiny")
    network = BodyAndHead(body, speaker(body.features, 20, 60, frequencies=frequencies)).eval()
    for parameter in network.head.detail.parameters() if frequencies else ():
        nn.init.normal_(parameter, std=0.1)
    return network


def test_detail_follows_the_answer_and_costs_only_where_it_is_known():
    network, plain = _network(33), _network(0)
    tokens = torch.randint(2, 12, (2, 9), generator=torch.Generator().manual_seed(0))
    x = {"tokens": tokens, "mask": torch.arange(9) < torch.tensor([[9], [5]])}
    given = torch.cat([torch.randn(2, 20, 20, generator=torch.Generator().manual_seed(1)), torch.ones(2, 20, 1)], dim=2)
    known = torch.randn(2, 7, 53, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        free, taught, untaught = network(**x), network(given=(given, known), **x), network(given=given, **x)
        alone = network(tokens=tokens[1:, :5], mask=x["mask"][1:, :5])
        assert plain(**x).shape[2] == 22
        torch.testing.assert_close(taught[:, 0, -1] - untaught[:, 0, -1], 0.3 * network.head.detail.cost(known))
    assert free.shape[2] == 22 + 33
    assert taught.shape == untaught.shape == (2, 20, 22)
    frames = alone.shape[1]
    torch.testing.assert_close(free[1, :frames], alone[0], rtol=1e-4, atol=1e-5)
    assert not free[1, frames:].any(), "there is no detail where there is no frame"
    assert bool(free[:, 0, 22:].any())


def test_a_model_without_it_answers_as_before(fitted):
    state = fitted.to_json()
    del state["detail"]
    old = Waveform().load(state)
    assert old == replace(fitted, detail=False)
    assert set(old.dims) == {"bands", "longest"}
    assert set(old.encode([(_voice(100.0), RATE)], {})) == {"mel", "length"}
    assert fitted.dims["frequencies"] == 257
