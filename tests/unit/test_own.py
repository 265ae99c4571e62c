"""A model's own answers as targets, and what of an answer can be explained, for every output."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from assay.outputs._boxes_map import cells
from assay.outputs._fitted_action import FittedAction
from assay.outputs.boxes import Boxes
from assay.outputs.label import Label
from assay.outputs.number import Number
from assay.outputs.ranking import Ranking
from assay.outputs.tokens import Tokens
from assay.outputs.transcript import Transcript
from assay.outputs.waveform import Waveform


def tensors(pack):
    return {name: torch.from_numpy(array) for name, array in pack.items() if array.dtype != np.float64}


def same(own, encoded):
    """Two packs have the same arrays."""
    assert own.keys() == encoded.keys()
    for name, array in encoded.items():
        assert own[name].dtype == array.dtype, name
        np.testing.assert_array_equal(own[name], array, err_msg=name)


def test_a_label_is_the_most_probable_one():
    output = Label().fit(["cat", "dog", "owl"])
    own = output.own({"probability": np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], dtype=np.float32)})
    same(own, output.encode(["dog", "cat"], {}))


def test_a_number_is_explained_in_its_own_unit_and_keeps_its_direction():
    output = Number().fit([10.0, 20.0, 30.0])
    raw = torch.tensor([-1.0, 0.5])
    own = output.own({"number": raw.double().numpy() * output.scale + output.mean})
    np.testing.assert_allclose(own["standard"], raw.numpy(), rtol=1e-6)
    assert own.keys() == output.encode([1.0], {}).keys()
    assert float(output.loss(raw, tensors(own)).abs().max()) < 1e-12
    explained = output.explained(raw, tensors(own))[:, 0]
    np.testing.assert_allclose(explained, own["number"])
    assert explained[0] < output.mean < explained[1]


def test_a_text_is_the_tokens_that_were_found():
    texts = ["so it was", "no it was not"]
    output = Tokens(tokenizer="words").fit(texts)
    encoded = output.encode(texts, {})
    noise = np.arange(output.longest) >= encoded["length"][:, None]
    answers = {"answer": np.where(noise, 3, encoded["tokens"]), "length": encoded["length"]}
    same(output.own(answers), encoded)


def test_a_text_claims_each_of_its_tokens():
    texts = ["so it was", "no"]
    output = Tokens(tokenizer="words").fit(texts)
    y = output.encode(texts, {})
    names = output.claims({name: array[:1] for name, array in y.items()})
    assert names == ("text", "1: so", "2: it", "3: was", "4: (end)")
    raw = torch.randn(2, 4, output.tokenizer.size, generator=torch.Generator().manual_seed(0))
    found = output.explained(raw, tensors(y))
    assert found.shape == (2, 5)
    torch.testing.assert_close(found[:, 0], -output.loss(raw, tensors(y)))
    torch.testing.assert_close(found[:, 1:].sum(1), found[:, 0])
    assert (found[1, 3:] == 0).all(), "the shorter text has two tokens"
    torch.testing.assert_close(found[0, 1], raw[0, 0].log_softmax(-1)[y["tokens"][0, 0]])


def test_a_transcript_is_what_was_heard_also_where_that_is_nothing():
    output = Transcript().fit(["on", "no"])
    answers = {"answer": np.full((2, output.longest), output.tokenizer.pad, dtype=np.int32)}
    answers["answer"][0, :2] = output.encode(["on"], {})["tokens"][0, :2]
    answers["symbols"] = np.array([2, 0], dtype=np.int32)
    own = output.own(answers)
    same({k: v[:1] for k, v in own.items()}, output.encode(["on"], {}))
    raw = torch.zeros(2, 5, output.tokenizer.size)
    loss = output.loss(raw, tensors(own))
    frames = 5 * np.log(output.tokenizer.size)  # every frame is silent: one alignment
    assert float(loss[1]) == pytest.approx(frames, rel=1e-5)


def test_a_sound_is_the_spectrogram_that_was_said():
    rng = np.random.default_rng(0)
    waves = [((rng.normal(size=4000) * 3000).astype(np.int16), 8000) for _ in range(3)]
    output = Waveform(rate=8000, hop=200, bands=20, detail=False).fit(waves)
    encoded = output.encode(waves, {})
    longest = np.zeros((3, output.longest, 20), dtype=np.float32)
    longest[:, : encoded["mel"].shape[1]] = encoded["mel"]
    same(output.own({"mel": longest, "length": encoded["length"]}), encoded)
    nothing = output.own({"mel": longest, "length": np.zeros(3, dtype=np.int32)})
    raw = torch.zeros(3, 1, 22)
    assert torch.isfinite(output.loss(raw, tensors(nothing))).all()


def test_a_ranking_is_its_best_item():
    output = Ranking(k=2).fit(["tea", "milk", "jam"])
    codes = output.encode(["jam", "tea"], {})["next"][:, -1]
    answers = {"items": np.stack([codes, codes[::-1]], axis=1), "probability": np.array([[0.6, 0.4]] * 2)}
    same(output.own(answers), output.encode(["jam", "tea"], {}))


def test_objects_are_those_that_are_listed_and_each_is_a_claim():
    output = Boxes(least=0.5).fit([[{"label": "cat", "x0": 0, "y0": 0, "x1": 0.5, "y1": 1}], []])
    boxes = np.zeros((2, 3, 4), dtype=np.float32)
    boxes[0] = [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0, 1, 1]]
    code = np.array([[0, 0, 0], [0, -1, -1]])
    confidence = np.array([[0.9, 0.6, 0.2], [0.1, 0, 0]], dtype=np.float32)
    own = output.own({"boxes": boxes, "code": code, "confidence": confidence})
    for name, array in output.encode([[], []], {}).items():
        assert own[name].shape == array.shape
        assert own[name].dtype == array.dtype
    assert (own["code"] >= 0).sum(1).tolist() == [min(2, output.most), 0]
    assert output.claims({k: v[1:] for k, v in own.items()}) == ("no object",)


def test_a_box_is_said_as_strongly_as_the_best_cell_says_it():
    output = Boxes(most=2).fit([[{"label": "cat", "x0": 0, "y0": 0, "x1": 0.5, "y1": 1}]])
    raw = torch.zeros(1, 5, 4, 4)
    raw[0, 4] = -8.0
    raw[0, 4, 1, 1] = 3.0  # one cell is sure
    box = cells(raw)[1][0, 1 * 4 + 1].tolist()
    true = [{"label": "cat", **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))},
            {"label": "cat", "x0": 0.9, "y0": 0.9, "x1": 1.0, "y1": 1.0}]  # fmt: skip
    y = output.encode([true], {})
    assert output.claims(y) == ("objects", "cat 1", "cat 2")
    found = output.explained(raw, tensors(y))[0]
    assert float(found[1]) == pytest.approx(1 / (1 + np.exp(-3.0)), rel=1e-4)
    assert float(found[2]) < 0.01
    assert float(found[0]) == pytest.approx(float(found[1:].mean()), rel=1e-6)


def test_an_action_is_the_likeliest_of_each_choice():
    output = FittedAction(kind="choice", counts=(2, 3), shape=(2,))
    own = output.own({"probability": np.array([[0.2, 0.8, 0.5, 0.3, 0.2]], dtype=np.float32)})
    same(own, output.encode([[1, 0]], {}))
    assert output.claims(own) == ("action", "choice 1", "choice 2")
    raw = torch.randn(1, 6, generator=torch.Generator().manual_seed(0))
    found = output.explained(raw, tensors(own))
    torch.testing.assert_close(found[:, 1:].sum(1), found[:, 0])
    torch.testing.assert_close(found[:, 0], -output.loss(raw, tensors(own)))


def test_numbers_that_a_policy_means_are_claims_in_the_unit_of_the_environment():
    output = FittedAction(kind="numbers", shape=(1,), low=(-2.0,), high=(2.0,))
    own = output.own({"action": np.array([[1.0]], dtype=np.float32)})
    same(own, output.encode([[1.0]], {}))
    found = output.explained(torch.tensor([[0.5, 0.0, 0.0]]), tensors(own))
    assert output.claims(own) == ("action", "number 1")
    assert float(found[0, 1]) == pytest.approx(1.0)
