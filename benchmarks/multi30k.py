"""Claim: from scratch on two cores, `assay train translation --time 45min` reaches 30 BLEU on Multi30k, English to German.

    python benchmarks/multi30k.py DATA [--networks attention gru] [--time 45min] [--seed 0] [--out FOLDER] [--json FILE]

DATA is the folder with ``train.en.gz``, ``val.en.gz``, ``test_2016_flickr.en.gz`` and the same in German (the raw texts of
https://github.com/multi30k/dataset). For each network it runs `assay train translation DATA --input en --target de --time
TIME` with all else by default, in a process of its own whose wall time is measured; then `assay predict` writes the
translations of the 1,000 test sentences, which nothing was selected on, and sacreBLEU's own ``corpus_bleu`` (13a, cased,
detokenised text) scores them. The model's figure must equal it.

Prints the validation BLEU against time, then the table. Ends with status 1 where a network is below 30 BLEU, took more than
the time (and 3 % of it, for the process), or states another figure than sacreBLEU's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sacrebleu

from assay.learners.schedule import seconds

BAR, AIM = 30.0, 35.0
TEST = "test_2016_flickr"


def run(*words: str) -> None:
    """An ``assay`` command in a process of its own; what it says goes to standard error."""
    subprocess.run([sys.executable, "-m", "assay", *words], check=True, stdout=subprocess.DEVNULL)


def trained(data: Path, network: str, budget: str, seed: int, folder: Path) -> dict[str, Any]:
    """The model's own record, and its wall time."""
    record = folder / f"{network}.json"
    began = time.perf_counter()
    run("train", "translation", str(data), "--input", "en", "--target", "de", "--network", network, "--time", budget,
        "--seed", str(seed), "--out", str(folder / network), "--json", str(record))  # fmt: skip
    wall = time.perf_counter() - began
    state = json.loads(record.read_text())
    curve = next(table for table in state["tables"] if table["name"] == "learning curve")
    rows = [dict(zip(curve["columns"], row, strict=True)) for row in curve["rows"]]
    figures = {figure["name"]: figure for figure in state["figures"]}
    return {"network": network, "seconds": wall, "curve": rows, "figures": figures}


def scored(data: Path, model: Path) -> tuple[float, float, list[str]]:
    """SacreBLEU's BLEU and chrF of what ``assay predict`` writes, and that itself."""
    answers = model.with_suffix(".jsonl")
    run("predict", str(model), str(data / f"{TEST}.en.gz"), "--out", str(answers))
    hypotheses = [json.loads(line)["text"] for line in answers.read_text(encoding="utf-8").splitlines()]
    references = gzip.decompress((data / f"{TEST}.de.gz").read_bytes()).decode().removesuffix("\n").split("\n")
    bleu = sacrebleu.corpus_bleu(hypotheses, [references]).score
    return bleu, sacrebleu.corpus_chrf(hypotheses, [references]).score, hypotheses


def main() -> int:
    """Print the figures; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--networks", nargs="+", default=["attention", "gru"])
    parser.add_argument("--time", default="45min")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where to keep models and translations")
    parser.add_argument("--json", type=Path, default=Path("multi30k.json"))
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for network in options.networks:
            found = trained(options.data, network, options.time, options.seed, folder)
            found["sacrebleu"], found["sacrebleu chrf"], hypotheses = scored(options.data, folder / network)
            results.append(found)
            print(f"{network}: validation BLEU against time", flush=True)
            for row in found["curve"]:
                if (bleu := row.get("validation_bleu")) is not None:
                    print(f"  {row['seconds']:7.0f} s  epoch {row['epoch']:5.1f}  BLEU {bleu:5.2f}", flush=True)
            for hypothesis in hypotheses[:3]:
                print(f"  {hypothesis}")
    names = ("network", "BLEU", "low", "high", "sacreBLEU", "chrF", "perplexity", "examples/s", "seconds")
    print("\n" + "".join(f"{name:>12}" for name in names))
    good = True
    for found in results:
        bleu, more = found["figures"]["bleu"], found["figures"]
        values = (
            bleu["value"],
            bleu["low"],
            bleu["high"],
            found["sacrebleu"],
            found["sacrebleu chrf"],
            more["perplexity"]["value"],
            more["examples_per_second"]["value"],
            found["seconds"],
        )
        same = abs(bleu["value"] - found["sacrebleu"]) < 1e-6
        late = found["seconds"] > 1.03 * seconds(options.time)
        good = good and same and not late and found["sacrebleu"] >= BAR
        print(f"{found['network']:>12}" + "".join(f"{value:>12.2f}" for value in values), end="")
        print(("" if same else "  the figures differ") + ("  late" if late else ""))
    print(f"bar {BAR}, aim {AIM}")
    options.json.write_text(json.dumps(results, indent=2))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
