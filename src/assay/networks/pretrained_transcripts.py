"""Pretrained networks that write what they hear, one token after another: Whisper (Radford et al. 2022, arXiv:2212.04356).

What is written begins with tokens that say what is asked for: that this is the beginning, in which language, that it is
said as it was and not translated, and without times. Which these are, the checkpoint says.

Legend: B batch, n samples, L places of the encoder, D features.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from assay.core.errors import DataError
from assay.networks._pretrained_checkpoint import Checkpoint, library
from assay.networks._pretrained_spectra import Spectra
from assay.networks._pretrained_writers import refuse_frozen
from assay.networks.pretrained import Pretrained

KINDS = ("whisper",)  # of ``model_type``
GENERATION = "generation_config.json"
BEGIN, TRANSCRIBE, TIMELESS = "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>"
ENGLISH = 51_864  # codes of a Whisper that was trained on English alone
SPECIAL = re.compile(r"<\|.*\|>")


class Transcriber(Pretrained):
    """An encoder–decoder that hears; its features are those of its encoder.

    Its head is `assay.networks._pretrained_writers.TranslatorHead`.
    """

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        heard: Mapping[str, int],
        source: Checkpoint | None = None,
        **others: Any,  # noqa: ARG002 - bands and rate: it makes spectrograms of its own
    ) -> None:
        refuse_frozen(tuning)
        super().__init__("AutoModelForSpeechSeq2Seq", config, tuning, source, 0)
        self.spectra = Spectra(**heard)

    @property
    def features(self) -> Transcriber:
        """Itself, for its head."""
        return self

    def forward(self, wave: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, L, D]`` and a mask ``[B, L]`` that is true everywhere: the silence behind a sound is heard too.

        Args:
            wave: samples in −1 … 1, ``[B, n]``, 0 behind the end of a sound.
            mask: where there is sound, ``[B, n]``.
        """
        found = self.model.get_encoder()(input_features=self.spectra.of(wave * mask)).last_hidden_state
        return found, torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)


@dataclass(frozen=True)
class Beginning:
    """What a checkpoint says of what is written.

    Attributes:
        codes: that everything begins with; ``None`` where the language stands that nobody has named.
        languages: the codes of all languages.
        never: codes that are written nowhere.
        first: codes that nothing begins with.
    """

    codes: tuple[int | None, ...]
    languages: tuple[int, ...]
    never: tuple[int, ...]
    first: tuple[int, ...]

    def spoken(self, language: int | None) -> tuple[int, ...]:
        """The codes that everything begins with, in that language."""
        named = (language if code is None else code for code in self.codes)
        return tuple(code for code in named if code is not None)


def beginning(source: Checkpoint, names: Mapping[str, int]) -> Beginning:
    """What a checkpoint says of what is written, in ``generation_config.json`` or, where that is silent, by the names of
    its tokens.

    Args:
        source: the checkpoint.
        names: the codes of the tokenizer's tokens.

    Raises:
        DataError: it does not say how everything begins, or says what is no JSON or no code.
    """
    try:
        return _beginning(source, names)
    except (AttributeError, TypeError, ValueError) as error:  # lists where numbers are due, and the like
        raise DataError(f"What {source.name} says in {GENERATION} cannot be understood ({error}).") from error


def _beginning(source: Checkpoint, names: Mapping[str, int]) -> Beginning:
    config, said = source.config, _generation(source) or source.config
    room = int(config["vocab_size"])
    start, forced = (said.get(name) or config.get(name) for name in ("decoder_start_token_id", "forced_decoder_ids"))
    start, forced = names.get(BEGIN, start), _forced(forced)
    language, languages = said.get("language"), _languages(said, names, room)
    if forced and forced[0] is not None and not language and not said.get("task"):
        codes = [start, *forced]
    elif languages:
        task = (said.get("task_to_id") or {}).get("transcribe", names.get(TRANSCRIBE))
        codes = [start, _named(language, languages), *([] if task is None else [task])]
    else:
        codes = [start]
    timeless = said.get("no_timestamps_token_id", names.get(TIMELESS))
    if timeless is not None and timeless not in codes:
        codes.append(timeless)
    special = {code for name, code in names.items() if SPECIAL.fullmatch(name)}
    found = Beginning(
        codes=tuple(codes),
        languages=tuple(languages.values()),
        never=tuple(sorted({*(said.get("suppress_tokens") or ()), *special})),
        first=tuple(sorted(said.get("begin_suppress_tokens") or ())),
    )
    known = [code for code in (*found.codes, *found.languages) if code is not None]
    if start is None or not all(isinstance(code, int) and 0 <= code < room for code in known):
        raise DataError(
            f"{source.name} does not say how a transcript begins: its network knows {room:,} codes, and it would begin with "
            f"{list(codes)} ({GENERATION}, or the token {BEGIN} of its tokenizer)."
        )
    return found


def language_of(body: Transcriber, memory: tuple[Tensor, Tensor], begin: Beginning) -> int | None:
    """The code of the language that a network hears in recordings, by all of them together; ``None`` where it knows none.

    As Whisper does it by itself: what it takes for likeliest behind the first token.
    """
    if not begin.languages:
        return None
    features, _ = memory
    read = library("transformers").modeling_outputs.BaseModelOutput(last_hidden_state=features)
    start = torch.full((len(features), 1), begin.codes[0] or 0)
    with torch.inference_mode():
        logits = body.model(encoder_outputs=read, decoder_input_ids=start, use_cache=False).logits[:, -1]
    found = logits[:, list(begin.languages)].log_softmax(1).sum(0).argmax()
    return begin.languages[int(found)]


def _generation(source: Checkpoint) -> dict[str, Any]:
    path = source.folder / GENERATION
    if not path.is_file():
        return {}
    try:
        return {key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if value is not None}
    except (AttributeError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}).") from error


def _forced(said: Any) -> list[int | None]:
    """What an older checkpoint forces to stand first: ``[[1, null], [2, 50359]]``.

    >>> _forced([[1, None], [2, 50359]]), _forced(None)
    ([None, 50359], [])
    """
    return [code for _, code in said] if isinstance(said, Sequence) and all(len(pair) == 2 for pair in said) else []


def _languages(said: Mapping[str, Any], names: Mapping[str, int], room: int) -> dict[str, int]:
    """The codes of languages, by their tokens; none of a checkpoint that writes one only, though its tokenizer has them."""
    if not said.get("is_multilingual", room != ENGLISH):
        return {}
    known = (f"<|{short}|>" for short in _short().values())
    return dict(said.get("lang_to_id") or {name: names[name] for name in known if name in names})


def _named(language: Any, languages: Mapping[str, int]) -> int | None:
    """The code of a language: ``<|de|>``, ``de`` or ``german``; that of the only one there is; else ``None``."""
    if len(languages) == 1:
        return next(iter(languages.values()))
    if not isinstance(language, str):
        return None
    word = language.lower()
    return languages.get(word, languages.get(f"<|{_short().get(word, word)}|>"))


def _short() -> dict[str, str]:
    """The short names of languages, by their long ones: ``german`` is ``de``."""
    return dict(library("transformers").models.whisper.tokenization_whisper.TO_LANGUAGE_CODE)
