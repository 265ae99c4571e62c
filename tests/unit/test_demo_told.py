"""What people are told: by a demo whose model falls short, of a task in the wrong place, by judges of models and data."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import assay
from assay.cli import main
from assay.core import discovery
from assay.core.demo import Demo
from assay.core.figure import Figure
from assay.core.record import Record, Table
from assay.core.verb import Outcome, Silence
from assay.tasks import _tones, _voice
from assay.verbs import demo
from assay.verbs._demo_known import reached
from assay.verbs.compare import _headline


def told(name: str, value: float, better: str, best: float, enough: float | None) -> tuple[str, ...]:
    shown = Demo(data=Path("data"), about="made", inputs=(), known=(name, best, "since it is made"), enough=enough)
    judged = Record("evaluate", "", None, {}, (Figure(name, value, n=100, better=better),))
    curve = Table("learning curve", ("epoch", "loss"), ((0.5, 2.0), (0.54, 1.9)))
    return reached(shown, judged, Record("train", "", None, {}, (), (curve,)), "45s")


@pytest.mark.parametrize(
    ("name", "better", "best", "enough", "far", "near"),
    [("ap50", "higher", 1.0, 0.7, 0.13, 0.8), ("wer", "lower", 0.0, 0.1, 0.6, 0.02)],
)
def test_far_from_the_known_answer_the_time_was_the_reason(name, better, best, enough, far, near):
    known, why = told(name, far, better, best, enough)
    assert f"Reached: {far}" in known
    assert "45s gave 0.54 epochs" in why
    assert "--time 3min" in why
    assert len(told(name, near, better, best, enough)) == 1
    assert len(told(name, far, better, best, None)) == 1, "nobody knows what is enough"


def test_a_task_without_its_option_is_offered_the_option(capsys):
    assert main(["demo", "object-detection"]) == 2
    assert "Did you mean --task object-detection?" in " ".join(capsys.readouterr().err.split())
    assert main(["demo", "no-such-task"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("p", "begins"), [(0.01, "B is worse than A in mAP"), (math.nan, "No difference in mAP is shown")]
)
def test_a_comparison_says_its_difference_in_words(p, begins):
    difference = Figure("map_difference", -0.032, -0.045, -0.019, n=100, better="higher")
    assert _headline(difference, p) == f"{begins}: the difference is −0.032 [−0.045, −0.019] (n = 100)."


def test_advice_is_given_once(tmp_path):
    rows = [f"row {at},{'ab'[at % 2]}\n" for at in range(12)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows) + "one,two,three\n")
    record = assay.inspect("text-classification", tmp_path / "a.csv", quiet=True)
    (note,) = (note for note in record.notes if "cannot be used" in note)
    assert note.endswith("Mend or remove it.")
    assert note.lower().count("mend") == 1


def test_an_inspection_names_what_few_transcripts_hold():
    tone = np.sin(np.arange(8_000) / 5)
    rows = [{"x": (tone * (1 + at / 50), 8_000), "text": "lo ☃ mi" if at == 4 else "lo mi"} for at in range(12)]
    record = assay.inspect("speech-recognition", rows, input="x", target="text", quiet=True)
    assert any('holds "☃" (U+2603), which no more than 1 of 12 do' in note for note in record.notes)


@pytest.mark.parametrize("module", [_tones, _voice])
def test_speech_is_audited_though_it_has_no_groups(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SIZES", {"train": 2})
    made = (_tones.tones if module is _tones else _voice.voice)(tmp_path)
    asked = []

    def audited(model, data, config, watch):
        asked.append(config)
        return Outcome(None, Record("audit", "", None, {}))

    monkeypatch.setattr(demo.audit, "run", audited)
    shown = demo._Show(discovery.task("speech-recognition"), made, demo.Config(), Silence())
    shown.audit(SimpleNamespace(folder=tmp_path / "model"))
    (config,) = asked
    assert config.robustness
    assert config.by == ()
