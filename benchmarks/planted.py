"""Is what decides an answer found first, and is nothing found where there is nothing?

A label is decided by one column, one word, one patch, one tile, one cell of time and frequency, or one past item; the
others are chance. Models are trained on it, inputs that they answer rightly are explained by the method that
`--method auto` takes, and it is counted how often the part that decides comes first by its value for the answer. Then labels
are drawn at random, and it is counted in how many trainings some part is called significant. Last, the weights are shuffled:
the part must not be first any more.

    python benchmarks/planted.py --models 5 --inputs 20 --random 100
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import assay
from assay.methods.proportions import wilson

Rows = list[dict[str, Any]]
Made = tuple[str, Rows, Rows, Callable[[Any], list[str]], dict[str, Any]]
SHARED = {"target": "y", "device": "cpu", "quiet": True, "validation": 0.1}
FILLER = ["the", "film", "a", "story", "is", "and", "of", "it", "one", "actor", "was", "scene", "with", "that", "plot"]


def column(rng: np.random.Generator) -> Made:
    """Eight numbers, of which the sign of one decides."""
    x, at = rng.normal(size=(800, 8)), int(rng.integers(8))
    rows = [{**{f"c{i}": float(v) for i, v in enumerate(row)}, "y": ["no", "yes"][int(row[at] > 0)]} for row in x]
    clear = [{k: v for k, v in row.items() if k != "y"} for row in rows[600:] if abs(row[f"c{at}"]) > 0.5]
    return "tabular-classification", rows[:600], clear, lambda _: [f"c{at}"], {"epochs": 8, "size": "tiny"}


def word(rng: np.random.Generator) -> Made:
    """A sentence in which one of two words stands somewhere."""
    rows = []
    for label in rng.integers(0, 2, 700):
        words = list(rng.choice(FILLER, rng.integers(4, 9)))
        words.insert(int(rng.integers(0, len(words) + 1)), ["dreadful", "superb"][label])
        rows.append({"x": " ".join(words), "y": ["no", "yes"][label]})
    return "text-classification", rows[:600], rows[600:], lambda _: ["dreadful", "superb"], {"epochs": 12}


def patch(rng: np.random.Generator) -> Made:
    """A noisy image that is bright in one cell, or not; explained are those that are."""
    row, col = (int(v) for v in rng.integers(8, size=2))
    labels = rng.integers(0, 2, 700)
    x = rng.integers(0, 120, (700, 16, 16, 1)).astype(np.uint8)
    x[labels == 1, 2 * row : 2 * row + 2, 2 * col : 2 * col + 2] += 130
    rows = [{"x": image, "y": ["no", "yes"][label]} for image, label in zip(x, labels, strict=True)]
    chosen = [one for one in rows[600:] if one["y"] == "yes"]
    return ("image-classification", rows[:600], chosen, lambda _: [f"row {row + 1} column {col + 1}"],
            {"epochs": 8, "batch_size": 32, "size": "tiny"})  # fmt: skip


def tile(rng: np.random.Generator) -> Made:
    """An image of tiles that are all of some brightness, one of which decides. A bright patch among darkness moves any
    network; here nothing stands out to one that has not learned which tile it is. Explained are those where it is bright."""
    row, col = (int(v) for v in rng.integers(8, size=2))
    bright = rng.integers(20, 236, (3200, 8, 8))
    tiles = np.repeat(np.repeat(bright, 2, axis=1), 2, axis=2)[..., None]
    x = np.clip(tiles + rng.integers(-20, 20, tiles.shape), 0, 255).astype(np.uint8)
    decides = bright[:, row, col]
    rows = [{"x": image, "y": ["no", "yes"][int(b > 127)]} for image, b in zip(x, decides, strict=True)]
    clear = [one for one, b in zip(rows[3000:], decides[3000:], strict=True) if b > 177]
    return ("image-classification", rows[:3000], clear, lambda _: [f"row {row + 1} column {col + 1}"],
            {"epochs": 10, "batch_size": 32, "size": "tiny"})  # fmt: skip


def cell(rng: np.random.Generator) -> Made:
    """0.4 s of noise in which a tone sounds for an eighth, or not; explained are those in which it does."""
    rate, each, at = 8000, 400, int(rng.integers(1, 7))
    rows = []
    for label in rng.integers(0, 2, 400):
        wave = rng.normal(0, 300, 8 * each)
        if label:
            wave[at * each : (at + 1) * each] += 8000 * np.sin(2 * np.pi * 900 * np.arange(each) / rate)
        rows.append({"x": (wave.astype(np.int16), rate), "y": ["no", "yes"][label]})
    chosen = [one for one in rows[340:] if one["y"] == "yes"]
    name = f"{at * each / rate:.2f}–{(at + 1) * each / rate:.2f} s, 586–1194 Hz"
    return "speech-recognition", rows[:340], chosen, lambda _: [name], {"epochs": 12, "batch_size": 32}


def item(rng: np.random.Generator) -> Made:
    """A history in which one of two items stands somewhere, and the next item goes with it; or neither does, so that a model
    cannot take one of the two for what there is without the other. Explained are those in which one stands."""
    rows = []
    for label in rng.integers(0, 3, 800):
        items = [f"item {i}" for i in rng.integers(0, 20, rng.integers(4, 9))]
        if label < 2:
            items.insert(int(rng.integers(0, len(items) + 1)), ["left", "right"][label])
        rows.append({"x": items, "y": ["after left", "after right", "after neither"][label]})
    chosen = [one for one in rows[650:] if one["y"] != "after neither"]
    return "recommendation", rows[:650], chosen, lambda _: ["left", "right"], {"epochs": 20, "batch_size": 32}


KINDS = {"column": column, "word": word, "patch": patch, "tile": tile, "cell": cell, "item": item}


def found(kind: str, models: int, inputs: int) -> None:
    """How often the part that decides comes first, with the trained weights and with shuffled ones."""
    from dataclasses import replace

    import torch

    from assay.methods.scrambled import scrambled

    first = lost = of = 0
    began = time.process_time()
    spent = 0.0
    for seed in range(models):
        task, rows, held, parts, options = KINDS[kind](np.random.default_rng([seed, 7]))
        given = {} if task.startswith("tabular") else {"input": "x"}
        model = assay.train(task, rows, seed=seed, **SHARED, **options, **given)
        other = replace(model, network=scrambled(model.network, torch.Generator().manual_seed(seed)))
        xs = [row if task.startswith("tabular") else row["x"] for row in held]
        right = [x for x, row in zip(xs, held, strict=True)
                 if "y" not in row or next(iter(model.predict([x])[0].values())) == row["y"]]  # fmt: skip
        for x in right[:inputs]:
            start = time.process_time()
            first += top(model, x) in parts(x)
            spent += time.process_time() - start
            lost += top(other, x) not in parts(x)
            of += 1
    low, high = wilson(first, of)
    print(
        f"{kind:8s} first in {first} of {of} [{100 * low:.1f}, {100 * high:.1f}] %; with shuffled weights not first in "
        f"{lost}; {spent / max(of, 1):.2f} CPU s an explanation, {time.process_time() - began:.0f} in all",
        flush=True,
    )


def top(model: Any, x: Any) -> str:
    """The part that counts most for the answer."""
    rows = assay.explain(model, [x], quiet=True).table("attribution").rows
    return max(rows, key=lambda row: row[1])[0]


def silent(count: int) -> None:
    """In how many trainings on random labels some part is called significant."""
    wrong = 0
    for seed in range(count):
        rng = np.random.default_rng([seed, 8])
        rows = [{**{f"c{i}": float(v) for i, v in enumerate(x)}, "y": ["no", "yes"][rng.integers(2)]}
                for x in rng.normal(size=(400, 8))]  # fmt: skip
        model = assay.train("tabular-classification", rows, seed=seed, epochs=6, size="tiny", target="y", device="cpu",
                            validation=0, quiet=True)  # fmt: skip
        table = assay.explain(model, [rows], n=80, quiet=True).table("importance")
        wrong += any(row[-1] for row in table.rows)
    low, high = wilson(count - wrong, count)
    print(f"random labels: nothing significant in {count - wrong} of {count} [{100 * low:.1f}, {100 * high:.1f}] %")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--models", type=int, default=5, help="trainings a kind, each with another place planted")
    parser.add_argument("--inputs", type=int, default=20, help="inputs explained of each")
    parser.add_argument("--random", type=int, default=100, help="trainings on random labels")
    chosen = parser.parse_args()
    for kind in chosen.kinds:
        found(kind, chosen.models, chosen.inputs)
    if chosen.random:
        silent(chosen.random)


if __name__ == "__main__":
    main()
