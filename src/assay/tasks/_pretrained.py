"""``--network hf:ID-or-folder``: a checkpoint of somebody's, with its tokenizer, for the tasks that read or write text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from assay.codecs.tokenizer import Tokenizer, pretrained
from assay.core.errors import DataError
from assay.core.task import FittedInput, FittedOutput, Network, Pair, Task
from assay.networks._pretrained_checkpoint import Checkpoint, checkpoint
from assay.networks._pretrained_writers import Continuer, ContinuerHead, Translator, TranslatorHead
from assay.networks.heads import pooled
from assay.networks.pretrained import Encoder, recipe

HF = "hf:"
Fitted = tuple[FittedInput, FittedOutput]


def _classifying(tokenizer: Tokenizer, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    as_it_is = replace(input, lower=False, characters=False)  # what is made of capitals is the tokenizer's to say
    return as_it_is.fit(xs, tokenizer), output.fit(ys)


def _continuing(tokenizer: Tokenizer, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    read = input.fit(xs, tokenizer)
    return read, output.fit(ys, tokenizer, before=read.usual)


def _translating(tokenizer: Tokenizer, input: Any, output: Any, xs: Sequence[Any], ys: Sequence[Any]) -> Fitted:
    return replace(input, lower=False).fit(xs, tokenizer), output.fit(ys, tokenizer)


def _network(body: Callable[..., Any], head: Callable[..., Any], fit: Callable[..., Fitted]) -> Network:
    """The network ``hf:``, which opens to one whose body begins with a checkpoint's weights."""
    plain = Network(name=HF, body=body, head=head, recipe=recipe("all"), sizes=())

    def opened(task: Task, reference: str) -> tuple[Task, Network]:
        """The task with the checkpoint's tokenizer, and its network.

        Raises:
            AssayError: as `assay.networks._pretrained_checkpoint.checkpoint` and `assay.codecs.tokenizer.pretrained` do.
        """
        source = checkpoint(reference)
        tokenizer = pretrained(source.folder)
        _refuse_strangers(tokenizer, source)
        network = replace(
            plain,
            name=f"{HF}{reference}",
            body=partial(body, source=source),
            recipe=recipe(source.tuning),
            options={"config": dict(source.config), "tuning": source.tuning},
        )
        arrange = task.pair.arrange if task.pair else None
        return replace(task, pair=Pair(fit=partial(fit, tokenizer), arrange=arrange)), network

    return replace(plain, open=opened)


def _refuse_strangers(tokenizer: Tokenizer, source: Checkpoint) -> None:
    room = source.config.get("text_config", source.config).get("vocab_size")
    if isinstance(room, int) and tokenizer.size > room:
        raise DataError(
            f"The tokenizer of {source.name} has {tokenizer.size:,} codes and its network knows {room:,}: they are not of "
            "one checkpoint."
        )


CLASSIFIER = _network(Encoder, pooled, _classifying)
GENERATOR = _network(Continuer, ContinuerHead, _continuing)
TRANSLATOR = _network(Translator, TranslatorHead, _translating)
