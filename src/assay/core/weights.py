"""Tensors on disk: safetensors, whole or absent."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from assay.core.files import write


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors by name (copied to the CPU where they are not), and texts beside them.

    Raises:
        BudgetError: the disk is full; whatever stood at ``path`` stands there still.
        ConfigError: the folder cannot be written to.
    """
    flat = _unshared({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})

    def content(temporary: Path) -> None:
        try:
            save_file(flat, temporary, metadata=dict(metadata))
        except SafetensorError as error:
            number = re.search(r"os error (\d+)", str(error))
            raise OSError(int(number[1]) if number else errno.EIO, str(error)) from error

    write(path, content)


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory are copied: the format holds each once."""
    seen: set[int] = set()
    out = {}
    for name, tensor in tensors.items():
        pointer = tensor.untyped_storage().data_ptr()
        out[name] = tensor.clone() if pointer in seen else tensor
        seen.add(pointer)
    return out
