"""Pictures, sounds and videos by the names of their files, and by the bytes with which they begin.

The one list of suffixes: readers find files by it, and inputs accept cells by it. Whether a file is what its name says,
opening it tells.
"""

from __future__ import annotations

from pathlib import Path

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64")
VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".3gp", ".flv", ".wmv", ".ogv"),
    ".gif",
)
UNREAD = (".m4a", ".aac", ".wma", ".amr")  # sounds by their names, of which opening says that they are not read

_HEAD = 16  # bytes that tell
_SOUND_HEADS = (
    *((0, b"OggS", "OGG"), (0, b"fLaC", "FLAC"), (0, b"caff", "CAF"), (0, b"ID3", "MP3"), (8, b"WAVE", "WAV")),
    *((8, b"AIFF", "AIFF"), (8, b"AIFC", "AIFF"), (0, b".snd", "AU"), (0, b"riff", "W64")),
)
_OTHER_HEADS = (
    *((4, b"ftyp", "MP4"), (8, b"AVI ", "AVI"), (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"), (0, b"FLV\x01", "FLV")),
    *((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV"), (0, b"\x00\x00\x01\xba", "MPEG"), (0, b"GIF8", "GIF")),
    *((0, b"\x89PNG", "PNG"), (0, b"\xff\xd8\xff", "JPEG"), (8, b"WEBP", "WebP")),
)


def begins_as(x: str | Path | bytes, *, sound: bool = False) -> str:
    """The kind of picture, sound or video that a file (a path or its bytes) begins as; nothing where it begins as none of
    those known here. With ``sound``, sounds only.

    >>> begins_as(b"OggS" + bytes(20)), begins_as(b"GIF89a"), begins_as(b"GIF89a", sound=True), begins_as(b"a,b")
    ('OGG', 'GIF', '', '')
    """
    if isinstance(x, bytes):
        head = x[:_HEAD]
    else:
        with Path(x).open("rb") as file:
            head = file.read(_HEAD)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # a block of layer III
        return "MP3"
    known = _SOUND_HEADS if sound else _SOUND_HEADS + _OTHER_HEADS
    return next((kind for at, mark, kind in known if head[at : at + len(mark)] == mark), "")
