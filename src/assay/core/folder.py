"""The model folder: weights as safetensors, all else as JSON, nothing executable.

``model.json`` holds the hash of the weights, and the card the hash of the whole: change one byte and it is another
artefact, of which the evidence does not speak.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.errors import AssayError, ConfigError, ModelError, nearest
from assay.core.evening import Evening
from assay.core.files import claimed, digest, digest_file, sweep, writable, write_json
from assay.core.model import Model, build, network_of
from assay.core.options import with_options
from assay.core.record import Record
from assay.core.weights import write_tensors

SCHEMA = 1
EVENED = 2  # of models that answer by group: an assay that does not know of it must not answer without
FILES = WEIGHTS, FACTS, CARD, README = "model.safetensors", "model.json", "card.json", "README.md"


def save(model: Model, folder: Path) -> Model:
    """Write the model into ``folder`` and return it with its hash and an empty card: evidence speaks of one artefact.

    Raises:
        BudgetError: the disk is full.
        ConfigError: the folder cannot be written to.
    """
    write_tensors(folder / WEIGHTS, model.network.state_dict(), {"format": "pt"})
    facts: dict[str, Any] = {
        "schema": EVENED if model.evening else SCHEMA,
        "task": _task_name(model),
        "network": model.network_name,
        "size": model.size,
        "options": dict(model.options),
        "set": dict(model.chosen),
        "input": model.input.to_json(),
        "output": model.output.to_json(),
        "roles": model.roles.to_json(),
        "weights": digest_file(folder / WEIGHTS),
        "parameters": model.parameters,
        "lineage": dict(model.lineage),
    }
    if model.evening:
        facts["evening"] = model.evening.to_json()
    facts["hash"] = _hash(facts)
    write_json(folder / FACTS, facts)
    saved = replace(model, folder=folder, hash=facts["hash"])
    write_card(saved, [])
    return saved


def load(folder: str | Path, *, device: torch.device | str = "cpu") -> Model:
    """Read a model back.

    Raises:
        ModelError: there is none, it cannot be read, is damaged or changed, or was written by a newer assay.
    """
    folder = Path(folder)
    try:
        facts = _facts(folder)
        weights = digest_file(folder / WEIGHTS)
    except OSError as error:  # it may not be looked into, or its name is too long
        raise ModelError(f"The model folder {folder} cannot be read ({error.strerror}).") from error
    if weights != facts.get("weights"):
        raise _changed(folder / WEIGHTS)
    try:
        task, chosen = with_options(discovery.task(facts["task"]), facts.get("set", {}))
        network = replace(network_of(task, facts["network"]), options=facts.get("options", {}))
        fitted_input, fitted_output = task.input.load(facts["input"]), task.output.load(facts["output"])
        module = build(network, facts["size"], fitted_input, fitted_output)
        module.load_state_dict(load_file(folder / WEIGHTS, device="cpu"))
        roles, lineage = Roles.from_json(facts["roles"]), dict(facts["lineage"])
        evening = Evening.from_json(facts["evening"], fitted_output) if facts["schema"] == EVENED else None
    except AssayError:
        raise
    except Exception as error:  # whatever others wrote into it: a sentence, never a traceback
        raise ModelError(f"The model at {folder} is damaged ({type(error).__name__}: {error}).") from error
    return Model(
        task=task,
        network_name=facts["network"],
        size=facts["size"],
        input=fitted_input,
        output=fitted_output,
        network=module.to(device).eval(),
        roles=roles,
        options=network.options,
        chosen=chosen,
        lineage=lineage,
        evening=evening,
        folder=folder,
        hash=facts["hash"],
    )


def _changed(path: Path) -> ModelError:
    return ModelError(
        f"{path} was changed since it was written: its hash is not the one in {FACTS}. Its evidence no longer applies. "
        "Restore the file, or train the model again."
    )


@contextmanager
def room(folder: Path | None, *, begun: tuple[str, ...], beside: bool) -> Iterator[None]:
    """A folder to train into, if there is to be one: nobody else writes there as long as the block runs.

    ``begun`` and ``beside`` are as in `refuse_strange`. Folders that were made for nothing are removed.

    Raises:
        ConfigError: it cannot be written to, holds what is not ours, or another process trains into it.
    """
    if folder is None:
        yield
        return
    # `Path.exists` raises where it may not look or a name is too long, which `writable` says in a sentence.
    made = [path for path in (folder, *folder.parents) if not os.path.exists(path)]  # noqa: PTH110
    try:
        writable(folder)
        refuse_strange(folder, begun=begun, beside=beside)
        with claimed(folder):
            sweep(folder, (*FILES, *begun))
            yield
    finally:
        with suppress(OSError):  # one that holds something stays
            for path in made:
                path.rmdir()


def refuse_strange(folder: Path, *, begun: Iterable[str] = (), beside: bool = False) -> None:
    """Refuse a folder in which a model would take the place of files that assay did not write, or lie among them.

    Args:
        folder: where a model is to be written.
        begun: names of files that say a model was begun there.
        beside: whether it may lie among other files, which stay as they are.

    Raises:
        ConfigError: naming them.
    """
    there = [name for name in FILES if (folder / name).exists()]
    try:
        ours = not there or "schema" in json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        ours = False
    if not ours:
        raise ConfigError(
            f"{folder} holds {', '.join(there)}, which a model would replace and assay did not write. Name another folder "
            "with --out."
        )
    if there or beside or any((folder / name).exists() for name in begun):
        return
    others = sorted(path.name for path in folder.glob("[!.]*"))
    if others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        raise ConfigError(
            f"{folder} is no model folder, and holds {', '.join(others[:3])}{more}. Name a new folder with --out; or add "
            "--overwrite to put the model beside these, which stay as they are."
        )


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model."""
    return (folder / FACTS).is_file() and (folder / WEIGHTS).is_file()


