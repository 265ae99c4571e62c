"""What befalls inputs: for every task, the arrays stay what they were, the same seed gives the same, and worse is worse."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from tests.fakes import ENVIRONMENT, TASKS

from assay.core import discovery
from assay.core.errors import ConfigError, Unsupported
from assay.core.protocols import LENGTH
from assay.core.task import fit_codecs
from assay.inputs import _audio_corruptions as sounds
from assay.inputs import _history_corruptions as histories
from assay.inputs import _image_corruptions as images
from assay.inputs import _text_corruptions as texts
from assay.inputs.observation import Observation
from assay.inputs.prompt import Prompt
from assay.inputs.table import Table
from assay.inputs.text import Text

SEVERITIES = (1, 2, 3, 4, 5)


def rng(seed=0):
    return np.random.default_rng(seed)


def observations(n):
    return [json.dumps(rng(at).normal(0, 0.1, 4).round(3).tolist()) for at in range(n)]


@pytest.fixture(scope="module")
def made():
    """The fitted input of a task and encoded fakes, once."""
    found = {}

    def of(name):
        if name not in found:
            task = discovery.task(name)
            n = 16 if task.input.store and task.input.files else 48
            xs = list(task.input.fake(rng(), n))
            if task.evaluate:
                fitted, xs = task.input.fit([f"{ENVIRONMENT}?seed=1"]), observations(n)
            else:
                fitted, _ = fit_codecs(task, xs, task.output.fake(rng(), task.input.fake_signs(xs)))
            problems = {}
            found[name] = fitted, fitted.encode(xs, problems)
            assert not problems
        return found[name]

    return of


@pytest.mark.parametrize("name", TASKS)
def test_a_corrupted_input_is_an_input_of_the_same_shape(name, made):
    fitted, x = made(name)
    before = {key: array.copy() for key, array in x.items()}
    assert fitted.corruptions
    for kind in fitted.corruptions:
        for severity in (1, 5):
            worse = fitted.corrupt(x, kind, severity, rng(1))
            again = fitted.corrupt(x, kind, severity, rng(1))
            assert worse.keys() == x.keys()
            for key, array in x.items():
                assert (worse[key].shape, worse[key].dtype) == (array.shape, array.dtype), kind
                assert np.isfinite(worse[key]).all(), kind
                np.testing.assert_array_equal(worse[key], again[key], err_msg=kind)
                np.testing.assert_array_equal(array, before[key], err_msg="what was given is never written to")
            if LENGTH in x:
                places = worse[next(key for key in x if x[key].ndim == 2)].shape[1]
                assert ((worse[LENGTH] >= 1) & (worse[LENGTH] <= places)).all()
            one = fitted.corrupt({key: array[:1] for key, array in x.items()}, kind, severity, rng(1))
            none = fitted.corrupt({key: array[:0] for key, array in x.items()}, kind, severity, rng(1))
            assert {len(array) for array in one.values()} == {1}
            assert {len(array) for array in none.values()} == {0}


@pytest.mark.parametrize("name", ["image-classification", "video-classification", "speech-recognition",
                                  "tabular-classification", "recommendation", "translation", "game-playing"])  # fmt: skip
def test_a_higher_severity_is_further_from_the_original(name, made):
    fitted, x = made(name)
    for kind in fitted.corruptions:
        if kind == "lost punctuation":
            continue  # these texts have none; see below
        away = []
        for severity in SEVERITIES:
            worse = fitted.corrupt(x, kind, severity, rng(2))
            if kind == "speed":  # a shifted wave is as far from itself whatever the shift
                away.append(np.abs(worse[LENGTH].astype(float) - x[LENGTH]).mean())
            elif LENGTH in x and "wave" not in x:  # codes are names, not numbers
                away.append(np.mean([(worse[key] != x[key]).mean() for key in x]))
            else:
                away.append(sum(np.abs(worse[key].astype(float) - x[key]).mean() for key in x))
        assert away[4] > away[0] >= 0, (kind, away)
        assert all(worse >= 0.99 * better for better, worse in pairwise(away)), (kind, away)


@pytest.mark.parametrize("name", TASKS)
def test_an_unknown_corruption_or_severity_is_named(name, made):
    fitted, x = made(name)
    kind = fitted.corruptions[0]
    with pytest.raises(ConfigError, match=f'Did you mean "{kind}"'):
        fitted.corrupt(x, f"{kind}s", 1, rng())
    for severity in (0, 6):
        with pytest.raises(ConfigError, match="Accepted: 1"):
            fitted.corrupt(x, kind, severity, rng())


def test_levels_of_images_are_those_published_at_both_sizes():
    assert [images.level("gaussian noise", s, 32) for s in SEVERITIES] == [0.04, 0.06, 0.08, 0.09, 0.10]
    assert [images.level("jpeg", s, 500) for s in SEVERITIES] == [25, 18, 15, 10, 7]
    assert 0.10 < images.level("gaussian noise", 5, 96) < 0.38


def test_brightness_keeps_hue_and_contrast_keeps_the_mean():
    image = np.full((1, 32, 32, 3), (40, 80, 120), np.uint8)
    brighter = images.corrupted(image, "brightness", 3, rng())[0, 0, 0].astype(float)
    np.testing.assert_allclose(brighter / brighter[2], np.array([1, 2, 3]) / 3, atol=0.01)
    noise = rng().integers(60, 190, (2, 32, 32, 3), dtype=np.uint8)
    flat = images.corrupted(noise, "contrast", 5, rng())
    np.testing.assert_allclose(flat.mean((1, 2)), noise.mean((1, 2)), atol=0.6)
    assert flat.std() < 0.2 * noise.std()


def test_what_covers_a_clip_stands_still_and_grows_around_itself():
    clip = np.full((3, 5, 32, 32, 3), 255, np.uint8)
    covered = [images.corrupted(clip, "occlusion", severity, rng(4)) != 255 for severity in SEVERITIES]
    for at, (small, large) in enumerate(pairwise(covered)):
        assert (small <= large).all(), at
    assert (covered[4] == covered[4][:, :1]).all(), "in every frame at the same place"
    assert covered[4].mean() == pytest.approx(0.35, abs=0.03)


def wave(seconds=1.0, rate=8_000, n=4):
    time = np.arange(int(rate * seconds)) / rate
    tone = (8_000 * np.sin(2 * np.pi * 700 * time)).astype(np.int16)
    x = np.zeros((n, 2 * len(tone)), np.int16)
    x[:, : len(tone)] = tone
    return {"wave": x, LENGTH: np.full(n, len(tone), np.int32)}


def test_noise_has_the_stated_ratio_and_nothing_sounds_behind_the_end():
    x = wave()
    for severity, decibels in zip(SEVERITIES, sounds.NOISE, strict=True):
        worse = sounds.corrupted(x, 8_000, "noise", severity, rng())
        noise = worse["wave"].astype(float) - x["wave"]
        ratio = 10 * np.log10(np.square(x["wave"][0].astype(float)).sum() / np.square(noise[0]).sum())
        assert ratio == pytest.approx(decibels, abs=0.7)
        assert not worse["wave"][:, 8_000:].any()


def test_another_pace_is_another_length_and_another_pitch():
    x = wave(n=16)
    worse = sounds.corrupted(x, 8_000, "speed", 5, rng())
    assert set(worse[LENGTH].tolist()) == {round(8_000 / 1.5), 12_000}
    for row, length in zip(worse["wave"], worse[LENGTH], strict=True):
        spectrum = np.abs(np.fft.rfft(row[:length].astype(float)))
        assert spectrum.argmax() * 8_000 / length == pytest.approx(700 * 8_000 / length, rel=0.01)
        assert not row[length:].any()


def test_a_narrow_band_loses_what_is_outside_and_a_room_keeps_the_loudness():
    time = np.arange(8_000) / 8_000
    both = (4_000 * (np.sin(2 * np.pi * 100 * time) + np.sin(2 * np.pi * 1_000 * time))).astype(np.int16)[None]
    x = {"wave": both, LENGTH: np.array([8_000], np.int32)}
    spectrum = np.abs(np.fft.rfft(sounds.corrupted(x, 8_000, "band-pass", 3, rng())["wave"][0].astype(float)))
    assert spectrum[100] < 0.05 * spectrum[1_000]
    room = sounds.corrupted(x, 8_000, "reverberation", 5, rng())["wave"].astype(float)
    assert np.square(room).mean() == pytest.approx(np.square(both.astype(float)).mean(), rel=0.05)


def test_silence_and_the_shortest_sound_stay_finite():
    for kind in sounds.KINDS:
        x = {"wave": np.zeros((2, 400), np.int16), LENGTH: np.array([400, 1], np.int32)}
        assert not sounds.corrupted(x, 8_000, kind, 5, rng())["wave"].any(), kind


def test_typing_errors_are_of_neighbouring_keys_and_of_the_stated_share():
    text = "the quick brown fox jumps over the lazy dog " * 200
    worse = texts.corrupted([text], "typing errors", 5, rng())[0]
    assert abs(len(worse) - len(text)) < 0.03 * len(text)
    wrong = Counter((a, b) for a, b in zip(text[:40], worse[:40], strict=True) if a != b)
    assert wrong
    swapped = sum(a != b for a, b in zip(text.split(), worse.split(), strict=True)) / len(text.split())
    assert 0.4 < swapped < 0.7, "of words of four letters, a fifth of whose letters are hit"
    assert texts._KEYS["g"] == "fhtyvb"


SCRIPTS = [
    "很快，好吃，味道足，量大。没有送水！",
    "Хороший фильм, правда?",
    "ok",
    "?!",
    "",
    "\N{REPLACEMENT CHARACTER}",
    "🙂 🙂",
]


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("kind", texts.KINDS)
def test_texts_of_any_script_stay_texts(text, kind):
    for severity in SEVERITIES:
        worse = texts.corrupted([text] * 20, kind, severity, rng(severity))
        assert all(bool(one.strip()) == bool(text.strip()) for one in worse)
        if kind == "lost punctuation" and len(text) > 5 and severity == 5:
            assert not set(worse[0]) & set("，。！,?")
    if kind in ("typing errors", "lost words") and len(text) > 15:
        assert worse[0] != text


def test_what_does_not_change_keeps_its_codes_and_unknown_words_stay_unknown():
    text = Text().fit(["good tea", "good tea", "bad tea"])
    x = text.encode(["good zyx tea", "bad tea"], {})
    worse = text.corrupt(x, "lost punctuation", 5, rng())
    np.testing.assert_array_equal(worse["tokens"], x["tokens"])
    lost = text.corrupt({k: np.repeat(v, 100, axis=0) for k, v in x.items()}, "lost words", 3, rng())
    assert set(lost["tokens"].ravel().tolist()) <= set(x["tokens"].ravel().tolist())
    assert lost[LENGTH].min() >= 1


def test_capitals_befall_no_small_letters_and_nothing_befalls_no_prompt():
    assert "capitals" not in Text(lower=True).fit(["Good tea", "good tea"]).corruptions
    assert Prompt().fit([None, None, ""], tokenizer=Prompt().fit(["to be"]).tokenizer).corruptions == ()


ROWS = [
    {"length": float(at % 50), "colour": "red" if at % 3 else "blue", "day": f"2024-01-{1 + at % 28:02d}"}
    for at in range(400)
]


def test_cells_of_a_table_are_lost_scaled_and_swapped_at_the_stated_share():
    table = Table().fit(ROWS)
    x = table.encode(ROWS * 25, {})
    lost = table.corrupt(x, "missing cells", 5, rng())
    assert lost["missing"].mean() == pytest.approx(0.4, abs=0.02)
    assert (lost["categories"] == 0).mean() == pytest.approx(0.4, abs=0.02)
    assert not lost["numbers"][lost["missing"] > 0].any()
    swapped = table.corrupt(x, "swapped categories", 5, rng())
    assert (swapped["categories"] != x["categories"]).mean() == pytest.approx(0.4, abs=0.02)
    units = table.corrupt(x, "units", 5, rng())
    names = [number.name for number in table.numbers]
    changed = (units["numbers"] != x["numbers"]).mean(axis=0)
    assert changed[names.index("length")] == pytest.approx(0.3 * 49 / 50, abs=0.02), "ten times nothing is nothing"
    assert changed[names.index("day")] == 0, "a date has no unit"


def test_noise_in_a_number_is_of_a_share_of_its_spread():
    values = rng().normal(50, 8, 4_000)
    table = Table().fit([{"x": float(v)} for v in values])
    near = [{"x": 50.0}] * 4_000
    edges = np.asarray(table.numbers[0].edges)
    moved = table.corrupt(table.encode(near, {}), "noise", 3, rng())["numbers"][:, 0]
    back = np.interp(moved, np.arange(len(edges)), edges)
    assert back.std() == pytest.approx(0.2 * 8, rel=0.2)
    empty = table.encode([{"x": None}], {})
    np.testing.assert_array_equal(table.corrupt(empty, "noise", 5, rng())["numbers"], empty["numbers"])


def clicks():
    items = np.zeros((300, 12), np.int32)
    items[:, :8] = np.arange(1, 9)
    return {"items": items, LENGTH: np.full(300, 8, np.int32)}


def test_clicks_are_lost_added_and_moved():
    x = clicks()
    lost = histories.corrupted(x, 50, "lost clicks", 5, rng())
    assert lost[LENGTH].mean() == pytest.approx(4, abs=0.3)
    more = histories.corrupted(x, 50, "random clicks", 5, rng())
    assert 11 < more[LENGTH].mean() <= 12
    moved = histories.corrupted(x, 50, "shuffled neighbours", 5, rng())
    np.testing.assert_array_equal(np.sort(moved["items"][:, :8]), x["items"][:, :8])
    for worse in (lost, more, moved):
        there = np.arange(12) < worse[LENGTH][:, None]
        assert ((worse["items"] > 0) == there).all(), "items stand first, nothing behind them"
    for row, length in zip(lost["items"], lost[LENGTH], strict=True):
        assert (np.diff(row[:length]) > 0).all(), "in their order"
    assert (more["items"][more[LENGTH] == 12, 11] == 8).all(), "where there is no room the oldest go, not the newest"


def test_a_new_user_and_a_single_click_stay_what_they_are():
    x = {"items": np.array([[0, 0], [3, 0]], np.int32), LENGTH: np.array([0, 1], np.int32)}
    for kind in histories.KINDS:
        worse = histories.corrupted(x, 9, kind, 5, rng(7))
        assert worse[LENGTH][0] == 0
        assert 3 in worse["items"][1]


def test_noise_of_sensors_goes_by_their_own_spread_and_boards_have_none(made):
    fitted, _ = made("game-playing")
    seen = np.zeros((4_000, 4), np.float32)
    worse = fitted.corrupt({"observation": seen}, "sensor noise", 5, rng())["observation"]
    np.testing.assert_allclose(worse.std(0), 0.4 * np.array(fitted.spread), rtol=0.1)
    again = Observation().load(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.corrupt({"observation": seen}, "sensor noise", 5, rng())["observation"], worse)
    with pytest.raises(Unsupported, match="until it is played"):
        fitted.corrupt(fitted.encode([f"{ENVIRONMENT}?seed=3"], {}), "sensor noise", 1, rng())
    board = Observation().fit(["tic_tac_toe?seed=1"])
    assert board.corruptions == ()
    with pytest.raises(ConfigError, match="no corruption"):
        board.corrupt(board.encode(["start"], {}), "sensor noise", 1, rng())
