"""Video files: which frames are taken of them, and what is said of the bad ones."""

from __future__ import annotations

import io
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from assay.core.errors import Unsupported
from assay.inputs import _video_clip, _video_file
from assay.inputs._video_clip import clip, look, oddities
from assay.inputs.video import FittedVideo, Video

H, W = 48, 64


def video(levels, *, times=None, form="mp4", codec="libx264", rotation=0, every=250):
    """A file of grey frames, one a level, at ``times`` in ms (every 50 by default); the top left quarter is red."""
    stream = io.BytesIO()
    with av.open(stream, "w", format=form) as container:
        track = container.add_stream(codec, rate=20)
        track.width, track.height, track.pix_fmt = W, H, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        track.time_base = track.codec_context.time_base = Fraction(1, 1000)
        track.codec_context.gop_size = every
        if rotation:
            track.set_display_rotation(rotation)
        for at, level in enumerate(levels):
            picture = np.full((H, W, 3), level, np.uint8)
            picture[: H // 2, : W // 2] = [255, 0, 0]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = times[at] if times else 50 * at, Fraction(1, 1000)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue()


def levels(frames):
    """The grey of the bottom right quarter of each frame."""
    return frames[:, 20, 28].mean(1)


@pytest.mark.parametrize(
    ("form", "codec"), [("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx")]
)
def test_frames_are_even_over_time_in_every_container(form, codec):
    given = [5 * at for at in range(40)]
    found = levels(clip(video(given, form=form, codec=codec), 8, 24, 32, 3))
    assert np.abs(found - [given[at] for at in (2, 7, 12, 17, 22, 27, 32, 37)]).max() < 6


def test_a_frame_is_seen_until_the_next_one_comes():
    times = [
        *range(0, 100, 10),
        *range(1000, 2000, 100),
    ]  # 10 frames in the first tenth of a second, then 10 in the second
    found = levels(clip(video([10 * at for at in range(20)], times=times), 4, 24, 32, 3))
    assert np.abs(found - [90, 90, 120, 170]).max() < 6, "seen at 0.26, 0.79, 1.31 and 1.84 s of 2.1 s"


def test_a_turned_video_stands_upright():
    seen = look(video([0] * 5, rotation=90))
    assert (seen.height, seen.width) == (W, H)
    frame = clip(video([0] * 5, rotation=90), 1, 32, 24, 3)[0]
    assert frame[28, 4, 0] > 200, "a quarter against the clock brings the top left to the bottom left"
    assert frame[4, 4].max() < 40


def test_only_groups_of_pictures_that_are_needed_are_decoded():
    given = [(at * 7) % 250 for at in range(200)]
    data = video(given, every=10)
    with _video_file.opened(data) as (container, stream):
        listed = _video_file.listing(container, stream)
    times = np.array([1.02, 7.52])
    needed = _video_clip._needed(listed, times)
    assert 2 <= needed.sum() <= 20
    assert np.abs(levels(clip(data, 2, 24, 32, 3)) - [given[50], given[150]]).max() < 6


def test_arrays_are_videos():
    x = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    assert clip(x, 4, 8, 8, 3)[:, 0, 0, 0].tolist() == [1, 4, 7, 10]
    assert clip(x[:2], 4, 8, 8, 1)[:, 0, 0, 0].tolist() == [0, 0, 1, 1]
    assert clip(x, 4, 4, 6, 3).shape == (4, 4, 6, 3)


def test_what_there_is_of_a_file_that_was_cut_off_is_used_and_said():
    whole = video([at % 250 for at in range(200)], form="matroska", every=20)
    cut = whole[: int(0.6 * len(whole))]
    problems = {}
    fitted = FittedVideo(frames=4, kept=4, height=24, width=32, channels=3, shift=0.1, light=0.0, flip=False)
    frames = fitted.encode([cut], problems)["video"][0]
    assert not problems
    assert levels(frames)[0] > 0
    assert (np.diff(levels(frames)) > 0).all()
    assert "cut off: its header says 10.0 s" in fitted.notes([whole, cut])[1]
    assert 0 not in fitted.notes([whole, cut])


def test_a_short_clip_that_was_cut_off_is_told_by_the_length_in_its_header():
    whole = video([20 * at for at in range(8)], form="avi", codec="mjpeg")
    assert look(whole).notes == ()
    assert f"its header says {len(whole):,} bytes" in look(whole[: int(0.85 * len(whole))]).notes[0]


def test_an_avi_is_told_by_the_frames_in_its_header_and_not_by_what_is_guessed_from_its_size():
    whole = video([at % 250 for at in range(40)], form="avi", codec="mjpeg")
    (note,) = look(whole[: len(whole) // 2]).notes
    assert "its header says 2.0 s" in note


def test_a_damaged_frame_and_a_single_one_are_said():
    whole = video([20 * at for at in range(8)], form="avi", codec="mjpeg")
    size = whole.find(b"\xff\xc0", len(whole) // 2) + 5  # where the header of a frame says its sides
    damaged = whole[:size] + bytes(4) + whole[size + 4 :]
    assert oddities(whole, 8, moving=True) == ()
    assert oddities(damaged, 8, moving=True) == ("1 of its 8 frames that were read is damaged; the others were used",)
    single = video([5])
    assert oddities(single, 4, moving=True) == ("it holds a single frame, so nothing moves in it",)
    assert oddities(single, 1, moving=False) == ()


def test_frames_that_lean_on_a_group_that_was_passed_over_are_no_damage():
    whole = video([at % 250 for at in range(120)], every=12)
    for count in (1, 3, 7):
        assert oddities(whole, count, moving=True) == ()


def _sound(form):
    import soundfile

    stream = io.BytesIO()
    soundfile.write(stream, np.zeros(8000), 8000, format=form)
    return stream.getvalue()


def _no_codec():
    return video([0] * 3).replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC")


BAD = {
    "the file is empty": lambda: b"",
    "table of frames is missing": lambda: video([0] * 40)[:-400],
    "not a video": lambda: b"hello world " * 100,
    "holds no video, only: audio": lambda: _sound("OGG"),
    "no decoder for its codec": _no_codec,
    "there is no video": lambda: None,
    "a int is no video": lambda: 3,
    "there is no such file": lambda: "nowhere/" + 300 * "clip" + ".mp4",
    "lasts 10.0 hours, and at most 1 hour": lambda: video([0, 9, 0], times=[0, 50, 36_000_000]),
    r"float64 of shape \(4, 8, 8, 3\) is no video": lambda: np.zeros((4, 8, 8, 3)),
    r"uint8 of shape \(8, 8, 3\) is no video": lambda: np.zeros((8, 8, 3), np.uint8),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_input_is_refused_in_plain_words(reason):
    bad = BAD[reason]()
    for read in (look, lambda x: clip(x, 4, 16, 16, 3)):
        with pytest.raises(ValueError, match=reason):
            read(bad)


def test_a_wrong_suffix_is_a_problem_and_a_folder_too(tmp_path):
    (tmp_path / "notes.mp4").write_text("These are notes.")
    problems = {}
    fitted = FittedVideo(frames=4, kept=4, height=8, width=8, channels=3, shift=0.1, light=0.0, flip=False)
    fitted.encode([tmp_path / "notes.mp4", tmp_path], problems)
    assert problems[0].startswith("not a video (accepted: MP4")
    assert problems[1] == "it is a folder, not a file"


@pytest.mark.parametrize(
    ("form", "codec"), [("mp4", "libx264"), ("avi", "mpeg4"), ("mov", "mjpeg"), ("webm", "libvpx")]
)
def test_frames_that_are_too_large_are_never_decoded(form, codec, monkeypatch):
    data = video([0] * 4, form=form, codec=codec)
    monkeypatch.setattr(_video_file, "MOST_PIXELS", W * H - 1)
    monkeypatch.setattr(_video_clip, "_decoded", None)
    with pytest.raises(ValueError, match=r"frames .* are larger than the 8192 × 4320 accepted"):
        clip(data, 4, 16, 16, 3)


def test_more_work_than_is_accepted_is_refused(monkeypatch):
    monkeypatch.setattr(_video_clip, "MOST_DECODED", W * H * 30)
    with pytest.raises(ValueError, match="frames of 64 × 48 would have to be decoded for 4; cut it into clips"):
        clip(video([0] * 100), 4, 16, 16, 3)
    assert clip(video([0] * 100, every=5), 4, 16, 16, 3).shape == (4, 16, 16, 3)


@pytest.mark.parametrize(
    "list_", [b"#EXTM3U\n#EXTINF:1,\nfile:{}\n#EXT-X-ENDLIST\n", b"ffconcat version 1.0\nfile '{}'\n"]
)
def test_no_list_of_other_files_is_followed(list_, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(video([0] * 4))
    (tmp_path / "list.mp4").write_bytes(list_.replace(b"{}", str(tmp_path / "secret.mp4").encode()))
    with pytest.raises(ValueError, match="not a video"):
        look(tmp_path / "list.mp4")


def test_without_the_library_the_command_that_installs_it_is_named(monkeypatch):
    data = video([0] * 4)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Unsupported, match=r'pip install "assay\[video\]"'):
        Video().fit([data])
    assert Video().fit([np.zeros((4, 8, 8, 3), np.uint8)]).frames == 4, "arrays need no library"
