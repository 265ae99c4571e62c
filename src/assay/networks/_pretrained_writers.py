"""Pretrained networks that write: causal ones, which go on from a prompt, and encoder–decoders, which read first.

The whole network is the body's, for what it reads and what it writes share weights. The head holds none of its own: it
knows the body and gives `outputs.tokens` what that asks of a head, ``head(memory, given)``, ``start``, ``step`` and
``reorder``.

Legend: B batch, L places of what is read, T places of what is written, V vocabulary.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import ConfigError, DataError
from assay.networks._pretrained_checkpoint import Checkpoint, library
from assay.networks.pretrained import Pretrained, refuse_more, too_long

State = dict[str, Any]


class Continuer(Pretrained):
    """A causal network; its features are the prompt itself, handed through to `ContinuerHead`."""

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        source: Checkpoint | None = None,
        **others: Any,  # noqa: ARG002 - what else a prompt has
    ) -> None:
        refuse_frozen(tuning)
        super().__init__("AutoModelForCausalLM", config, tuning, source, 0)
        if source is not None and _sees_ahead(self.model):
            raise DataError(
                f"{source.name} reads texts in both directions, so it cannot write one token after another. A causal "
                "network is needed."
            )

    @property
    def features(self) -> Continuer:
        """Itself, for its head."""
        return self

    def forward(self, prompt: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The prompt: codes ``[B, L]`` on the right of their row, one at least, and the mask ``[B, L]``."""
        return prompt, mask


