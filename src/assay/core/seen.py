"""Which examples a model was fitted to or selected on, so that a judge can say when it is shown them again.

The law that nothing is judged on what it was trained on cannot rest on file names or formats: the same rows come back as
another file, with a row more, or as a test set that overlaps. So the hash of each example *as the network sees it* is
kept, and looked up by every judge. It is kept beside the packed data in the user's own cache, never in the model folder:
whoever has the hashes can tell who was in the training data.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import AssayError
from assay.core.files import write
from assay.core.packing import Encoded, cache_folder

Hashes = NDArray[np.uint64]
_BLOCK = 512


def hashes(encoded: Encoded) -> Hashes:
    """A 64-bit hash of each example's encoded input, ``[N]``, and target where it may have no input."""
    out = np.empty(len(encoded), dtype=np.uint64)
    for start in range(0, len(out), _BLOCK):
        some = np.arange(start, min(start + _BLOCK, len(out)))
        x, y = encoded.take(some)
        arrays = [x[name] for name in sorted(x)] + ([y[name] for name in sorted(y)] if encoded.whole else [])
        blocks = [np.ascontiguousarray(array).reshape(len(some), -1) for array in arrays]
        for at in range(len(some)):
            state = hashlib.blake2b(digest_size=8)
            for block in blocks:
                state.update(block[at].data)
            out[start + at] = int.from_bytes(state.digest(), "little")
    return out


def remember(model_hash: str, found: Hashes) -> None:
    """Keep the hashes of what the model of that hash was fitted to and selected on; a full disk forgets them."""
    try:
        write(_path(model_hash), np.unique(found).tobytes())
    except AssayError:
        return


def recall(model_hash: str) -> Hashes | None:
    """What `remember` kept, sorted; ``None`` where the model was trained elsewhere or the cache was emptied."""
    path = _path(model_hash)
    if not model_hash or not path.is_file():
        return None
    return np.frombuffer(path.read_bytes(), dtype=np.uint64)


def _path(model_hash: str) -> Path:
    return cache_folder() / "seen" / f"{model_hash}.u64"
