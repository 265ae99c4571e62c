"""Sounds are read whole, bounded and with what is odd about them; spectra equal librosa's."""

from __future__ import annotations

import io

import librosa
import numpy as np
import pytest
import soundfile
import torch

from assay.codecs.riff import cut_off
from assay.codecs.sound import log_mel, mel_filters, read_sound, sound_header, spectrogram


def tone(rate=8_000, seconds=0.5, hertz=440.0, loud=0.5):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def file_of(samples, rate=8_000, form="WAV", subtype="PCM_16"):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, subtype=subtype)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_formats_come_back_as_the_wave_that_was_written(form):
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(form, "PCM_16")
    wave, notes = read_sound(file_of(tone(16_000), 16_000, form, subtype), 16_000, 10)
    assert notes == []
    assert abs(len(wave) - 8_000) < 2_500  # MP3 pads
    assert np.abs(np.fft.rfft(wave)).argmax() * 16_000 / len(wave) == pytest.approx(440, abs=5)
    if form in ("WAV", "FLAC"):
        np.testing.assert_allclose(wave, tone(16_000), atol=1e-4)


def test_a_path_bytes_a_pair_and_a_mapping_are_the_same_sound(tmp_path):
    content = file_of(tone())
    (tmp_path / "a.wav").write_bytes(content)
    samples = soundfile.read(io.BytesIO(content), dtype="int16")[0]
    for x in (
        content,
        tmp_path / "a.wav",
        str(tmp_path / "a.wav"),
        (samples, 8_000),
        {"array": samples, "sampling_rate": 8_000},
        {"bytes": content, "path": None},
    ):
        assert np.array_equal(read_sound(x, 8_000, 1)[0], read_sound(content, 8_000, 1)[0])
        assert sound_header(x) == (8_000, 0.5)


def test_channels_are_mixed_and_said():
    both = np.stack([tone(), -tone() / 2], axis=1)
    wave, notes = read_sound((both, 8_000), 8_000, 1)
    np.testing.assert_allclose(wave, tone() / 4, atol=1e-6)
    assert notes == ["its 2 channels are mixed to one."]


def test_channels_that_cancel_each_other_out_are_silent():
    _, notes = read_sound((np.stack([tone(), -tone()], axis=1), 8_000), 8_000, 10)
    assert notes == ["its 2 channels are mixed to one: they cancel each other out, and it is silent."]


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "W64", "RF64"])
def test_what_there_is_of_a_file_that_was_cut_off_is_used_and_said(form, tmp_path):
    whole = file_of(tone(), form=form)
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    wave, notes = read_sound(tmp_path / "half", 8_000, 10)
    assert 1_900 < len(wave) < 2_100
    assert notes == [
        f"it is cut off: its header says {len(whole):,} bytes, and {len(whole) // 2:,} are there, which were used."
    ]
    assert cut_off(whole) == ""


