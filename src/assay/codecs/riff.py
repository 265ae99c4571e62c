"""Whether a file of chunks (WAV, AVI, AIFF) was cut off: its first bytes say how long it is."""

from __future__ import annotations

from pathlib import Path

ORDERS = {b"RIFF": "little", b"FORM": "big"}
ENDLESS = 0xFFFF_FF00  # from here on: what a stream says that does not know how long it is
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
        head, there = x[:8], len(x)
    elif isinstance(x, str | Path):
        with Path(x).open("rb") as file:
            head, there = file.read(8), Path(x).stat().st_size
    else:
        return ""
    order = ORDERS.get(head[:4])
    stated = int.from_bytes(head[4:], "little" if order == "little" else "big") if order else 0
    if not there + SLACK < stated + 8 or stated >= ENDLESS:
        return ""
    return f"it is cut off: its header says {stated + 8:,} bytes, and {there:,} are there, which were used."
