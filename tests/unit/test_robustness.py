"""Robustness: a planted weakness is found and named, a harmless change is not, and figures equal those counted by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from tests.odds import fewest
from torch import nn

from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.errors import Unsupported
from assay.core.model import Model
from assay.core.packing import Encoded
from assay.core.verb import Silence
from assay.methods.calibration import calibration_error, calibration_tally, chance_error
from assay.methods.intervals import figures
from assay.outputs.label import FittedLabel
from assay.outputs.number import FittedNumber
from assay.verbs import _audit_robustness as robustness
from assay.verbs.audit import Config

N = 400


class Signs:
    """Two numbers an example, of which the first decides; ``corrupt`` plants what it is told to."""

    dims: dict[str, Any] = {}  # noqa: RUF012
    remarks = ()
    corruptions = ("noise", "second_number", "nothing")

    def collate(self, arrays: Any) -> Any:
        return arrays

    def corrupt(self, x: Any, kind: str, severity: int, rng: np.random.Generator) -> Any:
        values = x["x"].copy()
        if kind == "noise":
            values[:, 0] += rng.normal(0, 0.4 * severity, len(values))
        elif kind == "second_number":
            values[:, 1] += rng.normal(0, severity, len(values))
        return {"x": values}


class First(nn.Module):
    """What the first number says, surely: as logits of its sign, so that noise makes it wrong and leaves it sure; or as a
    number, eight times it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        weight = [[-4.0, 0.0], [4.0, 0.0]] if width == 2 else [[8.0, 0.0]]
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T


def judged(n: int = N, given: Any = None, output: Any = None, **options: Any) -> Any:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    label = (x[:, 0] > 0).astype(np.int64)
    y = {"label": label} if output is None else {"number": 8.0 * x[:, 0]}
    model = Model(
        task=discovery.task("tabular-classification"),
        network_name="mlp",
        size=None,
        input=given or Signs(),
        output=output or FittedLabel(("minus", "plus")),
        network=First(2 if output is None else 1),
        roles=Roles(("x",), False, "y"),
    )
    encoded = Encoded({"x": x}, np.arange(n), y, np.arange(n), ())
    answers = model.answer(encoded)
    return robustness.audit(model, None, answers, Config(**options), Silence())  # type: ignore[arg-type]


def test_a_planted_weakness_is_found_and_named_and_what_does_not_matter_is_not() -> None:
    found = judged()
    table = next(table for table in found.tables if table.name == "corruptions")
    verdicts = {row[0]: row[-1] for row in table.rows}
    assert verdicts == {"noise": "worse", "second number": "no change shown", "nothing": "no change shown"}
    assert table.rows[0][0] == "noise"
    assert "suffers most from noise" in found.notes[0]
    assert "1 of 3 corruptions is shown to make it worse; of second number, nothing no harm is shown." in found.notes[0]
    apart = next(figure for figure in found.figures if figure.name == "corrupted_accuracy_difference")
    assert apart.high is not None
    assert apart.high < 0


def test_curves_fall_with_severity_and_equal_those_counted_by_hand() -> None:
    found = judged()
    table = next(table for table in found.tables if table.name == "robustness")
    at = {name: i for i, name in enumerate(table.columns)}
    noise = [row for row in table.rows if row[0] == "noise" and row[2] == "accuracy"]
    values = [row[at["value"]] for row in noise]
    assert [row[1] for row in noise] == [1, 2, 3, 4, 5]
    assert values == sorted(values, reverse=True)
    rng, seed = np.random.default_rng(3), np.random.default_rng([0, 0])
    first = rng.normal(size=(N, 2)).astype(np.float32)[:, 0]
    corrupted = (first + seed.normal(0, 0.4, N)).astype(np.float32)
    assert values[0] == pytest.approx(float(np.mean((corrupted > 0) == (first > 0))))
    clean = next(row for row in table.rows if row[:3] == ("none", 0, "accuracy"))
    assert clean[at["value"]] == 1.0
    for row in noise:
        assert row[at["difference"]] == pytest.approx(row[at["value"]] - 1.0)
        assert row[at["low"]] < row[at["value"]] < row[at["high"]]
        assert row[at["difference_low"]] < row[at["difference"]] < row[at["difference_high"]]
    idle = [row for row in table.rows if row[0] in ("second number", "nothing")]
    assert len(idle) == 2 * 5 * 5  # corruptions, severities, metrics: the calibration error is one of them
    assert {row[at["verdict"]] for row in idle} == {"no change shown"}


