"""Claim: `assay train object-detection --time 20min` finds blood cells at an AP50 of 0.80 or more, from random weights.

    python benchmarks/bccd.py DATA [--time 20min] [--seeds 1] [--json bccd.json] [options of train]

DATA is the folder of BCCD (https://github.com/Shenggan/BCCD_Dataset) that holds ``Annotations``, ``ImageSets`` and
``JPEGImages``: 364 images of 640 × 480 pixels with 4,888 boxes of three classes; its own splits are 205 images to train on,
87 to select the epoch on and 72 to test on. Each run is a process of its own; its time counts from the start of the process
to its end. Detectors with backbones that were pretrained on COCO are reported to reach about 0.90.

The figures of assay's own evaluation are then computed once more by ``faster-coco-eval``, from the same answers, and must be
equal to 1e-6. By class the AP50 is printed beside them.

Ends with status 1 where the mean AP50 on the test images is below 0.80, a run took more than its time (and 3 % of it, for
the process), or the two evaluators differ.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

import assay
from assay.core.loading import for_judging
from assay.learners.schedule import seconds
from assay.methods.intervals import over_runs

BAR, AIM = 0.80, 0.90
NAMES = ("map", "ap50", "ap75")


def run(data: Path, budget: str, seed: int, options: list[str], scratch: Path) -> dict[str, Any]:
    """One run of the command: the figures that its record states, and COCO's of the same model's answers."""
    model, record = scratch / f"m{seed}", scratch / f"{seed}.json"
    command = [sys.executable, "-m", "assay", "train", "object-detection", str(data), "--out", str(model),
               "--time", budget, "--seed", str(seed), "--json", str(record), *options]  # fmt: skip
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - began
    card = json.loads(record.read_text())
    figures = {figure["name"]: figure for figure in card["figures"] if not figure.get("group")}
    curve = next(table for table in card["tables"] if table["name"] == "learning curve")
    print(f"  {len(curve['rows'])} epochs")
    return {
        "seed": seed,
        "seconds": wall,
        "own": {name: figures[name]["value"] for name in NAMES},
        "interval": [figures["ap50"]["low"], figures["ap50"]["high"]],
        "coco": coco(assay.load(model), data),
        "curve": curve,
    }


def coco(model: Any, data: Path) -> dict[str, Any]:
    """The figures that COCO's evaluator gives of a model's answers to the test images and of what their XML says."""
    dataset = for_judging(data, model.task, model.roles, split="test")
    found = model.answer(dataset).columns
    images: list[dict[str, Any]] = []
    true: list[dict[str, Any]] = []
    said: list[dict[str, Any]] = []
    for at, file in enumerate(dataset.x):
        root = ET.parse(data / "Annotations" / f"{Path(file).stem}.xml").getroot()
        sides = np.array([float(root.findtext(f"size/{name}") or 0) for name in ("width", "height")] * 2)
        images.append({"id": at, "width": sides[0], "height": sides[1]})
        seen = set()  # a box that stands twice is one
        for thing in root.iter("object"):
            x0, y0, x1, y1 = (float(thing.findtext(f"bndbox/{name}") or 0) for name in ("xmin", "ymin", "xmax", "ymax"))
            x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, sides[0]), min(y1, sides[1])
            if x1 > x0 and y1 > y0 and (key := (thing.findtext("name"), x0, y0, x1, y1)) not in seen:
                seen.add(key)
                label = model.output.labels.index(thing.findtext("name"))
                true.append({"id": len(true) + 1, "image_id": at, "category_id": label, "iscrowd": 0,
                             "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})  # fmt: skip
        for box, label, sure in zip(found["boxes"][at], found["code"][at], found["confidence"][at], strict=True):
            if label >= 0:
                x0, y0, x1, y1 = (float(side) for side in box.astype(np.float64) * sides)
                said.append({"image_id": at, "category_id": int(label), "bbox": [x0, y0, x1 - x0, y1 - y0],
                             "score": float(sure)})  # fmt: skip
    classes = [{"id": at, "name": name} for at, name in enumerate(model.output.labels)]
    truth = COCO({"images": images, "annotations": true, "categories": classes})
    judge = COCOeval_faster(truth, truth.loadRes(said), "bbox", print_function=lambda *_: None)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    by_class = judge.eval["precision"][0, :, :, 0, -1].mean(0)
    return {
        **dict(zip(NAMES, map(float, judge.stats), strict=False)),
        "by_class": dict(zip(model.output.labels, map(float, by_class), strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--time", default="20min")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", default="bccd.json")
    options, further = parser.parse_known_args()  # what is left goes to the command
    with tempfile.TemporaryDirectory() as scratch:
        runs = [run(options.data, options.time, seed, further, Path(scratch)) for seed in range(options.seeds)]
    for one in runs:
        low, high = one["interval"]
        print(f"seed {one['seed']}: AP50 {one['own']['ap50']:.4f} [{low:.4f}, {high:.4f}], AP@[.5:.95] "
              f"{one['own']['map']:.4f}, AP75 {one['own']['ap75']:.4f} in {one['seconds']:.0f} s")  # fmt: skip
        classes = ", ".join(f"{name} {value:.4f}" for name, value in one["coco"]["by_class"].items())
        print(f"  COCO's evaluator: AP50 {one['coco']['ap50']:.6f}, AP@[.5:.95] {one['coco']['map']:.6f}; {classes}")
    differ = max(abs(one["own"][name] - one["coco"][name]) for one in runs for name in NAMES)
    mean = float(np.mean([one["own"]["ap50"] for one in runs]))
    if len(runs) > 1:
        print(f"{over_runs('ap50', [one['own']['ap50'] for one in runs], better='higher')} over seeds")
    print(f"AP50 {mean:.4f}; bar {BAR}, aim {AIM}; the evaluators differ by {differ:.1e} at most")
    Path(options.json).write_text(json.dumps(runs, indent=2))
    late = any(one["seconds"] > 1.03 * seconds(options.time) for one in runs)
    sys.exit(mean < BAR or late or differ > 1e-6)


if __name__ == "__main__":
    main()
