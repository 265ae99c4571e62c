"""Fewer threads where they are faster; all of them again when the machine is quiet."""

import pytest
import torch

from assay.learners import threads
from assay.learners.threads import Threads


@pytest.fixture
def machine(monkeypatch):
    """A clock that moves by what an update costs with the threads that are set."""
    state = {"now": 100.0, "threads": 2, "cost": {2: 0.1, 1: 0.18}}
    monkeypatch.setattr(threads.time, "perf_counter", lambda: state["now"])
    monkeypatch.setattr(torch, "get_num_threads", lambda: state["threads"])
    monkeypatch.setattr(torch, "set_num_threads", lambda n: state.update(threads=n))

    def run(updates, chosen):
        used = []
        for _ in range(updates):
            chosen.begin()
            used.append(state["threads"])
            state["now"] += state["cost"][state["threads"]]
            chosen.end()
        return used

    return state, run


def test_a_quiet_machine_uses_all_and_is_hardly_disturbed(machine):
    _, run = machine
    used = run(1000, Threads(most=2))
    assert used[-1] == 2
    assert used.count(1) == threads.TRIED


def test_a_busy_machine_uses_one_and_all_again_when_it_is_quiet(machine):
    state, run = machine
    chosen = Threads(most=2)
    run(50, chosen)
    state["cost"] = {2: 1.0, 1: 0.2}
    assert run(100, chosen)[-60:].count(1) > 50
    state["cost"] = {2: 0.1, 1: 0.18}
    assert run(600, chosen)[-100:].count(2) == 100


def test_one_thread_is_left_alone(machine):
    state, run = machine
    state["threads"] = 1
    assert set(run(50, Threads(most=1))) == {1}
