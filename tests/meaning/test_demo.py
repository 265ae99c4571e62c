"""The first command that a newcomer types: every verb, a report, and what to type next."""

import pytest

from assay.cli import main


@pytest.mark.parametrize("task", ["image-classification", "tabular-regression"])
def test_demo(task, tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--task", task, "--out", str(out), "--time", "8s"]) == 0
    said = capsys.readouterr()
    for verb in ("inspect", "train", "evaluate", "predict", "compare", "report"):
        assert f"$ assay {verb} " in said.err
    assert str(out / "report.html") in said.out
    assert said.out.count("  assay ") == 3
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    for model in ("model", "second"):
        assert sorted(p.name for p in (out / model).iterdir()) == [
            "README.md",
            "card.json",
            "model.json",
            "model.safetensors",
        ]
