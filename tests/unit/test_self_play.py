"""Search and self-play on a game with a known answer: take one or two of a pile, whoever takes the last one wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from assay.codecs.boards import Board
from assay.core.errors import BudgetError, ConfigError
from assay.core.recipe import Recipe
from assay.core.settings import Settings
from assay.core.verb import Silence
from assay.learners import _self_play, pace
from assay.learners._matches import play
from assay.learners._replay import Match, Memory, matches_of, matches_state
from assay.learners._search import search
from assay.learners._self_play import look_with, train
from assay.learners.engine import Job
from assay.learners.pace import Pace
from assay.learners.run import Run
from assay.networks.board import board as board_body

PILE = 8


@dataclass
class Pile:
    """A position: how many are left, and who moves. Action 0 takes one, 1 takes two. Who finds a multiple of three loses.

    Where ``twice`` holds, whoever takes one moves again, so that a side may move several times in a row.
    """

    left: int
    player: int = 0
    winner: int | None = None
    twice: bool = False

    def child(self, action: int) -> Pile:
        other = Pile(self.left, self.player, self.winner, self.twice)
        other.apply_action(action)
        return other

    def apply_action(self, action: int) -> None:
        assert action in self.legal_actions()
        self.left -= action + 1
        if self.left == 0:
            self.winner = self.player
        if not (self.twice and action == 0):
            self.player = 1 - self.player

    def legal_actions(self) -> list[int]:
        return [action for action in (0, 1) if self.left > action]

    def current_player(self) -> int:
        return -4 if self.left == 0 else self.player

    def is_terminal(self) -> bool:
        return self.left == 0

    def returns(self) -> list[float]:
        return [0.0, 0.0] if self.winner is None else [1.0, -1.0] if self.winner == 0 else [-1.0, 1.0]

    def observation_tensor(self, player: int) -> list[float]:
        return [float(self.left == n) for n in range(PILE + 1)]

    def action_to_string(self, action: int) -> str:
        return ("one", "two")[action]


def game(twice: bool = False) -> Board:
    return Board("pile", 2, (PILE + 2,), PILE, lambda: Pile(PILE, twice=twice))


def know_nothing(positions: Any) -> tuple[Any, Any]:
    """Every legal move is as good as any other."""
    board = game()
    return np.where(board.legal(positions), 0.0, -np.inf).astype(np.float32), np.zeros(len(positions), dtype=np.float32)


class Identity:
    def collate(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        return arrays


class Masked:
    def forward(self, network: nn.Module, x: dict[str, Tensor], y: Any = None) -> Tensor:
        raw = network(x["observation"])
        return torch.cat([raw[:, :-1].masked_fill(~x["legal"], -1e9), raw[:, -1:]], dim=1)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = board_body("tiny", shape=(PILE + 2,))
        self.policy, self.value = nn.Linear(self.body.features, 2), nn.Linear(self.body.features, 1)

    def forward(self, observation: Tensor) -> Tensor:
        features = self.body(observation)
        return torch.cat([self.policy(features[:, 0]), self.value(features[:, 1])], dim=1)


def job(folder: Path | None = None, *, epochs: int = 3, watch: Any = None, score: Any = None, lr: float = 3e-3) -> Job:
    return Job(
        feed=None,  # type: ignore[arg-type]
        fitted_input=Identity(),  # type: ignore[arg-type]
        output=Masked(),  # type: ignore[arg-type]
        recipe=Recipe(lr=lr, batch_size=32, epochs=epochs, ema=0.9),
        settings=Settings(seed=1),
        device=torch.device("cpu"),
        score=score,
        pace=Pace(10, 10),
        watch=watch or Silence(),
        plan={"seed": 1},
        checkpoint=folder / "training.safetensors" if folder else None,
    )


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_self_play, "GAMES", 8)
    monkeypatch.setattr(_self_play, "LOOKS", 6)
    monkeypatch.setattr(_self_play, "FIRST", 32)


def fresh() -> Network:
    torch.manual_seed(0)
    return Network()


@pytest.mark.parametrize(("left", "best"), [(1, 0), (2, 1), (4, 0), (5, 1)])
def test_search_finds_the_move_that_wins(left: int, best: int) -> None:
    for player in (0, 1):
        found = search(game(), [Pile(left, player)], know_nothing, 32, None)
        assert found.action[0] == best
        assert found.policy[0, best] > 0.8
        assert found.value[0] > 0.5


def test_search_knows_a_lost_position() -> None:
    found = search(game(), [Pile(3, 0), Pile(3, 1)], know_nothing, 64, None)
    assert (found.value < -0.5).all()


def test_search_lets_one_side_move_twice() -> None:
    # with 3 left, taking one moves again with 2 left, and taking both wins: nobody who may move twice loses
    found = search(game(True), [Pile(3, 0, twice=True), Pile(3, 1, twice=True)], know_nothing, 32, None)
    assert found.action.tolist() == [0, 0]
    assert (found.value > 0.5).all()


def test_search_never_takes_an_illegal_move() -> None:
    found = search(game(), [Pile(1)] * 50, know_nothing, 4, np.random.default_rng(0))
    assert (found.action == 0).all()
    np.testing.assert_array_equal(found.policy, [[1.0, 0.0]] * 50)


def test_a_search_does_not_depend_on_its_neighbours() -> None:
    positions = [Pile(left, left % 2) for left in range(1, 8)]
    together = search(game(), positions, know_nothing, 16, None)
    for at, position in enumerate(positions):
        alone = search(game(), [position], know_nothing, 16, None)
        assert alone.action[0] == together.action[at]
        np.testing.assert_allclose(alone.policy[0], together.policy[at], rtol=1e-6)


def test_noise_makes_self_play_explore() -> None:
    found = search(game(), [Pile(7)] * 200, know_nothing, 2, np.random.default_rng(0))
    assert 20 < found.action.sum() < 180


def test_self_play_learns_the_winning_strategy() -> None:
    board = game()
    run = train(job(epochs=12), fresh(), board)
    look = look_with(run.evaluated.eval(), Identity(), Masked(), board, torch.device("cpu"))  # type: ignore[arg-type]
    winnable = [left for left in range(1, PILE + 1) if left % 3]
    logits, value = look([Pile(left) for left in winnable])
    assert logits.argmax(1).tolist() == [left % 3 - 1 for left in winnable]
    assert (value > 0.3).all()
    assert look([Pile(3), Pile(6)])[1].max() < -0.3
    games = play(board, look, seeds=list(range(30)), opponents=[2] * 30, sides=[0] * 30)
    assert games["won"].all()  # 8 is no multiple of three: the first player wins


def test_validation_keeps_the_best_weights() -> None:
    scores = iter([0.2, 0.9, 0.1])
    kept: list[dict[str, Tensor]] = []

    def score(network: nn.Module) -> tuple[float, dict[str, float]]:
        kept.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return (value := next(scores)), {"validation_win_rate": value}

    run = train(job(score=score), fresh(), game())
    assert run.best_epoch == 2
    assert run.best is not None
    assert all(torch.equal(run.best[name], tensor) for name, tensor in kept[1].items())
    assert [row["validation_win_rate"] for row in run.history] == [0.2, 0.9, 0.1]


def test_patience_ends_a_run_that_gets_no_better() -> None:
    scores = iter([0.5, 0.4, 0.3, 0.2, 0.1])
    impatient = job(epochs=5, score=lambda network: ((value := next(scores)), {"validation_win_rate": value}))
    run = train(replace(impatient, recipe=replace(impatient.recipe, patience=2)), fresh(), game())
    assert len(run.history) == 3
    assert run.best_epoch == 1


class Killed(BaseException):
    pass


class Killer(Silence):
    """Ends the process, as it were, at the n-th look."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def progress(self, *args: Any, **kwargs: Any) -> None:
        self.at -= 1
        if self.at == 0:
            raise Killed


