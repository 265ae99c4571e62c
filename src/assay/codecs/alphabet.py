"""The alphabet that a recogniser of speech was trained to spell with, as ``vocab.json`` of its checkpoint has it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tokenizers import Regex, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library

from assay.codecs.tokenizer import Tokenizer
from assay.core.errors import DataError

VOCABULARY, ADDED, SETTINGS = "vocab.json", "added_tokens.json", ("special_tokens_map.json", "tokenizer_config.json")
SPECIAL = re.compile(r"<.*>|\[.*\]|", re.DOTALL)  # what stands for no character
LIMIT = "|"  # what stands between words, where nothing else is said


def alphabet(folder: Path, blank: int, size: int) -> tuple[Tokenizer, bool] | None:
    """A tokenizer of single characters with the codes of a checkpoint, and whether it has one case only; ``None`` where the
    checkpoint brings no alphabet.

    What stands between words reads as a space. Where there is one case only, letters are small ones here.

    Args:
        folder: of the checkpoint.
        blank: the code of the blank, which is the tokenizer's padding.
        size: how many codes its network has.

    Raises:
        DataError: it is damaged, has several languages, or spells in pieces of several characters.
    """
    path = folder / VOCABULARY
    if not path.is_file():
        return None
    said: dict[str, Any] = {}
    for name in SETTINGS:
        said |= _read(folder / name) if (folder / name).is_file() else {}
    codes = _read(path) | (_read(folder / ADDED) if (folder / ADDED).is_file() else {})
    if any(isinstance(code, dict) for code in codes.values()):
        raise DataError(f"{path} has an alphabet for each of several languages; a checkpoint of one is needed.")
    if not all(isinstance(code, int) and code >= 0 for code in codes.values()) or len({*codes.values()}) < len(codes):
        raise DataError(f"{path} is no alphabet: it gives each character a whole number of its own.")
    limit = _name(said.get("word_delimiter_token")) or LIMIT
    letters = [name for name in codes if len(name) == 1 and name != limit]
    pieces = [name for name in codes if len(name) > 1 and not SPECIAL.fullmatch(name) and name != limit]
    if pieces:
        raise DataError(
            f"{path} spells in pieces such as {pieces[0]!r}; only alphabets of single characters are understood. "
            "--set tokenizer=bpe learns pieces of your own transcripts instead."
        )
    single = not (any(c.islower() for c in letters) and any(c.isupper() for c in letters))
    names = {code: name for name, code in codes.items() if code < size}
    names |= {code: f" {code} " for code in range(size) if code not in names}  # no character has spaces on both sides
    plain = {
        code: " " if name == limit else name.lower() if single and len(name) == 1 else name
        for code, name in names.items()
    }
    unknown = codes.get(_name(said.get("unk_token")) or "<unk>", codes.get("[UNK]", size))
    if not 0 <= blank < size or unknown >= size or len({*plain.values()}) < size:
        raise DataError(
            f"{path} does not fit its network, which has {size} codes: it lacks an unknown token or a blank."
        )
    begin, end = (
        codes.get(_name(said.get(role)) or usual, blank)
        for role, usual in (("bos_token", "<s>"), ("eos_token", "</s>"))
    )
    library = Library(models.WordLevel({name: code for code, name in plain.items()}, plain[unknown]))
    library.normalizer = normalizers.NFC()
    library.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?m:.)|\n"), "isolated")
    return Tokenizer(library.to_str(), "characters", blank, begin, end, unknown), single


def _name(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token or "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error
