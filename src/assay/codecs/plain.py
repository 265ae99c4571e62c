"""A raw cell as plain text: what it may be, and what is taken out of it."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

# Control and format characters that nobody reads: C0 and C1 but tab and newline, soft hyphen, zero-width space, the marks of
# direction, BOM. The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji are spelt with them.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
BREAK = re.compile("\r\n?|[\x85\u2028\u2029]")


def plain(x: Any) -> str:
    """A text in Unicode's composed form (NFC), its lines ended by ``\\n``, without control characters and marks of byte
    order or direction.

    Raises:
        ValueError: it is no text, or holds half a surrogate pair; says which.

    >>> plain("\\ufeffcafe\\u0301\\r\\n")
    'café\\n'
    """
    if not isinstance(x, str):
        what = "there is no text" if x is None or x != x else f"{str(x)[:40]!r} is a {type(x).__name__}, not text"
        raise ValueError(what)
    text = UNSEEN.sub("", BREAK.sub("\n", x))
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"character {error.start + 1} is half of a surrogate pair, which is no character"
            ) from error
        text = unicodedata.normalize("NFC", text)
    return text
