"""Answers that are files: written beside the table of answers, which names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assay.core.attachment import Attachment
from assay.core.errors import ConfigError
from assay.core.files import write
from assay.core.protocols import JSON


def written(rows: Sequence[JSON], out: Path) -> list[JSON]:
    """The answers with the path of a written file for each attachment, seen from the folder of ``out``.

    The file of the third answer in ``answers.jsonl`` is ``answers/3`` with the file's suffix.
    """
    return [{name: _put(value, out, at) for name, value in row.items()} for at, row in enumerate(rows, 1)]


def earlier(out: Path, suffix: str) -> list[Path]:
    """The files that an earlier table at ``out`` names, which new answers replace.

    Raises:
        ConfigError: where they are to be written stands a file of such a name that no such table names.
    """
    folder = out.with_suffix("")
    if not folder.is_dir():
        return []
    named = out.read_text(encoding="utf-8", errors="replace") if out.is_file() else ""
    numbered = [path for path in sorted(folder.iterdir()) if path.suffix == suffix and path.stem.isdecimal()]
    for path in numbered:
        if f"{folder.name}/{path.name}" not in named:
            raise ConfigError(
                f"--out {out}: {path} is there, of which no earlier {out.name} knows; an answer might replace it. Name "
                "another --out, or move it away."
            )
    return numbered


def alone(rows: Sequence[JSON], out: Path) -> None:
    """Write the one attachment of the one answer to ``out``.

    Raises:
        ConfigError: there are more answers, and one file cannot hold them.
    """
    files = [value for row in rows for value in row.values() if isinstance(value, Attachment)]
    if len(files) != 1:
        raise ConfigError(
            f"--out {out} is one file, and there are {len(files):,} to write. Name a table instead, such as "
            f"--out {out.with_suffix('.jsonl')}: the files are then written beside it, to {out.with_suffix('')}/."
        )
    write(out, files[0].content)


def _put(value: object, out: Path, at: int) -> object:
    if not isinstance(value, Attachment):
        return value
    path = out.with_suffix("") / f"{at}{value.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, value.content)
    return str(path.relative_to(out.parent))
