"""Whether a file (WAV, AVI, AIFF, AU, RF64, W64) was cut off: its first bytes say how long it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

ORDERS: dict[bytes, Literal["little", "big"]] = {
    b"RIFF": "little", b"FORM": "big", b".snd": "big", b"dns.": "little", b"RF64": "little", b"riff": "little"
}  # fmt: skip
# Bytes from which on it is what a stream says that does not know how long it is: 2^31 less a few (SoX, eSpeak, arecord), or
# 2^32 less a few.
ENDLESS = 0x7FFF_0000
HEAD = 32  # bytes that say so
SLACK = 64  # bytes that writers miscount by


def cut_off(x: object) -> str:
    """A sentence where the file (a path or its bytes) is shorter than its header says; nothing where it is not, or where it
    is of another kind.

    >>> cut_off(b"RIFF" + (1_000).to_bytes(4, "little") + bytes(500))
    'it is cut off: its header says 1,008 bytes, and 508 are there, which were used.'
    >>> cut_off(b"RIFF" + (500).to_bytes(4, "little") + bytes(500))
    ''
    """
    if isinstance(x, bytes):
        head, there = x[:HEAD], len(x)
    elif isinstance(x, str | Path):
        with Path(x).open("rb") as file:
            head, there = file.read(HEAD), Path(x).stat().st_size
    else:
        return ""
    stated = _stated(head)
    if not there + SLACK < stated:
        return ""
    return f"it is cut off: its header says {stated:,} bytes, and {there:,} are there, which were used."


def _stated(head: bytes) -> int:
    """How many bytes the file should have; 0 where it does not say."""
    kind = head[:4]
    order = ORDERS.get(kind)
    if order is None:
        return 0
    words = [int.from_bytes(head[at : at + 4], order) for at in range(0, HEAD, 4)]
    if kind == b"riff":  # W64, of which that is the beginning of a longer name
        return _known(words[4] + (words[5] << 32), 1 << 62)
    if kind == b"RF64":
        return _known(words[5] + (words[6] << 32), 1 << 62, 8) if head[12:16] == b"ds64" else 0
    if kind in (b".snd", b"dns."):  # where the samples begin, and how many bytes they are
        return _known(words[2], ENDLESS, words[1])
    return _known(words[1], ENDLESS, 8)


def _known(size: int, endless: int, before: int = 0) -> int:
    return size + before if size < endless else 0
