"""Claim: from a few thousand sentences alone, the default text network tells sentiment better than the linear learners.

    python benchmarks/sentiment.py DATA [--seeds 3] [--networks] [--data sst2|zh_waimai]

DATA is the folder with ``sst2/{train,dev,test}.tsv`` (``text TAB 0/1``, no header: Socher et al. 2013, whole sentences)
and ``zh_waimai/waimai_10k.csv`` (``label,review``: Chinese restaurant reviews, split 80/20 with seed 0). Trains
``text-classification`` with its defaults, with SEEDS seeds, and in the same run the better of tf-idf + logistic
regression and logistic regression on features weighed by their log-count ratio (Wang & Manning 2012, Baselines and
Bigrams), each with the strength of its penalty chosen on the validation split; nothing is selected on the test split.
``--networks`` trains every other network of the task once too. No other text and no pretrained vector is used.

Ends with status 1 where the mean accuracy of the default is not above the better peer.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import assay
from assay.core import discovery
from assay.methods.proportions import wilson

AIM = {"sst2": 0.83, "zh_waimai": 0.905}
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
Texts = tuple[list[str], np.ndarray]


def sst2(data: Path) -> dict[str, Texts]:
    """The splits of the whole sentences."""
    found = {}
    for name, file in (("train", "train"), ("validation", "dev"), ("test", "test")):
        lines = (data / "sst2" / f"{file}.tsv").read_text(encoding="utf-8").splitlines()
        pairs = [line.rsplit("\t", 1) for line in lines]
        found[name] = ([text for text, _ in pairs], np.array([int(label) for _, label in pairs]))
    return found


def zh_waimai(data: Path) -> dict[str, Texts]:
    """80 % of the reviews, of which a tenth are for validation, and 20 %."""
    with (data / "zh_waimai" / "waimai_10k.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [(row["review"], int(row["label"])) for row in csv.DictReader(file)]
    learn, test = train_test_split(rows, test_size=0.2, random_state=0)
    train, validation = train_test_split(learn, test_size=0.1, random_state=0)
    parts = {"train": train, "validation": validation, "test": test}
    return {name: ([x for x, _ in part], np.array([y for _, y in part])) for name, part in parts.items()}


def tf_idf(splits: dict[str, Texts], unit: str) -> list[csr_matrix]:
    """Words and pairs of them, or runs of one to three characters, as tf-idf."""
    runs = (1, 2) if unit == "word" else (1, 3)
    pattern = {"token_pattern": r"\S+"} if unit == "word" else {}
    vectorizer = TfidfVectorizer(analyzer=unit, ngram_range=runs, sublinear_tf=True, **pattern)
    train = vectorizer.fit_transform(splits["train"][0])
    return [train, *(vectorizer.transform(splits[name][0]) for name in ("validation", "test"))]


def ratios(splits: dict[str, Texts], unit: str, runs: tuple[int, int]) -> list[csr_matrix]:
    """Which runs a text holds, each weighed by the logarithm of how much more often one class holds it."""
    pattern = {"token_pattern": r"\S+"} if unit == "word" else {}
    vectorizer = CountVectorizer(analyzer=unit, ngram_range=runs, binary=True, **pattern)
    train = vectorizer.fit_transform(splits["train"][0])
    y = splits["train"][1]
    one, other = (1 + np.asarray(train[y == label].sum(0)).ravel() for label in (1, 0))
    weight = np.log(one / one.sum()) - np.log(other / other.sum())
    matrices = [train, *(vectorizer.transform(splits[name][0]) for name in ("validation", "test"))]
    return [matrix.multiply(weight).tocsr() for matrix in matrices]


def peers(splits: dict[str, Texts], unit: str) -> dict[str, tuple[float, float]]:
    """The accuracy on the test split and the seconds of each peer."""
    makes: dict[str, Any] = {
        f"tf-idf of {unit}s + logistic regression": lambda: tf_idf(splits, unit),
        f"log-count ratios of {unit}s + logistic regression": lambda: ratios(splits, unit, (1, 1)),
        f"log-count ratios of {unit} pairs + logistic regression": lambda: ratios(splits, unit, (1, 2)),
    }
    found = {}
    for name, make in makes.items():
        began = time.perf_counter()
        train, validation, test = make()
        models = [LogisticRegression(C=c, max_iter=2000).fit(train, splits["train"][1]) for c in STRENGTHS]
        best = max(models, key=lambda model: model.score(validation, splits["validation"][1]))
        found[name] = (float(best.score(test, splits["test"][1])), time.perf_counter() - began)
    return found


def written(splits: dict[str, Texts], folder: Path) -> Path:
    """The splits as a folder of TSV files with a header."""
    for name, (texts, labels) in splits.items():
        with (folder / f"{name}.tsv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(("text", "label"))
            writer.writerows(zip(texts, labels.tolist(), strict=True))
    return folder


def network(data: Path, name: str, seed: int) -> tuple[float, float]:
    """The accuracy on the test split and the seconds of a network of the task."""
    began = time.perf_counter()
    model = assay.train("text-classification", str(data), network=name, seed=seed, quiet=True)
    seconds = time.perf_counter() - began
    record = assay.evaluate(model, str(data), split="test", quiet=True)
    return float(record.figure("accuracy").value), seconds


def line(name: str, accuracy: float, n: int, seconds: float) -> None:
    """Print one row of the table, with the interval of a share of ``n``."""
    low, high = wilson(round(accuracy * n), n)
    print(f"  {name:<52} {accuracy:.4f} [{low:.3f}, {high:.3f}]  {seconds:6.1f} s", flush=True)


def judged(name: str, splits: dict[str, Texts], unit: str, seeds: int, others: bool) -> bool:
    """Print the table of one data set; whether the default is above the peers."""
    n = len(splits["test"][1])
    print(f"{name}: {len(splits['train'][1]):,} texts to learn from, {n:,} to judge by", flush=True)
    found = peers(splits, unit)
    for peer, (accuracy, seconds) in found.items():
        line(peer, accuracy, n, seconds)
    networks = discovery.task("text-classification").networks
    names = [one.name for one in networks if not one.name.endswith(":")]  # those that learn from scratch
    with tempfile.TemporaryDirectory() as folder:
        data = written(splits, Path(folder))
        reached = []
        for seed in range(seeds):
            accuracy, seconds = network(data, names[0], seed)
            reached.append(accuracy)
            line(f"{names[0]}, seed {seed}", accuracy, n, seconds)
        for other in names[1:] if others else ():
            accuracy, seconds = network(data, other, 0)
            line(f"{other}, seed 0", accuracy, n, seconds)
    best, mean = max(accuracy for accuracy, _ in found.values()), float(np.mean(reached))
    print(f"  {names[0]}: mean {mean:.4f}; better peer {best:.4f} (to be above it), aim {AIM[name]}\n", flush=True)
    return mean > best


def main() -> int:
    """Print the tables; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--networks", action="store_true")
    parser.add_argument("--data", choices=sorted(AIM))
    given = parser.parse_args()
    sets = {"sst2": (sst2, "word"), "zh_waimai": (zh_waimai, "char")}
    chosen = {name: sets[name] for name in ([given.data] if given.data else sets)}
    fine = [
        judged(name, read(given.folder), unit, given.seeds, given.networks) for name, (read, unit) in chosen.items()
    ]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