def test_noise_that_leaves_answers_sure_is_seen_in_their_calibration() -> None:
    notes = judged().notes
    assert "confidence can be believed less there" in notes[1]
    calm = Signs()
    calm.corruptions = ("second_number",)  # type: ignore[assignment]
    quiet = judged(given=calm).notes
    assert "no corruption is shown to make the accuracy worse" in quiet[0]
    assert "no change under corruption is shown" in quiet[1]


def test_few_examples_give_no_false_alarm() -> None:
    class Weak(Signs):
        corruptions = ("second_number", "nothing")  # type: ignore[assignment]

    for n in (1, 2, 12):
        table = judged(n, Weak()).tables[0]
        assert {row[-1] for row in table.rows} <= {"no change shown", "cannot tell"}


def test_of_many_examples_some_are_drawn_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robustness, "MOST", 100)
    found = judged()
    assert found.notes[-1] == "Robustness was judged on 100 of the 400 examples, drawn at random."
    assert {figure.n for figure in found.figures} == {100}
    assert judged().tables == found.tables
    assert judged(seed=1).tables != found.tables


def test_it_works_for_numbers_too() -> None:
    found = judged(output=FittedNumber(mean=0.0, scale=1.0, half=1.0))
    names = {row[2] for row in found.tables[1].rows}
    assert "calibration_error" not in names
    assert found.tables[0].rows[0][0] == "noise"


def test_an_input_that_nothing_can_befall_is_refused_with_a_reason() -> None:
    class Still(Signs):
        corruptions = ()  # type: ignore[assignment]

    with pytest.raises(Unsupported, match="nothing is known that could befall its inputs"):
        judged(given=Still())


def test_a_corruption_leaves_the_model_that_is_judged_as_it_was() -> None:
    given = Signs()
    wrapped = robustness._Corrupted(given, "noise", 5, np.random.default_rng(0))  # type: ignore[arg-type]
    x = {"x": torch.zeros((4, 2))}
    assert wrapped.collate(x)["x"][:, 0].abs().min() > 0
    assert float(x["x"].abs().sum()) == 0
    assert wrapped.corruptions == given.corruptions


# --- calibration


def test_the_calibration_error_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0, 1, 500)
    right = rng.random(500) < sure**2
    edges = np.linspace(0, 1, 16)
    by_hand = 0.0
    for low, high in pairwise(edges):
        members = (sure >= low) & (sure < high)
        by_hand += members.mean() * abs(right[members].mean() - sure[members].mean()) if members.any() else 0.0
    assert calibration_error().over(calibration_tally(sure, right)) == pytest.approx(by_hand)


def test_its_interval_holds_the_truth_where_confidence_is_off() -> None:
    held, runs = 0, 150
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        sure = rng.choice([0.55, 0.75, 0.95], 500)
        right = rng.random(500) < sure - 0.15
        figure = figures([calibration_error()], calibration_tally(sure, right), replicates=500)[0]
        held += figure.low <= 0.15 <= figure.high  # type: ignore[operator]
    assert held >= fewest(runs, 0.95)


def test_what_chance_alone_shows_is_foreseen() -> None:
    rng = np.random.default_rng(1)
    sure = rng.beta(4, 1, 800)
    seen = [calibration_error().over(calibration_tally(sure, rng.random(800) < sure)) for _ in range(200)]
    assert chance_error(sure) == pytest.approx(np.mean(seen), rel=0.1)
    assert math.isnan(chance_error([]))


def test_confidence_must_be_one() -> None:
    with pytest.raises(ValueError, match="within 0"):
        calibration_tally([1.5], [1])
    with pytest.raises(ValueError, match="one length"):
        calibration_tally([0.5, 0.5], [1])
