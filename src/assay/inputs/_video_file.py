"""What stands in a video file, and what is wrong with it: opened by name or bytes, its packets listed, nothing decoded.

Files from others are hostile. The name is opened as a file and nothing else (no address, no list of other files), as one
of a few containers, and a header that asks for too much is refused before a decoder has been made.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import Unsupported

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,flv,asf,ogg,gif"
ACCEPTED = "MP4, MOV, Matroska, WebM, AVI, MPEG, FLV, WMV, Ogg, GIF"
MOST_PIXELS = 8192 * 4320  # a frame
MOST_SECONDS = 3600.0
MOST_PACKETS = 500_000  # an hour at 120 frames a second is 432,000
SHORT = 0.1, 0.02  # frames that end by so many seconds, and by this share, before the end that the header says


@dataclass(frozen=True)
class Listing:
    """The packets of a video stream, in the order in which they are decoded.

    Attributes:
        seconds: when each packet's frame is shown, ``[n]``, the earliest at 0.
        key: whether decoding can begin there, ``[n]``.
        end: when the last frame ends.
        start: the time stamp of the earliest frame.
        step: seconds of one unit of a time stamp; of one frame where the file has no time stamps.
        timed: whether it has.
        notes: what is odd about the file.
    """

    seconds: NDArray[np.float64]
    key: NDArray[np.bool_]
    end: float
    start: int
    step: float
    timed: bool
    notes: tuple[str, ...] = ()

    def when(self, stamp: int | None, number: int) -> float:
        """When a decoded frame is shown, by its time stamp, or by its number where there are none."""
        return (stamp - self.start) * self.step if self.timed and stamp is not None else number * self.step


def library() -> Any:
    """PyAV, told to be quiet about damaged files: we tell it ourselves.

    Raises:
        Unsupported: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise Unsupported('Video files are read by PyAV, which is not installed: pip install "assay[video]"') from error
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    return av


@contextmanager
def opened(x: Any) -> Iterator[tuple[Any, Any]]:
    """The container and the first video stream of a path or of bytes; errors within come out in plain words.

    Raises:
        ValueError: it is no video, is cut off, too large, or needs a decoder that is not there; says which.
        Unsupported: PyAV is not installed.
    """
    av = library()
    if isinstance(x, Mapping):
        x = x.get("bytes") or x.get("path")
    if not isinstance(x, bytes | str | Path):
        raise ValueError("there is no video" if x is None else f"a {type(x).__name__} is no video")
    if not (len(x) if isinstance(x, bytes) else _bytes_of(Path(x))):
        raise ValueError("the file is empty (0 bytes)")
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(MOST_PIXELS)}
    name = io.BytesIO(x) if isinstance(x, bytes) else f"file:{Path(x).resolve()}"
    try:
        with av.open(name, options=options) as container:
            if not container.streams.video:
                held = ", ".join(sorted({stream.type for stream in container.streams}))
                raise ValueError(
                    f"the file holds no video, only: {held}" if held else "the file holds no video, nor anything else"
                )
            check_length((container.duration or 0) / 1e6)
            yield container, _checked(container.streams.video[0])
    except av.error.DecoderNotFoundError as error:
        raise ValueError("no decoder for its codec is here; convert it to H.264, VP9 or AV1") from error
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(_reason(x, error)) from error


def _bytes_of(path: Path) -> int:
    try:
        if path.is_dir():
            raise ValueError("it is a folder, not a file")
        return path.stat().st_size
    except OSError as error:  # no such name, or one that is too long for any
        raise ValueError("there is no such file") from error


def _checked(stream: Any) -> Any:
    """The stream, where its header asks for no more than is accepted."""
    codec = stream.codec_context
    if codec is None:
        raise ValueError("no decoder for its codec is here; convert it to H.264, VP9 or AV1")
    check_size(stream.width, stream.height)
    if stream.duration and stream.time_base:
        check_length(float(stream.duration * stream.time_base))
    codec.thread_count = 1  # clips are decoded side by side
    codec.options = {"max_pixels": str(MOST_PIXELS)}  # of what the stream itself says
    return stream


