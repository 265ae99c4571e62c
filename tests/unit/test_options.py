"""--set: fields of a task's input and output by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from assay.core import discovery
from assay.core.errors import ConfigError
from assay.core.options import answering, pairs, with_options


@dataclass(frozen=True)
class Kind:
    word: str = "auto"
    count: int = 3
    share: float | None = None
    exact: bool = False
    many: tuple[str, ...] = ()


@dataclass(frozen=True)
class Other:
    count: int = 4


@dataclass(frozen=True)
class Fitted:
    beam: int = 1
    secret: int = 1
    adjustable = ("beam",)


TASK = replace(discovery.task("tabular-classification"), input=Kind(), output=Other())


def test_values_get_the_type_of_their_field():
    task, chosen = with_options(TASK, ["word=bpe", "share = 0.5", "exact=yes"])
    assert task.input == Kind("bpe", 3, 0.5, True)
    assert chosen == {"word": "bpe", "share": 0.5, "exact": True}
    assert with_options(TASK, chosen)[0] == task, "what was chosen can be chosen again"
    assert with_options(TASK, ["share=none"])[0].input.share is None


def test_a_name_that_both_sides_have_is_set_in_both():
    task, _ = with_options(TASK, ["count=7"])
    assert (task.input.count, task.output.count) == (7, 7)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("wrod=bpe", 'mean "word"'),
        ("count=many", "whole number"),
        ("exact=maybe", "true or false"),
        ("count", "NAME=VALUE"),
        ("many=a", "cannot be set"),
    ],
)
def test_what_cannot_be_set_is_said(given, says):
    with pytest.raises(ConfigError, match=says):
        with_options(TASK, [given])


def test_only_adjustable_fields_are_set_when_a_model_answers():
    assert answering(Fitted(), ["beam=5"]) == Fitted(beam=5)
    for name in ("secret", "baem"):
        with pytest.raises(ConfigError, match="beam"):
            answering(Fitted(), [f"{name}=2"])
    with pytest.raises(ConfigError, match="nothing to set"):
        answering(Other(), ["count=1"])


def test_pairs_take_a_mapping_as_it_is():
    assert pairs({"a": 1}) == {"a": 1}
