"""What a checkpoint was shown: how large its images are and how their pixels are scaled, or how its sounds are.

Read from the JSON files that come with it; nothing is taken for granted that they do not say, since a network that is
shown another scale than its own answers as badly as it does quietly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import DataError
from assay.networks._pretrained_checkpoint import Checkpoint

ONE, MANY, SOUND = "image_processor", "video_processor", "feature_extractor"
FILES = {
    ONE: ("preprocessor_config.json",),
    MANY: ("video_preprocessor_config.json", "preprocessor_config.json"),
    SOUND: ("preprocessor_config.json",),
}
TOGETHER = "processor_config.json"  # where newer checkpoints say all of it, under those names
PIXELS = 255
LEAST, MOST = 8, 4096  # sides of an image


@dataclass(frozen=True)
class Pictures:
    """What images a checkpoint was shown.

    Attributes:
        height, width: their sides.
        scale, shift: a pixel in −1 … 1 is multiplied and moved by these, a number a colour.
    """

    height: int
    width: int
    scale: tuple[float, ...]
    shift: tuple[float, ...]

    @property
    def channels(self) -> int:
        """How many colours."""
        return len(self.scale)


def stated(source: Checkpoint, kind: str) -> dict[str, Any]:
    """What a checkpoint says of its input.

    Args:
        source: the checkpoint.
        kind: ``ONE`` image, ``MANY`` (a video) or ``SOUND``.

    Raises:
        DataError: it says nothing, or what it says is no JSON object.
    """
    for name in (*FILES[kind], TOGETHER):
        path = source.folder / name
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            found = found.get(kind) if name == TOGETHER else found
        except (AttributeError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}).") from error
        if isinstance(found, dict):
            return found
    raise DataError(
        f"{source.name} has no {FILES[kind][0]}, which says how what it reads is scaled. Copy it from where the checkpoint "
        "comes from, or save it beside the weights (save_pretrained of its processor)."
    )


def pictures(source: Checkpoint, kind: str = ONE) -> Pictures:
    """What images or frames a checkpoint was shown.

    Raises:
        DataError: as `stated`; or what it says of scaling is not whole.
    """
    said = stated(source, kind)
    channels = source.config.get("num_channels", 3)
    if channels not in (1, 3):
        raise DataError(f"{source.name} takes images of {channels} channels; accepted are 1 (grey) and 3 (colours).")
    height, width = _sides(said, source)
    factor = float(said.get("rescale_factor", 1 / PIXELS)) if said.get("do_rescale", True) else 1.0
    offset = -1.0 if said.get("offset") or said.get("rescale_offset") else 0.0
    mean, std = [0.0] * channels, [1.0] * channels
    if said.get("do_normalize", True):
        mean, std = (_colours(said, name, channels, source) for name in ("image_mean", "image_std"))
    if min(map(abs, std)) == 0:
        raise DataError(f"{source.name} states an image_std of 0, by which nothing can be divided.")
    half = PIXELS / 2 * factor
    return Pictures(
        height=height,
        width=width,
        scale=tuple(half / s for s in std),
        shift=tuple((half + offset - m) / s for m, s in zip(mean, std, strict=True)),
    )


def _sides(said: Mapping[str, Any], source: Checkpoint) -> tuple[int, int]:
    """The sides that images end up with: of what is cut out of them, else what they are brought to, else the network's."""
    given = [said.get("crop_size")] if said.get("do_center_crop") else []
    for size in (*given, said.get("size"), source.config.get("image_size")):
        sides = _two(size)
        if sides and all(LEAST <= side <= MOST for side in sides):
            return sides
        if sides:
            raise DataError(f"{source.name} takes images of {sides}; accepted are sides of {LEAST} to {MOST:,}.")
    raise DataError(f"Neither the processor nor the configuration of {source.name} says how large its images are.")


def _two(size: Any) -> tuple[int, int] | None:
    """The height and width that a size in any of its spellings means; ``None`` where it means none."""
    if isinstance(size, Mapping):
        size = [size.get(name) or size.get("shortest_edge") for name in ("height", "width")]
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in (height, width))
    return (int(height), int(width)) if whole else None


def _colours(said: Mapping[str, Any], name: str, channels: int, source: Checkpoint) -> list[float]:
    value = said.get(name)
    numbers: list[Any] = value if isinstance(value, list) else [value] * channels
    if len(numbers) != channels or not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise DataError(f"The processor of {source.name} states {name} = {value!r}; {channels} numbers are needed.")
    return [float(n) for n in numbers]
