"""Which device, which precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from assay.core.errors import ConfigError, nearest

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def device(name: str) -> torch.device:
    """The device of that name; ``auto`` is an accelerator where there is one.

    Raises:
        ConfigError: there is no such device here.
    """
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if name == "auto":
        return accelerator or torch.device("cpu")
    here = ["auto", "cpu", *([accelerator.type] if accelerator else [])]
    try:
        chosen = torch.device(name)
    except RuntimeError:
        raise ConfigError(f'There is no device "{name}". {nearest(name, here)}') from None
    if chosen.type not in here:
        raise ConfigError(f'This machine has no device "{name}". {nearest(name, here)}')
    return chosen


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Lower precision for what tolerates it, or nothing.

    Raises:
        ConfigError: no such precision, or fp16 without an accelerator (its gradients would vanish unscaled).
    """
    if precision not in PRECISIONS:
        raise ConfigError(f'There is no precision "{precision}". {nearest(precision, PRECISIONS)}')
    dtype = PRECISIONS[precision]
    if dtype is None:
        return nullcontext()
    if dtype is torch.float16 and device.type == "cpu":
        raise ConfigError("fp16 needs an accelerator; on a CPU train with --precision fp32 (bf16 where it has AMX).")
    return torch.autocast(device.type, dtype=dtype)
