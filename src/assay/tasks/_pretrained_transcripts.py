"""How recordings and transcripts are taken for a checkpoint that writes what it hears (Whisper)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from assay.codecs.tokenizer import Tokenizer, pretrained
from assay.core.errors import ConfigError, DataError
from assay.core.feed import collate
from assay.core.protocols import FittedInput, FittedOutput, Problems
from assay.core.task import Task
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks._pretrained_spectra import Spectra, spectra
from assay.networks._pretrained_writers import TranslatorHead, refuse_frozen
from assay.networks.pretrained_speech import SoundEncoder, spelled, unmasked
from assay.networks.pretrained_transcripts import KINDS, Beginning, Transcriber, beginning, language_of
from assay.outputs._fitted_written import fit_written

LISTENED = 8  # training recordings by which the language is known


def writes(source: Checkpoint) -> bool:
    """Whether a checkpoint writes one token after another."""
    return source.config["model_type"] in KINDS


def body(*, heard: dict[str, int] | None = None, **options: Any) -> nn.Module:
    """The body of a checkpoint that writes, or that spells: with ``heard``, as a `Transcriber` takes it, one that writes."""
    return SoundEncoder(**options) if heard is None else Transcriber(heard=heard, **options)


def head(body: Any, **dims: Any) -> nn.Module:
    """Its head."""
    return spelled(body, **dims) if isinstance(body, SoundEncoder) else TranslatorHead(body, **dims)


def written(task: Task, source: Checkpoint) -> tuple[Checkpoint, dict[str, Any], Any]:
    """A checkpoint that writes, the options of its body, and how input and output are fitted.

    Raises:
        ConfigError: the task's output was told of another tokenizer, or no weight is to be trained.
        DataError: the checkpoint is not whole.
    """
    refuse_frozen(source.tuning)
    for name, usual in (("tokenizer", "characters"), ("vocabulary", 0)):
        if (value := getattr(task.output, name, usual)) != usual:
            raise ConfigError(
                f"--set {name}={value}: {source.name} writes with its own tokenizer, which cannot be another."
            )
    heard, tokenizer = spectra(source), _tokenizer(source)
    begin = beginning(source, _names(tokenizer))
    most = source.config.get("max_target_positions")
    if not isinstance(most, int) or most <= len(begin.codes):
        raise DataError(f"The configuration of {source.name} states max_target_positions = {most!r}.")
    source = replace(source, config=unmasked(source.config))
    fit = partial(_fitted, source, heard, tokenizer, begin, most - len(begin.codes))
    return source, {"heard": heard.to_json()}, fit


def _fitted(
    source: Checkpoint,
    heard: Spectra,
    tokenizer: Tokenizer,
    begin: Beginning,
    most: int,
    input: Any,
    output: Any,
    xs: Sequence[Any],
    ys: Sequence[Any],
) -> tuple[FittedInput, FittedOutput]:
    if input.seconds > heard.seconds:
        raise ConfigError(
            f"--set seconds={input.seconds:g}: {source.name} hears {heard.seconds:g} seconds at most. Cut longer recordings."
        )
    found = replace(input, rate=heard.rate).fit(xs)
    found = replace(found, samples=True, seconds=min(found.seconds, heard.seconds))
    language = _language(source, heard, begin, found, xs) if None in begin.codes else None
    transcript = fit_written(
        ys,
        tokenizer,
        prefix=begin.spoken(language),
        never=begin.never,
        first=begin.first,
        most=most,
        longest=output.longest,
        lower=output.lower,
        beam=output.beam,
    )
    return found, transcript


def _language(source: Checkpoint, heard: Spectra, begin: Beginning, found: Any, xs: Sequence[Any]) -> int | None:
    """The code of the language of a few training recordings, from one end of them to the other."""
    problems: Problems = {}
    some = [xs[at] for at in range(0, len(xs), -(-len(xs) // LISTENED))]
    pack = found.encode(some, problems)
    good = [at for at in range(len(some)) if at not in problems]
    if not good:
        return None
    network = Transcriber(config=source.config, tuning="all", heard=heard.to_json(), source=source).eval()
    with torch.inference_mode():
        x = collate(found, {name: array[good] for name, array in pack.items()}, torch.device("cpu"))
        return language_of(network, network(**x), begin)


def _tokenizer(source: Checkpoint) -> Tokenizer:
    """The checkpoint's tokenizer. What it writes begins with a space, as in all that Whisper was trained on."""
    found = pretrained(source.folder)
    room = source.config.get("vocab_size")
    if not isinstance(room, int) or found.size > room:
        raise DataError(
            f"The tokenizer of {source.name} has {found.size:,} codes and its network knows {room!r}: they are not of one "
            "checkpoint."
        )
    state = json.loads(found.state)
    _spaced(state.get("pre_tokenizer"))
    return replace(found, state=json.dumps(state, ensure_ascii=False, separators=(",", ":")))


def _spaced(step: Any) -> None:
    """Have a step that cuts texts put a space before the first word."""
    for part in [step, *step.get("pretokenizers", ())] if isinstance(step, dict) else ():
        if part.get("type") == "ByteLevel":
            part["add_prefix_space"] = True


def _names(tokenizer: Tokenizer) -> dict[str, int]:
    """The codes of the tokens that mean something by themselves."""
    return {token["content"]: token["id"] for token in json.loads(tokenizer.state).get("added_tokens", ())}
