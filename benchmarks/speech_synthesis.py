"""Claim: a voice that was learned from an hour and a half of recordings is understood nearly as well as they are.

    python benchmarks/speech_synthesis.py TEXTS [--sentences 1800] [--time 25min] [--listen 20min] [--out FOLDER]

TEXTS is a file of English sentences, one a line, or the same with ``.gz`` (Multi30k's ``train.en.gz`` will do). Flite
(Debian: ``apt install flite``) reads them: the voice slt SENTENCES to train on (3 % of them are to select on) and 100
others to test on; the voices rms and awb half of the training sentences each.

`assay train speech-synthesis` learns slt. Two recognisers, `assay train speech-recognition`, learn to listen from real
recordings only: one to slt, one to the other voices. They are frozen and listen to the 100 test sentences as slt says
them, as the vocoder makes them of the true spectrograms (the best that a network could do), and as the model says them.

Prints the word error rates of each, the mel-cepstral distortion beside that of the mean spectrum, and how many seconds it
takes to say a second. Ends with status 1 unless the model's word error rate is at most twice that of the true spectrograms
by the recogniser of the same voice, the distortion below the mean's, and the real-time factor below 0.2. Spectrograms of
the first sentences are kept in FOLDER as SVG.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import torch
from numpy.typing import NDArray

import assay
from assay.codecs.sound import read_sound
from assay.outputs._fitted_waveform import STEP, mel_of, wav
from assay.outputs._waveform_distance import distortion

VOICE, OTHERS = "slt", ("rms", "awb")
TESTS = 100
SHORTEST, LONGEST = 20, 75  # characters
MOST_WER, MOST_FACTOR = 2.0, 0.2
DRAWN = 4

Rows = list[dict[str, str]]


def sentences(path: Path, n: int) -> list[str]:
    """``n`` different sentences of letters and the usual signs, in an order that is always the same."""
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines()
    found = [line.strip() for line in dict.fromkeys(lines) if re.fullmatch(r"[A-Za-z ,.'-]+", line.strip())]
    found = [text for text in found if SHORTEST <= len(text) <= LONGEST]
    if len(found) < n:
        sys.exit(f"{path} holds {len(found)} sentences of {SHORTEST} to {LONGEST} letters; {n} are needed.")
    return [found[at] for at in np.random.default_rng(0).permutation(len(found))[:n]]


def spoken(texts: Sequence[str], voice: str, folder: Path) -> Rows:
    """Each text read by a voice of flite, as rows of a table; what was read before is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for at, text in enumerate(texts):
        path = folder / f"{at}.wav"
        if not path.is_file():
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        rows.append({"text": text, "speech": str(path)})
    return rows


