"""Claim: on MovieLens-100k the default recommendation network ranks better than RecBole's SASRec and GRU4Rec, EASE and kNN.

    python benchmarks/movielens.py ML-100K [--seeds 3] [--peer-seconds 1800] [--peers SASRec,GRU4Rec]

ML-100K is the folder with ``ml-100k.inter`` (RecBole ships it: ``recbole/dataset_example/ml-100k``). Leave-last-out: the
last event of every user is tested on, the last but one selects, ties in time stand in file order; all items but those that
the user had are ranked. Everybody is judged by the same numpy function on the same histories, which at the test hold the
validation item. Linear models choose their settings on validation users. Peers of RecBole have its default settings and stop
after ten epochs without a better validation NDCG@10, or when ``--peer-seconds`` of CPU time are over; which of the two is
printed. ``--peers ""`` leaves them out. They need:

    pip install --no-deps recbole==1.2.1 && pip install pandas scipy colorlog==4.7.2 tabulate texttable psutil plotly

Ends with status 1 where the mean NDCG@10 of the first network is below that of any of the four, or its training slower than
5 × SASRec's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import assay
from assay.core import discovery
from assay.core.folder import read_card
from assay.core.loading import examples, for_judging
from assay.core.metric import ratio
from assay.core.reading import read
from assay.methods.intervals import figures

AIM, FASTER, K = 0.085, 5.0, 10
BESIDE = "EASE by recency"  # what `linear` is built on: shown for comparison, and no part of the claim
METRICS = (ratio("ndcg@10", 0, 3, better="higher"), ratio("recall@10", 1, 3, better="higher", proportion=True),
           ratio("mrr", 2, 3, better="higher"))  # fmt: skip
Floats = NDArray[np.float64]
Scorer = Callable[[list[NDArray[np.int64]]], Floats]  # histories → scores [N, V + 1]


class Log:
    """Every user's events in order, as codes from 1 on."""

    def __init__(self, data: str) -> None:
        source = examples(read(data), discovery.task("recommendation"))
        whole = source.splits["future"].columns["history"].tolist()
        names = sorted({name for history in whole for name in history})
        codes = {name: code for code, name in enumerate(names, 1)}
        self.count = len(names)
        self.events = [np.array([codes[name] for name in history]) for history in whole if len(history) > 2]

    def held(self, split: str) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Histories and what came next."""
        last = {"validation": 2, "test": 1}[split]
        return [events[:-last] for events in self.events], np.array([events[-last] for events in self.events])

    def tallies(self, scorer: Scorer, split: str) -> Floats:
        """Gain, hit, reciprocal rank and 1 of every user, over the full ranking."""
        histories, target = self.held(split)
        scores = scorer(histories)
        scores[:, 0] = -np.inf
        for row, history in enumerate(histories):
            scores[row, history] = -np.inf
        rank = (scores >= scores[np.arange(len(target)), target][:, None]).sum(1)
        hit = rank <= K
        return np.column_stack([np.where(hit, 1 / np.log2(rank + 1), 0), hit, 1 / rank, np.ones(len(rank))])


def linear(log: Log) -> dict[str, Scorer]:
    """EASE (Steck 2019) and item-kNN by cosine, and EASE that weighs items by a power of their
    age; settings by validation users."""
    train, _ = log.held("validation")
    clicks = np.zeros((len(train), log.count + 1))
    for row, history in enumerate(train):
        clicks[row, history] = 1
    gram = clicks.T @ clicks
    diagonal = np.diag_indices(len(gram))

    def ease(penalty: float) -> Floats:
        inverse = gram.copy()
        inverse[diagonal] += penalty
        inverse = np.linalg.inv(inverse)
        weights: Floats = -inverse / np.diag(inverse)
        weights[diagonal] = 0
        return weights

    def neighbours(most: int, shrink: float) -> Floats:
        length = np.sqrt(np.diag(gram))
        cosine: Floats = gram / (length[:, None] * length + shrink + 1e-9)
        cosine[diagonal] = 0
        return np.where(cosine >= np.sort(cosine, axis=0)[-most], cosine, 0)

    def scorer(weights: Floats, power: float = 0) -> Scorer:
        def score(histories: list[NDArray[np.int64]]) -> Floats:
            rows = np.zeros((len(histories), len(weights)))
            for row, history in enumerate(histories):
                rows[row, history] = np.arange(len(history), 0, -1.0) ** -power
            return rows @ weights

        return score

    eases = {penalty: ease(penalty) for penalty in (50, 200, 500, 1000)}
    tried = {
        "EASE": {f"penalty {p}": scorer(w) for p, w in eases.items()},
        "item-kNN": {f"k {k}, shrink {s}": scorer(neighbours(k, s)) for k in (20, 100, 300) for s in (0, 20)},
        BESIDE: {f"penalty {p}, age^-{a}": scorer(w, a) for p, w in eases.items() for a in (0.4, 0.6, 0.8)},
    }
    return {f"{name} ({best})": tried[name][best] for name in tried for best in [_best(log, tried[name])]}


def _best(log: Log, scorers: dict[str, Scorer]) -> str:
    return max(scorers, key=lambda name: log.tallies(scorers[name], "validation")[:, 0].mean())


def recbole(log: Log, name: str, seconds: float) -> tuple[Scorer, float, str]:
    """RecBole's model of that name, its events a second of training, and what it was given."""
    torch, config, tools = _recbole()
    folder = Path(tempfile.mkdtemp())
    (folder / "ml").mkdir()
    rows = [f"{u}\t{item}\t{at}\n" for u, events in enumerate(log.events) for at, item in enumerate(events)]
    (folder / "ml/ml.inter").write_text(
        "user_id:token\titem_id:token\ttimestamp:float\n" + "".join(rows), encoding="utf-8"
    )
    options = {
        "data_path": str(folder), "checkpoint_dir": str(folder), "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "TIME_FIELD": "timestamp", "use_gpu": False,
        "train_neg_sample_args": None, "show_progress": False, "topk": [K], "metrics": ["NDCG"], "valid_metric": f"NDCG@{K}",
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full", "group_by": "user"},
    }  # fmt: skip
    settings = config.Config(model=name, dataset="ml", config_dict=options)
    tools.utils.init_seed(settings["seed"], True)
    dataset = tools.data.create_dataset(settings)
    train, _, _ = tools.data.data_preparation(settings, dataset)
    model = tools.utils.get_model(name)(settings, train.dataset)
    trainer = tools.utils.get_trainer(settings["MODEL_TYPE"], name)(settings, model)
    codes = np.array([0, *(dataset.token2id("item_id", str(item)) for item in range(1, log.count + 1))])
    longest = settings["MAX_ITEM_LIST_LENGTH"]

    def score(histories: list[NDArray[np.int64]]) -> Floats:
        model.eval()
        items = torch.zeros(len(histories), longest, dtype=torch.long)
        for row, history in enumerate(histories):
            items[row, : len(history[-longest:])] = torch.from_numpy(codes[history[-longest:]])
        with torch.inference_mode():
            given = {"item_id_list": items, "item_length": (items > 0).sum(1)}
            return np.asarray(model.full_sort_predict(given).double().numpy()[:, codes])

    spent, epoch, best, kept = 0.0, 0, (-1.0, 0), {}
    why = f"{seconds:.0f} CPU s were over"
    while spent < seconds:
        began = time.process_time()
        trainer._train_epoch(train, epoch)
        spent += time.process_time() - began
        epoch += 1
        value = float(log.tallies(score, "validation")[:, 0].mean())
        print(f"  {name} epoch {epoch}: validation ndcg@10 {value:.4f}, {spent:.0f} CPU s", flush=True)
        if value > best[0]:
            best, kept = (value, epoch), {k: v.clone() for k, v in model.state_dict().items()}
        if epoch - best[1] >= 10:
            why = "ten epochs without a better one"
            break
    model.load_state_dict(kept)
    return score, epoch * len(train.dataset) / spent, f"epoch {best[1]} of {epoch}; {why}"


