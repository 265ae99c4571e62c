"""``--network hf:ID-or-folder``: a checkpoint of somebody's, with its tokenizer, for the tasks that read or write text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from assay.codecs.sentencepiece import marian
from assay.codecs.tokenizer import Tokenizer, pretrained
from assay.core.errors import DataError
from assay.core.protocols import FittedInput, FittedOutput
from assay.core.task import Network, Pair, Task
from assay.networks._pretrained_checkpoint import Checkpoint, checkpoint
from assay.networks._pretrained_writers import Continuer, ContinuerHead, Translator, TranslatorHead
from assay.networks.heads import pooled
from assay.networks.pretrained import Encoder, recipe

HF = "hf:"
Fitted = tuple[FittedInput, FittedOutput]
Tokenizers = tuple[Tokenizer, Tokenizer]  # of what is read and of what is written; as a rule the same


def _classifying(by: Tokenizers, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    as_it_is = replace(input, lower=False, characters=False)  # what is made of capitals is the tokenizer's to say
    return as_it_is.fit(xs, by[0]), output.fit(ys)


def _continuing(by: Tokenizers, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    read = input.fit(xs, by[0])
    return read, output.fit(ys, by[1], before=read.usual)


def _translating(by: Tokenizers, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    return replace(input, lower=False).fit(xs, by[0]), output.fit(ys, by[1])


def _network(body: Callable[..., Any], head: Callable[..., Any], fit: Callable[..., Fitted]) -> Network:
    """The network ``hf:``, which opens to one whose body begins with a checkpoint's weights."""
    plain = Network(name=HF, body=body, head=head, recipe=recipe("all"), sizes=())

    def opened(task: Task, reference: str) -> tuple[Task, Network]:
        """The task with the checkpoint's tokenizer, and its network.

        Raises:
            AssayError: as `assay.networks._pretrained_checkpoint.checkpoint` and `assay.codecs.tokenizer.pretrained` do.
        """
        source = checkpoint(reference)
        by = _tokenizers(source)
        network = replace(
            plain,
            name=f"{HF}{reference}",
            body=partial(body, source=source),
            recipe=recipe(source.tuning),
            options={"config": dict(source.config), "tuning": source.tuning, "began": source.fingerprint},
        )
        return replace(task, pair=replace(task.pair or Pair(), fit=partial(fit, by))), network

    return replace(plain, open=opened)


def _tokenizers(source: Checkpoint) -> Tokenizers:
    pair = None if (source.folder / "tokenizer.json").is_file() else marian(source.folder)
    by = pair or (pretrained(source.folder),) * 2
    room = source.config.get("text_config", source.config).get("vocab_size")
    size = max(tokenizer.size for tokenizer in by)
    if isinstance(room, int) and size > room:
        raise DataError(
            f"The tokenizer of {source.name} has {size:,} codes and its network knows {room:,}: they are not of one "
            "checkpoint."
        )
    return by


CLASSIFIER = _network(Encoder, pooled, _classifying)
GENERATOR = _network(Continuer, ContinuerHead, _continuing)
TRANSLATOR = _network(Translator, TranslatorHead, _translating)
