"""A clip out of a video: pictures at evenly spaced times, and no more decoded than they need.

A picture stays until the next one comes. So what is seen at a time is the last picture shown before it, and a variable
frame rate needs no other rule. Between the times asked for, whole groups of pictures are passed over undecoded.

Legend: S times, H height, W width, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from assay.codecs.riff import cut_off
from assay.inputs._video_file import Listing, check_size, library, listing, opened

MOST_DECODED = 100_000_000_000  # pixels that a clip may take to decode: 50,000 pictures of 1920 × 1080


@dataclass(frozen=True)
class Look:
    """What a first look at a video tells.

    Attributes:
        height, width: upright, of square pixels.
        grey: whether it has no colour.
        frames: how many there are.
        notes: what is odd about it.
    """

    height: int
    width: int
    grey: bool
    frames: int
    notes: tuple[str, ...] = ()


def look(x: Any) -> Look:
    """Sides, colour and number of frames of an array ``uint8 [T, H, W, C]``, a path or bytes; decodes one frame at most.

    Raises:
        ValueError: it cannot be read, or is larger than accepted; says why.
        Unsupported: it is a file, and PyAV is not installed.
    """
    if isinstance(x, np.ndarray):
        frames, height, width, channels = _array(x).shape
        return Look(height, width, channels == 1, frames)
    with opened(x) as (container, stream):
        listed = listing(container, stream)
        shape = stream.sample_aspect_ratio or 1
    with opened(x) as (container, stream):
        frame = next(_decoded(container, stream, np.ones(len(listed.key), dtype=np.bool_)), None)
        if frame is None:
            raise ValueError("not one of its frames can be decoded")
        height, width = frame.height, max(1, round(frame.width * float(shape)))
        if frame.rotation % 180:
            height, width = width, height
        cut = cut_off(x.get("bytes") or x.get("path") if isinstance(x, Mapping) else x).rstrip(".")
        notes = listed.notes or ((cut,) if cut else ())
        return Look(height, width, frame.format.name.startswith("gray"), len(listed.key), notes)


def clip(x: Any, count: int, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """``count`` frames evenly over the time of a video, ``uint8 [S, H, W, C]``.

    The time is cut into ``count`` equal pieces, and the frame that is seen in the middle of each is taken.

    Args:
        x: ``uint8 [T, h, w, C]``, a path, or the bytes of a file.
        channels: 1 (grey) or 3 (red, green, blue).

    Raises:
        ValueError: it cannot be read, or is larger than accepted; says why.
        Unsupported: it is a file, and PyAV is not installed.
    """
    if isinstance(x, np.ndarray):
        frames = _array(x)
        return _resized(frames[((np.arange(count) + 0.5) * len(frames) / count).astype(int)], height, width, channels)
    listed, times, needed = _planned(x, count)
    with opened(x) as (container, stream):
        return _filled(container, stream, listed, times, needed, (height, width, channels))


def oddities(x: Any, count: int, *, moving: bool) -> tuple[str, ...]:
    """What is odd about a video of which ``count`` frames are taken, and which is to move; decodes what `clip` decodes.

    Raises:
        ValueError: as `clip` raises it.
        Unsupported: it is a file, and PyAV is not installed.
    """
    seen = look(x)
    if moving and seen.frames == 1:
        return (*seen.notes, "it holds a single frame, so nothing moves in it")
    if seen.notes or isinstance(x, np.ndarray):
        return seen.notes
    listed, _, needed = _planned(x, count)
    packets = int(needed.sum())
    told: list[int] = []
    with opened(x) as (container, stream):
        frames = sum(1 for _ in _decoded(container, stream, needed, told))
    # Where every packet is a frame by itself, decoders pass over some without a word; elsewhere some packets show nothing.
    bad = max(len(told), packets - frames if listed.key.all() else 0)
    are = "is" if bad == 1 else "are"
    return (f"{bad:,} of its {packets:,} frames that were read {are} damaged; the others were used",) if bad else ()


def _planned(x: Any, count: int) -> tuple[Listing, NDArray[np.float64], NDArray[np.bool_]]:
    """The packets of a file, the ``count`` times at which it is looked at, and which packets must be decoded for them.

    Raises:
        ValueError: these are more than is accepted.
    """
    with opened(x) as (container, stream):
        listed = listing(container, stream)
        times = (np.arange(count) + 0.5) * listed.end / count
        needed = _needed(listed, times)
        if int(needed.sum()) * stream.width * stream.height > MOST_DECODED:
            raise ValueError(
                f"{needed.sum():,} frames of {stream.width} × {stream.height} would have to be decoded for {count}; "
                "cut it into clips, or write it with more key frames"
            )
    return listed, times, needed


def _needed(listed: Listing, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which packets must be decoded for what is seen at ``times``: from the key frame before each up to itself."""
    needed = np.zeros(len(listed.key), dtype=np.bool_)
    if not listed.timed:
        return ~needed
    order = np.argsort(listed.seconds, kind="stable")
    at = np.searchsorted(listed.seconds[order], times, side="right") - 1
    keys = np.flatnonzero(listed.key)
    for packet in set(order[np.maximum(at, 0)].tolist()):
        # A frame that is shown before the key frame that it follows in the file leans on the group before.
        able = keys[(keys <= packet) & (listed.seconds[keys] <= listed.seconds[packet])]
        needed[able[-1] if len(able) else 0 : packet + 1] = True
    return needed


