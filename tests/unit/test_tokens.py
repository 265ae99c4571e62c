"""Token outputs: searches keep their promises, and figures are what a direct computation gives."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import assay
from assay.codecs.passages import Passage
from assay.codecs.tokenizer import learn
from assay.core.errors import ConfigError, DataError
from assay.core.model import BodyAndHead
from assay.core.protocols import Tensors
from assay.inputs.prompt import FittedPrompt, Prompt
from assay.networks.language import CausalHead, PromptBody, Shape
from assay.outputs._token_texts import references
from assay.outputs.tokens import FittedTokens, Tokens

TEXTS = ["abcab", "bcabca", "cab", "aabbcc"]


def fitted(**options: Any) -> tuple[FittedPrompt, FittedTokens, BodyAndHead]:
    tokenizer = learn(TEXTS, kind="characters")
    prompt = Prompt().fit(["ab", "c"], tokenizer)
    output = Tokens(continues=True, longest=6, **options).fit(TEXTS, tokenizer, before=prompt.usual)
    torch.manual_seed(0)
    shape = Shape(16, 2, 2)
    head = CausalHead(shape, tokenizer.size, output.context, tokenizer.begin, tokenizer.pad, order=0)
    torch.nn.init.normal_(head.readout.weight, std=0.7)
    return prompt, output, BodyAndHead(PromptBody(shape), head).eval()


def batch(prompt: FittedPrompt, *texts: str | None) -> Tensors:
    pack = prompt.encode(list(texts), {})
    return prompt.collate({name: torch.from_numpy(array) for name, array in pack.items()})


def target(output: FittedTokens, *texts: str) -> Tensors:
    return {name: torch.from_numpy(array) for name, array in output.encode(list(texts), {}).items()}


def forced(
    output: FittedTokens, network: BodyAndHead, x: Tensors, tokens: np.ndarray, length: np.ndarray
) -> np.ndarray:
    """The log-probability of answers by teacher forcing."""
    y = {"tokens": torch.from_numpy(tokens), "length": torch.from_numpy(length)}
    return -output.loss(output.forward(network, x, y), y).detach().numpy()


def test_an_answer_round_trips_and_ends_unless_it_goes_on() -> None:
    _, output, _ = fitted()
    pack = output.encode(["abc", Passage("abc")], {})
    assert pack["length"].tolist() == [4, 3]
    assert pack["tokens"][0, 3] == output.tokenizer.end
    assert output.tokenizer.decode(pack["tokens"][1].tolist()) == "abc"
    assert pack["characters"].tolist() == [3, 3]


def test_what_is_no_answer_is_a_problem() -> None:
    _, output, _ = fitted()
    problems: dict[int, str] = {}
    output.encode(["abc", "", None, "a" * 50, 3.5], problems)
    assert sorted(problems) == [1, 2, 3, 4]
    assert "empty" in problems[1]
    assert "51 tokens" in problems[3]
    assert "longest" in problems[3]


def test_a_text_that_answers_are_compared_with_is_learned_in_part_and_compared_whole() -> None:
    output = Tokens(tokenizer="characters", longest=4).fit(["ab", "abc", "ä"])
    ys = ["abc", "abcabcä" * 40, "", None, "a" * 70_000]
    problems: dict[int, str] = {}
    pack = output.encode(ys, problems)
    assert problems.keys() == {2, 3, 4}
    assert "70,000 bytes" in problems[4]
    assert pack["length"].tolist()[:2] == [4, 4]
    assert output.tokenizer.decode(pack["tokens"][1].tolist()) == "abca"  # and nothing of an end
    assert references(pack)[:2] == ys[:2]
    assert output.notes(ys[:2]) == {
        1: "only the first 4 of its 281 tokens are learned and scored (perplexity); answers are compared with all of it."
    }
    assert fitted()[1].notes(["a" * 50]) == {}  # refused, see above


def test_speed_is_measured_with_short_answers_where_they_have_no_end_of_their_own() -> None:
    _, output, _ = fitted()
    assert output.timed == (output, "")
    timed, note = replace(output, longest=500).timed
    assert (timed.longest, note) == (16, "Latency and throughput are of answers of 16 tokens.")
    translated = Tokens(tokenizer="characters", longest=40).fit(["ab"])
    assert translated.timed == (translated, "")


def test_a_beam_of_one_is_greedy() -> None:
    prompt, output, network = fitted()
    x = batch(prompt, "ab", "c", "")
    answers = output.decode(network, x)
    for row in range(3):
        tokens: list[int] = []
        while len(tokens) < output.longest and (not tokens or tokens[-1] != output.tokenizer.end):
            given = torch.tensor([[output.tokenizer.begin, *tokens]])
            one = {name: tensor[row : row + 1] for name, tensor in x.items()}
            scores = network(given=given, **one)[0, -1]
            scores[[output.tokenizer.pad, output.tokenizer.begin, output.tokenizer.unknown]] = -torch.inf
            tokens.append(int(scores.argmax()))
        assert answers["answer"][row, : answers["length"][row]].tolist() == tokens


@pytest.mark.parametrize(
    "options", [{"beam": 1}, {"beam": 4}, {"temperature": 1.0}, {"temperature": 0.7, "top_p": 0.8}]
)
def test_the_log_probability_of_an_answer_is_that_of_teacher_forcing(options: dict[str, Any]) -> None:
    prompt, output, network = fitted(**options)
    x = batch(prompt, "ab", "c", None)
    answers = output.decode(network, x)
    expected = forced(output, network, x, answers["answer"], answers["length"])
    np.testing.assert_allclose(answers["log_probability"], expected, atol=1e-4)


def test_a_wide_beam_finds_the_best_of_all_answers() -> None:
    prompt, output, network = fitted()
    output = replace(output, longest=2, beam=40, length_penalty=0.0)
    x = batch(prompt, "ab")
    codes = [c for c in range(output.tokenizer.size) if c not in {0, 1, 3}]
    end = output.tokenizer.end
    every = [[a, b] for a in codes if a != end for b in codes] + [[end, end]]
    tokens = np.array(every, dtype=np.int32)
    length = np.array([1 if a == end else 2 for a, _ in every], dtype=np.int32)
    many = {name: tensor.repeat(len(every), 1) for name, tensor in x.items()}
    scores = forced(output, network, many, tokens, length)
    answer = output.decode(network, x)
    assert answer["log_probability"][0] == pytest.approx(scores.max(), abs=1e-4)
    assert (
        answer["answer"][0, : answer["length"][0]].tolist()
        == tokens[scores.argmax()][: length[scores.argmax()]].tolist()
    )


@pytest.mark.parametrize("options", [{"beam": 3}, {"temperature": 1.0}])
def test_answers_do_not_depend_on_the_batch(options: dict[str, Any]) -> None:
    prompt, output, network = fitted(**options)
    both = output.decode(network, batch(prompt, "abcabcabc", "c"))
    alone = output.decode(network, batch(prompt, "c"))
    assert both["answer"].shape[1] == alone["answer"].shape[1]
    assert both["answer"][1].tolist() == alone["answer"][0].tolist()


def test_the_seed_decides_what_is_drawn() -> None:
    prompt, output, network = fitted(temperature=1.0)
    prompts = batch(prompt, *["a" * n + "b" * m for n in range(5) for m in range(5)])
    one, same = output.decode(network, prompts), output.decode(network, prompts)
    other = replace(output, seed=1).decode(network, prompts)
    assert (one["answer"] == same["answer"]).all()
    assert (one["answer"] != other["answer"]).any()


def test_draws_follow_the_probabilities_and_the_nucleus() -> None:
    prompt, output, network = fitted(temperature=1.0)
    output = replace(output, longest=1)
    x = batch(prompt, "ab")
    chance = output.forward(network, x)[0, 0].softmax(-1).detach()
    chance[[0, 1, 3]] = 0
    chance /= chance.sum()
    first = [int(replace(output, seed=s).decode(network, x)["answer"][0, 0]) for s in range(250)]
    found = np.bincount(first, minlength=len(chance)) / 250
    assert np.abs(found - chance.numpy()).max() < 0.1
    best = int(chance.argmax())
    assert {int(replace(output, seed=s, top_p=0.01).decode(network, x)["answer"][0, 0]) for s in range(20)} == {best}


def test_a_temperature_next_to_nothing_draws_the_likeliest() -> None:
    prompt, output, network = fitted(temperature=1e-300)
    found = output.decode(network, x := batch(prompt, "ab"))
    assert np.isfinite(found["log_probability"]).all()
    greedy = replace(output, temperature=0.0).decode(network, x)
    length = int(greedy["length"][0])
    np.testing.assert_array_equal(found["answer"][0, :length], greedy["answer"][0, :length])


def test_bits_per_character_equal_a_direct_computation() -> None:
    prompt, output, network = fitted()
    texts, x = ["abca", "cab"], batch(prompt, "ab", "c")
    y = target(output, *texts)
    answers = output.decode(network, x, y)
    assert set(answers) == {"nll"}
    tally = output.tally(answers, {name: tensor.numpy() for name, tensor in y.items()})
    total = 0.0
    for row, text in enumerate(texts):
        codes = [*output.tokenizer.encode([text])[0], output.tokenizer.end]
        one = {name: tensor[row : row + 1] for name, tensor in x.items()}
        logits = network(given=torch.tensor([[output.tokenizer.begin, *codes[:-1]]]), **one)[0].detach().double()
        total -= float(logits.log_softmax(-1)[range(len(codes)), codes].sum())
    values = {metric.name: float(metric.of(tally.sum(0))) for metric in output.metrics}
    assert values["bits_per_character"] == pytest.approx(total / math.log(2) / 7, rel=1e-5)
    assert values["nats_per_character"] == pytest.approx(total / 7, rel=1e-5)
    assert values["bits_per_byte"] == pytest.approx(total / math.log(2) / 7, rel=1e-5)
    assert values["perplexity"] == pytest.approx(math.exp(total / 9), rel=1e-5)


def test_the_loss_of_a_text_does_not_depend_on_longer_neighbours() -> None:
    prompt, output, network = fitted()
    x = batch(prompt, "ab", "c")
    both, alone = target(output, "abcab", "c"), target(output, "c")
    together = output.loss(output.forward(network, x, both), both)[1]
    single = {name: tensor[1:, -2:] for name, tensor in x.items()}
    torch.testing.assert_close(
        together, output.loss(output.forward(network, single, alone), alone)[0], atol=1e-5, rtol=1e-5
    )


def test_the_gap_is_nothing_between_equals_and_positive_between_others() -> None:
    prompt, output, network = fitted()
    x, y = batch(prompt, "ab", "c"), target(output, "abcab", "c")
    raw = output.forward(network, x, y)
    assert output.gap(raw, raw).abs().max() < 1e-6
    assert (output.gap(raw, raw + torch.randn(raw.shape)) > 0).all()


def test_a_said_answer_is_compared_with_its_reference() -> None:
    output = Tokens(tokenizer="bpe", vocabulary=300).fit(["the cat sat", "a dog"])
    pack = output.encode(["the cat sat", "ein Café"], {})
    names = [metric.name for metric in output.metrics]
    assert names[:2] == ["bleu", "chrf"]
    assert names[-1] == "perplexity"
    right = {
        "answer": pack["tokens"],
        "length": pack["length"],
        "log_probability": np.zeros(2),
        "nll": np.full(2, 3.0),
    }
    sums = output.tally(right, pack).sum(0)
    values = {metric.name: float(metric.of(sums)) for metric in output.metrics}
    assert values["chrf"] == pytest.approx(100)
    assert values["exact_match"] == 1
    assert values["perplexity"] == pytest.approx(math.exp(6 / pack["length"].sum()))
    assert output.verdict(right, pack).tolist() == pytest.approx([100, 100])
    assert output.rows(right)[1]["text"] == "ein Café"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"beam": 0}, "beam=0"),
        ({"temperature": -1.0}, "temperature=-1: it takes a number from 0 to 100"),
        ({"top_p": 1.5}, "top_p=1.5"),
        ({"beam": 3, "temperature": 1.0}, "beam=1"),
        ({"tokenizer": "bqe"}, "bpe"),
        ({"context": 0}, "context=0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Tokens(**options).fit(TEXTS)


def test_no_text_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="empty or missing"):
        Tokens().fit(["", None])


def test_a_model_of_text_survives_its_folder_and_foresees_what_is_regular(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one two three four five six seven eight nine ten\n" * 60)
    model = assay.train(
        "text-generation", tmp_path / "text.txt", out=tmp_path / "m", size="tiny", epochs=3, set=["context=48"], seed=0
    )
    loaded = assay.load(tmp_path / "m")
    prompts = ["one two ", "seven eight", ""]
    assert loaded.predict(prompts) == model.predict(prompts)
    record = assay.evaluate(tmp_path / "m", tmp_path / "text.txt")
    assert record.figure("bits_per_character").value < 0.5
    assert record.data["split"] == "test"
    greedy = replace(model, output=replace(model.output, temperature=0.0, longest=20))
    assert greedy.predict(["three four five"])[0]["text"].startswith(" six seven eight")
