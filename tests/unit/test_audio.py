"""The audio input: what it packs, what it says of bad sounds, what it changes at random and what absence is."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import assay
from assay.core.errors import ConfigError, DataError
from assay.core.folder import read_card
from assay.inputs import _audio_changes as changes
from assay.inputs.audio import Audio, FittedAudio

RATE = 8_000


def tone(seconds=0.4, hertz=1_000.0, rate=RATE, loud=0.3):
    wave = loud * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)
    return {"array": wave.astype(np.float32), "sampling_rate": rate}


def fitted(**options) -> FittedAudio:
    return Audio(**options).fit([tone(), tone(1.0)])


def collated(input, *xs):
    problems = {}
    pack = input.encode(list(xs), problems)
    assert not problems
    return input.collate({name: torch.from_numpy(array) for name, array in pack.items()})


def test_the_rate_is_the_commonest_and_the_room_is_half_as_much_again():
    found = Audio().fit([tone(rate=16_000), tone(2.0, rate=16_000), tone(rate=8_000), None, "no.wav"])
    assert (found.rate, found.seconds, found.bands) == (16_000, 3.0, 80)
    assert found.remarks == (
        "1 of 3 training sounds have fewer than 16,000 samples a second: they are resampled, and hold nothing of the upper "
        "bands.",
    )
    assert Audio().load(found.to_json()) == found
    tie = Audio().fit([tone(rate=16_000), tone(rate=8_000)])
    assert tie.rate == 16_000, "of two, the one that loses nothing"
    assert tie.remarks[0].startswith("1 of 2 training sounds")
    assert Audio(rate=8_000, seconds=2).fit([tone(rate=16_000)]).width == 16_000
    with pytest.raises(DataError, match=r"No training sound.*no such file"):
        Audio().fit(["no.wav"])
    with pytest.raises(ConfigError, match="rate=10"):
        Audio(rate=10).fit([tone()])


def test_what_cannot_be_read_is_a_problem_and_what_is_odd_a_note(tmp_path):
    input = fitted()
    stereo = {"array": np.zeros((800, 2), np.float32), "sampling_rate": 16_000}
    nan = {"array": np.full(800, np.nan, np.float32), "sampling_rate": RATE}
    none = {"array": np.zeros(0, np.float32), "sampling_rate": RATE}
    xs = [tone(), stereo, nan, none, "gone.wav", b"words", tone(60)]
    problems = {}
    pack = input.encode(xs, problems)
    assert set(problems) == {2, 3, 4, 5, 6}
    assert problems[6] == "it lasts 60 seconds; at most 1.5 seconds are accepted (train with --set seconds=N for more)"
    assert input.notes(xs) == {
        1: "it is silent. its 2 channels are mixed to one. it is resampled from 16,000 to 8,000 Hz."
    }
    assert pack["length"][:2].tolist() == [3_200, 400]
    assert pack["wave"].dtype == np.int16


def test_a_sound_gives_the_same_alone_and_beside_a_longer_one():
    input = fitted()
    alone, beside = collated(input, tone()), collated(input, tone(), tone(1.0, 500))
    frames = alone["mel"].shape[1]
    assert frames == 41
    assert beside["mask"].sum(1).tolist() == [41, 101]
    torch.testing.assert_close(beside["mel"][:1, :frames], alone["mel"], rtol=1e-4, atol=1e-4)
    assert beside["mel"][0, frames:].abs().max() == 0


def test_another_pace_and_vocal_tract_move_the_tone_and_the_end():
    input = fitted()
    x = collated(input, *[tone(1.0, 1_000)] * 64)
    generator = torch.Generator().manual_seed(0)
    mel, mask = changes.paced(x["mel"], x["mask"], RATE / 2, 0.2, 0.15, generator)
    lengths = mask.sum(1)
    assert 80 < lengths.min() < 90
    assert 113 < lengths.max() < 125
    assert mel[~mask].abs().max() == 0
    peaks = torch.stack([row[: int(n)].mean(0).argmax() for row, n in zip(mel, lengths, strict=True)])
    middle = int(x["mel"][0].mean(0).argmax())
    assert peaks.min() < middle < peaks.max()
    same, there = changes.paced(x["mel"], x["mask"], RATE / 2, 0.0, 0.0, generator)
    assert torch.equal(there, x["mask"])
    torch.testing.assert_close(same, x["mel"], rtol=1e-3, atol=1e-3)


def test_a_scaled_vocal_tract_scales_frequencies():
    input = fitted(bands=80)
    low, high = collated(input, tone(1.0, 1_000)), collated(input, tone(1.0, 1_250))
    at = changes._bands(80, RATE / 2, torch.tensor([1 / 1.25]))[0]
    moved = torch.from_numpy(np.interp(at.numpy(), np.arange(80), low["mel"][0].mean(0).numpy()))
    assert abs(int(moved.argmax()) - int(high["mel"][0].mean(0).argmax())) <= 1


def test_noise_filters_and_strips_change_what_they_should():
    input = fitted()
    x = collated(input, *[tone(1.0)] * 40)
    generator = torch.Generator().manual_seed(0)
    mel, mask = x["mel"], x["mask"]
    noisy = changes.noisy(mel, mask, 0.5, generator)
    touched = (noisy != mel).flatten(1).any(1)
    assert 10 <= int(touched.sum()) <= 30
    assert (noisy[touched] - mel[touched]).min() > -1e-4  # energy is only added
    curve = changes.coloured(mel, 1.0, generator) - mel
    torch.testing.assert_close(curve, curve[:, :1].expand_as(curve), rtol=0, atol=1e-4)  # the same in every frame
    hidden = changes.hidden(mel, mask, 0.2, generator)
    share = (hidden != mel).float().mean((1, 2))
    assert 0.05 < share.mean() < 0.4
    assert torch.equal(changes.hidden(mel, mask, 0.0, generator), mel)


def test_changes_are_drawn_from_the_generator_alone():
    input = fitted()
    x = collated(input, tone(), tone(0.9))
    one, two, other = (input.augment(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one["mel"], two["mel"])
    assert one["mel"].shape != other["mel"].shape or not torch.equal(one["mel"], other["mel"])
    assert torch.isfinite(one["mel"]).all()
    assert one["mask"].shape == one["mel"].shape[:2]


def test_a_cell_that_is_not_kept_is_quiet_and_the_others_stay():
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    low, high = np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 3_000 * time)
    heard = (time > 0.25) & (time < 0.9)  # and then it is quiet: its own quiet level
    wave = (0.3 * (low + high) * heard + rng.normal(0, 0.001, RATE)).astype(np.float32)
    input = fitted()
    x = input.encode([{"array": wave, "sampling_rate": RATE}], {})
    names = input.parts(x)
    assert len(names) == 32
    assert names[0].startswith("0.00–0.12 s, 0–")
    mask = np.ones((3, 32), bool)
    mask[1, 3 * 4 + 0] = False  # the low tone from 0.375 to 0.5 s
    mask[2] = False
    kept = input.keep(x, mask)
    assert np.array_equal(kept["wave"][0], x["wave"][0])
    one = kept["wave"][1].astype(float)[:RATE]
    changed = np.abs(one - x["wave"][0][:RATE]) > 300
    assert changed[3_200:3_800].mean() > 0.7
    assert not changed[:2_600].any()
    assert not changed[4_500:].any()
    spectrum = np.abs(np.fft.rfft(one[3_200:3_800] * np.hanning(600)))
    assert spectrum[225] > 20 * spectrum[22]  # 3,000 Hz is there, 300 Hz is gone
    assert np.abs(kept["wave"][2]).max() < 600
    assert kept["length"].tolist() == [RATE] * 3


def test_cells_are_pooled_by_their_relative_place_whatever_the_length():
    input = fitted()
    long, short = (set(input.pooled(input.encode([tone(seconds)], {}))) for seconds in (0.5, 0.3))
    assert len(long) == 32
    assert len(short) == 28
    assert short < long


def test_like_sounds_have_like_features():
    input = fitted()
    rng = np.random.default_rng(0)
    words = [rng.normal(0, 1, 6_000) * np.repeat(rng.uniform(0, 0.3, 12), 500) for _ in range(8)]
    xs = [{"array": wave.astype(np.float32), "sampling_rate": RATE} for wave in words]
    xs.append({"array": (words[3] * 0.4).astype(np.float32), "sampling_rate": RATE})
    features = input.features(input.encode(xs, {}))
    assert features.shape == (9, 128)
    likeness = features @ features[8]
    assert likeness[:8].argmax() == 3
    assert likeness[3] > 0.95


def test_the_picture_shows_the_tone_where_it_is(tmp_path):
    input = fitted()
    soundfile.write(tmp_path / "a.wav", tone(1.0, 2_000)["array"], RATE)
    kind, data = input.show(tmp_path / "a.wav")
    assert kind == "png"
    page = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"), dtype=float)
    assert len(data) < 20_000
    plot = page[6:118, 40:300]
    row = int(plot[:, 100].argmax())
    top = 15 + 27 * np.log(4) / np.log(6.4)
    expected = 111 * (1 - (15 + 27 * np.log(2) / np.log(6.4)) / top)
    assert abs(row - expected) <= 4


def test_made_sounds_carry_their_sign():
    audio = Audio()
    xs = audio.fake(np.random.default_rng(0), 40)
    signs = audio.fake_signs(xs)
    assert set(signs) == {-1, 1}
    x = collated(audio.fit(xs), *xs)
    places = x["mel"].argmax(2).float()
    assert np.array_equal(np.sign((places[:, 16] - places[:, 4]).numpy()), signs)
    assert all(audio.accepts(x) for x in (*xs, "a.wav", b"RIFF", (np.zeros(4), 8_000)))
    assert not any(audio.accepts(x) for x in ("a.txt", 4, None))


def test_training_tells_of_its_odd_recordings(tmp_path):
    rows = [{"audio": tone(hertz=300.0 + 20 * at), "text": "ab"[at % 2], "split": "train"} for at in range(12)]
    rows[4]["audio"] = (np.zeros(3_000, np.float32), RATE)
    held = [{**row, "split": split} for split in ("validation", "test") for row in rows[:4]]
    options = {"epochs": 1, "size": "tiny", "device": "cpu", "quiet": True}
    assay.train("speech-recognition", rows + held, out=tmp_path / "m", **options)
    notes = " ".join(read_card(assay.load(tmp_path / "m"))[-1].notes)
    assert "1 of 12 inputs of the train split is odd (row 4: it is silent)." in notes