def _recbole() -> tuple[Any, Any, Any]:
    """torch and RecBole, which was written for older libraries: names that they lost, and imports that are not used here."""
    for missing in ("ray", "ray.tune", "thop", "torch.utils.tensorboard"):
        sys.modules.setdefault(missing, types.ModuleType(missing))
    sys.modules["ray"].tune = sys.modules["ray.tune"]  # type: ignore[attr-defined]
    sys.modules["thop"].profile = None  # type: ignore[attr-defined]
    silent = type(
        "SummaryWriter", (), {"__init__": lambda *_, **__: None, "__getattr__": lambda *_: lambda *_, **__: None}
    )
    sys.modules["torch.utils.tensorboard"].SummaryWriter = silent  # type: ignore[attr-defined]
    for name, kind in {"float": float, "int": int, "bool": bool, "object": object, "float_": np.float64,
                       "complex_": np.complex128, "unicode_": np.str_, "long": np.int64}.items():  # fmt: skip
        if name not in vars(np):
            setattr(np, name, kind)
    warnings.filterwarnings("ignore")
    try:
        import recbole.config
        import recbole.data
        import recbole.utils
        import torch
    except ImportError as error:
        raise SystemExit(
            f"{error}. The peers need what the head of this file lists, or run with --peers ''."
        ) from error
    sys.argv = sys.argv[:1]  # RecBole reads options from it
    return torch, recbole.config, recbole


