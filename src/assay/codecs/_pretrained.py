"""The tokenizer that a checkpoint comes with, as the ``tokenizers`` library saves it, and its special codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assay.core.errors import DataError, Unsupported

PATTERNS = ["*token*", "vocab*", "merges.txt", "*.model", "config.json"]
ROLES = {  # what checkpoints call the tokens that pad, begin and end a text, and stand for what is not known
    "pad": ("pad_token", "[PAD]", "<pad>", "<|pad|>"),
    "begin": ("bos_token", "cls_token", "[CLS]", "<s>", "<|begin_of_text|>", "<|endoftext|>"),
    "end": ("eos_token", "sep_token", "[SEP]", "</s>", "<|end_of_text|>", "<|endoftext|>"),
    "unknown": ("unk_token", "[UNK]", "<unk>"),
}


def pretrained_state(reference: str | Path) -> tuple[str, tuple[int, int, int, int]]:
    """The saved tokenizer of a folder or a hub name, without padding and truncation, and its special codes: pad, begin,
    end, unknown. One that has no token to pad with pads with its end; one that has no unknown token has −1.

    Raises:
        DataError, Unsupported: as `assay.codecs.tokenizer.pretrained`.
    """
    from tokenizers import Tokenizer as Library

    folder = Path(reference).expanduser()
    if not folder.is_dir():
        folder = _downloaded(str(reference))
    file = folder / "tokenizer.json"
    try:
        library = Library.from_file(str(file)) if file.is_file() else _converted(folder)
    except (OSError, ValueError) as error:
        raise DataError(f"The tokenizer of {reference} cannot be read ({error}).") from error
    except Exception as error:  # the library raises bare exceptions for a damaged file
        if type(error) is not Exception:
            raise
        raise DataError(f"{file} holds no tokenizer ({error}).") from error
    library.no_padding()
    library.no_truncation()
    return library.to_str(), _special(library, folder)


def _special(library: Any, folder: Path) -> tuple[int, int, int, int]:
    named: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            named |= json.loads((folder / name).read_text(encoding="utf-8"))
    codes: dict[str, int] = {}
    for role, names in ROLES.items():
        for name in names:
            given = named.get(name, None if name.endswith("_token") else name)
            code = library.token_to_id(given["content"] if isinstance(given, dict) else given) if given else None
            if code is not None:
                codes[role] = code
                break
    end = codes.get("end", codes.get("pad"))
    if end is None:
        end = library.get_vocab_size() - 1  # as a rule the last code is the end of a text
    return codes.get("pad", end), codes.get("begin", end), end, codes.get("unknown", -1)


def _converted(folder: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise Unsupported(
            f'{folder} has no tokenizer.json. To make one of what it has, install transformers: pip install "assay[hf]".'
        ) from error
    found = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    library = getattr(found, "backend_tokenizer", None)
    if library is None:
        raise DataError(f"The tokenizer of {folder} is of a kind that has no tokenizer.json; save one beside it.")
    return library


def _downloaded(name: str) -> Path:
    hint = f'There is no folder "{name}"'
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise Unsupported(f'{hint}, and to ask the hub takes huggingface_hub: pip install "assay[hf]".') from error
    try:
        return Path(snapshot_download(name, allow_patterns=PATTERNS))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{hint}, and the hub gives no tokenizer of that name ({reason}).") from error
