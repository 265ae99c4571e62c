"""Claim: from two voices that read sentences, a third voice is understood.

    python benchmarks/sentences.py TEXTS [SENTENCES] [--time BUDGET]

TEXTS is a file of English sentences, one a line. Flite (Debian: ``apt install flite``) reads SENTENCES (1,000) of them in
the voices slt and rms, each another half, to train on; 100 others in the same voices, and in awb, which was never heard.
Capitals and all signs but letters, spaces and apostrophes are taken out of the transcripts; sentences with figures are left
out.

Prints word and character error rates of the heard voices and of the unheard one. What is synthesised is clean and even:
these figures say that the recogniser works, not how it hears people.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import assay

HEARD, UNHEARD = ("slt", "rms"), "awb"
TESTS = 100
SHORTEST, LONGEST = 4, 14  # words


def sentences(path: Path, n: int) -> list[str]:
    """The first ``n`` different sentences that can be read letter by letter."""
    found: dict[str, None] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text = " ".join(re.sub(r"[^a-z' ]", " ", line.lower()).split())
        if SHORTEST <= len(text.split()) <= LONGEST and not re.search(r"\d", line):
            found[text] = None
        if len(found) == n:
            return list(found)
    sys.exit(f"{path} holds {len(found)} sentences of {SHORTEST} to {LONGEST} words; {n} are needed.")


def spoken(texts: Sequence[str], voice: str, folder: Path) -> list[dict[str, str]]:
    """Each text read by a voice, as rows of a table."""
    rows = []
    for at, text in enumerate(texts):
        path = folder / f"{voice}-{len(texts)}-{at}.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        rows.append({"audio": str(path), "text": text, "voice": voice})
    return rows


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("texts", type=Path)
    parser.add_argument("sentences", type=int, nargs="?", default=1_000)
    parser.add_argument("--time", default=None)
    given = parser.parse_args()
    if not shutil.which("flite"):
        sys.exit("flite is not installed: apt install flite.")
    texts = sentences(given.texts, given.sentences + TESTS)
    held, learn = texts[:TESTS], texts[TESTS:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        half = len(learn) // 2
        train = [*spoken(learn[:half], HEARD[0], folder), *spoken(learn[half:], HEARD[1], folder)]
        tests = {voice: spoken(held, voice, folder) for voice in (*HEARD, UNHEARD)}
        began = time.process_time()
        budget = {"time": given.time} if given.time else {}
        model = assay.train(
            "speech-recognition", train, test=tests[HEARD[0]], input="audio", target="text", quiet=True, **budget
        )
        print(f"{len(train):,} sentences, {time.process_time() - began:.0f} CPU s of training", flush=True)
        for voice, rows in tests.items():
            record = assay.evaluate(model, rows, quiet=True)
            kind = "never heard" if voice == UNHEARD else "heard"
            print(f"{voice} ({kind}): {record.figure('wer')}; {record.figure('cer')}", flush=True)


if __name__ == "__main__":
    main()