def _decoded(container: Any, stream: Any, needed: NDArray[np.bool_], damaged: list[int] | None = None) -> Any:
    """The frames of the needed packets, in the order in which they are shown; what cannot be decoded is passed over.

    The packets at which that is so, or at which a frame comes out that is damaged, are appended to ``damaged``, but for
    those before the key frame with which decoding began: they lean on what was not decoded.
    """
    error = library().error.FFmpegError
    codec, at, reading, begun = stream.codec_context, -1, False, None
    damaged = [] if damaged is None else damaged
    packets = iter(container.demux(stream))
    while True:
        try:
            packet = next(packets)
        except (StopIteration, error):
            break
        if not packet.size:
            continue
        at += 1
        if at < len(needed) and needed[at]:
            begun = packet.pts if packet.is_keyframe or not reading else begun
            reading = True
            try:
                frames = codec.decode(packet)
            except error:  # the frame before it is seen for longer
                damaged += [at] * _from(begun, packet.pts)
                continue
            if any(frame.is_corrupt and _from(begun, frame.pts) for frame in frames):
                damaged.append(at)
            yield from frames
        elif reading:
            yield from _rest(codec, error)
            codec.flush_buffers()
            reading = False
            if not needed[at:].any():
                return
    if reading:
        yield from _rest(codec, error)


def _from(begun: int | None, shown: int | None) -> bool:
    """Whether a frame is shown after another; frames without a time are in order."""
    return begun is None or shown is None or shown >= begun


def _rest(codec: Any, error: type[Exception]) -> list[Any]:
    try:
        return list(codec.decode(None))
    except error:
        return []


def _filled(
    container: Any,
    stream: Any,
    listed: Listing,
    times: NDArray[np.float64],
    needed: NDArray[np.bool_],
    shape: tuple[int, int, int],
) -> NDArray[np.uint8]:
    """The picture that is seen at each time, ``[S, H, W, C]``."""
    out = np.zeros((len(times), *shape), dtype=np.uint8)
    resize = library().video.reformatter.VideoReformatter()
    filled, seen = 0, None
    for number, frame in enumerate(_decoded(container, stream, needed)):
        check_size(frame.width, frame.height)  # a stream may change its size
        when = listed.when(frame.pts, number)
        until = filled + int(np.searchsorted(times[filled:], when, side="left"))
        if until > filled:
            out[filled:until] = _pixels(resize, seen or frame, shape)
        filled, seen = until, frame
    if seen is None:
        raise ValueError("not one of its frames can be decoded")
    if filled < len(times):
        out[filled:] = _pixels(resize, seen, shape)
    return out


def _pixels(resize: Any, frame: Any, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """One frame, upright, as ``[H, W, C]``."""
    height, width, channels = shape
    turned = round(frame.rotation / 90) % 4  # quarters, against the clock
    if turned % 2:
        height, width = width, height
    how = "AREA" if height * width < frame.height * frame.width else "BILINEAR"
    form = "gray" if channels == 1 else "rgb24"
    small = resize.reformat(frame, width, height, form, interpolation=how).to_ndarray()
    return np.asarray(np.rot90(small, turned).reshape(shape), dtype=np.uint8)


def _array(x: NDArray[Any]) -> NDArray[np.uint8]:
    if x.dtype != np.uint8 or x.ndim != 4 or not x.size or x.shape[3] not in (1, 3):
        raise ValueError(f"{x.dtype} of shape {x.shape} is no video; accepted is uint8 [T, H, W, 1 | 3]")
    check_size(x.shape[2], x.shape[1])
    return x


def _resized(frames: NDArray[np.uint8], height: int, width: int, channels: int) -> NDArray[np.uint8]:
    if frames.shape[1:] == (height, width, channels):
        return frames
    pictures = [Pillow.fromarray(frame.squeeze(-1) if frame.shape[-1] == 1 else frame) for frame in frames]
    mode, size = "L" if channels == 1 else "RGB", (width, height)
    small = [np.asarray(p.convert(mode).resize(size, Pillow.Resampling.BILINEAR)) for p in pictures]
    return np.stack(small).reshape(len(frames), height, width, channels)
