"""Numbers that are no sensible option are refused before any work, with what is accepted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args, get_type_hints

import pytest

from assay.codecs.catalogue import Catalogue
from assay.core import discovery
from assay.core.errors import ConfigError
from assay.core.options import answering, with_options
from assay.core.ranges import Within, check
from assay.outputs.action import Action
from assay.outputs.ranking import FittedRanking
from assay.outputs.tokens import Tokens

TASKS = (
    "text-generation",
    "text-classification",
    "translation",
    "recommendation",
    "game-playing",
    "tabular-regression",
    "image-classification",
    "object-detection",
    "video-classification",
    "speech-recognition",
    "speech-synthesis",
)


def ranged():
    """Every number of those tasks that can be set, with its range."""
    for name in TASKS:
        task = discovery.task(name)
        for side in (task.input, task.output):
            for field, hint in get_type_hints(type(side), include_extras=True).items():
                if hint in (int, float):
                    yield name, field, None
                elif within := [thing for thing in get_args(hint) if isinstance(thing, Within)]:
                    yield name, field, within[0]


def test_every_number_has_a_range():
    found = list(ranged())
    assert len(found) > 20
    assert [(name, field) for name, field, within in found if within is None] == []


@pytest.mark.parametrize(("name", "field", "within"), list(ranged()))
def test_what_is_out_of_range_is_refused_with_the_range(name, field, within):
    task = discovery.task(name)
    whole = isinstance(getattr(task.input, field, getattr(task.output, field, None)), int)
    beyond = [str(int(within.least) - 1), str(int(within.most) + 1), "-9999999", "9" * 30]
    beyond += [] if whole else ["nan", "inf", "-inf"]
    beyond += ["0"] if within.above else []
    for value in beyond:
        with pytest.raises(ConfigError) as caught:
            with_options(task, [f"{field}={value}"])
        said = str(caught.value)
        assert said.startswith(f"--set {field}="), said
        assert str(within) in said, said
    if whole:
        for value in ("nan", "inf", "1.5"):
            with pytest.raises(ConfigError, match="whole number"):
                with_options(task, [f"{field}={value}"])


def test_both_ends_are_accepted_unless_the_lower_one_is_left_out():
    assert [value in Within(1, 3) for value in (0, 1, 3, 4, math.nan)] == [False, True, True, False, False]
    assert 0 not in Within(0, 1, above=True)
    check(Tokens(context=1, beam=100))


def test_values_that_go_together_only_are_set_together():
    translation = discovery.task("translation")  # it searches with five beams
    task, _ = with_options(translation, ["temperature=1", "beam=1"])
    assert (task.output.temperature, task.output.beam) == (1.0, 1)
    with pytest.raises(ConfigError, match="beam=5 searches and --set temperature=1 draws"):
        with_options(translation, ["temperature=1"])
    with pytest.raises(ConfigError, match=r"--set top_p=0: it takes a number above 0, at most 1"):
        with_options(translation, ["top_p=0", "beam=1", "temperature=1"])


def test_an_answer_lists_one_item_at_least():
    fitted = FittedRanking(Catalogue(("a", "b")), 10, 1)
    assert answering(fitted, ["k=2"]) == replace(fitted, k=2)
    for value in ("0", "-1", "1000000000"):
        with pytest.raises(ConfigError, match=r"--set k=.*from 1 to 10,000"):
            answering(fitted, [f"k={value}"])


def test_a_target_is_a_finite_number_or_a_word():
    assert Action(target="475").aim() == 475
    assert Action(target="none").aim() is None
    for value in ("nan", "inf", "high"):
        with pytest.raises(ConfigError, match='a finite number, "auto" or "none"'):
            Action(target=value)
