"""The shape of the house (DESIGN sections 2, 4 and 9), so that it is kept by more than good will."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import assay
from assay import api
from assay.core import discovery
from assay.core.reading import readers

ROOT = Path(assay.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
LONGEST = 300
MODALITIES = re.compile(
    r"\b(image|images|pixel|pixels|photo|picture|audio|speech|video|frame|frames|text|texts|word|words|sentence|"
    r"token|tokens|table|tabular|box|boxes|game|games|digit|digits)\b"
)
# `Table`, `picture` and `words` name parts of a record, of a page or of a command line there, not a modality.
ALLOWED = {
    "table",
    "tables",
    "text",
    "texts",
    "words",
    "word",
    "sentence",
    "sentences",
    "frame",
    "frames",
    "token",
    "picture",
}

# What learns from play may speak of games (decision 0011), and like every other learner of no other modality.
PLAY = {"policy", "_episodes", "_matches", "_ppo", "_replay", "_rollout", "_search", "_self_play"}


def test_files_are_small():
    long = {str(p.relative_to(ROOT)): n for p in FILES if (n := len(p.read_text().splitlines())) > LONGEST}
    assert not long, f"over {LONGEST} lines: {long}"


@pytest.mark.parametrize("layer", ["core", "verbs", "learners"])
def test_no_modality_is_named(layer):
    """In identifiers and strings of code; docstrings may give examples."""
    found = []
    for path in sorted((ROOT / layer).rglob("*.py")):
        allowed = ALLOWED | ({"game", "games"} if layer == "learners" and path.stem in PLAY else set())
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.body[0].value) for node in ast.walk(tree)
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)}  # fmt: skip
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef | ast.arg | ast.Attribute):
                name = (
                    getattr(node, "id", None)
                    or getattr(node, "name", None)
                    or getattr(node, "arg", None)
                    or getattr(node, "attr", "")
                )
                names = re.split(r"[_\W]+|(?<=[a-z])(?=[A-Z])", name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                names = re.split(r"[^a-zA-Z]+", node.value)
            hits = {n.lower() for n in names if MODALITIES.fullmatch(n.lower())} - allowed
            found += [f"{path.relative_to(ROOT)}:{node.lineno} {hit}" for hit in hits]
    assert not found, found


def test_verbs_import_no_reader_input_output_or_network():
    for path in sorted((ROOT / "verbs").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for module in modules:
                assert not re.match(r"assay\.(readers|inputs|outputs|networks)\b", module), f"{path.name}: {module}"


def test_layers_hold():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(command, cwd=ROOT.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_is_the_public_names():
    assert assay.__all__ == sorted(assay.__all__)
    for name in assay.__all__:
        assert getattr(assay, name) is not None
    verbs = set(discovery.names(api.VERBS))
    assert verbs < set(assay.__all__)
    assert all(not name.startswith("_") for name in assay.__all__)


def test_importing_assay_and_its_help_is_light():
    heavy = "import sys; bad = {'torch', 'numpy', 'pyarrow', 'sklearn'} & set(sys.modules); assert not bad, bad"
    for first in ("import assay; assay.__all__", "from assay.cli import main; main(['--help'])"):
        subprocess.run([sys.executable, "-c", f"{first}\n{heavy}"], check=True, capture_output=True)


def test_the_options_are_frozen():
    """A new option is a decision: record it, then change this list with it."""
    frozen = json.loads((Path(__file__).parent / "options.json").read_text())
    now = {verb: sorted(api.options(discovery.module(api.VERBS, verb))) for verb in discovery.names(api.VERBS)}
    assert now == frozen


def test_every_option_is_described():
    for verb in discovery.names(api.VERBS):
        module = discovery.module(api.VERBS, verb)
        for name, (_, _, words) in api.options(module).items():
            assert len(words) > 10, f"{verb} {name}"
        assert "Examples:" in (module.__doc__ or ""), verb


def test_tasks_are_small_values():
    from dataclasses import fields

    from assay.core.task import Task

    assert len(fields(Task)) <= 10
    for name in discovery.names("assay.tasks"):
        path = ROOT / "tasks" / f"{name.replace('-', '_')}.py"
        assert len(path.read_text().splitlines()) <= 40, name
        assert discovery.task(name).name == name


def test_readers_fulfil_their_protocol():
    for module in readers():
        assert isinstance(module.FORMAT, str)
        assert isinstance(module.LAYOUT, str)
        assert callable(module.reads)
        assert callable(module.read)


def test_nothing_unpickles_or_evaluates():
    banned = re.compile(r"\b(pickle\.loads?|torch\.load|np\.load\([^)]*allow_pickle=True|\beval\(|\bexec\()")
    for path in FILES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line.split("#")[0]
            assert not banned.search(code.replace(".eval(", "")), f"{path.name}:{number} {line}"


def test_public_modules_and_functions_are_documented():
    for info in pkgutil.walk_packages([str(ROOT)], "assay."):
        if "templates" in info.name or info.name.endswith("__main__"):
            continue
        assert (importlib.import_module(info.name).__doc__ or "").strip(), info.name