def test_an_mp3_that_was_cut_off_is_told_by_the_length_in_its_first_block():
    whole = file_of(np.r_[tone(), tone(), tone()], form="MP3", subtype="MPEG_LAYER_III")
    assert read_sound(whole, 8_000, 10)[1] == []
    wave, notes = read_sound(whole[: len(whole) // 2], 8_000, 10)
    assert len(wave) < 10_000
    assert notes == [f"it is cut off: its header says 12,000 samples, and {len(wave):,} are there, which were used."]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_that_was_cut_off_is_told_by_its_last_page(subtype, tmp_path):
    rng = np.random.default_rng(0)
    whole = file_of(rng.normal(0, 0.1, 32_000).astype(np.float32), form="OGG", subtype=subtype)
    assert read_sound(whole, 8_000, 10)[1] == []
    for part in (0.5, 0.9, 0.999):
        (tmp_path / "part").write_bytes(whole[: int(part * len(whole))])
        wave, notes = read_sound(tmp_path / "part", 8_000, 10)
        assert len(wave) < 32_000
        assert notes == ["it is cut off within a page, and what is there was used."]


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("CAF", "PCM_16"), ("MP3", None)])
def test_a_cut_off_file_that_cannot_be_opened_is_not_said_to_be_no_sound(form, subtype):
    whole = file_of(tone(), form=form, subtype=subtype)
    with pytest.raises(ValueError, match=f"it begins as {form}, but cannot be opened: it is cut off or damaged"):
        read_sound(whole[: len(whole) // 2 if form == "CAF" else 100], 8_000, 10)


def test_what_there_is_of_a_cut_off_flac_is_used_and_said():
    whole = file_of(tone(seconds=2.0), form="FLAC")
    wave, notes = read_sound(whole[: len(whole) // 2], 8_000, 10)
    assert 4_096 <= len(wave) < 12_000
    np.testing.assert_array_equal(wave, read_sound(whole, 8_000, 10)[0][: len(wave)])
    assert notes == [
        f"it is cut off or damaged: of the 16,000 samples in its header only the first {len(wave):,} can be decoded, and "
        "were used."
    ]
    with pytest.raises(ValueError, match=r"cannot be decoded .*it is cut off or damaged"):
        read_sound(whole[:200], 8_000, 10)


def test_what_libsndfile_guesses_of_an_mp3_without_that_block_is_not_believed():
    """It guesses by the first block: of one that is loud later it says half as much again as there is, or more."""
    stream = io.BytesIO()
    sound = np.r_[np.zeros(40_000), np.random.default_rng(0).normal(0, 0.2, 8_000)].astype(np.float32)
    with soundfile.SoundFile(
        stream, "w", 16_000, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5
    ) as file:
        file.write(sound)
    whole = stream.getvalue()
    bare = whole[whole.index(whole[:2], 4) :]
    assert soundfile.info(io.BytesIO(bare)).frames > 1.5 * len(sound)
    wave, notes = read_sound(bare, 16_000, 4)
    assert 48_000 <= len(wave) < 52_000
    assert notes == []


@pytest.mark.parametrize("stated", [0, 0x7FFF_F024, 0x8000_0024, 0xFFFF_FFFF])
def test_a_stream_that_does_not_know_how_long_it_is_is_not_cut_off(stated):
    whole = file_of(tone())
    assert cut_off(whole[:4] + stated.to_bytes(4, "little") + whole[8:]) == ""


def test_another_rate_is_resampled_and_said():
    wave, notes = read_sound((tone(8_000), 8_000), 16_000, 1)
    assert notes == ["it is resampled from 8,000 to 16,000 Hz: nothing above 4,000 Hz is in it."]
    np.testing.assert_allclose(wave[500:-500], tone(16_000)[500:-500], atol=5e-3)
    down, notes = read_sound((tone(44_101), 44_101), 8_000, 1)
    assert "44,101 to 8,000 Hz." in notes[0]
    np.testing.assert_allclose(down[500:3_500], tone(8_000)[500:3_500], atol=5e-3)


def test_silence_clipping_and_too_loud_samples_are_said():
    assert read_sound((np.zeros(800, np.float32), 8_000), 8_000, 1)[1] == ["it is silent."]
    assert "clipped" in read_sound((np.clip(tone(loud=3), -1, 1), 8_000), 8_000, 1)[1][0]
    assert read_sound((tone(loud=0.98), 8_000), 8_000, 1)[1] == []
    wave, notes = read_sound((tone(loud=4), 8_000), 8_000, 1)
    assert np.abs(wave).max() == pytest.approx(1, abs=1e-3)
    assert "scaled" in notes[0]


def test_unsigned_and_wide_whole_numbers_are_scaled():
    eight = np.round(tone() * 127 + 128).astype(np.uint8)
    wide = np.round(tone() * (2**31 - 1)).astype(np.int32)
    np.testing.assert_allclose(read_sound((eight, 8_000), 8_000, 1)[0], tone(), atol=0.02)
    np.testing.assert_allclose(read_sound((wide, 8_000), 8_000, 1)[0], tone(), atol=1e-6)


@pytest.mark.parametrize(
    ("x", "what"),
    [
        (None, "there is no sound"),
        (b"", "the file is empty"),
        (b"RIFFnothing at all of a sound", "not a sound file"),
        ("no/such.wav", "there is no such file"),
        (3.5, "float is no sound"),
        ((np.zeros(0, np.float32), 8_000), "0 samples"),
        ((np.array([0, np.nan, np.inf], np.float32), 8_000), "2 of its samples are no numbers"),
        ((np.zeros((3, 3, 3)), 8_000), "is no sound"),
        ((np.zeros((2, 8_000)), 8_000), "8,000 channels"),
        ((np.zeros(8), 12), "12 samples a second"),
        ((np.zeros(8), "fast"), "is no rate"),
        ((np.zeros(80_001), 8_000), "it lasts 10 seconds; at most 10 seconds are accepted"),
    ],
)
def test_what_is_no_sound_says_why(x, what):
    with pytest.raises(ValueError, match=what):
        read_sound(x, 8_000, 10)


def test_folders_and_other_files_are_no_sounds(tmp_path):
    (tmp_path / "notes.wav").write_text("these are words")
    (tmp_path / "plain.raw").write_bytes(bytes(1_000))
    for path, what in (
        (tmp_path, "no file"),
        (tmp_path / "notes.wav", "not a sound"),
        (tmp_path / "plain.raw", "not a"),
    ):
        with pytest.raises(ValueError, match=what):
            read_sound(path, 8_000, 10)


def test_ten_hours_are_refused_by_their_header(tmp_path, monkeypatch):
    content = bytearray(file_of(np.zeros(8_000, np.int16), form="FLAC"))
    samples = 8_000 * 36_000  # the header's last 36 bits of its format: how many there are
    content[21] = content[21] & 0xF0 | samples >> 32
    content[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    path = tmp_path / "long.flac"
    path.write_bytes(content)
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: pytest.fail("it was decoded"))
    with pytest.raises(ValueError, match=r"it lasts 10\.0 hours; at most 30 seconds"):
        read_sound(path, 8_000, 30)


def test_a_header_that_promises_too_little_is_not_believed():
    class Endless:
        samplerate, channels, frames, format = 8_000, 1, 8_000, "WAV"
        reads = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, out):
            self.reads += 1
            return np.zeros_like(out)

    endless = Endless()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assay.codecs.sound.opened", lambda _: endless)
        with pytest.raises(ValueError, match="at most 30 seconds"):
            read_sound(b"x", 8_000, 30)
    assert endless.reads < 8


@pytest.mark.parametrize(
    ("rate", "n_fft", "hop", "bands", "window"),
    [(8_000, 256, 80, 40, 200), (16_000, 512, 160, 80, 400), (22_050, 1024, 256, 80, 0)],
)
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_log_mel_equals_librosa(rate, n_fft, hop, bands, window, power):
    rng = np.random.default_rng(0)
    wave = (tone(rate) + rng.normal(0, 0.05, rate // 2)).astype(np.float32)
    own = log_mel(
        torch.from_numpy(wave)[None],
        rate=rate, n_fft=n_fft, hop=hop, n_mels=bands, window=window, low=20, high=rate / 2.2, power=power,
    )[0]  # fmt: skip
    theirs = librosa.feature.melspectrogram(
        y=wave, sr=rate, n_fft=n_fft, hop_length=hop, win_length=window or n_fft, n_mels=bands, fmin=20,
        fmax=rate / 2.2, power=power, pad_mode="constant",
    )  # fmt: skip
    assert own.shape == (1 + len(wave) // hop, bands)
    np.testing.assert_allclose(own.numpy(), np.log(theirs.T), atol=1e-4)


def test_mel_filters_equal_librosa():
    own = mel_filters(16_000, 512, 40, 50, 7_000).numpy()
    np.testing.assert_allclose(
        own.T, librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=50, fmax=7_000), atol=1e-7
    )


def test_zeros_behind_a_shorter_wave_change_none_of_its_frames():
    wave = torch.from_numpy(tone())[None]
    alone, padded = spectrogram(wave, 256, 80), spectrogram(torch.nn.functional.pad(wave, (0, 999)), 256, 80)
    torch.testing.assert_close(padded[:, : alone.shape[1]], alone, rtol=1e-5, atol=1e-5)
