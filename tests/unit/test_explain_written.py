"""Explanations as files."""

from __future__ import annotations

import pytest
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import BudgetError, ConfigError


@pytest.fixture(scope="module")
def made():
    found = {}
    for name in ("image-classification", "tabular-classification"):
        task = discovery.task(name)
        model = assay.train(task, rows(task, 60), epochs=1, batch_size=16, device="cpu", **columns(task), quiet=True)
        row = rows(task, 1, seed=1)[0]
        found[name] = model, row if task.input.row else row["x"]
    return found


def test_a_picture_is_what_its_name_says(made, tmp_path):
    for name, suffix, head in (("image-classification", "png", b"\x89PNG"), ("tabular-classification", "svg", b"<svg")):
        model, x = made[name]
        assay.explain(model, [x], method="occlusion", out=tmp_path / f"why.{suffix}", quiet=True)
        assert (tmp_path / f"why.{suffix}").read_bytes().startswith(head)


def test_a_folder_holds_all_pictures_and_a_page(made, tmp_path):
    model, x = made["tabular-classification"]
    assay.explain(model, [x, x], method="occlusion", out=tmp_path / "why", quiet=True)
    assert sorted(path.name for path in (tmp_path / "why").iterdir()) == ["01.svg", "02.svg", "explanation.html"]
    assert "<html" in (tmp_path / "why" / "explanation.html").read_text(encoding="utf-8")


def test_what_cannot_be_written_is_refused_with_what_can(made, tmp_path):
    model, x = made["tabular-classification"]
    with pytest.raises(ConfigError, match=r"ends in \.html, \.png, \.svg"):
        assay.explain(model, [x], out=tmp_path / "why.jpg", quiet=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [("tabular-classification", "png", "svg"), ("image-classification", "svg", "png")]
)
def test_a_picture_of_another_kind_is_refused_before_the_work(made, tmp_path, monkeypatch, name, wrong, right):
    model, x = made[name]
    monkeypatch.setattr("assay.verbs.explain.attributed", None)  # would fail if it were called
    with pytest.raises(ConfigError, match=rf"pictures of this kind of input end in \.{right}"):
        assay.explain(model, [x], method="occlusion", out=tmp_path / f"why.{wrong}", quiet=True)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="file"):
        assay.explain(model, [x], method="occlusion", out=tmp_path / "file" / f"why.{right}", quiet=True)


def test_a_picture_that_cannot_be_written_in_the_end_does_not_lose_the_record(made, tmp_path, monkeypatch):
    def full(path, content):
        raise BudgetError("the disk is full")

    model, x = made["tabular-classification"]
    monkeypatch.setattr("assay.verbs._explain_written.write", full)
    record = assay.explain(model, [x], method="occlusion", out=tmp_path / "why.svg", quiet=True)
    assert record.table("attribution").rows
    assert record.notes[-1] == f"--out {tmp_path / 'why.svg'} was not written: the disk is full"
