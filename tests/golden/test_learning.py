"""Learning curves as they were: a refactoring keeps the loss, a change of numerics is seen and recorded on purpose.

To record anew, after a change that is meant: ``python -m tests.golden.test_learning``
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import assay
from assay.core import discovery
from assay.core.folder import read_card
from tests.fakes import SUPERVISED, columns, rows

STORED = Path(__file__).parent / "learning.json"


def curves(name: str, folder: Path) -> dict[str, list[float]]:
    """The mean loss of each epoch, by network of the task."""
    task = discovery.task(name)
    found = {}
    for network in task.networks:
        if network.open:  # a checkpoint of somebody's
            continue
        model = assay.train(
            task, rows(task, 160), out=folder / f"{name}-{network.name}", network=network.name, epochs=3, batch_size=32,
            ema=0, device="cpu", quiet=True, **columns(task),
        )  # fmt: skip
        table = next(r for r in read_card(model) if r.verb == "train").table("learning curve")
        found[network.name] = [row[table.columns.index("loss")] for row in table.rows]
    return found


@pytest.mark.parametrize("name", SUPERVISED)
def test_the_losses_are_as_they_were(name, tmp_path):
    """Within 1 %: other processors round otherwise, and a few updates amplify that a little."""
    stored = json.loads(STORED.read_text())[name]
    for network, losses in curves(name, tmp_path).items():
        assert losses == pytest.approx(stored[network], rel=0.01), network


if __name__ == "__main__":
    import tempfile

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        STORED.write_text(json.dumps({name: curves(name, Path(folder)) for name in SUPERVISED}, indent=2) + "\n")
