"""What a sound may be given as: the path or the bytes of a file, or samples with their rate."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from assay.codecs.media import SOUNDS, begins_as

Wave: TypeAlias = NDArray[np.float32]

RATES = (1_000, 768_000)  # samples a second that a file may have
MOST_CHANNELS = 64


def source_of(x: Any) -> str | bytes | tuple[Any, int]:
    """What a sound comes from: a path, bytes, or samples and their rate.

    Raises:
        ValueError: it is none of them, or there is no such file; says why.
    """
    if isinstance(x, Mapping):
        array = x.get("array")
        x = (x.get("bytes") or x.get("path")) if array is None else (array, x.get("sampling_rate"))
    if x is None:
        raise ValueError("there is no sound")
    if isinstance(x, tuple) and len(x) == 2:
        if isinstance(x[1], bool) or not isinstance(x[1], int | np.integer):
            raise ValueError(f"{x[1]!r} is no rate: a sound in memory is (samples, whole number of samples a second)")
        return x[0], plausible(int(x[1]))
    if isinstance(x, bytes):
        return x
    if isinstance(x, str | Path):
        if not Path(x).exists():
            raise ValueError("there is no such file")
        if not Path(x).is_file():
            raise ValueError("it is no file")
        return str(x)
    raise ValueError(
        f"{type(x).__name__} is no sound; accepted are a path, the bytes of a file, and (samples, samples a second)"
    )


def opened(source: str | bytes) -> soundfile.SoundFile:
    """A file (a path or its bytes), its header read.

    Raises:
        ValueError: it cannot be opened; says why, as far as its first bytes tell.
    """
    if not (len(source) if isinstance(source, bytes) else Path(source).stat().st_size):
        raise ValueError("the file is empty")
    try:
        return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: headerless samples, by their name
        if kind := begins_as(source, sound=True):
            raise ValueError(
                f"it begins as {kind}, but cannot be opened: it is cut off or damaged (copy it again), or in a coding "
                "that is not read"
            ) from error
        accepted = ", ".join(suffix[1:].upper() for suffix in SOUNDS if suffix not in (".oga", ".aiff", ".aifc"))
        raise ValueError(f"not a sound file (accepted: {accepted})") from error
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror or error})") from error


def floats(samples: Any) -> Wave:
    """Samples ``[n]`` or ``[n, channels]``, whole numbers or floats, as float32 ``[n, channels]`` in −1 … 1.

    Raises:
        ValueError: they have another shape or kind.
    """
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiu":
        raise ValueError(f"{array.dtype} of shape {array.shape} is no sound; accepted is [n] or [n, channels]")
    if array.ndim == 2 and array.shape[1] > MOST_CHANNELS:
        raise ValueError(f"it has {array.shape[1]:,} channels; at most {MOST_CHANNELS} are accepted, as [n, channels]")
    scale = 1.0
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        scale = 2.0 / (int(limits.max) - int(limits.min) + 1)
        array = array.astype(np.float64) - (int(limits.max) + 1) / 2 * (array.dtype.kind == "u")
    return (np.atleast_2d(array.T).T * scale).astype(np.float32)


def plausible(rate: int) -> int:
    """The rate, where a sound can have it.

    Raises:
        ValueError: it is out of `RATES`.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"it has {rate:,} samples a second; accepted are {RATES[0]:,} to {RATES[1]:,}")
    return rate
