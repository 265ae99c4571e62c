"""Pretrained networks of the ``transformers`` library: encoders as bodies, writers as bodies with heads of their own.

A model is built from a configuration alone and filled with what its own file holds, so it needs neither the hub nor the
folder that its training began with; only that beginning takes a `Checkpoint`. Code that comes with one is never run.

Legend: B batch, L places of what is read, T places of what is written, D features, V vocabulary.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.recipe import Recipe
from assay.networks._pretrained_checkpoint import Checkpoint, harmless, library
from assay.networks._pretrained_weights import once

POOLER = "pooler"
LORA_SCALE = 2  # a low-rank update is multiplied by this (alpha = 2 R)
FROM_PAD = (
    "roberta",
    "camembert",
    "mpnet",
    "data2vec-text",
    "ibert",
    "longformer",
    "luke",
)  # places count from pad + 1

_COMMON: dict[str, Any] = {"optimizer": "adamw", "weight_decay": 0.01, "batch_size": 32, "epochs": 3, "updates": 100,
                           "schedule": "linear", "warmup": 0.1, "clip": 1.0}  # fmt: skip
RECIPES = {
    "all": Recipe(lr=1e-4, **_COMMON),
    "lora": Recipe(lr=1e-3, **_COMMON),
    "frozen": Recipe(lr=1e-2, **_COMMON),
}


def recipe(tuning: str) -> Recipe:
    """How to train what `Checkpoint.tuning` says: the less there is to change, the faster it may be changed."""
    return RECIPES[tuning.rstrip("0123456789")]


class Pretrained(nn.Module):
    """One ``model`` of ``transformers``, in single precision; of one of several parts what ``part`` gives of it.

    Attributes:
        model: with its low-rank layers, where it has any.
        tuning: see `Checkpoint`.

    Raises:
        ConfigError: more places are asked for than it has, or low-rank updates where there is no linear layer.
        DataError: the checkpoint's weights cannot be read, or are not those of such a network.
        Unsupported: it takes a library that is not installed.
    """

    def __init__(
        self,
        auto: str,
        config: Mapping[str, Any],
        tuning: str,
        source: Checkpoint | None,
        places: int,
        *,
        part: Callable[[Any], Any] | None = None,
        unstored: Sequence[str] = (POOLER,),
    ) -> None:
        super().__init__()
        self.tuning = tuning
        model = _fresh(auto, config) if source is None else _filled(auto, source, unstored)
        self.model: Any = part(model) if part else model
        if POOLER in unstored and isinstance(getattr(self.model, POOLER, None), nn.Module):
            self.model.pooler = None  # the features of every place are wanted, and many a checkpoint has no pooler
        refuse_more(self.model.config, places)
        if tuning.startswith("lora"):
            _adapt(self.model, int(tuning.removeprefix("lora")))
        elif tuning == "frozen":
            self.model.requires_grad_(False)
        once(self)

    def train(self, mode: bool = True) -> Pretrained:
        """As of any module; but a frozen model stays as it answers: nothing is dropped out of it."""
        super().train(mode)
        if self.tuning == "frozen":
            self.model.eval()
        return self


class Encoder(Pretrained):
    """The features of every place of a text: of an encoder, of the encoder of an encoder–decoder, of a causal network."""

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        source: Checkpoint | None = None,
        longest: int,
        **others: Any,  # noqa: ARG002 - what else a text has: the checkpoint knows it better
    ) -> None:
        super().__init__("AutoModel", config, tuning, source, longest, part=_reader)
        self.features = int(self.model.config.get_text_config().hidden_size)

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, L, D]`` and the mask.

        Args:
            tokens: codes ``[B, L]``.
            mask: true where there is one, ``[B, L]``.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            found = self.model(input_ids=tokens, attention_mask=mask.long())
        return found.last_hidden_state, mask


def _reader(model: Any) -> Any:
    return model.get_encoder() if model.config.is_encoder_decoder else model


def _configured(config: Mapping[str, Any]) -> Any:
    return library("transformers").CONFIG_MAPPING[config["model_type"]].from_dict(harmless(config))


def _fresh(auto: str, config: Mapping[str, Any]) -> Any:
    made = getattr(library("transformers"), auto)
    return made.from_config(_configured(config), trust_remote_code=False, dtype=torch.float32)


def _filled(auto: str, source: Checkpoint, unstored: Sequence[str]) -> Any:
    from safetensors import SafetensorError

    try:
        model, report = getattr(library("transformers"), auto).from_pretrained(
            source.folder,
            config=_configured(source.config),
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise DataError(f"{source.name} cannot be opened: {str(error).strip().splitlines()[0]}") from error
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise Unsupported(f"{source.name} takes a library that is not installed: {reason}") from error
    unstored = (*unstored, *(["embed_positions"] if "Sinusoidal" in str(model) else []))
    lacking = sorted(name for name in report["missing_keys"] if not any(part in name for part in unstored))
    if lacking or report.get("mismatched_keys"):
        was = ", ".join(source.config.get("architectures") or ["something else"])
        named = ", ".join([*lacking, *map(str, report.get("mismatched_keys", ()))][:3])
        raise DataError(
            f"{source.name} does not hold the weights of a {type(model).__name__}: {named} … It was saved as {was}; "
            "one that was trained for this kind of task is needed."
        )
    return model


def _adapt(model: nn.Module, rank: int) -> None:
    peft = library("peft")
    if not any(type(module).__name__ in ("Linear", "Conv1D") for module in model.modules()):
        raise ConfigError(
            f"A {type(model).__name__} has no linear layers for +lora{rank}. Use +frozen, or train it whole."
        )
    updates = peft.LoraConfig(r=rank, lora_alpha=LORA_SCALE * rank, target_modules="all-linear")
    with warnings.catch_warnings():  # that some layers hold their weights the other way round: peft sees to it
        warnings.simplefilter("ignore", UserWarning)
        peft.inject_adapter_in_model(updates, model)


def refuse_more(config: Any, places: int) -> int:
    """How many places a network of that configuration tells apart.

    Raises:
        ConfigError: they are fewer than ``places``.
    """
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:  # it goes by distances
        return sys.maxsize
    if any(name in config.model_type for name in FROM_PAD):
        most -= config.pad_token_id + 1
    if places > most:
        raise ConfigError(too_long(places, most))
    return most


def too_long(places: int, most: int) -> str:
    """What to say where a text is longer than a network can be told."""
    return (
        f"This checkpoint tells {most:,} places apart, and {places:,} tokens are to be read or written. Set a bound with "
        "--set longest=N (for a prompt, --set longest_prompt=N)."
    )