def read_card(model: Model) -> list[Record]:
    """The evidence that was gathered about this very artefact.

    Raises:
        ModelError: the card is damaged, or speaks of another artefact.
    """
    if model.folder is None or not (path := model.folder / CARD).is_file():
        return []
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        records = [Record.from_json(record) for record in state["records"]]
        speaks_of, told = state["model"]["hash"], state["hash"]
        if told != digest(json.dumps(state["records"], sort_keys=True)):
            raise ValueError("its records were changed since they were written")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is damaged ({error}). Delete it, and judge the model again.") from error
    if speaks_of != model.hash:
        raise ModelError(
            f"{path} speaks of another model (hash {speaks_of}, while this one is {model.hash}): its evidence does not "
            "apply. Delete it, and judge this model again with assay evaluate."
        )
    return records


def write_card(model: Model, records: list[Record]) -> None:
    """Write the card's records, as JSON and as a page for people."""
    if model.folder is None:
        return
    kept = [record.to_json() for record in records]
    state = {"model": {"hash": model.hash}, "records": kept, "hash": digest(json.dumps(kept, sort_keys=True))}
    write_json(model.folder / CARD, state)


def add_evidence(model: Model, record: Record) -> str | None:
    """Put a judge's record on the model's card, in the place of an older one of the same verb and data.

    Returns a sentence where the card could not be written, for the user to see; the record itself is not lost.
    """
    if model.folder is None:
        return None
    same = (record.verb, record.data.get("fingerprint"))
    records = [r for r in read_card(model) if (r.verb, r.data.get("fingerprint")) != same]
    try:
        write_card(model, [*records, record])
    except AssayError as error:
        return f"The card of {model.folder} was not updated: {error}"
    return None


def versions() -> dict[str, str]:
    """What a result may depend on."""
    from importlib.metadata import version

    return {
        "assay": version("assay"),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _facts(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        beside = sorted(path.name for path in folder.parent.glob("[!.]*") if is_model(path))
        raise ModelError(f"There is no model folder {folder}.{f' {nearest(folder.name, beside)}' if beside else ''}")
    if not is_model(folder):
        raise ModelError(f"{folder} holds no model: it needs {FACTS} and {WEIGHTS}. Was its training finished?")
    try:
        facts = dict(json.loads((folder / FACTS).read_text(encoding="utf-8")))
        schema, told = facts["schema"], facts.get("hash")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"{folder / FACTS} is damaged ({type(error).__name__}: {error}).") from error
    if schema not in (SCHEMA, EVENED):
        raise ModelError(f"{folder} has schema {schema}; this assay reads {SCHEMA} and {EVENED}. Update assay.")
    if told != _hash(facts):
        raise _changed(folder / FACTS)
    return facts


def _task_name(model: Model) -> str:
    try:
        discovery.task(model.task.name)
    except ConfigError as error:
        raise ModelError(f"The model could not be loaded again, so it is not saved. {error}") from error
    return model.task.name


def _hash(facts: dict[str, Any]) -> str:
    """Of all that ``model.json`` says, the hash of the weights included."""
    return digest(json.dumps({key: facts[key] for key in facts if key != "hash"}, sort_keys=True))
