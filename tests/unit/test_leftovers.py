"""What stands in a folder beside a model: leftovers of killed writers, and files of others."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

import assay
from assay.core.errors import ConfigError
from assay.core.files import CLAIM, claimed, sweep, write
from assay.core.folder import refuse_strange

WRITER = """
import sys, time
from pathlib import Path
from assay.core.files import write
def content(temporary):
    temporary.write_text("half")
    print(temporary.name, flush=True)
    time.sleep(60)
write(Path(sys.argv[1]), content)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is swept there")
def test_what_a_killed_writer_left_is_swept_and_a_live_one_is_left_alone(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "state.bin")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout
            name = writer.stdout.readline().strip()
            others = [tmp_path / other for other in (".state.bin.old", ".state.binary.abcdefgh", "state.bin.abcdefgh")]
            for other in others:
                other.write_text("of somebody else")
            sweep(tmp_path, ["state.bin"])
            assert (tmp_path / name).read_text() == "half"
        finally:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
    assert (tmp_path / name).exists()
    sweep(tmp_path, ["other.bin"])
    assert (tmp_path / name).exists()
    sweep(tmp_path, ["state.bin"])
    assert not (tmp_path / name).exists()
    assert all(other.exists() for other in others)


def test_a_write_holds_its_file_until_it_stands(tmp_path):
    path = tmp_path / "state.bin"

    def content(temporary):
        temporary.write_text("whole")
        sweep(tmp_path, ["state.bin"])
        assert temporary.exists()

    write(path, content)
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


HOLDER = """
import sys, time
from pathlib import Path
from assay.core.files import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is held there")
def test_two_trainings_of_one_folder_are_refused_and_a_killed_one_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(ConfigError, match=f"in use: process {holder.pid} on .* --out"):
                assay.train("tabular-classification", [{"a": 1, "label": 0}] * 9, out=tmp_path, quiet=True)
        finally:
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
    with claimed(tmp_path), pytest.raises(ConfigError, match=f"process {os.getpid()} on"), claimed(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is held there")
def test_a_claim_that_cannot_be_written_is_a_sentence_and_a_full_disk_does_not_hinder_it(tmp_path, monkeypatch):
    (tmp_path / CLAIM).mkdir()
    with pytest.raises(ConfigError, match=r"\.training\.lock cannot be written .*--out"), claimed(tmp_path):
        pass
    (tmp_path / CLAIM).rmdir()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with claimed(tmp_path), pytest.raises(ConfigError, match="in use: another process is training"), claimed(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_not_put_among_the_files_of_others(tmp_path):
    refuse_strange(tmp_path)
    (tmp_path / ".gitkeep").touch()
    refuse_strange(tmp_path)  # what is hidden is in nobody's way
    (tmp_path / "cat.jpg").touch()
    with pytest.raises(ConfigError, match=r"holds cat\.jpg.*--overwrite"):
        refuse_strange(tmp_path, begun=("state.bin",))
    refuse_strange(tmp_path, beside=True)
    (tmp_path / "state.bin").touch()
    refuse_strange(tmp_path, begun=("state.bin",))  # a training under way
    assert (tmp_path / "cat.jpg").exists()


def test_a_foreign_model_file_is_never_replaced(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    for beside in (False, True):
        with pytest.raises(ConfigError, match="assay did not write"):
            refuse_strange(tmp_path, beside=beside)
