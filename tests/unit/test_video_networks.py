"""Networks of clips: what joins the frames, and what an average of frames cannot know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import assay
from assay.core import discovery
from assay.networks.video import SIZES, attention, averaged, recurrent, shifted
from assay.tasks._moving import SPEEDS, drifting

DIMS = {"channels": 3, "frames": 4, "height": 16, "width": 20}
BODIES = [shifted, averaged, recurrent, attention]


def answers(body, x):
    found = body.eval()(x)
    return (found[0] if isinstance(found, tuple) else found).mean(1).detach()


@pytest.mark.parametrize("body", BODIES)
def test_a_clip_has_the_same_answer_in_any_batch(body):
    torch.manual_seed(0)
    network, x = body("tiny", **DIMS), torch.randn(5, 8, 3, 16, 20)
    assert torch.allclose(answers(network, x)[2:3], answers(network, x[2:3]), atol=1e-5)
    assert answers(network, x).shape == (5, network.features)


@pytest.mark.parametrize("body", BODIES)
def test_only_the_average_does_not_care_for_the_order_of_frames(body):
    torch.manual_seed(0)
    network, x = body("tiny", **DIMS), torch.randn(3, 4, 3, 16, 20)
    same = torch.allclose(answers(network, x), answers(network, x.flip(1)), atol=1e-5)
    assert same == (body is averaged)


def test_more_frames_are_read_as_views_whose_answers_are_averaged():
    torch.manual_seed(0)
    network, x = shifted("tiny", **DIMS), torch.randn(3, 8, 3, 16, 20)
    views = [answers(network, x[:, start::2]) for start in (0, 1)]
    assert torch.allclose(answers(network, x), (views[0] + views[1]) / 2, atol=1e-5)


def test_without_stills_what_stands_still_is_not_seen():
    torch.manual_seed(0)
    network = shifted("tiny", **DIMS, stills=False)
    still = torch.randn(3, 1, 3, 16, 20).expand(3, 4, 3, 16, 20)
    assert torch.allclose(answers(network, still), answers(network, torch.zeros_like(still)), atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_sizes_are_about_what_they_say(size):
    with torch.device("meta"):
        weights = sum(p.numel() for p in shifted(size, **DIMS).parameters())
    assert 0.7 < weights / {"tiny": 1e5, "small": 1e6, "base": 1e7, "large": 1e8}[size] < 1.4


@pytest.mark.parametrize(("frames", "side"), [(1, 8), (1, 40), (2, 8), (16, 12)])
def test_one_frame_and_small_sides_are_clips_too(frames, side):
    for body in BODIES:
        network = body("tiny", channels=1, frames=frames, height=side, width=side)
        assert answers(network, torch.randn(2, frames, 1, side, side)).shape == (2, network.features)


def rows(n, seed):
    clips, signs, speeds = drifting(np.random.default_rng(seed), n)
    return [{"x": x, "label": int(sign), "speed": speed} for x, sign, speed in zip(clips, signs, speeds, strict=True)]


def test_a_made_clip_holds_its_motion():
    clips, signs, speeds = drifting(np.random.default_rng(0), 60)
    for clip, sign, speed in zip(clips.astype(float), signs, speeds, strict=True):
        changed = np.abs(clip[1:] - clip[:-1]).max(3) > 60
        matched = {
            by: (changed & (np.abs(np.roll(clip[:-1], by, axis=2) - clip[1:]).max(3) < 40)).sum()
            for by in (-SPEEDS[speed], SPEEDS[speed])
        }
        assert max(matched, key=matched.get) == sign * SPEEDS[speed]


def test_what_only_motion_decides_is_learned_and_not_by_an_average_of_frames():
    task = discovery.task("video-classification")
    data, held = rows(240, 1), rows(120, 2)
    found = {}
    for network in ("motion", "average"):
        model = assay.train(
            task, data, test=held, input="x", target="label", network=network, epochs=12, validation=0, quiet=True
        )
        found[network] = assay.evaluate(model, held, quiet=True).figure("accuracy")
    assert found["motion"].low > 0.8
    assert found["average"].low < 0.5 < found["average"].high
