"""Writes are whole or absent; names are found, or the nearest is offered."""

import errno

import pytest

from assay.core import discovery, files
from assay.core.errors import BudgetError, ConfigError, nearest


def test_a_write_that_fails_leaves_what_stood_there(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})

    def full(temporary):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BudgetError, match="disk is full"):
        files.write(path, full)
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_hash_tells_where_parts_end():
    assert files.digest("ab", "c") != files.digest("a", "bc")


def test_names_and_nearest():
    assert "image-classification" in discovery.names("assay.tasks")
    assert all(not name.startswith("_") for name in discovery.names("assay.verbs"))
    with pytest.raises(ConfigError, match='Did you mean "image-classification"'):
        discovery.task("image-clasification")
    assert 'Did you mean "lenet"' in nearest("LeNet", ["lenet", "residual"])


@pytest.mark.parametrize("name", ["os", "os.path", "antigravity", "json.tool", "antigravity.tasks", "os.tasks"])
def test_a_model_folder_cannot_have_any_module_imported(name):
    import sys

    sys.modules.pop("antigravity", None)
    with pytest.raises(ConfigError):
        discovery.task(name)
    assert "antigravity" not in sys.modules


def test_a_task_of_a_third_party(tmp_path, monkeypatch):
    package = tmp_path / "winery" / "tasks"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "wine.py").write_text(
        "from dataclasses import replace\n"
        "from assay.tasks.tabular_regression import TASK as BASE\n"
        "TASK = replace(BASE, summary='wine')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert discovery.task("winery.tasks.wine").name == "winery.tasks.wine"
