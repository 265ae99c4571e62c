"""Text files as they come: gzipped or not, in one of three encodings, surveyed once before they are parsed."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from assay.codecs.media import begins_as
from assay.core.errors import DataError

_BLOCK = 1 << 20
MOST_BYTES = 8 << 30  # of a decompressed file
FREE_BYTES = 256 << 20  # what a file may decompress to whatever its ratio
MOST_RATIO = 200  # text rarely packs better than 1:30; deflate's own bound, which bombs reach, is 1:1032
_UNDEFINED = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")  # in Windows-1252
_HIGH = bytes(range(128, 256))
BY_CHANCE = 0.1  # characters of several bytes that Windows-1252 seems to hold for each byte that is part of none ("ß“")


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes of a text file told.

    Attributes:
        digest: the hash of the (decompressed) content.
        encoding: ``utf-8-sig``, ``utf-16`` or ``cp1252``.
        lines: how many there are; exact where ``returns`` is not set and the encoding is not UTF-16.
        quotes: whether a quotation mark stands anywhere.
        returns: whether a carriage return without a line feed may stand anywhere.
        notes: a sentence where the encoding was guessed.
    """

    digest: str
    encoding: str
    lines: int
    quotes: bool
    returns: bool
    notes: tuple[str, ...] = ()


def survey(path: Path) -> Survey:
    """Look over a text file once: its hash, encoding and lines.

    Raises:
        DataError: it is empty, is not text, or decompresses to too much; names the line where it can.
    """
    state = hashlib.blake2b(digest_size=16)
    encoding = _Encoding(path)
    lines = returns = 0
    quotes = False
    last = b""
    for block in blocks(path):
        state.update(block)
        encoding.look(block, lines)
        lines += block.count(b"\n")
        if b"\r" in block:
            returns += block.count(b"\r") - block.count(b"\r\n")
        quotes = quotes or b'"' in block
        last = block[-1:]
    if not last:
        raise DataError(f"{path} is empty.")
    name, notes = encoding.verdict(lines)
    return Survey(state.hexdigest(), name, lines + (last != b"\n"), quotes, returns > 0 or name == "utf-16", notes)


def blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, decompressed within bounds.

    Raises:
        DataError: the compressed data is damaged or is a bomb.
    """
    with path.open("rb") as raw:
        if not is_gzip(path):
            while block := raw.read(_BLOCK):
                yield block
            return
        total = 0
        try:
            with gzip.GzipFile(fileobj=raw) as file:
                while block := file.read(_BLOCK):
                    total += len(block)
                    if total > MOST_BYTES or total > max(FREE_BYTES, MOST_RATIO * raw.tell()):
                        raise DataError(
                            f"{path} decompresses to more than {total >> 20:,} MB from {raw.tell():,} bytes, which no "
                            "honest table does. If it is one, decompress it yourself and name that file."
                        )
                    yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path} is not a whole gzip file ({error}). Copy or download it again.") from error


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is gzipped."""
    return path.name.lower().endswith(".gz")


def arrow_stream(path: Path) -> pa.NativeFile:
    """The decompressed bytes as a stream that Arrow reads without Python (survey the file first: that bounds it)."""
    return pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None)


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The file as text; line ends of all kinds read as ``\\n``."""
    raw = gzip.open(path, "rb") if is_gzip(path) else path.open("rb")  # noqa: SIM115 (the wrapper closes it)
    return io.TextIOWrapper(raw, encoding=encoding, errors="replace")


class _Encoding:
    """UTF-8 until a byte says otherwise; then the whole file says whether that is damage, or it is Windows-1252."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.name = ""
        self.wrong: tuple[int, bytes] | None = None  # the line of the first byte that is not UTF-8, and the byte
        self.undefined: tuple[int, bytes] | None = None  # the same of Windows-1252, from there on
        self.beyond_ascii = 0  # characters of several bytes, where the decoder could read them
        self.stray = 0  # bytes that are part of none
        self.high = self.size = 0

    def look(self, block: bytes, lines: int) -> None:
        if not self.name:
            self.name = "utf-16" if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        self.size += len(block)
        if self.name == "utf-16":
            return
        if (at := block.find(b"\0")) >= 0:
            line = lines + block.count(b"\n", 0, at) + 1
            if kind := begins_as(self.path):
                raise DataError(f"{self.path} is not text: it begins as {kind}. Give it the suffix of what it is.")
            raise DataError(f"{self.path}:{line}: a zero byte: this is not text. Save it as UTF-8 text.")
        if self.wrong is None:
            begun = len(self.decoder.getstate()[0])
            if block.isascii() and not begun:
                return
            try:
                text = self.decoder.decode(block)
                whole = begun + len(block) - len(self.decoder.getstate()[0])
                self.beyond_ascii += whole - len(text)  # at least as many as there are, and free
                return
            except UnicodeDecodeError as error:
                block = self._not_utf8(error, lines)
        self._count(block)
        for byte in _UNDEFINED:
            if self.undefined is None and (at := block.find(byte)) >= 0:
                self.undefined = lines + block.count(b"\n", 0, at) + 1, byte

    def verdict(self, lines: int) -> tuple[str, tuple[str, ...]]:
        if self.name == "utf-8-sig":
            try:
                self.decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                self._count(self._not_utf8(error, lines))
        if self.wrong is None:
            return self.name, ()
        line, byte = self.wrong
        if self.high > 0.3 * self.size and self.beyond_ascii < self.stray:
            raise DataError(f"{self.path} is neither UTF-8 nor Windows-1252 text. Save it as UTF-8.")
        if self.beyond_ascii > BY_CHANCE * self.stray:
            raise DataError(
                f"{self.path}:{line}: the byte 0x{byte.hex()} is not UTF-8, which the file is otherwise. Mend that line, or "
                "save the file as UTF-8."
            )
        if self.undefined:
            line, byte = self.undefined
            raise DataError(f"{self.path}:{line}: the byte 0x{byte.hex()} is not UTF-8 text. Save the file as UTF-8.")
        return "cp1252", (
            f"{self.path} is not UTF-8 (line {line} is the first that is not); it was read as Windows-1252. If letters look "
            "wrong, save it as UTF-8.",
        )

    def _not_utf8(self, error: UnicodeDecodeError, lines: int) -> bytes:
        """Keep the place of the first wrong byte; from here on all that is none is passed over. The bytes still to count."""
        found: bytes = error.object
        self.wrong = lines + found.count(b"\n", 0, error.start) + 1, found[error.start : error.start + 1]
        self.decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        return found

    def _count(self, block: bytes) -> None:
        text = self.decoder.decode(block)
        high = len(block) - len(block.translate(None, _HIGH))
        ascii_only = len(block) - high
        self.high += high
        self.beyond_ascii += len(text) - ascii_only
        self.stray += high - (len(text.encode()) - ascii_only)
