"""Whether an MP3 file says how long it is: the bare stream does not, so writers put a block before it that does."""

from __future__ import annotations

from pathlib import Path

TAGS = (b"Xing", b"Info")
WITHIN = 48  # bytes of the first block in which the tag stands
FRAMES = 1  # the bit that says that the number of blocks follows


def says_its_length(x: str | bytes) -> bool:
    """Whether a file (a path or its bytes) begins with a block that counts all others (Xing, LAME).

    >>> block = bytes.fromhex("fff388c4") + bytes(9) + b"Xing" + (15).to_bytes(4, "big") + bytes(100)
    >>> says_its_length(block), says_its_length(b"ID3" + bytes([4, 0, 0, 0, 0, 0, 5]) + bytes(5) + block)
    (True, True)
    >>> says_its_length(block.replace(b"Xing", bytes(4)))
    False
    """
    if isinstance(x, bytes):
        begins = _after_id3(x[:10])
        head = x[begins : begins + WITHIN]
    else:
        with Path(x).open("rb") as file:
            file.seek(_after_id3(file.read(10)))
            head = file.read(WITHIN)
    at = max(head.find(tag) for tag in TAGS)
    return at > 0 and len(head) >= at + 8 and bool(head[at + 7] & FRAMES)


def _after_id3(head: bytes) -> int:
    """Where the tags (ID3v2) before the stream end; seven bits a byte say how long they are."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    return 10 + size
