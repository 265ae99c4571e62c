"""Seeds out of numbers, and what dropout draws from."""

from __future__ import annotations

import torch


def seed_chance(device: torch.device, seed: int) -> None:
    """Seed what dropout draws from. ``torch.manual_seed`` seeds every device there is, at 90 µs a call."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def mixed(*parts: int) -> int:
    """One 63-bit seed out of several numbers (a step of splitmix64 each), so that no two uses share a stream."""
    state = 0
    for part in parts:
        state = (state + part + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1
