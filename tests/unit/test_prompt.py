"""Prompts: right-aligned, cut on the left, nothing is as good as an empty one."""

from __future__ import annotations

import numpy as np
import torch

from assay.codecs.tokenizer import learn
from assay.inputs.prompt import FittedPrompt, Prompt


def fitted(longest: int = 0) -> FittedPrompt:
    texts = ["to be or not to be", "that is"]
    return Prompt(longest_prompt=longest).fit(texts, learn(texts, kind="characters"))


def test_prompts_stand_at_the_right_edge_behind_a_beginning() -> None:
    prompt = fitted()
    pack = prompt.encode(["to", "", None], {})
    assert pack["length"].tolist() == [3, 1, 1]
    assert pack["prompt"][0, -3] == prompt.tokenizer.begin
    assert prompt.tokenizer.decode(pack["prompt"][0, -2:].tolist()) == "to"
    assert (pack["prompt"][1] == pack["prompt"][2]).all()
    x = prompt.collate({name: torch.from_numpy(array) for name, array in pack.items()})
    assert x["prompt"].shape == (3, 3)
    assert x["mask"].tolist() == [[True] * 3, [False, False, True], [False, False, True]]


def test_a_prompt_that_is_too_long_keeps_its_end_and_says_so() -> None:
    prompt = fitted(longest=4)
    pack = prompt.encode(["to be or not"], {})
    assert prompt.tokenizer.decode(pack["prompt"][0].tolist()) == " not"
    assert "last 4 of its 12 tokens" in prompt.notes(["to be or not"])[0]
    assert prompt.notes(["not"]) == {}
    assert prompt.remarks[0].startswith("2 of 2 training prompts have more than 4 tokens: only the last 4 are read")
    assert fitted().remarks == ()


def test_unknown_characters_are_remarked_on_and_what_is_no_text_is_a_problem() -> None:
    prompt = fitted()
    assert "1 of its 2 tokens" in prompt.notes(["tΩ"])[0]
    problems: dict[int, str] = {}
    prompt.encode([5, "to"], problems)
    assert list(problems) == [0]


def test_parts_are_words_and_keeping_all_is_the_identity() -> None:
    prompt = fitted()
    pack = prompt.encode(["to be or"], {})
    assert prompt.parts(pack) == ("to", "be", "or")
    kept = prompt.keep(pack, np.array([[True] * 3, [True, False, True], [False] * 3]))
    assert (kept["prompt"][0] == pack["prompt"][0]).all()
    assert prompt.tokenizer.decode(kept["prompt"][1].tolist()) == "to or"
    assert kept["length"].tolist() == [9, 6, 1]


def test_a_prompt_comes_back_from_json() -> None:
    prompt = fitted()
    assert Prompt().load(prompt.to_json()) == prompt
