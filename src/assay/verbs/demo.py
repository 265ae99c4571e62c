"""Every verb, offline, in a few minutes: from the data to a report.

Writes a small data set (real or made, by the task), then runs on it the very commands that you would type, and shows each
of them.

Examples:
  assay demo
  assay demo --task tabular-regression --out my-demo
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core import discovery
from assay.core.demo import Demo
from assay.core.errors import ConfigError
from assay.core.figure import Figure
from assay.core.files import writable, write_json
from assay.core.model import Model
from assay.core.record import Record
from assay.core.task import Task
from assay.core.verb import Outcome, Watch
from assay.pages.live import console
from assay.pages.terminal import show
from assay.verbs import audit, compare, evaluate, explain, inspect, predict, report, train
from assay.verbs._demo_known import found_again, reached

BY_HEART = 20  # epochs in which a few hundred targets are learned by heart


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of ``demo``.

    Attributes:
        task: the task to show; assay --help lists them.
        out: the folder to work in.
        time: how long each of the two trainings may take.
    """

    task: str | None = None
    out: Path = Path("assay-demo")
    time: str | None = None


def run(config: Config, watch: Watch) -> Outcome:
    """Run every verb on the task's own data.

    Raises:
        ConfigError: the task has nothing to show itself on, or the folder cannot be written to.
    """
    began = time.perf_counter()
    task = discovery.task(config.task or discovery.demo_task())
    if task.demo is None:
        raise ConfigError(f"The task {task.name} brings no data to show itself on.")
    writable(config.out)
    demo = task.demo(config.out / "data")
    watch.say(f"The data: {demo.about}.")
    shown = _Show(task, demo, config, watch)
    found = None if "inspect" in task.gaps else shown.inspect()
    (first, trained), (second, _) = shown.train("model", 0), shown.train("second", 1)
    judged = shown.evaluate(first)
    shown.predict(first)
    explained = None if "explain" in task.gaps else shown.explain(first)
    audited = None if "audit" in task.gaps or not (demo.by or shown.robustness) else shown.audit(first)
    leak = shown.leak() if demo.planted else None
    shown.compare(second, first)
    page = shown.report(first, {"inspection": found, "explanation": explained, "leak": leak})
    known = found_again(demo.planted, explained, audited, leak) if demo.planted else ()
    seconds = time.perf_counter() - began
    record = Record(
        verb="demo",
        task=task.name,
        model={"hash": first.hash},
        data=judged.data,
        figures=(*judged.figures, Figure("demo_seconds", seconds, n=1, unit="s", better="lower")),
        notes=(
            *reached(demo, judged, trained, shown.time),
            *known,
            f"The report: {page}",
            "Next, on your own data:",
            f"  assay inspect {task.name} DATA",
            f"  assay train {task.name} DATA --out models/mine --time 5min",
            "  assay report models/mine",
        ),
        seconds=seconds,
    )
    return Outcome(page, record, f"\nDone in {seconds:.0f} s. " + "\n".join(record.notes) + "\n")


def quoted(word: object) -> str:
    """A word of a command as a shell takes it for one.

    >>> quoted(Path("my demo/model")), quoted("demo")
    ("'my demo/model'", 'demo')
    """
    return shlex.quote(str(word))