def check_size(width: int, height: int) -> None:
    """Refuse a frame that is too large.

    Raises:
        ValueError: naming both sides and what is accepted.
    """
    if not width or not height:
        raise ValueError("its frames have no size, or are larger than the 8192 × 4320 accepted")
    if width * height > MOST_PIXELS:
        raise ValueError(f"its frames of {width:,} × {height:,} pixels are larger than the 8192 × 4320 accepted")


def check_length(seconds: float) -> None:
    """Refuse a video that is too long.

    Raises:
        ValueError: naming its length and what is accepted.
    """
    if seconds > MOST_SECONDS:
        raise ValueError(f"it lasts {seconds / 3600:.1f} hours, and at most 1 hour is accepted; cut it into clips")


def listing(container: Any, stream: Any) -> Listing:
    """All packets of the stream, read once and not decoded.

    Raises:
        ValueError: there are none, or too many.
    """
    av = library()
    shown: list[int | None] = []
    key: list[bool] = []
    lengths: list[int] = []
    cut: list[bool] = []
    broken = False
    with suppress(StopIteration):
        packets = iter(container.demux(stream))
        while True:
            try:
                packet = next(packets)
            except av.error.FFmpegError:
                broken = True
                break
            if not packet.size:
                continue
            shown.append(packet.pts if packet.pts is not None else packet.dts)
            cut.append(packet.is_discard)  # by an edit: decoded, since others lean on it, and not shown
            key.append(packet.is_keyframe)
            lengths.append(packet.duration or 0)
            if len(shown) > MOST_PACKETS:
                raise ValueError(f"it has more than the {MOST_PACKETS:,} frames accepted; cut it into clips")
    if all(cut):
        raise ValueError("the video has no frames")
    key[0] = True  # decoding has to begin somewhere
    listed = _timed(shown, np.array(key), lengths, np.array(cut), stream)
    check_length(listed.end)
    return replace(listed, notes=_oddities(container, stream, listed.end, broken))


def _timed(
    shown: list[int | None], key: NDArray[np.bool_], lengths: list[int], cut: NDArray[np.bool_], stream: Any
) -> Listing:
    known = [stamp for stamp in shown if stamp is not None]
    base = float(stream.time_base or 0)
    if len(set(known)) == len(shown) and base:
        start = min(stamp for stamp, gone in zip(known, cut, strict=True) if not gone)
        seconds = (np.array(known, dtype=np.float64) - start) * base
        gaps = np.diff(np.sort(seconds[~cut]))
        latest = int(np.where(cut, -1, seconds).argmax())
        last = lengths[latest] * base or (float(np.median(gaps)) if len(gaps) else 1.0)
        return Listing(seconds, key, float(seconds[latest]) + last, start, base, timed=True)
    step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
    return Listing(np.arange(len(shown), dtype=np.float64) * step, key, len(shown) * step, 0, step, timed=False)


def _oddities(container: Any, stream: Any, end: float, broken: bool) -> tuple[str, ...]:
    if container.format.name == "avi":  # whose durations libav estimates by what there is of the file
        stated = float(stream.frames / stream.average_rate) if stream.average_rate else 0.0
    else:
        stated = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    if stated - end > max(SHORT[0], SHORT[1] * stated):
        return (f"it is cut off: its header says {stated:.1f} s, and {end:.1f} s of frames are there, which were used",)
    return ("it is damaged towards its end; the frames before that were used",) if broken else ()


def _reason(x: Any, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "the file may not be read (permission denied)"
    if isinstance(x, bytes):
        head = x[:12]
    else:
        with Path(x).open("rb") as file:
            head = file.read(12)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return "the video is cut off or damaged (its table of frames is missing); copy the file again"
    if head.startswith((b"\x1a\x45\xdf\xa3", b"\x00\x00\x01\xba")) or head[8:] == b"AVI ":
        return "the video is cut off or damaged; copy the file again"
    return f"not a video (accepted: {ACCEPTED})"
