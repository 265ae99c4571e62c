"""Every page's commands and Python run as they stand, in order, in one folder a page."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import assay
from assay.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("verbs/*.md"), *DOCS.glob("tasks/*.md"), DOCS / "how-to.md", DOCS / "networks.md"])
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The data that the pages speak of, and the models of the first page."""
    from PIL import Image
    from sklearn.datasets import load_digits

    from assay.tasks._tables import diabetes, tumours

    folder = tmp_path_factory.mktemp("docs")
    tumours(folder)
    diabetes(folder)
    digits = load_digits()
    for at in range(0, 1797, 3):
        path = folder / "photos" / str(digits.target[at]) / f"{at}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[at] * 15).astype("uint8")).save(path)
    assay.train(
        "tabular-classification",
        folder / "tumours.csv",
        target="diagnosis",
        out=folder / "models/tumours",
        epochs=3,
        quiet=True,
    )
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_page_runs(page, data, monkeypatch, capsys):
    monkeypatch.chdir(data)
    names, blocks = {}, BLOCK.findall(page.read_text(encoding="utf-8"))
    assert blocks or page.stem == "demo", "a page shows how it is done"
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, str(page), "exec"), names)
            continue
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["assay"]:
                status = main(words[1:])
                said = capsys.readouterr()
                assert status == 0, f"{line}\n{said.err}"


def test_every_verb_and_task_has_a_page():
    from assay.core import discovery

    for package, folder in (("assay.verbs", "verbs"), ("assay.tasks", "tasks")):
        missing = [name for name in discovery.names(package) if not (DOCS / folder / f"{name}.md").is_file()]
        assert not missing


def test_generated_pages_are_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, write in module.PAGES.items():
        assert (DOCS / name).read_text(encoding="utf-8") == write(), "run python docs/generate.py"


def anchors(page):
    """What GitHub calls the headings of a page: small letters, no marks, hyphens for blanks."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere():
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                name, _, anchor = target.partition("#")
                led = page.parent / name if name else page
                assert led.exists(), f"{page.name}: {target}"
                assert not anchor or anchor in anchors(led), f"{page.name}: {target}"


def test_the_readme_begins_with_the_two_commands():
    first, second = re.findall(
        r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )[:2]
    assert first.rstrip().endswith("assay demo")
    assert second.rstrip().endswith("pytest")
    assert second.strip().splitlines()[-1].split("&&")[-1].strip().endswith("pytest")