class ContinuerHead(nn.Module):
    """Logits of a causal network.

    A prompt begins with what begins every text, and the answer follows it at once, as in the texts that the network was
    trained on. So the code that ``given`` begins with stands for the prompt's last one.

    Args:
        body: the network.
        vocabulary: V, the codes of the tokenizer; a network may have room for more, which are never meant.
        context: places that prompt and answer take together.
    """

    def __init__(self, body: Continuer, *, vocabulary: int, context: int, **others: Any) -> None:  # noqa: ARG002
        super().__init__()
        object.__setattr__(self, "body", body)  # known, but not owned
        self.vocabulary = vocabulary
        self.most = refuse_more(body.model.config, context)
        taken = inspect.signature(type(body.model).forward).parameters
        self.counted, self.kept = "position_ids" in taken, "logits_to_keep" in taken

    def forward(self, memory: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
        """Logits ``[B, T, V]`` of each token that follows, given the true ones before it.

        Args:
            memory: the prompt, as the body hands it through.
            given: codes ``[B, T]``, of which the first means nothing.
        """
        tokens = torch.cat([memory[0], given[:, 1:]], dim=1)
        mask = torch.cat([memory[1].long(), torch.ones_like(given[:, 1:])], dim=1)
        if mask.shape[1] > self.most:
            raise ConfigError(too_long(mask.shape[1], self.most))
        places = given.shape[1]
        return self._run(tokens, mask, None, places).logits[:, -places:, : self.vocabulary]  # type: ignore[no-any-return]

    def start(self, memory: tuple[Tensor, Tensor]) -> State:
        """The state before the first token: the text so far, at the right edge, none of it read yet."""
        return {"text": memory[0], "mask": memory[1].long(), "cache": None, "begun": False}

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """Logits ``[B, V]`` of what follows ``tokens`` ``[B]``, and the state after them.

        Of a text that has grown longer than the network can be told, the last half is read anew.
        """
        text, mask, cache = state["text"], state["mask"], _copied(state["cache"])
        if state["begun"]:
            text = torch.cat([text, tokens.unsqueeze(1)], dim=1)
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        if (full := mask.sum(1) > self.most).any():
            text, mask, cache = *self._recent(text, mask, full), None
        new = text if cache is None else text[:, -1:]
        if cache is None:
            cache = library("transformers").DynamicCache(config=self._body.model.config)
        logits = self._run(new, mask, cache, 1).logits[:, -1, : self.vocabulary]
        return logits, {"text": text, "mask": mask, "cache": cache, "begun": True}

    def reorder(self, state: State, index: Tensor) -> State:
        """The state of the rows ``index``, which may repeat."""
        cache = _copied(state["cache"])
        if cache is not None:
            cache.reorder_cache(index)
        return {**state, **{name: state[name].index_select(0, index) for name in ("text", "mask")}, "cache": cache}

    def _recent(self, text: Tensor, mask: Tensor, full: Tensor) -> tuple[Tensor, Tensor]:
        """The texts, and of those that are ``full`` the last half."""
        length = torch.where(full, self.most // 2, mask.sum(1))
        longest = int(length.max())
        there = torch.arange(longest, 0, -1, device=text.device) <= length.unsqueeze(1)
        return text[:, -longest:], there.long()

    def _run(self, tokens: Tensor, mask: Tensor, cache: Any, logits: int) -> Any:
        options: dict[str, Any] = {"logits_to_keep": logits} if self.kept else {}
        if self.counted:
            options["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -tokens.shape[1] :]
        options |= _remembering(self._body.model, cache)
        return self._body.model(input_ids=tokens, attention_mask=mask, **options)

    @property
    def _body(self) -> Continuer:
        return self.__dict__["body"]  # type: ignore[no-any-return]


class Translator(Pretrained):
    """An encoder–decoder; its features are those of its encoder."""

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        source: Checkpoint | None = None,
        longest: int,
        **others: Any,  # noqa: ARG002
    ) -> None:
        refuse_frozen(tuning)
        super().__init__("AutoModelForSeq2SeqLM", config, tuning, source, longest)

    @property
    def features(self) -> Translator:
        """Itself, for its head."""
        return self

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, L, D]`` of codes ``[B, L]``, and the mask ``[B, L]``."""
        found = self.model.get_encoder()(input_ids=tokens, attention_mask=mask.long())
        return found.last_hidden_state, mask


class TranslatorHead(nn.Module):
    """Logits of an encoder–decoder's decoder. An answer begins with the codes that the network was trained to begin with.

    Args:
        body: the network, which has a ``model``.
        vocabulary, context: as `ContinuerHead` takes them.
        prefix: the codes that everything begins with; none for the one that the network's configuration names.
    """

    def __init__(
        self,
        body: Pretrained,
        *,
        vocabulary: int,
        context: int,
        prefix: Sequence[int] = (),
        **others: Any,  # noqa: ARG002
    ) -> None:
        super().__init__()
        object.__setattr__(self, "body", body)
        self.vocabulary = vocabulary
        config = body.model.config
        self.most = refuse_more(config, context)
        begin = getattr(config, "decoder_start_token_id", None)
        self.begin = tuple(prefix) or (config.pad_token_id if begin is None else begin,)

    def forward(self, memory: tuple[Tensor, Tensor], given: Tensor) -> Tensor:
        """Logits ``[B, T, V]`` of each token that follows, given the true ones before it."""
        tokens = torch.cat([self._begun(given), given[:, 1:]], dim=1)
        logits = self._run(memory, tokens, None).logits
        return logits[:, len(self.begin) - 1 :, : self.vocabulary]  # type: ignore[no-any-return]

    def start(self, memory: tuple[Tensor, Tensor]) -> State:
        """The state before the first token."""
        features, mask = memory
        return {"features": features, "mask": mask, "cache": None}

    def step(self, state: State, tokens: Tensor) -> tuple[Tensor, State]:
        """Logits ``[B, V]`` of what follows ``tokens`` ``[B]``, and the state after them."""
        cache = _copied(state["cache"])
        if cache is None:
            config, transformers = self._body.model.config, library("transformers")
            cache = transformers.EncoderDecoderCache(
                transformers.DynamicCache(config=config), transformers.DynamicCache(config=config)
            )
            tokens = self._begun(tokens)
        elif cache.get_seq_length() >= self.most:
            raise ConfigError(too_long(cache.get_seq_length() + 1, self.most))
        else:
            tokens = tokens.unsqueeze(1)
        found = self._run((state["features"], state["mask"]), tokens, cache)
        return found.logits[:, -1, : self.vocabulary], {**state, "cache": cache}

    def reorder(self, state: State, index: Tensor) -> State:
        """The state of the rows ``index``, which may repeat."""
        cache = _copied(state["cache"])
        if cache is not None:
            cache.reorder_cache(index)
        return {name: state[name].index_select(0, index) for name in ("features", "mask")} | {"cache": cache}

    def _begun(self, rows: Tensor) -> Tensor:
        """The codes that each of the rows begins with, ``[B, P]``."""
        return torch.tensor(self.begin, device=rows.device).expand(len(rows), -1)

    def _run(self, memory: tuple[Tensor, Tensor], tokens: Tensor, cache: Any) -> Any:
        features, mask = memory
        read = library("transformers").modeling_outputs.BaseModelOutput(last_hidden_state=features)
        return self._body.model(
            encoder_outputs=read,
            attention_mask=mask.long(),
            decoder_input_ids=tokens,
            **_remembering(self._body.model, cache),
        )

    @property
    def _body(self) -> Pretrained:
        return self.__dict__["body"]  # type: ignore[no-any-return]


def refuse_frozen(tuning: str) -> None:
    """Refuse to train nothing.

    Raises:
        ConfigError: nothing but a head is to be trained.
    """
    if tuning == "frozen":
        raise ConfigError("+frozen leaves nothing to train: a network that writes has no head of its own. Use +lora8.")


def _sees_ahead(model: nn.Module) -> bool:
    """Whether what comes later changes what is foretold of the first token: many an encoder has such a class too."""
    learning = model.training
    model.eval()
    with torch.inference_mode():
        first = model(input_ids=torch.tensor([[0, 1, 2], [0, 1, 3]])).logits[:, 0]
    model.train(learning)
    return not torch.allclose(first[0], first[1], rtol=0, atol=1e-3 * float(first.abs().max()))


def _remembering(model: nn.Module, cache: Any) -> dict[str, Any]:
    """The arguments that have a network keep its keys and values in ``cache``; none where that is ``None``."""
    if cache is None:
        return {"use_cache": False}
    named = (
        "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
    )  # before 5.24
    return {named: cache, "use_cache": True}


def _copied(cache: Any) -> Any:
    """The same keys and values in a cache of its own: to lengthen or to reorder it leaves the other as it is."""
    if cache is None:
        return None
    made = copy.copy(cache)
    if hasattr(cache, "cross_attention_cache"):
        made.self_attention_cache = _copied(cache.self_attention_cache)
        made.cross_attention_cache = _copied(cache.cross_attention_cache)
        made.is_updated = dict(cache.is_updated)
    else:
        made.layers = [copy.copy(layer) for layer in cache.layers]
    return made