def network(data: str, name: str, seed: int) -> tuple[Floats, float, float]:
    """The tallies of a network with its defaults on the test users, its validation NDCG@10 and its pace in events a
    second of CPU time, reading, validation and the judging of the test users included."""
    began = time.process_time()
    model = assay.train(
        "recommendation", data, network=name, seed=seed, out=tempfile.mkdtemp(), overwrite=True, quiet=True
    )
    seconds = time.process_time() - began
    train, validation, test = (
        for_judging(data, model.task, model.roles, split=s) for s in ("train", "validation", "test")
    )
    epochs = next(r for r in read_card(model) if r.verb == "train").table("learning curve").rows[-1][0]
    assert train.y is not None
    events = epochs * sum(map(len, train.y))
    chosen = model.output.metrics[0].of(model.tallies(validation).sum(0))
    return model.tallies(test)[:, :4], float(chosen), events / seconds


def main() -> int:
    """Print the figures; the exit status."""
    options = argparse.ArgumentParser()
    options.add_argument("data")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--peer-seconds", type=float, default=1800)
    options.add_argument("--peers", default="GRU4Rec,SASRec")
    options.add_argument("--networks", default="gru,attention,linear")
    given = options.parse_args()
    log = Log(given.data)
    print(f"{len(log.events):,} users, {log.count:,} items, {sum(map(len, log.events)):,} events")
    peers, paces, own = {}, {}, {}
    for name, scorer in linear(log).items():
        peers[name] = _print(name, log.tallies(scorer, "test"), float(log.tallies(scorer, "validation")[:, 0].mean()))
    for name in given.networks.split(","):
        runs = [network(given.data, name, seed) for seed in range(given.seeds)]
        for seed, (tallies, chosen, pace) in enumerate(runs):
            _print(f"assay {name}, seed {seed} ({pace:,.0f} events/CPU s)", tallies, chosen)
        own[name] = float(np.mean([tallies[:, 0].mean() for tallies, _, _ in runs]))
        paces[name] = float(np.mean([pace for _, _, pace in runs]))
        print(f"assay {name}, mean: ndcg@{K} {own[name]:.4f}")
    for name in filter(None, given.peers.split(",")):
        scorer, paces[name], why = recbole(log, name, given.peer_seconds)
        label = f"RecBole {name} ({why}; {paces[name]:,.0f} events/CPU s)"
        peers[label] = _print(label, log.tallies(scorer, "test"), float(log.tallies(scorer, "validation")[:, 0].mean()))
    name = next(iter(own))
    best = max((peer for peer in peers if not peer.startswith(BESIDE)), key=peers.__getitem__)
    faster = paces[name] / paces["SASRec"] if "SASRec" in paces else np.nan
    print(f"\n{name}: ndcg@{K} {own[name]:.4f} (bar {peers[best]:.4f}, {best}; aim {AIM})")
    print(f"training {faster:.1f} times as fast as SASRec's (bar {FASTER})")
    return 0 if own[name] >= peers[best] and not faster < FASTER else 1


def _print(name: str, tallies: Floats, chosen: float) -> float:
    found = figures(METRICS, tallies)
    print(f"{name}: {'; '.join(map(str, found))}; validation ndcg@{K} {chosen:.4f}", flush=True)
    return float(found[0].value)


if __name__ == "__main__":
    sys.exit(main())
