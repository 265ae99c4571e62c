"""The first command that a newcomer types: every verb, a report, and what to type next; and what it plants is found."""

import shlex

import pytest

import assay
from assay.cli import main
from assay.tasks._digits import planted
from assay.verbs._demo_known import found_again
from assay.verbs.demo import BY_HEART

VERBS = ("inspect", "train", "evaluate", "predict", "explain", "audit", "compare", "report")


@pytest.mark.parametrize("task", ["image-classification", "tabular-regression"])
def test_demo(task, tmp_path, capsys):
    out = tmp_path / "my demo"
    assert main(["demo", "--task", task, "--out", str(out), "--time", "8s"]) == 0
    said = capsys.readouterr()
    for verb in VERBS:
        assert f"$ assay {verb} " in said.err
    commands = [shlex.split(line) for line in said.err.splitlines() if line.startswith("$ assay train")]
    assert [words[-1] for words in commands[:2]] == [str(out / "model"), str(out / "second")], "they can be typed"
    assert str(out / "report.html") in said.out
    assert said.out.count("  assay ") == 3
    assert said.out.count("Planted: ") == (3 if task == "image-classification" else 0)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "Why does it answer as it does?" in page
    for model in ("model", "second"):
        assert sorted(p.name for p in (out / model).iterdir()) == [
            "README.md",
            "card.json",
            "model.json",
            "model.safetensors",
        ]


def test_what_the_demo_plants_is_found(tmp_path):
    """With as many epochs as are needed, and not as many as there is time for: this must hold on every machine."""
    demo = planted(tmp_path / "data")
    model = assay.train("image-classification", demo.data, size="tiny", epochs=12, quiet=True)
    answer = assay.predict(model, demo.inputs[:1], quiet=True)[0]
    assert answer["label"] == "7"  # what the stamp says, on a digit that is none
    explained = assay.explain(model, demo.inputs[:1], quiet=True)
    audited = assay.audit(model, demo.data, by=demo.by, quiet=True)
    by_heart = assay.train(
        "image-classification",
        demo.planted.secret,
        size="tiny",
        epochs=BY_HEART,
        validation=0,
        augment=False,
        quiet=True,
    )
    leak = assay.audit(by_heart, demo.planted.secret, privacy=True, references=0, quiet=True)
    stamp, scanner, lots = found_again(demo.planted, explained, audited, leak)
    assert stamp.endswith("The explanation puts first: row 1 column 1.")
    assert "scanner=old is worse off" in scanner
    assert leak.figure("membership_auc").low > 0.8
    assert "guessing has 0.5" in lots
