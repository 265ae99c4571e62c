"""A checkpoint of the ``transformers`` library on disk: found or fetched, looked at before anything of it is opened.

Safetensors and JSON only. Code that comes with a checkpoint is never run, and pickles are never opened.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, DataError, Unsupported, nearest
from assay.core.files import digest, digest_file

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
FETCHED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.spm", "*.jinja"]
TUNING = re.compile(r"all|frozen|lora[1-9][0-9]{0,3}")


def harmless(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what would have code fetched: modules of its own, and kernels by name.

    >>> harmless({"model_type": "bert", "auto_map": {}, "text_config": {"attn_implementation": "somebody/kernel"}})
    {'model_type': 'bert', 'text_config': {}}
    """
    kept = {key: value for key, value in config.items() if not (key == "auto_map" or "_implementation" in key)}
    return {key: harmless(value) if isinstance(value, dict) else value for key, value in kept.items()}


@lru_cache
def library(name: str) -> Any:
    """``transformers`` or ``peft``, quiet.

    Raises:
        Unsupported: it is not installed.
    """
    try:
        found = importlib.import_module(name)
    except ImportError as error:
        raise Unsupported(
            f'Pretrained networks take {name}, which is not installed: pip install "assay[hf]".'
        ) from error
    if name == "transformers":
        found.logging.set_verbosity_error()
        found.logging.disable_progress_bar()
    return found


@dataclass(frozen=True)
class Checkpoint:
    """A folder with a configuration and weights.

    Attributes:
        name: as the user gave it, without what is to be tuned.
        folder: where it is.
        config: what ``config.json`` says.
        tuning: what training changes: ``all`` weights, ``loraR`` (low-rank updates of rank R to every linear layer: Hu et
            al. 2022, arXiv:2106.09685), or ``frozen``, none of them but the head's.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    tuning: str

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights."""
        files = sorted(self.folder.glob("*.safetensors"))
        return digest(*(part for file in files for part in (file.name, digest_file(file))))


def checkpoint(reference: str) -> Checkpoint:
    """What a reference such as ``models/bert``, ``org/name`` or ``models/bert+lora8`` names.

    Raises:
        ConfigError: what follows the ``+`` is no way of tuning.
        DataError: there is no such checkpoint, or it is damaged, holds pickles, or needs code of its own.
        Unsupported: it is on the hub, and ``huggingface_hub`` is not installed.
    """
    name, plus, tuning = reference.rpartition("+")
    if not plus or Path(reference).expanduser().is_dir():
        name, tuning = reference, "all"
    elif not TUNING.fullmatch(tuning):
        raise ConfigError(
            f'hf:{reference}: "{tuning}" is no way of tuning. After the + stands frozen, or lora and its rank, as in '
            f"hf:{name}+lora8; without a + all weights are trained."
        )
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _fetched(name)
    return Checkpoint(name, folder, _config(folder, name), tuning)


def _config(folder: Path, name: str) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        holds = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{name} is no checkpoint: it has no {CONFIG}, such as save_pretrained writes. It holds {holds}."
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["model_type"]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} names no model_type ({type(error).__name__}: {error}).") from error
    if "quantization_config" in config:
        raise DataError(f"{name} is quantized; training takes a checkpoint in floating point.")
    if kind not in library("transformers").CONFIG_MAPPING:
        code = " (it brings code of its own, which assay never runs)" if "auto_map" in config else ""
        raise DataError(
            f'{name} is a network of the kind "{kind}", which the installed transformers does not know{code}.'
        )
    try:
        library("transformers").CONFIG_MAPPING[kind].from_dict(harmless(config))
    except Exception as error:  # whatever others wrote into it: a sentence, never a traceback
        reason = " ".join(str(error).split())[:200]
        raise DataError(f'{path} does not describe a network of the kind "{kind}": {reason}') from error
    if (folder / "adapter_config.json").is_file():
        raise DataError(f"{name} holds an adapter. Merge it into its network first (merge_and_unload of peft).")
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        raise DataError(_no_weights(folder, name))
    return harmless(config)


def _no_weights(folder: Path, name: str) -> str:
    needed = f"{name} has no {WEIGHTS[0]}."
    if not list(folder.glob("*.bin")) and list(folder.glob("*.safetensors")):
        return f"{needed} What it holds is a part of a checkpoint; the whole one is needed."
    return (
        f"{needed} Weights in pickles (.bin, .pt) are not opened: a pickle can run any code. If you trust whoever made "
        'them, convert them once, where nothing can be harmed: python -c "from transformers import AutoModelForPreTraining '
        f"as M; M.from_pretrained('{name}').save_pretrained('NEW')\", and copy tokenizer.json to NEW."
    )


def _fetched(name: str) -> Path:
    """The folder that the hub gives for a name, from its cache where it has been fetched before."""
    path = Path(name).expanduser()
    looked = f'There is no folder "{name}"'
    if path.parent.is_dir() and (siblings := [p.name for p in path.parent.iterdir() if (p / CONFIG).is_file()]):
        looked += f" (in {path.parent}: {nearest(path.name, siblings).rstrip('.')})"
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise DataError(f"{looked}. A checkpoint is a folder with {CONFIG} and {WEIGHTS[0]}, or a name on the hub.")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise Unsupported(f'{looked}, and to ask the hub takes huggingface_hub: pip install "assay[hf]".') from error
    try:
        return Path(snapshot_download(name, allow_patterns=FETCHED))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
        raise DataError(f"{looked}, and the hub gives no checkpoint of that name ({reason}).") from error
