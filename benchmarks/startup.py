"""`assay --help` against importing PyTorch: the ratio of their fastest times. Bar: ≤ 0.35.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

BAR, REPEATS = 0.35, 7


def fastest(*commands: list[str]) -> list[float]:
    """The fastest wall time of each command, repeats interleaved."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(REPEATS):
        for command, held in zip(commands, times, strict=True):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            held.append(time.perf_counter() - began)
    return [min(held) for held in times]


if __name__ == "__main__":
    ours, peer = fastest(
        [sys.executable, "-c", "import sys; from assay.cli import main; sys.exit(main(['--help']))"],
        [sys.executable, "-c", "import torch"],
    )
    print(f"assay --help {ours:.3f} s, import torch {peer:.3f} s: ratio {ours / peer:.3f} (bar {BAR})")
    sys.exit(ours / peer > BAR)
