"""Pretrained networks that listen: wav2vec 2.0 and its kin, which hear samples and name what is said frame by frame.

A checkpoint that was trained to spell brings its last layer too (`spelled`); of another one that is learned.

Legend: B batch, n samples, L frames, D features, V symbols with the blank.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import DataError, Unsupported
from assay.networks._pretrained_checkpoint import Checkpoint
from assay.networks.pretrained import POOLER, Pretrained
from assay.networks.speech import Symbols

LAST = "lm_head"  # of a network that spells
SAMPLES = "input_values"  # what networks call a wave


def unmasked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a network that hides nothing of its own accord while it is trained: what is hidden by chance is
    chosen by the input, from the seed."""
    return {**config, "apply_spec_augment": False}


class SoundEncoder(Pretrained):
    """The features of every frame of a sound.

    Raises:
        Unsupported: the network hears no samples, or writes (see `assay.networks.pretrained_transcripts`).
    """

    def __init__(
        self,
        *,
        config: Mapping[str, Any],
        tuning: str,
        normalised: bool,
        spelt: bool,
        source: Checkpoint | None = None,
        **others: Any,  # noqa: ARG002 - bands and rate: it hears samples of the rate that it was trained with
    ) -> None:
        super().__init__("AutoModel", config, tuning, source, 0, unstored=(POOLER, "masked_spec_embed"))
        if self.model.config.is_encoder_decoder:
            raise Unsupported(
                f"A {type(self.model).__name__} writes one token after another. Of such networks only Whisper can be "
                "trained; and those that spell frame by frame, like wav2vec2, hubert and wavlm."
            )
        if SAMPLES not in inspect.signature(type(self.model).forward).parameters:
            raise Unsupported(
                f"A {type(self.model).__name__} hears no samples, but a spectrogram of its own kind. Networks like "
                "wav2vec2, hubert and wavlm can be trained, and Whisper."
            )
        known = self.model.config
        adapted = bool(getattr(known, "add_adapter", False))
        self.width = int(known.output_hidden_size if adapted else known.hidden_size)
        self.normalised = normalised
        # A norm over a whole sound cannot leave out what is behind its end, so that only sounds of one length go together.
        self.apart = getattr(known, "feat_extract_norm", "layer") == "group"
        self.least = _least(known.conv_kernel, known.conv_stride)
        self.drop = nn.Dropout(float(getattr(known, "final_dropout", 0.0)))
        self.spelling = _spelling(source) if spelt and source else None

    @property
    def features(self) -> SoundEncoder:
        """Itself, for its head."""
        return self

    def forward(self, wave: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, L, D]`` and where there are any, bool ``[B, L]``.

        Args:
            wave: samples in −1 … 1, ``[B, n]``, 0 behind the end of a sound.
            mask: where there is sound, ``[B, n]``.
        """
        length = mask.sum(1)
        if self.normalised:
            wave = _normalised(wave, mask, length)
        wave = functional.pad(wave, (0, max(0, self.least - wave.shape[1])))
        length = length.clamp_min(self.least)  # a sound is at least as long as what one frame hears
        frames = self.model._get_feat_extract_output_lengths(length)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tuning != "frozen"):
            if self.apart:
                found = self._by_length(wave, length, int(frames.max()))
            else:
                there = torch.arange(wave.shape[1], device=wave.device) < length.unsqueeze(1)
                with warnings.catch_warnings():  # WavLM mixes kinds of masks, which PyTorch does not like
                    warnings.simplefilter("ignore", UserWarning)
                    found = self.model(input_values=wave, attention_mask=there.long()).last_hidden_state
        return self.drop(found), torch.arange(found.shape[1], device=found.device) < frames.unsqueeze(1)

    def _by_length(self, wave: Tensor, length: Tensor, frames: int) -> Tensor:
        """Sounds of one length at a time, without what is behind their ends."""
        out = wave.new_zeros(len(wave), frames, self.width)
        for size in sorted(set(length.tolist())):
            at = (length == size).nonzero().squeeze(1)
            found = self.model(input_values=wave[at, :size]).last_hidden_state
            out = out.index_copy(0, at, functional.pad(found, (0, 0, 0, frames - found.shape[1])).to(out.dtype))
        return out


def spelled(body: SoundEncoder, width: int, blank: int, **_: object) -> Symbols:
    """The head: a logit for each of ``width`` symbols in each frame, by the checkpoint's own last layer where it has one.

    Raises:
        DataError: that layer is one of other symbols.
    """
    head = Symbols(body.width, width, blank)
    if body.spelling is not None:
        weight, bias = body.spelling
        if weight.shape != head.linear.weight.shape:
            raise DataError(
                f"The checkpoint's last layer knows {len(weight):,} symbols and its configuration {width:,}: they are not "
                "of one checkpoint."
            )
        with torch.no_grad():
            head.linear.weight.copy_(weight)
            head.linear.bias.copy_(bias)
        body.spelling = None
    return head


def spells(source: Checkpoint) -> bool:
    """Whether a checkpoint holds a layer that spells.

    Raises:
        DataError: its weights cannot be read.
    """
    return any(f"{LAST}.weight" in names for _, names in _stored(source))


def _spelling(source: Checkpoint) -> tuple[Tensor, Tensor]:
    from safetensors import safe_open

    found: dict[str, Tensor] = {}
    for path, names in _stored(source):
        with safe_open(path, framework="pt") as file:
            found |= {name: file.get_tensor(name).float() for name in names}
    return found[f"{LAST}.weight"], found[f"{LAST}.bias"]


def _stored(source: Checkpoint) -> list[tuple[str, list[str]]]:
    """The files of a checkpoint, and what of its last layer is in each."""
    from safetensors import SafetensorError, safe_open

    found = []
    for path in sorted(source.folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                found.append((str(path), [name for name in file.keys() if name.startswith(f"{LAST}.")]))  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path} cannot be opened: {error}") from error
    return found


def _normalised(wave: Tensor, mask: Tensor, length: Tensor) -> Tensor:
    """Each sound at mean 0 and variance 1, as the checkpoint's own processor makes it."""
    count = length.unsqueeze(1)
    away = (wave - wave.sum(1, keepdim=True) / count) * mask
    return away / (away.square().sum(1, keepdim=True) / count + 1e-7).sqrt()


def _least(kernels: list[int], strides: list[int]) -> int:
    """Samples that one frame hears.

    >>> _least([10, 3, 3, 3, 3, 2, 2], [5, 2, 2, 2, 2, 2, 2])
    400
    """
    samples = 1
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples
