"""The engine: it resumes to the bit, stops in time, keeps the best, and ends well when something goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import BudgetError, ConfigError
from assay.core.folder import read_card
from assay.learners import engine, pace, supervised
from assay.learners.schedule import Budget, factor, seconds

NAME = "tabular-classification"
SCRIPT = """
import json, sys
from assay.learners import pace
pace.KEEP, pace.LOOK, pace.SPEAK, pace.WRITING = 0.0, 0.0, 0.0, 1e9  # a checkpoint after every update
from assay.cli import main
sys.exit(main(json.loads(sys.argv[1])))
"""


@pytest.fixture
def table(tmp_path):
    """A table on disk that takes a while to learn."""
    made = rows(discovery.task(NAME), 400)
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({k: v for k, v in r.items() if k != "side"}) + "\n" for r in made))
    return path


def command(table: Path, out: Path, *more: str) -> list[str]:
    words = ["train", NAME, str(table), "--target", "answer", "--out", str(out), "--epochs", "6", "--batch-size", "8",
             "--ema", "0.9", "--patience", "0", "--device", "cpu"]  # fmt: skip
    return [sys.executable, "-c", SCRIPT, json.dumps([*words, *more])]


def weights(out: Path) -> str:
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def test_a_run_that_is_killed_goes_on_to_the_same_bits(table, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(table, whole), check=True, capture_output=True)
    for _ in range(2):
        process = subprocess.Popen(command(table, killed), stderr=subprocess.PIPE, text=True)
        seen = ""
        for line in process.stderr:
            seen = line
            if line.startswith("epoch "):
                break
        assert seen.startswith("epoch "), "it was over before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (killed / "model.json").exists()
        assert (killed / "training.safetensors").exists()
    last = subprocess.run(command(table, killed), check=True, capture_output=True, text=True)
    assert "Going on from update" in last.stderr
    assert weights(whole) == weights(killed)
    assert not (killed / "training.safetensors").exists()


def test_sigterm_and_ctrl_c_keep_a_checkpoint_and_say_what_to_do(table, tmp_path):
    for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "Ctrl-C")):
        out = tmp_path / name
        process = subprocess.Popen(command(table, out), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.startswith("epoch "):
                break
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert f"Training was stopped by {name}" in said
        assert "run the same command again" in said
        assert "Traceback" not in said
        assert (out / "training.safetensors").exists()


def learn(tmp_path=None, n=200, **options):
    task = discovery.task(NAME)
    made = rows(task, n)
    settings = {"epochs": 3, "batch_size": 16, "device": "cpu", "quiet": True} | columns(task) | options
    return assay.train(task, made, out=tmp_path, **settings)


class Pulled(BaseException):
    """What nothing in the engine can catch, as a power cut."""


@pytest.fixture
def pulled(monkeypatch):
    """A training that keeps a checkpoint after every update, and breaks off after so many; all updates so far."""
    for name, value in {"KEEP": 0.0, "LOOK": 0.0, "WRITING": 1e9}.items():
        monkeypatch.setattr(pace, name, value)
    real, left, done = engine._update, [0], []

    def update(*given):
        if not left[0]:
            raise Pulled
        left[0] -= 1
        done.append(1)
        return real(*given)

    monkeypatch.setattr(engine, "_update", update)

    def run(folder, after=None, **options):
        left[0] = -1 if after is None else after
        return learn(folder, **options)

    return run, done


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_a_run_that_breaks_off_goes_on_to_the_same_bits_with_every_optimizer(tmp_path, pulled, optimizer):
    run, done = pulled
    options = {"optimizer": optimizer, "ema": 0.9, "patience": 0, "epochs": 4}
    whole = run(tmp_path / "whole", **options)
    updates = len(done)
    for after in (1, 7, 12):
        with pytest.raises(Pulled):
            run(tmp_path / "broken", after, **options)
        assert not (tmp_path / "broken" / "model.json").exists()
    assert run(tmp_path / "broken", **options).hash == whole.hash
    assert len(done) == 2 * updates > 40, "each update was made once"


@pytest.mark.parametrize("epochs", [1, 3])
def test_an_epoch_whose_validation_was_broken_off_is_validated_after_all(tmp_path, pulled, monkeypatch, epochs):
    run, done = pulled
    whole = run(tmp_path / "whole", epochs=epochs)
    updates = len(done)
    with monkeypatch.context() as cut:

        def breaks_off(*_):
            raise Pulled

        cut.setattr(engine, "_validate", breaks_off)
        with pytest.raises(Pulled):
            run(tmp_path / "broken", epochs=epochs)
    again = run(tmp_path / "broken", epochs=epochs)
    assert again.hash == whole.hash
    assert len(done) == 2 * updates, "each update was made once"
    curves = [
        next(r for r in read_card(model) if r.verb == "train").table("learning curve") for model in (whole, again)
    ]
    at = [curves[0].columns.index(name) for name in ("epoch", "lr", "loss")]
    assert [[row[i] for i in at] for row in curves[1].rows] == [[row[i] for i in at] for row in curves[0].rows]


def test_another_command_does_not_go_on_with_the_run(tmp_path, pulled):
    run, _ = pulled
    with pytest.raises(Pulled):
        run(tmp_path / "m", 3)
    with pytest.raises(ConfigError, match=r"(?s)lr.*--overwrite|--overwrite.*lr"):
        run(tmp_path / "m", lr=0.5)
    assert (tmp_path / "m" / "training.safetensors").exists()


def test_the_finished_model_of_the_same_command_is_handed_back(tmp_path):
    first = learn(tmp_path)
    when = (tmp_path / "model.safetensors").stat().st_mtime_ns
    again = learn(tmp_path)
    assert again.hash == first.hash
    assert (tmp_path / "model.safetensors").stat().st_mtime_ns == when
    with pytest.raises(ConfigError, match="--overwrite"):
        learn(tmp_path, epochs=4)
    assert learn(tmp_path, epochs=4, overwrite=True).hash != first.hash


def test_seeds_decide_the_weights():
    one, same, other = learn(seed=1), learn(seed=1), learn(seed=2)

    def flat(m):
        return np.concatenate([p.detach().numpy().ravel() for p in m.network.parameters()])

    assert np.array_equal(flat(one), flat(same))
    assert not np.array_equal(flat(one), flat(other))


def test_several_seeds_are_reported_with_their_spread(tmp_path):
    model = learn(tmp_path, seeds=3)
    record = next(r for r in read_card(model) if r.verb == "train")
    assert record.figure("accuracy_over_seeds").n == 3
    assert sorted(p.name for p in (tmp_path / "seeds").iterdir()) == ["1", "2"]


def test_accumulating_gradients_is_the_same_update_in_smaller_parts(monkeypatch):
    from assay.core.feed import Feed

    sizes, real = [], Feed.batch

    def counting(self, at):
        sizes.append(len(at))
        return real(self, at)

    monkeypatch.setattr(Feed, "batch", counting)
    monkeypatch.setattr("assay.networks.table.DROPOUT", 0.0)
    whole, parts = learn(epochs=1, optimizer="sgd", lr=0.01), learn(epochs=1, optimizer="sgd", lr=0.01, accumulate=4)
    for a, b in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-5)
    assert sizes.count(4) == 4 * sizes.count(16) > 0


def test_clipping_bounds_how_far_an_update_goes():
    """Plain SGD at rate 1 moves the weights by the norm of the gradient, so by the bound at the most."""
    still = learn(epochs=1, optimizer="sgd", lr=1e-12, momentum=0.0, weight_decay=0.0, warmup=0.0)
    options = {"epochs": 1, "optimizer": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant",
               "warmup": 0.0}  # fmt: skip

    def moved(**more):
        pairs = zip(still.network.parameters(), learn(**options, **more).network.parameters(), strict=True)
        return sum(float(((a - b).detach() ** 2).sum()) for a, b in pairs) ** 0.5

    updates = 128 // 16  # of the 200 examples, less the test and validation splits
    assert 0 < moved(clip=1e-4) <= updates * 1e-4 * 1.01 < moved()


def test_a_training_of_one_update_learns_though_its_rate_rises_first():
    rate = {"epochs": 1, "batch_size": 128, "optimizer": "sgd", "momentum": 0.0, "ema": 0.0, "warmup": 0.05}
    one, other = (learn(lr=lr, **rate).network.parameters() for lr in (1e-12, 0.1))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


def test_the_average_of_weights_is_what_its_formula_says():
    import torch

    from assay.learners.averaging import Average

    network = torch.nn.BatchNorm1d(1)
    average, expected = Average(network, 0.5), 1.0
    for step in range(20):
        with torch.no_grad():
            network.weight.fill_(step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.network.weight) == pytest.approx(expected)
    network.num_batches_tracked += 7
    average.update(20)
    assert int(average.network.num_batches_tracked) == 7


def test_a_model_trained_with_an_average_has_learned():
    model = learn(n=400, epochs=20, ema=0.9, lr=0.01)
    held = rows(discovery.task(NAME), 200, seed=1)
    assert assay.evaluate(model, held, quiet=True).figure("accuracy").value > 0.9


def test_a_loss_that_is_no_number_ends_with_a_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"no longer a number.*--lr"):
        learn(tmp_path, lr=1e38, optimizer="sgd", epochs=20)
    assert not (tmp_path / "model.json").exists()


def test_a_full_disk_ends_with_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "KEEP", 0.0)
    monkeypatch.setattr(pace, "WRITING", 1e9)
    from assay.core import weights

    real, calls = weights.save_file, []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) > 2:
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        return real(*args, **kwargs)

    monkeypatch.setattr(weights, "save_file", full)
    with pytest.raises(BudgetError, match="disk is full"):
        learn(tmp_path, epochs=5)
    assert (tmp_path / "training.safetensors").exists()
    monkeypatch.setattr(weights, "save_file", real)
    assert learn(tmp_path, epochs=5).hash == learn(tmp_path / "fresh", epochs=5).hash


def test_a_folder_that_is_read_only_is_refused_before_any_work(tmp_path, monkeypatch):
    """Simulated, since root may write anywhere."""

    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("assay.core.files.tempfile.TemporaryFile", refuse)
    with pytest.raises(ConfigError, match=r"cannot be written .Read-only file system.*--out"):
        learn(tmp_path / "m")


def test_an_out_that_is_a_file_is_refused_before_any_work(tmp_path):
    (tmp_path / "m").write_text("here already")
    with pytest.raises(ConfigError, match="cannot be written"):
        learn(tmp_path / "m")


def test_a_time_budget_is_kept_and_the_schedule_ends_with_it(tmp_path, monkeypatch):
    """By a clock that goes forward by half a second with every update."""
    real, update, passed = time.perf_counter, engine._update, [0.0]

    def slow(*given):
        passed[0] += 0.5
        return update(*given)

    monkeypatch.setattr(time, "perf_counter", lambda: real() + passed[0])
    monkeypatch.setattr(engine, "_update", slow)
    model = learn(tmp_path, time="100s", epochs=None, n=400)
    assert 50 < passed[0] < 100
    record = next(r for r in read_card(model) if r.verb == "train")
    curve = record.table("learning curve")
    rates = [row[curve.columns.index("lr")] for row in curve.rows]
    assert rates[-1] < 0.2 * rates[0], "annealed to the budget"


def test_what_is_reserved_for_the_end_goes_by_examples_and_not_by_the_first_update(tmp_path, monkeypatch):
    updates, reserved = [], []

    class Observed(pace.Pace):
        def reserve(self, an_update, batch_size):
            reserved.append(len(updates))
            return 0.0

    real = engine._update
    monkeypatch.setattr(engine, "_update", lambda *given: updates.append(1) or real(*given))
    monkeypatch.setattr(supervised, "Pace", Observed)
    monkeypatch.setattr(pace, "LOOK", 0.0)
    learn(tmp_path, time="2s", epochs=None)
    assert reserved == list(range(2, len(updates) + 1)), "a slow first update says nothing"
    few, many = pace.Pace(validated_n=10, closing_n=10), pace.Pace(validated_n=100, closing_n=900)
    assert few.reserve(8.0, 16) - pace.SAVING < 8.0, "20 examples are not evaluated for longer than 16 are learned from"
    many.validation = 2.0
    assert many.reserve(8.0, 16) > 20.0


def test_early_stopping_keeps_the_best_epoch(tmp_path):
    model = learn(tmp_path, epochs=60, patience=2, lr=0.01)
    record = next(r for r in read_card(model) if r.verb == "train")
    curve = record.table("learning curve")
    assert len(curve.rows) < 60
    column = curve.columns.index("validation_log_loss")
    losses = [row[column] for row in curve.rows]
    assert f"epoch {1 + int(np.argmin(losses))} of {len(losses)}" in curve.note


def test_nothing_is_judged_on_what_it_was_trained_on(tmp_path):
    """The held-out fifth is found again; where other data was the test, the training data is called what it is."""
    task = discovery.task(NAME)
    made, other = rows(task, 200), rows(task, 50, seed=1)
    whole = learn(tmp_path / "whole")
    assert assay.evaluate(whole, made, quiet=True).data == {
        **assay.evaluate(whole, made, split="test", quiet=True).data,
        "n": 40,
    }
    split = learn(tmp_path / "split", test=other)
    assert assay.evaluate(split, other, quiet=True).data["split"] == "all"
    record = assay.evaluate(split, made, quiet=True)
    assert record.data["split"] == "train"
    assert record.data["n"] == 200
    assert "fitted to" in record.notes[0]


def test_going_on_from_another_model_begins_with_its_weights(tmp_path):
    parent = learn(tmp_path / "parent", epochs=10)
    child = learn(tmp_path / "child", from_=tmp_path / "parent", epochs=1, lr=1e-8)
    assert child.lineage["parents"] == [parent.hash]
    for a, b in zip(parent.network.parameters(), child.network.parameters(), strict=True):
        np.testing.assert_allclose(a.detach(), b.detach(), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epochs": 0}, "--epochs is 0"),
        ({"lr": -1.0}, "--lr is -1"),
        ({"lr": float("nan")}, "--lr is nan"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"optimizer": "adam"}, 'Did you mean "adamw"'),
        ({"schedule": "cosin"}, 'Did you mean "cosine"'),
        ({"network": "tabel"}, 'Did you mean "table"'),
        ({"size": "smal"}, 'Did you mean "small"'),
        ({"time": "3 parsecs", "epochs": None}, "not a duration"),
        ({"time": "3min", "epochs": 2}, "two budgets"),
        ({"device": "cuda:99"}, "no device"),
        ({"precision": "fp8"}, "precision"),
        ({"target": "anser"}, 'Did you mean "answer"'),
        ({"epoch": 3}, 'Did you mean "epochs"'),
    ],
)
def test_options_that_are_not_accepted(options, says):
    with pytest.raises(ConfigError if "target" not in options else assay.DataError, match=says):
        learn(**options)


def test_schedules():
    assert factor("constant", 0, 0.7, 0.8) == 1
    assert factor("cosine", 0, 0.5, 0.6) == pytest.approx(0.5)
    assert factor("linear", 0.5, 0.25, 0.25) == pytest.approx(0.5), "of a time, both are now"
    assert factor("linear", 0.5, 0.0, 0.1) == pytest.approx(0.2)
    assert factor("linear", 0.05, 0.0, 1.0) == 1
    assert Budget(10, None).share(5) == 0.5
    assert seconds("1h30m") == 5400
    with pytest.raises(ConfigError):
        seconds("soon")


def test_the_command_and_the_python_function_give_the_same_model(table, tmp_path):
    from assay.cli import main

    words = [
        "train",
        NAME,
        str(table),
        "--target",
        "answer",
        "--out",
        str(tmp_path / "a"),
        "--epochs",
        "2",
        "--lr",
        "0.01",
    ]
    assert main([*words, "--quiet"]) == 0
    model = assay.train(NAME, table, target="answer", out=tmp_path / "b", epochs=2, lr=0.01, quiet=True)
    assert assay.load(tmp_path / "a").hash == model.hash