def plain(text: str) -> str:
    """What a recogniser is to write: small letters, apostrophes and single spaces."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def listener(name: str, rows: Rows, held: Rows, budget: str, folder: Path) -> Any:
    """A recogniser of these recordings; one that was trained before is opened."""
    if not (folder / name / "model.json").is_file():
        heard = [{"audio": row["speech"], "text": plain(row["text"])} for row in rows]
        test = [{"audio": row["speech"], "text": plain(row["text"])} for row in held]
        assay.train("speech-recognition", heard, test=test, input="audio", target="text", time=budget,
                    out=folder / name, quiet=True)  # fmt: skip
    return assay.load(folder / name)


def heard(model: Any, sounds: Sequence[Any], texts: Sequence[str]) -> float:
    """The word error rate of a recogniser, as jiwer counts it."""
    answers = [row["text"] for row in assay.predict(model, list(sounds), quiet=True)]
    return float(jiwer.wer([plain(text) for text in texts], [plain(text) for text in answers]))


def mean_distortion(pairs: Sequence[tuple[Any, Any]]) -> float:
    """Mel-cepstral distortion over all pairs of spectrograms."""
    total, cells = np.sum([distortion(a, b) for a, b in pairs], axis=0)
    return float(total / cells)


def detail(model: Any, mel: NDArray[np.float32]) -> NDArray[np.int8]:
    """What the model puts between the bands of a spectrogram ``[T, M]``, as its answers hold it."""
    scaled = torch.from_numpy((mel - np.array(model.output.mean)) / np.array(model.output.spread))[None].float()
    with torch.inference_mode():
        found = model.network.head.detail(scaled, torch.ones_like(scaled[:, :, :1]))[0]
    return (found / STEP).round().clamp(-127, 127).to(torch.int8).numpy()


def judged(model: Any, tests: Rows, ears: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """All figures of one model."""
    output = model.output
    texts, files = [row["text"] for row in tests], [row["speech"] for row in tests]
    waves = [read_sound(file, output.rate, 60.0)[0] for file in files]
    true = [mel_of(wave, output.rate, output.hop, len(output.mean)) for wave in waves]
    model.predict(texts[:1])  # what is done once
    began = time.perf_counter()
    rows = model.predict(texts)
    factor = (time.perf_counter() - began) / sum(row["seconds"] for row in rows)
    said = [row["speech"].content for row in rows]
    again = [wav(output.wave(mel, detail(model, mel)), output.rate) for mel in true]
    remade = [mel_of(read_sound(s, output.rate, 60.0)[0], output.rate, output.hop, len(output.mean)) for s in said]
    mean = np.array(output.mean)
    record = assay.evaluate(model, tests, quiet=True)
    figures: dict[str, Any] = {figure.name: figure.value for figure in record.figures if figure.group is None}
    copies = [mel_of(read_sound(s, output.rate, 60.0)[0], output.rate, output.hop, len(output.mean)) for s in again]
    found = {
        "figures": figures,
        "real-time factor": factor,
        "distortion of the mean": mean_distortion([(np.tile(mean, (len(mel), 1)), mel) for mel in true]),
        "distortion of true spectrograms by the vocoder": mean_distortion(list(zip(copies, true, strict=True))),
        "distortion after the vocoder": mean_distortion(list(zip(remade, true, strict=True))),
    }
    for name, ear in ears.items():
        for kind, sounds in (("recordings", files), ("true spectrograms", again), ("model", said)):
            found[f"WER of {kind} by {name}"] = heard(ear, sounds, texts)
    for at in range(DRAWN):
        (folder / f"{at}.wav").write_bytes(said[at])
        _, svg = output.draw(("text", texts[at]), files[at], rows[at])
        (folder / f"{at}.svg").write_text(svg, encoding="utf-8")
    return found


def main() -> int:
    """Print the figures; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--sentences", type=int, default=1_800)
    parser.add_argument("--time", default="25min")
    parser.add_argument("--listen", default="20min", help="the budget of each recogniser")
    parser.add_argument("--out", type=Path, help="where to keep recordings, models and pictures; they are used again")
    parser.add_argument("--json", type=Path, default=Path("speech_synthesis.json"))
    options = parser.parse_args()
    if not shutil.which("flite"):
        sys.exit("flite is not installed: apt install flite.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.out or Path(scratch)
        texts = sentences(options.texts, options.sentences + TESTS)
        held, learn = texts[:TESTS], texts[TESTS:]
        train, test = spoken(learn, VOICE, folder / VOICE / "train"), spoken(held, VOICE, folder / VOICE / "test")
        half = len(learn) // 2
        others = [
            *spoken(learn[:half], OTHERS[0], folder / OTHERS[0]),
            *spoken(learn[half:], OTHERS[1], folder / OTHERS[1]),
        ]
        ears = {
            "a recogniser of this voice": listener("same", train, test, options.listen, folder),
            "a recogniser of others": listener("others", others, test, options.listen, folder),
        }
        began = time.process_time()
        if not (folder / "voice" / "model.json").is_file():
            assay.train("speech-synthesis", train, test=test, input="text", target="speech", validation=0.03,
                        time=options.time, out=folder / "voice", quiet=True)  # fmt: skip
        seconds = time.process_time() - began
        found = judged(assay.load(folder / "voice"), test, ears, folder)
    found["CPU seconds of training"] = seconds
    options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    for name, value in found.items():
        if isinstance(value, float):
            print(f"{value:10.4f}  {name}")
    mcd = found["figures"]["mel_cepstral_distortion"]
    print(f"{mcd:10.4f}  mel-cepstral distortion, dB")
    true = found["WER of true spectrograms by a recogniser of this voice"]
    good = {
        "understood": found["WER of model by a recogniser of this voice"] <= MOST_WER * true,
        "near": mcd < found["distortion of the mean"],
        "fast": found["real-time factor"] < MOST_FACTOR,
    }
    print(", ".join(f"{name}: {'yes' if met else 'NO'}" for name, met in good.items()))
    return 0 if all(good.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
