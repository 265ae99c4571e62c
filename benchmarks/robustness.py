"""Does the audit of robustness cry wolf, does it find harm, do its intervals hold the truth, and what does it cost?

Made data whose truth is known: the second of two numbers is noise that the model listens to. A corruption that draws it
anew flips many answers and leaves every metric as it is in the mean, so no verdict may be given; one that also weakens the
first number costs 7.5 points of accuracy (75 % clean) in the mean over its severities. The cost is of handwritten digits
that scikit-learn ships.

Run: python benchmarks/robustness.py [--seeds 200] [--n 1000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import assay
from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.model import Model
from assay.core.packing import Encoded
from assay.core.verb import Silence
from assay.methods.proportions import wilson
from assay.outputs.label import FittedLabel
from assay.tasks._digits import digits
from assay.verbs import _audit_robustness as robustness
from assay.verbs.audit import Config

HARM = 0.25  # of the first number, lost at each severity


class Numbers:
    """A number that decides and a number that only misleads."""

    dims: dict[str, Any] = {}  # noqa: RUF012
    remarks = ()

    def __init__(self, corruptions: tuple[str, ...]) -> None:
        self.corruptions = corruptions

    def collate(self, arrays: Any) -> Any:
        return arrays

    def corrupt(self, x: Any, kind: str, severity: int, rng: np.random.Generator) -> Any:
        values = x["x"].copy()
        values[:, 1] = rng.normal(0, 1, len(values))
        if kind == "weakened":
            values[:, 0] *= max(0.0, 1 - HARM * severity / 2)
        return {"x": values}


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T


def audited(seed: int, n: int, kinds: tuple[str, ...]) -> Any:
    rng = np.random.default_rng([seed, 7])
    x = rng.normal(size=(n, 2)).astype(np.float32)
    y = {"label": (x[:, 0] > 0).astype(np.int64)}
    model = Model(
        task=discovery.task("tabular-classification"),
        network_name="sum",
        size=None,
        input=Numbers(kinds),
        output=FittedLabel(("minus", "plus")),
        network=Sum(),
        roles=Roles(("x",), False, "y"),
    )
    answers = model.answer(Encoded({"x": x}, np.arange(n), y, np.arange(n), ()))
    return robustness.audit(model, None, answers, Config(seed=seed), Silence())


def shares(seeds: int, n: int) -> None:
    alarms = {"corruptions": 0, "robustness": 0}
    held = found = named = 0
    for seed in range(seeds):
        quiet = audited(seed, n, ("drawn anew", "drawn again"))
        for table in quiet.tables:
            alarms[table.name] += any(row[-1] in ("worse", "better") for row in table.rows)
        apart = next(figure for figure in quiet.figures if figure.name == "corrupted_accuracy_difference")
        held += apart.low <= 0 <= apart.high
        loud = audited(seed, n, ("drawn anew", "weakened"))
        verdicts = {row[0]: row[-1] for row in loud.tables[0].rows}
        found += verdicts["weakened"] == "worse"
        named += "suffers most from weakened" in loud.notes[0]
    for name, count in (
        *((f"false alarm in the table {name}, no effect planted", count) for name, count in alarms.items()),
        ("interval of the mean difference holds the truth", held),
        ("planted harm found", found),
        ("planted harm named first", named),
    ):
        low, high = wilson(count, seeds)
        print(f"{name}: {count / seeds:.3f} [{low:.3f}, {high:.3f}] of {seeds} audits of {n} examples")


def cost() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = digits(Path(folder) / "digits").data
        model = assay.train("image-classification", data, size="tiny", epochs=5, quiet=True)
        began = time.process_time()
        assay.evaluate(model, data, quiet=True)
        once = time.process_time() - began
        began = time.process_time()
        record = assay.audit(model, data, robustness=True, quiet=True)
        spent = time.process_time() - began
    print(f"digits: {spent:.1f} CPU s for {len(model.input.corruptions)} corruptions; evaluate takes {once:.1f}")
    print(record.notes[0])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--n", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    cost()
    shares(given.seeds, given.n)
