"""Whether an Ogg file (Vorbis, Opus) was cut off: each of its pages says how long it is (RFC 3533)."""

from __future__ import annotations

from pathlib import Path

MARK = b"OggS\x00"  # how a page begins: the capture pattern and the version
PAGE = 27 + 255 + 255 * 255  # bytes of the longest one: its header, the lengths of its segments, and these


def broken_off(x: str | bytes) -> bool:
    """Whether the last page of an Ogg file (a path or its bytes) is not all there; no file of another kind is broken off.

    >>> page = MARK + bytes(21) + bytes([1, 40]) + bytes(40)  # one segment of 40 bytes
    >>> broken_off(page), broken_off(2 * page), broken_off(2 * page[:-1]), broken_off(page + page[:20])
    (False, False, True, True)
    """
    if isinstance(x, bytes):
        head, tail = x[: len(MARK)], x[-PAGE:]
    else:
        with Path(x).open("rb") as file:
            head = file.read(len(MARK))
            file.seek(max(0, Path(x).stat().st_size - PAGE))
            tail = file.read()
    if head != MARK:
        return False
    page = tail[max(0, tail.rfind(MARK)) :]
    if len(page) < 27:
        return True
    segments = page[27 : 27 + page[26]]
    return len(segments) < page[26] or len(page) < 27 + len(segments) + sum(segments)