@pytest.mark.parametrize("at", [5, 21])
def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(job(), fresh(), game())
    monkeypatch.setattr(pace, "LOOK", 0.0)
    monkeypatch.setattr(pace, "KEEP", 0.0)
    monkeypatch.setattr(pace, "WRITING", 1e9)
    with pytest.raises(Killed):
        train(job(tmp_path, watch=Killer(at)), fresh(), game())
    assert (tmp_path / "training.safetensors").is_file()
    resumed = train(job(tmp_path), fresh(), game())
    assert [row["games"] for row in resumed.history] == [row["games"] for row in whole.history]
    _same(resumed, whole)


def test_another_seed_plays_other_games() -> None:
    one = train(job(epochs=1), fresh(), game())
    other = train(replace(job(epochs=1), settings=Settings(seed=2)), fresh(), game())
    again = train(job(epochs=1), fresh(), game())
    _same(one, again)
    assert not all(torch.equal(a, b) for a, b in zip(_weights(one), _weights(other), strict=True))


def test_a_run_of_another_command_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "KEEP", 0.0)
    monkeypatch.setattr(pace, "WRITING", 1e9)
    train(job(tmp_path, epochs=1), fresh(), game())
    with pytest.raises(ConfigError, match="other data or options"):
        train(replace(job(tmp_path, epochs=1), plan={"seed": 2}), fresh(), game())


