"""Claim: on cameras that it has never seen, `assay train video-classification` tells a fight better than motion features do.

    python benchmarks/surveillance_fight.py DATA [--seeds 5] [--folds NAME,NAME] [--json surveillance_fight.json]

DATA is the folder of the surveillance camera fight data set (Aktı, Tataroğlu and Ekenel 2019) with a ``split.csv`` of
``file``, ``label``, ``source`` and ``split`` that keeps the videos that clips were cut from apart. The peer is a random
forest of 500 trees on 63 numbers of how much the picture changes: over the whole, over a grid of 4 × 4 cells, and the shares
of pixels that change by more than four thresholds, each as mean, spread and maximum over time (of 32 frames of 96 × 64).

``--folds`` looks at the training clips only, in five parts by source: the network was chosen by these figures.

Ends with status 1 where the mean accuracy over seeds is not above the peer's.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold

import assay
from assay.methods.intervals import over_runs

FRAMES, HEIGHT, WIDTH = 32, 64, 96
CHOSEN: dict[str, Any] = {  # differences won in folds of a prototype; clips are small for cost, chosen by no figure
    "network": "motion",
    "set": ("flip=true", "frames=12", "max_side=64"),
    "epochs": 20,
}


def peer(data: Path, rows: list[dict[str, str]], learn: NDArray[np.bool_], held: NDArray[np.bool_], seeds: int) -> Any:
    """The accuracy of a random forest for each seed."""
    x = np.stack([motion_features(data / row["file"]) for row in rows])
    y = np.array([row["label"] for row in rows])
    forests = (RandomForestClassifier(500, random_state=seed).fit(x[learn], y[learn]) for seed in range(seeds))
    return [float((forest.predict(x[held]) == y[held]).mean()) for forest in forests]


def motion_features(path: Path) -> NDArray[np.float64]:
    """63 numbers of how much a clip changes from frame to frame."""
    frames, times = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for frame in container.decode(stream):
            frames.append(frame.reformat(WIDTH, HEIGHT, "gray", interpolation="AREA").to_ndarray())
            times.append(frame.time)
    wanted = np.linspace(times[0], times[-1], FRAMES)
    grey = np.stack(frames)[np.abs(np.array(times)[None] - wanted[:, None]).argmin(1)].astype(np.float64)
    change = np.abs(np.diff(grey, axis=0))
    whole = change.mean((1, 2))
    cells = change.reshape(FRAMES - 1, 4, HEIGHT // 4, 4, WIDTH // 4).mean((2, 4)).reshape(FRAMES - 1, 16)
    shares = np.stack([(change > threshold).mean((1, 2)) for threshold in (5, 10, 20, 40)], axis=1)
    spread = [whole.mean(), whole.std(), whole.max()]
    return np.concatenate([
        spread, cells.mean(0), cells.std(0), np.sort(cells.mean(0)), shares.mean(0), shares.std(0), shares.max(0),
    ])  # fmt: skip


def ours(train: Any, test: Any, seed: int, **changes: Any) -> dict[str, float]:
    """One training with what is chosen, all else by default; the last weights are kept, for there is no clip to spare."""
    began = time.process_time()
    model = assay.train("video-classification", train, test=test, input="file", target="label", validation=0, seed=seed,
                        quiet=True, **(CHOSEN | changes))  # fmt: skip
    figure = assay.evaluate(model, test or train, quiet=True).figure("accuracy")
    return {"accuracy": figure.value, "n": figure.n, "seconds": time.process_time() - began}


def folds(data: Path, rows: list[dict[str, str]], networks: list[str]) -> dict[str, list[float]]:
    """The accuracy of each network in five parts of the training clips, no source in two of them."""
    learn = [{"file": data / row["file"], "label": row["label"], "source": row["source"]}
             for row in rows if row["split"] == "train"]  # fmt: skip
    parts = list(GroupKFold(5).split(learn, groups=[row["source"] for row in learn]))
    found = {}
    for network in networks:
        runs = [ours([learn[i] for i in a], [learn[i] for i in b], 0, network=network) for a, b in parts]
        found[network] = [run["accuracy"] for run in runs]
        mean = sum(run["accuracy"] * run["n"] for run in runs) / sum(run["n"] for run in runs)
        took = sum(run["seconds"] for run in runs)
        print(f"{network}: {mean:.3f} over five parts by source ({took:.0f} s of processor time)", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folds", help="only compare these networks, by commas, in parts of the training clips")
    parser.add_argument("--json", default="surveillance_fight.json")
    options = parser.parse_args()
    table = options.data / "split.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if options.folds:
        Path(options.json).write_text(json.dumps(folds(options.data, rows, options.folds.split(",")), indent=2))
        return
    held = np.array([row["split"] == "test" for row in rows])
    forest = peer(options.data, rows, ~held, held, options.seeds)
    print(f"random forest on motion features: {over_runs('accuracy', forest, better='higher')}", flush=True)
    runs = []
    for seed in range(options.seeds):
        runs.append(ours(table, None, seed))
        print(
            f"assay, seed {seed}: {runs[-1]['accuracy']:.3f}, {runs[-1]['seconds']:.0f} s of processor time", flush=True
        )
    mean = over_runs("accuracy", [run["accuracy"] for run in runs], better="higher")
    print(f"assay: {mean} over seeds, on {int(held.sum())} clips")
    Path(options.json).write_text(json.dumps({"forest": forest, "assay": runs}, indent=2))
    sys.exit(bool(mean.value <= np.mean(forest)))


if __name__ == "__main__":
    main()
