"""What a target with no input of its own, options by name and a reader's remarks come to in every verb."""

from __future__ import annotations

import pytest

import assay
from assay.core.folder import read_card
from assay.core.loading import for_judging
from assay.core.seen import hashes
from assay.core.verb import Silence
from assay.verbs import demo

OPTIONS = {"epochs": 1, "device": "cpu", "quiet": True, "size": "tiny"}


def sums(n, start=0):
    """Prompts of which there are few, and answers that no other row has."""
    return [
        {"prompt": f"say {i % 3}: ", "completion": f"item {i} of {7 * i % 101}, and {i * i}"}
        for i in range(start, start + n)
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = tmp_path_factory.mktemp("lm") / "m"
    return assay.train("text-generation", sums(120), out=out, **OPTIONS)


def test_an_example_is_its_prompt_and_its_answer_together(model):
    first, other = ({"prompt": "say 1: ", "completion": f"item {i}"} for i in (1, 2))
    encoded = model.encode(for_judging([first, other, first], model.task, model.roles))
    found = hashes(encoded)
    assert found[0] == found[2]
    assert found[0] != found[1], "an equal prompt with another answer is another example"


def test_equal_prompts_are_not_taken_for_examples_seen_before(model):
    record = assay.evaluate(model, sums(30, 500), quiet=True)
    assert not any("too good" in note for note in record.notes)
    again = assay.evaluate(model, [*sums(30, 500), *sums(40)], quiet=True)
    assert any("too good" in note for note in again.notes)


def test_inspect_compares_prompt_and_answer_together():
    rows = sums(80)
    clean = assay.inspect("text-generation", rows, quiet=True)
    assert clean.figure("exact_copies").value == 0
    copied = assay.inspect("text-generation", [*rows, *rows[:8]], quiet=True)
    assert copied.figure("exact_copies").value == pytest.approx(8 / 88)


def clicks():
    rows = [{"who": f"u{u}", "what": f"i{(u + t) % 9}", "when": t} for u in range(40) for t in range(6)]
    return [*rows, {"who": "once", "what": "i1", "when": 0}]


def test_inspect_takes_the_columns_that_set_names_and_train_says_what_was_noticed(tmp_path):
    named = {"user": "who", "item": "what", "time": "when"}
    with pytest.raises(assay.DataError, match="user"):
        assay.inspect("recommendation", clicks(), quiet=True)
    looked = assay.inspect("recommendation", clicks(), set=named, quiet=True)
    assert any("one event" in note for note in looked.notes)
    model = assay.train(
        "recommendation", clicks(), set=named, out=tmp_path / "m", network="linear", epochs=1, quiet=True
    )
    record = next(r for r in read_card(model) if r.verb == "train")
    assert any("one event" in note for note in record.notes)
    again = assay.load(tmp_path / "m")
    assert again.task.input.user == "who", "reading data again follows what was set"
    assert assay.evaluate(again, clicks(), quiet=True).data["n"] == 40


def test_set_is_a_mapping_or_texts_and_changes_how_answers_are_searched_for(model):
    short, same = (
        assay.predict(model, ["say 1: "], set=given, quiet=True) for given in ({"longest": 5}, ["longest=5"])
    )
    assert short == same
    assert len(short[0]["text"]) <= 5 < len(assay.predict(model, ["say 1: "], quiet=True)[0]["text"])


def test_play_refuses_options_that_it_would_pass_over():
    for option in ({"accumulate": 2}, {"precision": "bf16"}, {"compile": True}):
        with pytest.raises(assay.ConfigError, match="does not apply to learning from play"):
            assay.train("game-playing", "CartPole-v1", epochs=1, quiet=True, **option)


def test_a_demo_says_what_is_known_of_its_data(tmp_path):
    outcome = demo.run(demo.Config(task="recommendation", out=tmp_path / "d", time="6s"), Silence())
    assert "Known: the best NDCG@10 that any model can reach here is 0.59" in str(outcome.text)