def test_a_request_to_stop_keeps_a_checkpoint(tmp_path: Path) -> None:
    import os
    import signal

    class Stop(Silence):
        asked = False

        def progress(self, *args: Any, **kwargs: Any) -> None:
            if not self.asked:
                self.asked = True
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(BudgetError, match="SIGTERM"):
        train(job(tmp_path, watch=Stop(), epochs=200), fresh(), game())
    assert (tmp_path / "training.safetensors").is_file()


def test_a_loss_that_is_no_number_is_named() -> None:
    with pytest.raises(ConfigError, match="no longer a number"):
        train(job(lr=1e30), fresh(), game())


def test_a_budget_too_small_for_one_update_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_self_play, "FIRST", 10_000)
    with pytest.raises(BudgetError, match="before the first update"):
        train(job(epochs=1), fresh(), game())


def test_memory_overwrites_the_oldest_and_mixes_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.learners import _replay

    monkeypatch.setattr(_replay, "MOST", 3)
    memory = Memory(game())
    for at in range(5):
        step = {
            "observation": np.full(PILE + 2, at, dtype=np.float32),
            "legal": np.array([True, True]),
            "policy": np.array([1, 0], dtype=np.float32),
            "value": np.float32(0.5),
            "sign": np.float32(-1),
        }
        memory.learn([step], outcome=1.0, weight=0.5)
    drawn = memory.draw(200, np.random.default_rng(0))
    assert set(drawn["observation"][:, 0].tolist()) == {2.0, 3.0, 4.0}
    np.testing.assert_allclose(
        drawn["value"], -0.25
    )  # half of 0.5 and half of −1: the first player's win is a loss here


def test_games_under_way_come_back() -> None:
    board = game()
    matches = [Match(board.start()) for _ in range(3)]
    matches[1].move(1)
    matches[1].steps.append({"value": np.array(0.25, dtype=np.float32), "legal": np.array([True, False])})
    matches[1].move(0)
    matches[2].move(0)
    back = matches_of(board, matches_state(matches))
    assert [match.moves for match in back] == [[], [1, 0], [0]]
    assert [match.position for match in back] == [match.position for match in matches]
    assert back[1].steps[0]["value"] == 0.25
    assert back[1].steps[0]["legal"].tolist() == [True, False]
    assert not back[2].steps


def _weights(run: Run) -> list[Tensor]:
    return list(run.network.state_dict().values())


def _same(one: Run, other: Run) -> None:
    assert all(torch.equal(a, b) for a, b in zip(_weights(one), _weights(other), strict=True))
    assert one.best is not None
    assert other.best is not None
    assert all(torch.equal(one.best[name], other.best[name]) for name in one.best)
