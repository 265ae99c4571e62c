"""Clips as arrays: what is kept, changed at random, taken away and shown."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from assay.core.errors import DataError
from assay.inputs.video import FittedVideo, Video
from assay.methods.near_duplicates import near_duplicates


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def fitted(**changes) -> FittedVideo:
    return FittedVideo(
        **{"frames": 4, "kept": 8, "height": 16, "width": 24, "channels": 3, "shift": 0.15, "light": 0.0, "flip": False}
        | changes
    )


def clips(n: int, frames: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, frames, 16, 24, 3), dtype=np.uint8)


def test_sides_and_frames_come_from_the_training_clips():
    made = Video().fit([np.zeros((40, 108, 192, 3), np.uint8)] * 3 + [np.zeros((200, 10, 10, 3), np.uint8)])
    assert (made.frames, made.kept, made.height, made.width, made.channels) == (16, 32, 54, 96, 3)
    short = Video().fit([np.zeros((8, 16, 16, 1), np.uint8)])
    assert (short.frames, short.kept, short.height, short.width, short.channels) == (8, 8, 16, 16, 1)
    assert Video().load(made.to_json()) == made
    with pytest.raises(DataError, match=r"No training clip could be opened .*there is no such file"):
        Video().fit(["nowhere.mp4"])


def test_what_can_be_a_video():
    accepts = Video().accepts
    assert accepts("a/B.MP4")
    assert accepts(b"...")
    assert accepts({"bytes": b"", "path": None})
    assert accepts(clips(1)[0])
    assert not accepts("a/b.png")
    assert not accepts(clips(1)[0, 0])


def test_encoding_is_the_same_in_every_run_and_names_what_it_cannot_read():
    problems = {}
    x = [*clips(2), np.zeros((0, 16, 24, 3), np.uint8)]
    first = fitted().encode(x, problems)["video"]
    assert first.shape == (3, 8, 16, 24, 3)
    assert list(problems) == [2]
    assert "is no video" in problems[2]
    assert np.array_equal(first, fitted().encode(x, {})["video"])


def test_a_clip_moves_as_a_whole_and_its_frames_keep_their_distance():
    x = torch.from_numpy(clips(64)).clone()
    x[..., 0] = torch.arange(8)[None, :, None, None]  # red tells which frame it is
    collated = fitted().collate({"video": x})
    assert collated["video"].shape == (64, 8, 3, 16, 24)
    out = ((fitted().augment(collated, generator())["video"] + 1) * 127.5).round()
    assert out.shape == (64, 4, 3, 16, 24)
    numbers = out[:, :, 0, 0, 0].int()
    assert sorted({tuple(row) for row in numbers.tolist()}) == [(0, 2, 4, 6), (1, 3, 5, 7)]
    for clip, which, source in zip(out, numbers.tolist(), x, strict=True):
        moves = []
        for frame, number in zip(clip, which, strict=True):
            inner, whole = frame[1, 4:12, 4:20], source[number, ..., 1].float()
            moves.append(
                [(i, j) for i in range(9) for j in range(9) if torch.equal(inner, whole[i : i + 8, j : j + 16])]
            )
        assert len(moves[0]) == 1, "not mirrored, for left must stay left"
        assert all(move == moves[0] for move in moves)


def test_a_clip_is_brighter_or_darker_as_a_whole_and_black_stays_black():
    x = torch.from_numpy(clips(50)).clone()
    x[:, :, :, :, 1] = 0
    x[..., 0] = 100
    out = (fitted(light=0.3).augment(fitted().collate({"video": x}), generator())["video"] + 1) * 127.5
    assert out[:, :, 1].abs().max() < 1e-3
    red = out[:, :, 0].flatten(1)
    assert torch.allclose(red, red[:, :1].expand_as(red), atol=1e-3)
    assert 69.9 < red.min() < 80
    assert 120 < red.max() < 130.1


def test_with_flip_half_of_the_clips_are_mirrored_in_all_frames():
    x = torch.zeros(200, 8, 16, 24, 3, dtype=torch.uint8)
    x[:, :, :, :12] = 255
    out = fitted(flip=True).augment(fitted().collate({"video": x}), generator())["video"]
    left = out[:, :, 0, 8, 2] > 0
    assert (left.all(1) | ~left.any(1)).all()
    assert 70 < int(left.all(1).sum()) < 130


def test_keeping_all_parts_is_the_identity_and_keeping_none_leaves_no_motion():
    x = {"video": clips(1)}
    parts = fitted().parts(x)
    assert len(parts) == 4 * 4 * 4 == len(set(parts))
    masks = np.zeros((3, len(parts)), dtype=bool)
    masks[0] = True
    masks[1, parts.index("time 2 row 1 column 4")] = True
    kept = fitted().keep(x, masks)["video"]
    assert np.array_equal(kept[0], x["video"][0])
    assert (kept[2] == kept[2, :1]).all(), "nothing moves"
    assert kept[2].std() < 0.3 * x["video"].std()
    here = np.zeros((8, 16, 24), dtype=bool)
    here[2:4, :4, 18:] = True
    assert np.array_equal(kept[1][here], x["video"][0][here])
    assert np.array_equal(kept[1][~here], kept[2][~here])


def test_a_copy_that_is_brighter_and_noisier_is_nearer_than_any_other_clip():
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 200, (20, 8, 4, 6, 3)).repeat(4, 2).repeat(4, 3)
    copy = np.clip(coarse * 1.1 + 15 + rng.normal(0, 3, coarse.shape), 0, 255).astype(np.uint8)
    original = coarse.astype(np.uint8)
    mirrored = original[:, :, :, ::-1]
    plain, both = fitted(), fitted(flip=True)
    a, b = (plain.features({"video": video}) for video in (original, copy))
    assert a.shape == (20, 3 * (512 + 64 * 3) + 256)
    assert (np.linalg.norm(a[:, None] - b[None], axis=2).argmin(1) == np.arange(20)).all()
    same, turned = (both.features({"video": video}) for video in (original, mirrored))
    assert np.allclose(same, turned, atol=1e-4)
    assert not np.allclose(a, plain.features({"video": mirrored}), atol=1e-2)


def test_likeness_sees_what_moves():
    still = clips(1).repeat(2, 0)
    still[:] = still[:, :1]
    moving = still.copy()
    moving[1, 3] = 255 - moving[1, 3]  # between the frames that are looked at
    found = fitted().features({"video": moving})
    assert np.linalg.norm(found[0] - found[1]) > 0.1


def test_clips_of_one_camera_are_no_near_copies_unless_the_same_moves():
    rng = np.random.default_rng(2)
    scenes = rng.integers(0, 200, (6, 1, 6, 8, 3)).repeat(4, 2).repeat(4, 3)
    videos = np.repeat(scenes, 20, 0).repeat(8, 1)  # twenty clips of each of six cameras
    for video in videos:  # in each of them a square goes its own way
        (y, x), (down, right) = rng.integers(0, (17, 25)), rng.integers(-3, 4, 2)
        for t, frame in enumerate(video):
            top, left = np.clip([y + down * t, x + right * t], 0, [16, 24])
            frame[top : top + 8, left : left + 8] = rng.integers(0, 256, 3)
    noisy = np.clip(videos[:10] * 1.1 + rng.normal(0, 3, videos[:10].shape), 0, 255)
    found = fitted().features({"video": np.concatenate([videos, noisy]).astype(np.uint8)})
    pairs = near_duplicates(found).pairs.tolist()
    assert {(at, 120 + at) for at in range(10)} <= {tuple(pair) for pair in pairs}
    assert len(pairs) <= 12


def test_a_clip_is_shown_as_a_strip_of_six_frames():
    kind, data = fitted().show(clips(1)[0])
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == "png"
    assert picture.size == (6 * 24 * 4 + 5 * 3, 16 * 4)


def test_what_is_planted_is_seen_in_every_frame():
    xs = Video().fake(np.random.default_rng(0), 40)
    signs = Video().fake_signs(xs)
    assert 10 < (signs > 0).sum() < 30
    assert all(
        (frame[:8].mean() > frame[8:].mean()) == (sign > 0) for x, sign in zip(xs, signs, strict=True) for frame in x
    )
