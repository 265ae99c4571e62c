"""Claim: the article's GRU runs, forward and backward, at no less than 0.9 times the speed of `torch.nn.GRU`, uncompiled.

    python benchmarks/gru_speed.py [REPETITIONS] [THREADS …]

64 steps, 32 rows, 256 inputs and 256 hidden units, float32, gradients of the inputs and of all weights. Each of the
REPETITIONS (100) times `torch.nn.GRU` (which resets after the product: a slightly cheaper function), assay's `ArticleGRU`
and the same equations as a plain loop, one after the other, so that whatever else the machine does meets all three. A
ratio is of the times of one repetition; its median is judged. Done for 1 thread and for 2 unless THREADS are given.

Then, on one thread, what it costs to read a padded batch in both directions: 64 rows of 36 to 40 places, 256 wide, by
PyTorch's packed sequences and by `assay.networks.recurrent`, which moves what is there to the front.

Ends with status 1 where the median of the first comparison is below 0.9, or where the loop and ours do not give the same
numbers.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from assay.networks.recurrent import ArticleGRU, recurrent

STEPS, ROWS, WIDTH = 64, 32, 256
BAR = 0.9


class Loop(nn.Module):
    """The article's equations as one would write them down, with the weights of an `ArticleGRU`."""

    def __init__(self, gru: ArticleGRU) -> None:
        super().__init__()
        self.gru = gru

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        gru, states = self.gru, []
        given = nn.functional.linear(x, gru.weight_ih_l0, gru.bias_l0)
        gates, candidate = gru.weight_hh_l0[: 2 * WIDTH].T, gru.weight_hh_l0[2 * WIDTH :].T
        h = x.new_zeros(len(x), WIDTH)
        for t in range(x.shape[1]):
            z, r = torch.sigmoid(given[:, t, : 2 * WIDTH] + h @ gates).chunk(2, dim=1)
            h = (1 - z) * h + z * torch.tanh(given[:, t, 2 * WIDTH :] + (r * h) @ candidate)
            states.append(h)
        return torch.stack(states, dim=1), None


def seconds(network: nn.Module, x: Tensor, gradient: Tensor) -> float:
    """The wall time of one forward and backward pass."""
    network.zero_grad(set_to_none=True)
    x.grad = None
    began = time.perf_counter()
    network(x)[0].backward(gradient)
    return time.perf_counter() - began


def agree(one: nn.Module, other: nn.Module, x: Tensor) -> bool:
    """Whether two networks give the same numbers, to what single precision leaves."""
    with torch.no_grad():
        return bool((one(x)[0] - other(x)[0]).abs().max() < 1e-5)


class Packed(nn.Module):
    """Both directions of a padded batch, by packed sequences."""

    def __init__(self, cell: type[nn.RNNBase], lengths: Tensor) -> None:
        super().__init__()
        self.cell = cell(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True)
        self.lengths = lengths

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        packed = pack_padded_sequence(x, self.lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0], None


class Masked(nn.Module):
    """Both directions of a padded batch, by `assay.networks.recurrent`."""

    def __init__(self, kind: str, lengths: Tensor) -> None:
        super().__init__()
        self.body = recurrent(kind, WIDTH, WIDTH, both=True)
        self.mask = torch.arange(int(lengths.max())) < lengths[:, None]

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.body(x, self.mask)[0], None


def padded(repetitions: int) -> None:
    """Print how fast padded batches are read, against packed sequences."""
    lengths = torch.randint(36, 41, (64,))
    lengths[0] = 40
    x, gradient = torch.randn(64, 40, WIDTH, requires_grad=True), torch.randn(64, 40, WIDTH)
    for kind, cell in (("lstm", nn.LSTM), ("gru", nn.GRU)):
        packed, ours = Packed(cell, lengths), Masked(kind, lengths)
        pairs = [(seconds(packed, x, gradient), seconds(ours, x, gradient)) for _ in range(repetitions + 3)][3:]
        middle, low, high = spread([peer / mine for peer, mine in pairs])
        print(f"  {kind:<5} {middle:.2f} times the speed of packed sequences (quartiles {low:.2f} to {high:.2f})")


def spread(values: list[float]) -> tuple[float, float, float]:
    """The quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return middle, low, high


def main() -> int:
    """Print the ratios; the exit status."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    every = [int(word) for word in sys.argv[2:]] or [1, 2]
    torch.manual_seed(0)
    ours = ArticleGRU(WIDTH, WIDTH, batch_first=True)
    networks: dict[str, nn.Module] = {
        "torch.nn.GRU": nn.GRU(WIDTH, WIDTH, batch_first=True),
        "ArticleGRU": ours,
        "plain loop": Loop(ours),
    }
    x = torch.randn(ROWS, STEPS, WIDTH, requires_grad=True)
    gradient = torch.randn(ROWS, STEPS, WIDTH)
    same = agree(networks["ArticleGRU"], networks["plain loop"], x)
    print(f"the loop and ours give {'the same' if same else 'OTHER'} numbers")
    reached = []
    for threads in every:
        torch.set_num_threads(threads)
        times: dict[str, list[float]] = {name: [] for name in networks}
        for name in list(networks) * 3:  # warm up
            seconds(networks[name], x, gradient)
        for _ in range(repetitions):
            for name in networks:
                times[name].append(seconds(networks[name], x, gradient))
        print(f"\nthreads: {threads}; {repetitions} repetitions; milliseconds, and times the speed of torch.nn.GRU")
        for name, found in times.items():
            ratios = [peer / mine for peer, mine in zip(times["torch.nn.GRU"], found, strict=True)]
            middle, low, high = spread(ratios)
            spent = 1e3 * statistics.median(found)
            print(f"  {name:<13} {spent:7.1f} ms   {middle:.2f} (quartiles {low:.2f} to {high:.2f})")
            if name == "ArticleGRU":
                reached.append(middle)
    torch.set_num_threads(1)
    print(f"\npadded batches, both directions; {repetitions} repetitions")
    padded(repetitions)
    print(f"\nthe article's GRU: {min(reached):.2f} times the speed of torch.nn.GRU (bar {BAR})")
    return 0 if same and min(reached) >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
