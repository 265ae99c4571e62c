"""Sounds as answers: what is encoded, how it is judged, and what is handed back."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from assay.core.attachment import Attachment
from assay.core.errors import ConfigError, DataError
from assay.outputs._fitted_waveform import mel_of
from assay.outputs._waveform_distance import apart, cepstra, distortion, warped
from assay.outputs._waveform_picture import above
from assay.outputs.waveform import Waveform

RATE = 16_000


def _tone(hertz: float = 440.0, seconds: float = 0.5, rate: int = RATE):
    t = np.arange(int(rate * seconds)) / rate
    wave = 0.3 * np.sin(2 * np.pi * hertz * t) + 0.01 * np.random.default_rng(0).normal(size=len(t))
    return wave.astype(np.float32), rate


@pytest.fixture(scope="module")
def fitted():
    return Waveform(rounds=8).fit([_tone(300 + 100 * at, 0.3 + 0.1 * at) for at in range(5)])


def _raw(fitted, y, error=0.0):
    """A raw answer that is the target but for ``error`` in every cell."""
    target, here = fitted._target(y)
    there = here.unsqueeze(2).float()
    return torch.cat([(target + error) * there, there, 0 * there], dim=2)


def _tensors(pack):
    return {name: torch.from_numpy(array) for name, array in pack.items()}


def test_fit_takes_the_scale_of_each_band_and_the_length_from_the_sounds(fitted):
    assert fitted.dims == {"bands": 80, "longest": 1 + int(np.ceil(1.5 * 0.7 * RATE / 256)), "frequencies": 513}
    pack = fitted.encode([_tone(300 + 100 * at, 0.3 + 0.1 * at) for at in range(5)], {})
    frames = np.concatenate([mel[:n] for mel, n in zip(pack["mel"], pack["length"], strict=True)]).astype(np.float64)
    np.testing.assert_allclose(frames.mean(0), fitted.mean, atol=0.01)
    np.testing.assert_allclose(frames.std(0), fitted.spread, atol=0.01)
    assert Waveform().load(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_encode_reads_files_bytes_and_arrays_alike_and_lists_what_is_wrong(fitted, tmp_path):
    wave, rate = _tone()
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format="WAV", subtype="FLOAT")
    twice = np.stack([wave, wave], axis=1)
    (tmp_path / "b.wav").write_bytes(b"no sound")
    sounds = [tmp_path / "a.wav", stream.getvalue(), (wave, rate), (twice, rate), None, tmp_path / "b.wav",
              (np.zeros(8_000, np.float32), rate), _tone(seconds=3.0), tmp_path / "none.wav", (wave[:0], rate)]  # fmt: skip
    problems = {}
    pack = fitted.encode(sounds, problems)
    assert pack["mel"].shape == (10, 1 + len(wave) // 256, 80)
    for at in range(1, 4):
        np.testing.assert_allclose(pack["mel"][at], pack["mel"][0], atol=0.01)
    assert pack["length"][0] == 1 + len(wave) // 256
    assert not pack["mel"][4:].any()
    assert sorted(problems) == [4, 5, 6, 7, 8, 9]
    assert "silent" in problems[6]
    assert "seconds" in problems[7]
    assert "no such file" in problems[8]


def test_another_rate_is_the_same_sound(fitted):
    low, high = fitted.encode([_tone(rate=8_000), _tone()], {})["mel"].astype(np.float32)
    frames = slice(4, 25)
    assert low[frames].argmax(1).tolist() == high[frames].argmax(1).tolist()
    assert np.abs(low[frames, :30] - high[frames, :30]).mean() < 1.0


def test_nothing_to_learn_from_and_options_out_of_range():
    with pytest.raises(DataError, match=r"there is no sound"):
        Waveform().fit([None, None])
    for wrong in ({"rate": 100}, {"bands": 1}, {"rounds": 0}, {"seconds": float("nan")}, {"rate": 4_000, "hop": 512}):
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))}="):
            Waveform(**wrong)
    with pytest.raises(ConfigError, match="rounds=0"):
        replace(Waveform().fit([_tone()]), rounds=0)


def test_the_loss_is_the_mean_error_of_the_frames_that_are_there(fitted):
    y = _tensors(fitted.encode([_tone(seconds=0.4), _tone(seconds=0.8)], {}))
    assert fitted.loss(_raw(fitted, y), y).tolist() == [0, 0]
    np.testing.assert_allclose(fitted.loss(_raw(fitted, y, 0.25), y), [0.25, 0.25], rtol=1e-5)
    costly = _raw(fitted, y)
    costly[1, :, -1] = 2.0
    np.testing.assert_allclose(fitted.loss(costly, y), [0, 2])


def test_the_gap_counts_cells_and_frames(fitted):
    y = _tensors(fitted.encode([_tone(seconds=0.4), _tone(seconds=0.8)], {}))
    a, b = _raw(fitted, y), _raw(fitted, y, 0.5)
    np.testing.assert_allclose(fitted.gap(a, b), [0.5, 0.5], rtol=1e-5)
    assert fitted.gap(a, a).tolist() == [0, 0]
    shorter = a[:, :20]
    lengths = y["length"].float()
    np.testing.assert_allclose(fitted.gap(a, shorter), 1 - 20 / lengths, rtol=1e-5)
    np.testing.assert_allclose(fitted.gap(shorter, a), fitted.gap(a, shorter))


def test_the_cheapest_way_is_found():
    rng = np.random.default_rng(3)
    for rows, columns in ((1, 1), (1, 7), (7, 1), (5, 9), (12, 8)):
        distance = rng.random((rows, columns))
        cost = np.full((rows + 1, columns + 1), np.inf)
        cost[0, 0] = 0
        for i in range(rows):
            for j in range(columns):
                cost[i + 1, j + 1] = distance[i, j] + min(cost[i, j], cost[i, j + 1], cost[i + 1, j])
        total, cells = warped(distance)
        assert total == pytest.approx(cost[-1, -1])
        assert max(rows, columns) <= cells <= rows + columns - 1


def test_distortion_is_in_decibels_of_the_smoothed_spectrum_and_deaf_to_loudness_and_pace():
    m = np.arange(80) + 0.5
    flat = np.zeros((6, 80))
    wavy = flat + 0.3 * np.cos(np.pi * 4 * m / 80)  # one coefficient of 0.3
    total, cells = distortion(flat, wavy)
    rms = 20 / np.log(10) * np.sqrt(np.mean((wavy - flat) ** 2))
    assert total / cells == pytest.approx(rms)
    assert distortion(wavy, wavy + 2.0)[0] == pytest.approx(0, abs=1e-5)
    noise = np.random.default_rng(0).normal(size=(9, 80))
    assert distortion(noise, np.repeat(noise, 2, axis=0))[0] == pytest.approx(0, abs=1e-5)
    assert apart(cepstra(noise), cepstra(noise)).shape == (9, 9)


def test_tally_and_metrics(fitted):
    sounds = [_tone(300), _tone(900), _tone(300, 0.8)]
    y = fitted.encode(sounds, {})
    answers = {"mel": y["mel"].astype(np.float32), "length": y["length"]}
    sums = fitted.tally(answers, y)
    mcd, duration = fitted.metrics
    assert mcd.of(sums).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    other = {name: array[[1, 0, 1]] for name, array in answers.items()}
    wrong = fitted.tally(other, y)
    assert (mcd.of(wrong) > 3).all()
    frames = y["length"].astype(float)
    np.testing.assert_allclose(duration.of(wrong), [0, 0, (frames[2] - frames[1]) / frames[2]])
    assert (fitted.verdict(answers, y) > fitted.verdict(other, y)).all()


def test_an_answer_is_a_file_that_sounds_like_its_spectrogram(fitted):
    y = fitted.encode([_tone(600, 0.6)], {})
    (row,) = fitted.rows({"mel": y["mel"].astype(np.float32), "length": y["length"]})
    speech = row["speech"]
    assert isinstance(speech, Attachment)
    assert speech.suffix == ".wav"
    wave, rate = soundfile.read(io.BytesIO(speech.content))
    assert rate == RATE
    assert row["seconds"] == pytest.approx(len(wave) / rate)
    assert abs(np.abs(np.fft.rfft(wave)).argmax() * rate / len(wave) - 600) < 20
    again = mel_of(wave.astype(np.float32), RATE, 256, 80)
    total, cells = distortion(again, y["mel"][0, : y["length"][0]].astype(np.float32))
    assert total / cells < 2


def test_an_answer_of_one_frame_and_a_loud_one_are_sounds_too(fitted):
    loud = np.full((2, fitted.longest, 80), 3.0, np.float32)
    rows = fitted.rows({"mel": loud, "length": np.array([1, 20])})
    waves = [soundfile.read(io.BytesIO(row["speech"].content))[0] for row in rows]
    assert len(waves[0]) == 0
    assert 0.5 < np.abs(waves[1]).max() < 1.0


def test_decode_takes_the_scale_back(fitted):
    y = _tensors(fitted.encode([_tone(seconds=0.4), _tone(seconds=0.8)], {}))
    raw = _raw(fitted, y)

    def network(**x):
        return raw

    answers = fitted.decode(network, {})
    assert answers["mel"].shape == (2, fitted.longest, 80)
    frames = y["mel"].shape[1]
    np.testing.assert_allclose(answers["mel"][:, :frames], y["mel"].float(), atol=1e-3)
    assert not answers["mel"][:, frames:].any()
    assert answers["length"].tolist() == y["length"].tolist()


def test_the_picture_shows_target_above_answer_and_escapes_the_text(fitted):
    wave = _tone()
    (row,) = fitted.rows({"mel": fitted.encode([wave], {})["mel"].astype(np.float32), "length": np.array([30])})
    kind, data = fitted.draw(("text", "<b>Hello</b>"), wave, row)
    assert kind == "svg"
    assert "<b>" not in data
    assert "&lt;b&gt;Hello" in data
    assert data.index("target, 0.5 s") < data.index("answer, 0.5 s")
    assert data.count("data:image/png;base64,") == 2
    assert fitted.draw(("text", "x"), None, None) == ("text", "x")
    bare = above([("a", np.zeros((3, 8)))], "", 8_000, 0.1)
    assert re.findall(">([^<>]+)</text>", bare) == [
        "a", "0", "0.5", "1", "2", "4 kHz", "0", "0.1", "0.2", "0.3 s",
    ]  # fmt: skip
    import xml.etree.ElementTree as ET

    ET.fromstring(data)


def test_the_mean_spectrum_stands_beside_the_model(fitted):
    y = fitted.encode([_tone(), _tone()], {})
    mean = np.tile(np.array(fitted.mean, dtype=np.float32), (2, fitted.longest, 1))
    (table,) = fitted.tables({"mel": mean, "length": y["length"]}, y)
    (_, model), (_, guess) = table.rows
    assert model == pytest.approx(guess, rel=1e-3), "a model that says the mean is as good as the mean"
    assert guess > 1
    right = np.zeros_like(mean)
    right[:, : y["mel"].shape[1]] = y["mel"]
    (table,) = fitted.tables({"mel": right, "length": y["length"]}, y)
    assert table.rows[0][1] < 0.01 < table.rows[1][1] == pytest.approx(guess)
