"""Answers as files of a task's own kinds, beside JSON lines and tables: what a fitted output's ``written`` makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.core.errors import ConfigError
from assay.core.files import write


def form_of(out: Path, forms: Sequence[str]) -> str | None:
    """The form that a name ends in, or is.

    >>> form_of(Path("found.coco.json"), ("coco.json", "voc")), form_of(Path("runs/voc"), ("coco.json", "voc"))
    ('coco.json', 'voc')
    >>> form_of(Path("found.csv"), ("coco.json", "voc"))
    """
    return next((form for form in forms if out.name == form or out.name.endswith(f".{form}")), None)


def check_room(out: Path) -> None:
    """Refuse a folder in which something stands: it may have been mended by hand since it was written.

    Raises:
        ConfigError: naming the folder.
    """
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f"--out {out} is there, and is not empty. Name another folder, or remove it.")


def put(files: Mapping[str, bytes], out: Path) -> None:
    """Write what `FittedOutput.written` gave: each file by its path in ``out``, or ``""`` for ``out`` itself.

    Raises:
        BudgetError, ConfigError: as `assay.core.files.write`.
    """
    for name, content in files.items():
        write(out / name if name else out, content)
