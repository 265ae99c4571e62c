"""Targets that are no single word: what `evaluate` and `compare` say of them, and whether two models know the same ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.errors import ConfigError
from assay.core.model import Model, build
from assay.core.verb import Silence
from assay.outputs.boxes import Boxes
from assay.verbs import compare, evaluate


def thing(label: str) -> dict[str, Any]:
    return {"label": label, "x0": 0.1, "y0": 0.1, "x1": 0.6, "y1": 0.6}


ROWS = [
    {"image": np.full((24, 32, 3), 40 * at, np.uint8), "objects": [thing("cat")] * (at % 3) + [thing("dog")] * (at % 2)}
    for at in range(6)
]


def model(*labels: str, least: float = 0.0) -> Model:
    """One that has learned nothing, and lists what its map says from ``least`` on."""
    task = discovery.task("object-detection")
    fitted, boxes = task.input.fit([row["image"] for row in ROWS]), Boxes(least=least).fit([list(map(thing, labels))])
    torch.manual_seed(0)
    network = build(task.networks[0], "tiny", fitted, replace(boxes, most=5)).eval()
    return Model(
        task,
        "residual",
        "tiny",
        fitted,
        replace(boxes, most=5),
        network,
        Roles(inputs=("image",), row=False, target="objects"),
    )


def test_models_of_as_many_classes_with_other_names_are_not_compared():
    with pytest.raises(ConfigError, match=r'different targets \(A alone knows "dog", B alone knows "emu"\): their'):
        compare.run(model("cat", "dog"), model("cat", "emu"), ROWS, compare.Config(), Silence())


def test_what_changed_is_told_in_words():
    listing, silent = model("cat", "dog"), model("cat", "dog", least=1.0)
    record = compare.run(silent, listing, ROWS, compare.Config(), Silence()).record
    flips = {row[0]: row[1:] for row in record.table("flips").rows}
    assert [actual for actual, *_, change in flips.values() if change == "worse"] == ["nothing"]
    assert {actual for actual, *_ in flips.values()} <= {
        "nothing",
        "1 cat, 1 dog",
        "2 cat",
        "1 dog",
        "1 cat",
        "2 cat, 1 dog",
    }


def test_the_largest_losses_tell_targets_in_words():
    record = evaluate.run(model("cat", "dog"), ROWS, evaluate.Config(), Silence()).record
    actual = [row[1] for row in record.table("largest losses").rows]
    assert sorted(actual) == ["1 cat", "1 cat, 1 dog", "1 dog", "2 cat", "2 cat, 1 dog", "nothing"]
    captions = [medium.caption for medium in record.media]
    assert len(captions) == 6
    assert all(caption.startswith(f"{told}, answered") for caption, told in zip(captions, actual, strict=True))
