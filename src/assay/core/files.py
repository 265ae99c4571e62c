"""Writes that are whole or absent, and hashes of content."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from assay.core.errors import BudgetError, ConfigError

if sys.platform != "win32":
    import fcntl

CLAIM = ".training.lock"  # says who trains into a folder, as long as that goes on
_BLOCK = 1 << 20


def write(path: Path, content: str | bytes | Callable[[Path], None]) -> None:
    """Write ``content`` (or let it write itself to the path that it is given) whole: a temporary name, then a rename.

    Raises:
        BudgetError: the disk is full; whatever stood at ``path`` stands there still.
        ConfigError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temporary:
            if callable(content):
                content(temporary)
            elif isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                temporary.write_text(content, encoding="utf-8")
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
    except OSError as error:
        raise _explain(error, path) from error


def sweep(folder: Path, names: Iterable[str]) -> None:
    """Remove what killed writers left in ``folder`` of files of these names; what a live one is writing stays."""
    if sys.platform == "win32":  # nothing tells the two apart there
        return
    for name in names:
        for left in folder.glob(f".{glob.escape(name)}.{'?' * 8}"):
            with suppress(OSError):  # another sweep was faster, it is in use, or this file system knows no locks
                handle = os.open(left, os.O_RDWR)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
                finally:
                    os.close(handle)


def write_json(path: Path, state: Any) -> None:
    """Write ``state`` as indented JSON, whole or not at all."""
    write(path, json.dumps(state, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def writable(folder: Path) -> None:
    """Refuse at once a folder that cannot be written to, before any long work.

    Raises:
        ConfigError: naming the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _explain(error, folder) from error


def check_parent(out: Path, option: str = "--out") -> None:
    """Refuse a file in a folder that is not there: a misspelt one would be made, and what is in it not be found.

    Raises:
        ConfigError: naming it.
    """
    if not os.path.isdir(out.parent):  # noqa: PTH112 - `Path.is_dir` raises where a name is too long
        raise ConfigError(f"{option} {out}: there is no folder {out.parent}. Make it, or name one that is there.")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other processes as long as the block runs; a claim ends with its process, killed or not.

    Raises:
        ConfigError: another process holds it, and says which; or nothing can be written there.
        BudgetError: the disk is full.
    """
    if sys.platform == "win32":  # nothing is held there
        yield
        return
    path = folder / CLAIM
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise _explain(error, path) from error
        try:
            with suppress(OSError):  # no locks on this file system: then nothing is held
                _lock(handle, folder)
            if not os.fstat(handle).st_nlink:
                continue  # its holder ended between the two, and removed it
            with suppress(OSError):  # a full disk: it is held, and does not say by whom
                os.truncate(handle, 0)
                os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 200, 0).decode(errors="replace") or "another process"
        raise ConfigError(
            f"{folder} is in use: {holder} is training a model there. Wait until it has ended, or name another folder with "
            "--out."
        ) from error


def digest(*parts: str | bytes) -> str:
    """A short stable hash of the parts (BLAKE2b, 128 bits, hexadecimal).

    >>> digest("a", "b") == digest("ab")
    False
    """
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def digest_file(path: Path) -> str:
    """The hash of a file's content."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """An empty file beside ``path``, there while it is written. It is locked as long: a lock ends with its process, so
    `sweep` knows what was left behind."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        if sys.platform == "win32":  # an open file cannot be renamed there
            os.close(handle)
            break
        with suppress(OSError):  # no locks on this file system: then nothing is swept either
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            break
        os.close(handle)  # swept between the two
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        if sys.platform != "win32":
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _explain(error: OSError, path: Path) -> BudgetError | ConfigError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BudgetError(
            f"The disk is full: {path} could not be written. What was written before stands; free some space and run "
            "the same command again: it goes on from there."
        )
    return ConfigError(f"{path} cannot be written ({error.strerror}). Name a folder that you may write to with --out.")
