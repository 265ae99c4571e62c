"""Claim: at the wall time of nanoGPT's recipe for CPUs, assay foresees Shakespeare's characters far better.

    python benchmarks/shakespeare.py DATA [--iterations N] [--seed N] [--networks language,attention]

DATA is the folder with ``input.txt`` (tinyshakespeare, 1,115,394 characters); the last tenth is judged, whole, and nothing
is selected on it. First nanoGPT's ``train_shakespeare_char``, as its README gives it for a CPU, is built anew and run
(Karpathy, https://github.com/karpathy/nanoGPT: 4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 iterations, no
dropout); its training takes T seconds of wall time, without its evaluations. Then assay trains with ``--time T``, in which
all is counted: reading, counting n-grams, validating, judging. Both have the same number of threads (OMP_NUM_THREADS).

Each model is scored with its own fixed window: consecutive passages that cover the text, every character once. nanoGPT's
is 64 characters, and the first of them sees one; assay's passages have 256 and the 16 before them; and it is scored on
nanoGPT's protocol too. The n-gram counts inside assay's default network are scored alone as well.

Ends with status 1 where assay needs more than 1.62 nats a character.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import assay
from assay.codecs.passages import passages
from assay.core.dataset import Dataset, Roles
from assay.core.model import Model
from assay.core.reading import read
from assay.networks._counts import Counts

BAR, AIM = 1.62, 1.55
LAYERS, HEADS, WIDTH, WINDOW, BATCH = 4, 4, 128, 64, 12
VALIDATION = 200  # one in so many characters before the judged ones is what checkpoints are selected on


class Norm(nn.Module):
    """LayerNorm without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, (WIDTH,), self.weight, None, 1e-5)


class Layer(nn.Module):
    """nanoGPT's block."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Norm(), Norm()
        self.all = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.project = nn.Linear(WIDTH, WIDTH, bias=False)
        self.wide, self.back = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = (part.view(b, t, HEADS, -1).transpose(1, 2) for part in self.all(self.first(x)).split(WIDTH, dim=2))
        attended = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(attended.transpose(1, 2).reshape(b, t, WIDTH))
        return x + self.back(functional.gelu(self.wide(self.second(x))))


class NanoGPT(nn.Module):
    """nanoGPT with its initialisation and tied weights."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(WINDOW, WIDTH)
        self.layers, self.last = nn.ModuleList(Layer() for _ in range(LAYERS)), Norm()
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_stream = name.endswith(("project.weight", "back.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * LAYERS) if into_stream else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.places.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return functional.linear(self.last(x), self.tokens.weight)


def nano(train: Tensor, held: Tensor, vocabulary: int, iterations: int, seed: int) -> tuple[float, float, float]:
    """Nats a character on the held-out text, and the wall and processor seconds of the training."""
    torch.manual_seed(seed)
    model = NanoGPT(vocabulary)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    groups = [
        {"params": decayed, "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    wall, cpu = time.perf_counter(), time.process_time()
    for step in range(iterations):
        share = (step - 100) / max(1, iterations - 100)
        lr = 1e-3 * step / 100 if step < 100 else 1e-4 + 0.5 * (1 + math.cos(math.pi * share)) * 9e-4
        for group in optimizer.param_groups:
            group["lr"] = lr
        starts = torch.randint(len(train) - WINDOW, (BATCH,))
        x = torch.stack([train[i : i + WINDOW] for i in starts])
        y = torch.stack([train[i + 1 : i + WINDOW + 1] for i in starts])
        loss = functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    x, y = held[:-1], held[1:]
    total = 0.0
    with torch.inference_mode():
        for start in range(0, len(x), WINDOW):
            logits = model(x[None, start : start + WINDOW])[0]
            total += float(functional.cross_entropy(logits, y[start : start + WINDOW], reduction="sum"))
    return total / len(y), wall, cpu


def counted(train: Tensor, held: Tensor, vocabulary: int) -> tuple[float, float]:
    """Nats a character of the n-gram counts alone, and the processor seconds of counting."""
    cpu = time.process_time()
    counts = Counts(vocabulary, 6)
    counts.learn(train[None], torch.ones(1, len(train), dtype=torch.bool))
    cpu = time.process_time() - cpu
    total = 0.0
    for start in range(0, len(held) - 1, 4096):
        y = held[start + 1 : start + 4097]
        first = max(0, start - 16)
        chance, _ = counts(held[None, first : start + len(y)])
        total -= float(chance[0, start - first :].gather(1, y[:, None]).sum())
    return total / (len(held) - 1), cpu


def windowed(model: Model, held: Path, size: int, before: int) -> float:
    """Nats a character with passages of ``size`` characters, each beside the ``before`` ones that precede it."""
    source = read(held)
    (split,) = source.splits.values()
    pairs = list(passages(split.columns["text"][0], size, before))
    rows = read([{"prompt": context, "text": text} for context, text in pairs])
    roles = Roles(inputs=("prompt",), row=False, target="text")
    # a list of rows holds the passages as they are, so that the end of one is not taken for the end of the text
    dataset = Dataset("test", rows.splits["all"], roles, rows.fingerprint)
    metric = next(m for m in model.output.metrics if m.name == "nats_per_character")
    return float(metric.of(model.tallies(dataset).sum(0)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--iterations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--networks", default="language,attention")
    given = parser.parse_args()
    text = (given.data / "input.txt").read_text()
    cut = int(0.9 * len(text))
    codes = {character: code for code, character in enumerate(sorted(set(text)))}
    tokens = torch.tensor([codes[character] for character in text])
    peer, seconds, cpu = nano(tokens[:cut], tokens[cut:], len(codes), given.iterations, given.seed)
    print(f"{torch.get_num_threads()} threads; seed {given.seed}")
    print(f"{'':34}{'nats/character':>15}{'window 64':>11}{'wall s':>9}{'CPU s':>8}")
    print(f"{'nanoGPT, its recipe for CPUs':34}{peer:15.4f}{peer:11.4f}{seconds:9.1f}{cpu:8.1f}", flush=True)
    alone, counting = counted(tokens[:cut], tokens[cut:], len(codes))
    print(f"{'n-gram counts alone':34}{alone:15.4f}{'':11}{'':9}{counting:8.1f}", flush=True)
    reached = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        learn = cut - len(text) // VALIDATION
        for split, part in (("train", text[:learn]), ("validation", text[learn:cut]), ("test", text[cut:])):
            (folder / f"{split}.txt").write_text(part)
        for network in given.networks.split(","):
            wall, cpu = time.perf_counter(), time.process_time()
            model = assay.train(
                "text-generation",
                folder,
                network=network,
                time=f"{seconds:.0f}s",
                seed=given.seed,
                out=folder / network,
            )
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            reached[network] = assay.evaluate(model, folder).figure("nats_per_character").value
            narrow = windowed(model, folder / "test.txt", WINDOW, 1)
            print(f"{'assay, ' + network:34}{reached[network]:15.4f}{narrow:11.4f}{wall:9.1f}{cpu:8.1f}", flush=True)
    best = min(reached.values())
    print(f"bar {BAR}, aim {AIM}: {best:.4f} reached")
    return int(best > BAR)


if __name__ == "__main__":
    sys.exit(main())
