"""Texts as whole numbers and back, on the ``tokenizers`` library: characters, words, byte pairs, or a pretrained one.

Spans count characters (code points) of a text in composed form, as `assay.codecs.plain.plain` gives it.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers import Tokenizer as Library

from assay.codecs._pretrained import pretrained_state
from assay.core.errors import ConfigError, DataError, choose

PAD, BEGIN, END, UNKNOWN = 0, 1, 2, 3
SPECIAL = (" pad ", " begin ", " end ", " unknown ")  # no token of a text has a space on both sides
KINDS = ("characters", "bpe", "words")
NORMAL = ("NFC", "NFKC")
VOCABULARY = {"characters": 1 << 20, "bpe": 8_000, "words": 30_000}
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # how an unknown token reads

# Scripts that put no space between words: a character is the smallest piece there.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
LETTER = r"\p{L}\p{M}\p{N}_"
WORD = rf"[{UNSPACED}]\p{{M}}*|[{LETTER}&&[^{UNSPACED}]]+(?:['’][\p{{L}}\p{{M}}]+)*|[^\s{LETTER}]"
PIECE = r" ?[\p{L}\p{M}]+|\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary and how texts fall into it.

    Attributes:
        state: what the ``tokenizers`` library saves, as JSON.
        kind: ``characters``, ``bpe``, ``words`` or ``pretrained``.
        pad, begin, end, unknown: the codes of special tokens; those of a pretrained tokenizer are its own.
    """

    state: str
    kind: str
    pad: int = PAD
    begin: int = BEGIN
    end: int = END
    unknown: int = UNKNOWN

    @property
    def size(self) -> int:
        """How many codes there are, the special ones included."""
        return int(self._library.get_vocab_size())

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """The codes of each text.

        Args:
            texts: any; one without a token gives an empty list.
            special: whether a pretrained tokenizer puts its special tokens around them (``[CLS]`` … ``[SEP]``).
        """
        found = self._library.encode_batch_fast(list(texts), add_special_tokens=special)
        return [one.ids for one in found]

    def decode(self, codes: Iterable[int]) -> str:
        """The text of codes, special ones left out.

        Characters and byte-pair encoding give back what was encoded, normalised; words come back with single spaces,
        an unknown one as U+FFFD.
        """
        silent = {self.pad, self.begin, self.end} - {self.unknown}
        wanted = [int(code) for code in codes if int(code) not in silent]
        if self.kind == "pretrained":
            return str(self._library.decode(wanted))
        names = [REPLACEMENT if code == self.unknown else self.token(code) for code in wanted]
        if self.kind == "words":
            return " ".join(names)
        return str(self._library.decoder.decode(names)) if self.kind == "bpe" else "".join(names)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of ``encode([text])[0]`` begins and ends in ``text``; tokens of one character may share it."""
        return [(begin, end) for begin, end in self._library.encode(text, add_special_tokens=False).offsets]

    def token(self, code: int) -> str:
        """The name of a code, for people."""
        return str(self._library.id_to_token(int(code)))

    def to_json(self) -> dict[str, Any]:
        """Everything that `from_json` needs."""
        return asdict(self)

    @staticmethod
    def from_json(state: dict[str, Any]) -> Tokenizer:
        """The inverse of `to_json`."""
        return Tokenizer(**state)

    @cached_property
    def _library(self) -> Library:
        return Library.from_str(self.state)


def learn(
    texts: Iterable[str],
    *,
    kind: str = "bpe",
    vocabulary: int | None = None,
    normal: str = "NFC",
    lower: bool = False,
    least: int = 1,
) -> Tokenizer:
    """A tokenizer out of texts; the same texts give the same one.

    * ``characters``: every code point. Nothing is lost but what training never held, which is unknown.
    * ``bpe``: byte-pair encoding of characters within runs of letters, digits and signs (Sennrich et al. 2016); a character
      outside the vocabulary is spelt in bytes, so nothing is ever unknown or lost. Runs of scripts without spaces are
      encoded whole, so that their words are found too.
    * ``words``: letters and digits that stand together, and each sign by itself; of scripts without spaces each character.

    Args:
        kind: one of these.
        vocabulary: the most codes, special ones included; ``None`` for every character, 8,000 pieces or 30,000 words.
        normal: ``NFC``, or ``NFKC`` where full-width letters, ligatures and the like are to be the plain ones.
        lower: whether capitals are the same as small letters.
        least: words and characters that are seen less often are unknown.

    Raises:
        DataError: the texts hold nothing.
        ConfigError: there is no such kind or normal form, or the vocabulary is too small.

    >>> tokenizer = learn(["to be or not to be"], kind="words")
    >>> tokenizer.encode(["to be me"]), tokenizer.decode([4, 5])
    ([[5, 4, 3]], 'be to')
    """
    choose("tokenizer", kind, KINDS)
    form: Any = choose("normal form", normal, NORMAL)
    texts, size = list(texts), VOCABULARY[kind] if vocabulary is None else vocabulary
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(unicodedata.normalize(form, text.lower() if lower else text))
    floor = len(SPECIAL) + (256 + 1 if kind == "bpe" else 1)
    if size < floor:
        raise ConfigError(f"A vocabulary of {size} is too small for {kind}: at least {floor} are needed.")
    if not counts:
        raise DataError("The texts to learn a vocabulary from are all empty.")
    if kind == "words":
        library, trainer = _words(size, least)
    else:
        often = sorted((c for c, n in counts.items() if n >= least), key=lambda c: (-counts[c], c))
        library, trainer = _characters(size, often) if kind == "characters" else _bpe(size, often)
    steps = [normalizers.Lowercase()] if lower else []
    library.normalizer = normalizers.Sequence([*steps, getattr(normalizers, form)()])
    if trainer:
        library.train_from_iterator(texts, trainer, len(texts))
    state = json.loads(library.to_str())
    state["added_tokens"] = []  # or a text that spells a special token would be taken for it
    return Tokenizer(json.dumps(state, ensure_ascii=False, separators=(",", ":")), kind)


def pretrained(reference: str | Path) -> Tokenizer:
    """The tokenizer of a checkpoint: a folder with ``tokenizer.json`` (or what ``transformers`` can make one of), or the
    name of one on the Hugging Face hub.

    Raises:
        DataError: there is no tokenizer.
        Unsupported: it takes ``transformers`` or ``huggingface_hub`` to open it, and it is not installed.
    """
    state, special = pretrained_state(reference)
    return Tokenizer(state, "pretrained", *special)


def _characters(size: int, often: list[str]) -> tuple[Library, Any]:
    vocab = {name: code for code, name in enumerate([*SPECIAL, *sorted(often[: size - len(SPECIAL)])])}
    library = Library(models.WordLevel(vocab, SPECIAL[UNKNOWN]))
    library.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?m:.)|\n"), "isolated")
    return library, None


def _words(size: int, least: int) -> tuple[Library, Any]:
    library = Library(models.WordLevel({}, SPECIAL[UNKNOWN]))
    library.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), "removed", invert=True)
    special = list(SPECIAL)
    return library, trainers.WordLevelTrainer(
        vocab_size=size, min_frequency=least, special_tokens=special, show_progress=False
    )


def _bpe(size: int, often: list[str]) -> tuple[Library, Any]:
    """The alphabet is chosen here: the library's own choice among characters that are equally rare is left to chance."""
    room = max(1, (size - len(SPECIAL) - 256) // 2)
    alphabet = sorted(often[:room])
    library = Library(models.BPE(byte_fallback=True, unk_token=SPECIAL[UNKNOWN]))
    library.pre_tokenizer = pre_tokenizers.Split(Regex(PIECE), "isolated")
    library.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return library, trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
