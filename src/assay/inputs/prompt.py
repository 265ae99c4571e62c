"""A prompt: the text that an answer continues, or nothing.

Legend: N examples, B batch, W tokens of the longest prompt, L of the longest in a batch, M masks, P parts, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.codecs.plain import plain
from assay.codecs.tokenizer import Tokenizer, learn
from assay.core.protocols import JSON, LENGTH, Pack, Problems, Tensors
from assay.core.ranges import Within, check
from assay.inputs._severity import check_corruption
from assay.inputs._shade_words import words
from assay.inputs._text_cells import cells, text_of
from assay.inputs._text_corruptions import KINDS, corrupted, rewritten
from assay.inputs._text_parts import as_written, bag, segments, sentences

LONGEST = 512  # tokens of a prompt that are read where nobody says otherwise
LEAST = 32


@dataclass(frozen=True)
class Prompt:
    """A text to continue; none is as good as an empty one.

    Attributes:
        longest_prompt: the most tokens of a prompt that are read, its last ones; 0 for as many as the longest training
            prompt has, but at least 32 and at most 512.
    """

    longest_prompt: Annotated[int, Within(0, 32_768)] = 0

    names = ("prompt", "before", "context", "question", "instruction", "input")
    row = False
    store = False
    optional = True
    files = False

    def __post_init__(self) -> None:
        check(self)

    def accepts(self, cell: Any) -> bool:
        """Whether a cell can be a prompt: a text, or nothing."""
        return cell is None or isinstance(cell, str)

    def fit(self, xs: Sequence[Any], tokenizer: Tokenizer | None = None) -> FittedPrompt:
        """Learn how long prompts are; and the tokenizer, where none is given.

        Raises:
            DataError: there is neither a tokenizer nor a prompt to learn one from.
        """
        texts = [_text(x) for x in cells(xs)]
        tokenizer = tokenizer or learn(texts, kind="characters")
        lengths = [len(codes) for codes in tokenizer.encode(texts)]
        widest = max(lengths, default=0)
        most = self.longest_prompt or min(LONGEST, max(LEAST, widest))
        longer = sum(length > most for length in lengths)
        return FittedPrompt(tokenizer, most + 1, usual=min(most, widest) + 1, longer=longer, prompts=len(texts))

    def load(self, state: JSON) -> FittedPrompt:
        """The inverse of `FittedPrompt.to_json`."""
        return FittedPrompt(**{**state, "tokenizer": Tokenizer.from_json(state["tokenizer"])})

    def fake(self, rng: np.random.Generator, n: int) -> Sequence[Any]:
        """Sentences, one word of which is ``good`` (+1) or ``bad`` (−1)."""
        return sentences(rng, n)

    def fake_signs(self, xs: Sequence[Any]) -> NDArray[np.int64]:
        """The sign that `fake` planted in each."""
        return np.array([1 if "good" in x.split() else -1 for x in xs])


@dataclass(frozen=True)
class FittedPrompt:
    """Prompts brought to codes.

    Attributes:
        tokenizer: that of the answers too.
        width: W, the most tokens that are read, the one that begins every text included.
        usual: the most tokens of a training prompt, that one included.
        longer, prompts: how many training prompts were longer than what is read, of how many.
    """

    tokenizer: Tokenizer = field(repr=False)
    width: int
    usual: int
    longer: int = 0
    prompts: int = 0

    absence = "A word that is absent is taken out, as though the prompt had been written without it."

    @property
    def dims(self) -> JSON:
        """How many codes there are."""
        return {"vocabulary": self.tokenizer.size}

    @property
    def remarks(self) -> tuple[str, ...]:
        """How many training prompts are longer than what is read of a prompt."""
        if not self.longer:
            return ()
        return (
            f"{self.longer:,} of {self.prompts:,} training prompts have more than {self.width - 1:,} tokens: only the last "
            f"{self.width - 1:,} are read (--set longest_prompt=…).",
        )

    def encode(self, xs: Sequence[Any], problems: Problems) -> Pack:
        """``{"prompt": int32 [N, W], "length": int32 [N]}``: the beginning of a text and the prompt's last tokens, at the
        right edge. What is no text is a problem; nothing, and an empty text, are an empty prompt."""
        texts = []
        for at, x in enumerate(cells(xs)):
            texts.append("")
            try:
                texts[-1] = "" if x is None else plain(x)
            except ValueError as error:
                problems[at] = str(error)
        return self._pack(self.tokenizer.encode(texts))

    def notes(self, xs: Sequence[Any]) -> Problems:
        """The prompts that are cut, and those with tokens that training never held."""
        notes: Problems = {}
        for at, codes in enumerate(self.tokenizer.encode([_text(x) for x in cells(xs)])):
            unknown = codes.count(self.tokenizer.unknown) if self.tokenizer.kind != "pretrained" else 0
            found = []
            if len(codes) >= self.width:
                found.append(f"only the last {self.width - 1:,} of its {len(codes):,} tokens are read.")
            if unknown:
                found.append(f"{unknown:,} of its {len(codes):,} tokens were not in the training data.")
            if found:
                notes[at] = " ".join(found)
        return notes

    def collate(self, arrays: Tensors) -> Tensors:
        """``prompt`` int64 ``[B, L]`` and ``mask`` bool ``[B, L]``, true where there is a token: at the right edge."""
        length = arrays[LENGTH]
        longest = int(length.max())
        prompt = arrays["prompt"][:, self.width - longest :].long()
        there = torch.arange(longest, 0, -1, device=length.device) <= length.unsqueeze(1)
        return {"prompt": prompt, "mask": there}

    def augment(self, x: Tensors, generator: torch.Generator) -> Tensors:
        """Nothing changes: no change of a text is known to keep what follows."""
        return x

    def parts(self, x: Pack) -> tuple[str, ...]:
        """The words in their order; in scripts without spaces the characters."""
        return tuple(part.strip() for part in segments(self._read(x)))

    def keep(self, x: Pack, mask: NDArray[np.bool_]) -> Pack:
        """Words that are not kept are taken out, as though the prompt had been written without them."""
        words = segments(self._read(x))
        kept = ["".join(word for word, here in zip(words, row, strict=True) if here) for row in mask]
        return self._pack(self.tokenizer.encode(kept))

    @property
    def corruptions(self) -> tuple[str, ...]:
        """What befalls texts where people type them; nothing where there are no prompts."""
        return KINDS if self.usual > 1 else ()

    def corrupt(self, x: Pack, kind: str, severity: int, rng: np.random.Generator) -> Pack:
        """Typing errors, lost words or marks, or capitals (see `assay.inputs._text_corruptions`), in what is read."""
        check_corruption(kind, severity, self.corruptions)
        texts = self._texts(x)
        made = corrupted(texts, kind, severity, rng)
        return rewritten(x, texts, made, lambda texts: self._pack(self.tokenizer.encode(texts)))

    def features(self, x: Pack) -> NDArray[np.float32]:
        """What words, pairs of words and pieces of words there are, hashed to ``[N, D]``."""
        return bag(self._texts(x))

    def show(self, x: Any) -> tuple[str, str]:
        """The text."""
        return "text", "" if x is None else str(x)

    def shade(self, x: Any, values: NDArray[np.float64]) -> tuple[str, str]:
        """The text, its words coloured by what they count for (``values`` ``[P]``), as SVG."""
        pieces, before = as_written(_text(x), self._read(self.encode([x], {})), last=True)
        return words(pieces, values, before)

    def to_json(self) -> JSON:
        """Everything that `Prompt.load` needs."""
        return asdict(self)

    def _pack(self, rows: Sequence[Sequence[int]]) -> Pack:
        pack = {
            "prompt": np.full((len(rows), self.width), self.tokenizer.pad, dtype=np.int32),
            LENGTH: np.ones(len(rows), dtype=np.int32),
        }
        for at, codes in enumerate(rows):
            codes = [self.tokenizer.begin, *codes[max(0, len(codes) - self.width + 1) :]]
            pack["prompt"][at, self.width - len(codes) :] = codes
            pack[LENGTH][at] = len(codes)
        return pack

    def _texts(self, x: Pack) -> list[str]:
        return [self._read({name: array[at : at + 1] for name, array in x.items()}) for at in range(len(x[LENGTH]))]

    def _read(self, x: Pack) -> str:
        """The prompt of arrays ``[1, …]``, as it is read."""
        codes = x["prompt"][0, self.width - int(x[LENGTH][0]) + 1 :]
        return self.tokenizer.decode(codes.tolist())


def _text(x: Any) -> str:
    """The text; nothing where it is none."""
    return "" if x is None else text_of(partial(plain, x))
