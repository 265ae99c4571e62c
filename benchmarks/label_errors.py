"""Of labels that were flipped, how many `inspect` lists, and how many of those it lists were flipped.

    python benchmarks/label_errors.py TASK DATA [--target COLUMN] [--share 0.05] [--most 20000] [--seed 0]

The training split (or the whole), at most ``--most`` examples of it. The same held-out answers are judged as `inspect`
judges them and, as the peer, by the off-diagonal of the confident joint (Northcutt et al. 2021): doubted where an answer
passes the mean confidence of another class. First with no label flipped, then with a share of them flipped to another
class at random.
"""

from __future__ import annotations

import argparse

import numpy as np

from assay.core import discovery
from assay.core.loading import for_inspection
from assay.core.packing import encode
from assay.methods.held_out import held_out_probabilities
from assay.methods.label_errors import label_errors, mixture_loss


def confident_joint(log_p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Positions whose answer is confident of another class than the label's."""
    p = np.exp(log_p)
    bars = np.array([p[labels == c, c].mean() for c in range(p.shape[1])])
    sure = np.where(p >= bars, p, -1.0)
    best = sure.argmax(1)
    return np.flatnonzero((sure.max(1) > 0) & (best != labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("data")
    parser.add_argument("--target")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--most", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    task = discovery.task(options.task)
    splits = for_inspection(options.data, task, target=options.target)
    dataset = splits.get("train") or next(iter(splits.values()))
    rng = np.random.default_rng(options.seed)
    dataset = dataset.take(np.sort(rng.permutation(len(dataset))[: options.most]))
    fitted_input, fitted_output = task.input.fit(dataset.x), task.output.fit(dataset.y)
    encoded = encode(dataset, fitted_input, fitted_output, store=task.input.store, skip_bad=True)
    x, y = encoded.take(np.arange(len(encoded)))
    features, labels, c = fitted_input.features(x), y["label"], len(fitted_output.classes)
    for share in (0.0, options.share):
        flipped = np.flatnonzero(rng.random(len(labels)) < share)
        given = labels.copy()
        given[flipped] = (given[flipped] + rng.integers(1, c, len(flipped))) % c
        log_p = held_out_probabilities(features, given, c, score=mixture_loss)
        for name, listed in (
            ("inspect", label_errors(log_p, given).suspects),
            ("confident joint", confident_joint(log_p, given)),
        ):
            right = len(np.intersect1d(listed, flipped))
            told = f"{len(flipped):,} of {len(labels):,} flipped: {name} lists {len(listed):,}"
            if share:
                told += f", precision {right / max(1, len(listed)):.2f}, recall {right / len(flipped):.2f}"
            print(told)


if __name__ == "__main__":
    main()
