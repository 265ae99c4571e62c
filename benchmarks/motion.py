"""Claim: a label that only motion decides is learned (accuracy of at least 0.98), and single frames leave it at chance.

    python benchmarks/motion.py [--clips 640] [--epochs 20] [--networks NAME,NAME] [--json motion.json]

The data is what `assay demo --task video-classification` shows: a patch of coloured noise that drifts to the left or to the
right over noise that stands still; whatever way it goes, it is as likely to be at any place in any frame. Every network of
the task is trained by default on the same clips, and judged on 400 others. Two controls cannot know the order of frames:
``average``, and the same network with one frame a clip.

Ends with status 1 where the default network has less than 0.98, or where the interval of a control does not hold 0.5.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import assay
from assay.core import discovery
from assay.tasks._moving import drifting

BAR, TEST = 0.98, 400
CONTROLS = {"average": {}, "average, one frame": {"set": ("frames=1", "spare=1")}}


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    clips, signs, _ = drifting(np.random.default_rng(seed), count)
    return [{"clip": clip, "label": "right" if sign > 0 else "left"} for clip, sign in zip(clips, signs, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=640)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--networks", help="only these, by commas")
    parser.add_argument("--json", default="motion.json")
    options = parser.parse_args()
    train, test = rows(options.clips, 1), rows(TEST, 2)
    task = discovery.task("video-classification")
    runs: dict[str, dict[str, Any]] = {network.name: {} for network in task.networks if network.open is None} | CONTROLS
    wanted = options.networks.split(",") if options.networks else list(runs)
    results = {}
    for name in wanted:
        began = time.process_time()
        model = assay.train(
            task, train, test=test, input="clip", target="label", network=name.split(",")[0], epochs=options.epochs,
            validation=0, quiet=True, **runs[name],
        )  # fmt: skip
        seconds = time.process_time() - began
        figure = assay.evaluate(model, test, quiet=True).figure("accuracy")
        results[name] = {"accuracy": figure.value, "low": figure.low, "high": figure.high, "seconds": seconds}
        print(f"{name}: {figure}, {seconds:.0f} s of processor time", flush=True)
    Path(options.json).write_text(json.dumps(results, indent=2))
    first = task.networks[0].name
    reached = first not in results or results[first]["accuracy"] >= BAR
    silent = all(results[name]["low"] <= 0.5 <= results[name]["high"] for name in CONTROLS if name in results)
    sys.exit(not (reached and silent))


if __name__ == "__main__":
    main()
