"""The part of YAML that lists of classes are written in: scalars, lists and mappings of scalars, comments."""

from __future__ import annotations

from typing import TypeAlias

from assay.core.errors import DataError

Plain: TypeAlias = "str | list[str] | dict[str, str]"


def parse(text: str, where: str) -> dict[str, Plain]:
    """Keys of the first level with their values; every scalar stays text.

    >>> parse("nc: 2  # classes\\nnames: [cat, 'a dog']\\ntrain: ../train/images", "x")
    {'nc': '2', 'names': ['cat', 'a dog'], 'train': '../train/images'}
    >>> parse("names:\\n  0: cat\\n  1: dog\\nval:\\n- a\\n- b", "x")
    {'names': {'0': 'cat', '1': 'dog'}, 'val': ['a', 'b']}

    Raises:
        DataError: a line is none of this; names it.
    """
    found: dict[str, Plain] = {}
    key = ""
    gathered = ""  # an inline list or mapping that goes on in the next line
    for at, raw in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        line = _without_comment(raw).rstrip()
        if gathered:
            gathered += " " + line.strip()
        elif not line.strip() or line.strip() in ("---", "..."):
            continue
        elif line[0] not in " \t-":
            key, colon, value = line.partition(":")
            key = _scalar(key)
            if not colon:
                raise DataError(f"{where}:{at} is no line of the form key: value: {line[:60]}")
            gathered = value.strip()
            if not gathered:
                found[key] = ""
                continue
        else:
            _nested(found, key, line.strip(), f"{where}:{at}")
            continue
        if gathered[0] in "[{" and gathered[-1] not in "]}":
            continue
        found[key] = _inline(gathered)
        gathered = ""
    if gathered:
        raise DataError(f'{where}: the value of "{key}" is never closed.')
    return found


def _nested(found: dict[str, Plain], key: str, line: str, where: str) -> None:
    """One line below a key: an item of a list, or a key and a value of a mapping."""
    held = found.get(key)
    if line.startswith("-") and key and held in ("", None):
        found[key] = held = []
    if line.startswith("-") and isinstance(held, list):
        held.append(_scalar(line[1:]))
        return
    inner, colon, value = line.partition(":")
    if key and colon and held in ("", None):
        found[key] = held = {}
    if colon and isinstance(held, dict):
        held[_scalar(inner)] = _scalar(value)
        return
    raise DataError(f"{where} is neither an item of a list nor a key with its value: {line[:60]}")


def _inline(value: str) -> Plain:
    if value[0] == "[":
        return [_scalar(part) for part in _parts(value[1:-1])]
    if value[0] == "{":
        pairs = [part.partition(":") for part in _parts(value[1:-1])]
        return {_scalar(key): _scalar(name) for key, _, name in pairs}
    return _scalar(value)


def _parts(text: str) -> list[str]:
    """Split at commas outside quotes."""
    parts, quote = [""], ""
    for letter in text:
        if letter == "," and not quote:
            parts.append("")
            continue
        if letter in "'\"" and quote in ("", letter) and (quote or not parts[-1].strip()):
            quote = "" if quote else letter
        parts[-1] += letter
    return [part for part in parts if part.strip()]


def _scalar(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]
    return text


def _without_comment(line: str) -> str:
    quote = ""
    for at, letter in enumerate(line):
        if letter in "'\"" and quote in ("", letter):
            opens = not quote and (at == 0 or line[at - 1] in " \t[,{:-" + letter)  # '' is a quote within quotes
            quote = "" if quote else letter if opens else ""
        elif letter == "#" and not quote and (at == 0 or line[at - 1] in " \t"):
            return line[:at]
    return line