class _Show:
    """The verbs one after another, each with the command that a user would type for it."""

    def __init__(self, task: Task, demo: Demo, config: Config, watch: Watch) -> None:
        self.task, self.demo, self.out, self.watch = task, demo, config.out, watch
        self.time = config.time or demo.time
        self.columns: dict[str, Any] = {"target": demo.target}
        self.data = quoted(demo.data)
        self.target = f" --target {quoted(demo.target)}" if demo.target else ""
        self.by = f" --by {quoted(demo.by)}" if demo.by else ""
        self.groups = (demo.by,) if demo.by else ()
        self.robustness = demo.robustness or demo.planted is not None

    def inspect(self) -> Record:
        """Look at the data."""
        config = inspect.Config(by=self.groups, **self.columns)
        command = f"inspect {self.task.name} {self.data}{self.target}{self.by}"
        return self._step(command, lambda: inspect.run(self.task, self.demo.data, config, self.watch)).record

    def train(self, name: str, seed: int) -> tuple[Model, Record]:
        """A model of the data, and how it was trained."""
        out = self.out / name
        size = self.demo.size
        config = train.Config(out=out, size=size, time=self.time, seed=seed, overwrite=True, **self.columns)
        self.watch.started = time.perf_counter()
        command = f"train {self.task.name} {self.data}{self.target}{f' --size {size}' if size else ''}"
        command += f" --time {self.time} --seed {seed} --out {quoted(out)}"
        outcome = self._step(command, lambda: train.run(self.task, self.demo.data, config, self.watch))
        return outcome.value, outcome.record

    def evaluate(self, model: Model) -> Record:
        """Judge it."""
        config = evaluate.Config(by=self.groups)
        command = f"evaluate {quoted(model.folder)} {self.data}{self.by}"
        return self._step(command, lambda: evaluate.run(model, self.demo.data, config, self.watch)).record

    def predict(self, model: Model) -> None:
        """Have it answer a few inputs."""
        inputs = self.demo.inputs
        command = f"predict {quoted(model.folder)} {shlex.join(inputs)}"
        answers = self._step(command, lambda: predict.run(model, inputs, predict.Config(), self.watch))
        for line in str(answers.text).splitlines():
            self.watch.say(line)

    def explain(self, model: Model) -> Record:
        """Ask why it answers the first of them so."""
        inputs = self.demo.inputs[:1]
        command = f"explain {quoted(model.folder)} {shlex.join(inputs)}"
        return self._step(command, lambda: explain.run(model, inputs, explain.Config(), self.watch)).record

    def audit(self, model: Model) -> Record:
        """Ask whom it is worse for and, where that is quickly found out, how it stands bad inputs."""
        config = audit.Config(by=self.groups, robustness=self.robustness)
        command = f"audit {quoted(model.folder)} {self.data}{self.by}{' --robustness' if self.robustness else ''}"
        return self._step(command, lambda: audit.run(model, self.demo.data, config, self.watch)).record

    def leak(self) -> Record:
        """Learn what can only be learned by heart, and ask whether it can be told who was learned from."""
        assert self.demo.planted is not None
        data, out = self.demo.planted.secret, self.out / "by-heart"
        config = train.Config(out=out, epochs=BY_HEART, validation=0.0, augment=False, size="tiny", overwrite=True)
        command = (
            f"train {self.task.name} {quoted(data)} --size tiny --epochs {BY_HEART} --validation 0 --no-augment "
            f"--out {quoted(out)}"
        )
        model: Model = self._step(command, lambda: train.run(self.task, data, config, self.watch)).value
        asked = audit.Config(privacy=True, references=0)
        command = f"audit {quoted(out)} {quoted(data)} --privacy --references 0"
        return self._step(command, lambda: audit.run(model, data, asked, self.watch)).record

    def compare(self, a: Model, b: Model) -> None:
        """Tell what changed from one model to the other."""
        config = compare.Config(by=self.groups)
        command = f"compare {quoted(a.folder)} {quoted(b.folder)} {self.data}{self.by}"
        self._step(command, lambda: compare.run(a, b, self.demo.data, config, self.watch))

    def report(self, model: Model, beside: dict[str, Record | None]) -> Path:
        """Write the page, with the records of what is not about the model beside its own."""
        records = {self.out / f"{name}.json": record for name, record in beside.items() if record}
        for path, record in records.items():
            write_json(path, record.to_json())
        page = self.out / "report.html"
        config = report.Config(out=page, records=tuple(records), title=f"assay demo: {self.task.name}")
        more = "".join(f" --records {quoted(path)}" for path in records)
        self._step(
            f"report {quoted(model.folder)}{more} --out {quoted(page)}", lambda: report.run(model, config, self.watch)
        )
        return page

    def _step(self, command: str, verb: Callable[[], Outcome]) -> Outcome:
        """Say what a user would type, do it, and show what it shows."""
        self.watch.say(f"\n$ assay {command}")
        outcome = verb()
        if outcome.record.figures or outcome.record.tables:
            show(outcome.record, console())
        return outcome
