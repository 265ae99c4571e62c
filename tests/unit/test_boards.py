"""Board games as values: names, moves, observations, and opponents that do what they say."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch

from assay.codecs import boards
from assay.codecs.boards import FACTS, OPPONENTS, board
from assay.codecs.symmetries import Symmetry, symmetries
from assay.core.errors import DataError, Unsupported
from assay.learners._matches import PLAYERS, play


def test_without_openspiel_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    board.cache_clear()
    with pytest.raises(Unsupported, match=r'pip install "assay\[games\]"'):
        board("connect_four")


def test_splits_share_no_game_and_give_both_sides_to_each_opponent() -> None:
    found = boards.splits()
    seeds = [seed for games in found.values() for seed in games["seed"]]
    assert len(set(seeds)) == len(seeds)
    test = found["test"]
    for opponent in OPPONENTS:
        sides = [side for side, name in zip(test["side"], test["opponent"], strict=True) if name == opponent]
        assert [sides.count(side) for side in FACTS["side"]] == [100, 100]


def four_in_a_row(own: np.ndarray) -> bool:
    """Whether four of these places ``[6, 7]`` lie side by side in one line."""
    lines = [
        [(y + step * down, x + step * right) for step in range(4)]
        for y in range(6)
        for x in range(7)
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1))
    ]
    return any(all(y < 6 and 0 <= x < 7 and own[y, x] for y, x in line) for line in lines)


class TestWithOpenSpiel:
    @pytest.mark.parametrize("name", boards.BOARDS)
    def test_every_game_named_can_be_seen_and_played(self, name: str) -> None:
        game = board(name)
        rng = np.random.default_rng(0)
        position = game.start()
        for _ in range(12):
            if position.is_terminal():
                assert -1 <= game.outcome(position) <= 1
                break
            observation, legal = game.observe([position]), game.legal([position])
            assert observation.shape == (1, *game.shape)
            assert np.isfinite(observation).all()
            assert (observation[0, -1] == position.current_player()).all()
            assert legal[0].nonzero()[0].tolist() == position.legal_actions()
            position.apply_action(int(rng.choice(position.legal_actions())))

    def test_an_observation_is_what_stands_on_the_board(self) -> None:
        game = board("connect_four")
        before, after = game.observe([boards.position(game, "start"), boards.position(game, "3")])
        changed = np.argwhere((before != after)[:-1].any(0))
        assert changed.tolist() == [[0, 3]]  # one place: the foot of the fourth column

    @pytest.mark.parametrize("cell", ["3 3 2", " 3  3 2 ", "[3, 3, 2]", [3, 3, 2], "x3 o3 x2", ["x3", 3, "2"]])
    def test_moves_may_be_written_in_several_ways(self, cell: Any) -> None:
        game = board("connect_four")
        assert boards.accepts(cell)
        assert str(boards.position(game, cell)) == str(game.after([3, 3, 2]))

    @pytest.mark.parametrize("cell", ["start", "", [], "[]"])
    def test_no_move_is_the_start(self, cell: Any) -> None:
        game = board("connect_four")
        assert str(boards.position(game, cell)) == str(game.start())

    @pytest.mark.parametrize(
        ("cell", "said"),
        [
            ("9", 'Move 1, "9" is not legal in connect_four'),
            ("3 3 3 3 3 3 3", 'Move 7, "3" is not legal'),
            ("x3 x3", 'Move 2, "x3" is not legal'),
            ("0 1 0 1 0 1 0", "The game is over after 7 moves"),
            ("0 1 0 1 0 1 0 1", "Move 8 .1. comes after the end"),
            ("[3, 3", "no list of moves"),
            ([0.5, 0.25], "is no position"),
            (7, "is no position"),
        ],
    )
    def test_what_is_no_position_is_said(self, cell: Any, said: str) -> None:
        with pytest.raises(DataError, match=said):
            boards.position(board("connect_four"), cell)

    def test_names(self) -> None:
        assert boards.check("hex(board_size=5)") == "hex(board_size=5)"
        assert board("hex(board_size=5)").actions == 25
        assert boards.check("openspiel:othello") == "othello"
        assert boards.check("connect_four_v3") == "connect_four"
        assert boards.check("tictactoe_v3") == "tic_tac_toe"
        assert boards.version().startswith("open_spiel ")

    @pytest.mark.parametrize(
        ("name", "error", "said"),
        [
            ("conect_four", DataError, 'Did you mean "connect_four"'),
            ("hex(bord=5)", DataError, "board_size"),
            ("openspiel:backgammon", Unsupported, "chance"),
            ("openspiel:kuhn_poker", Unsupported, "hidden"),
        ],
    )
    def test_what_cannot_be_played_is_said(self, name: str, error: type[Exception], said: str) -> None:
        assert boards.looks(name)
        with pytest.raises(error, match=said):
            board(name)

    @pytest.mark.parametrize(
        ("name", "count"),
        [("connect_four", 1), ("tic_tac_toe", 7), ("othello", 3), ("breakthrough", 1), ("chess", 0), ("nim", 0)],
    )
    def test_symmetries_are_those_of_the_rules(self, name: str, count: int) -> None:
        assert len(symmetries(board(name))) == count

    def test_a_turned_position_is_a_position_with_its_moves_turned(self) -> None:
        game = board("connect_four")
        (mirror,) = symmetries(game)
        positions = [boards.position(game, moves) for moves in ("0 0 0 0 0 0 1", "5 4", "start")]
        twins = [boards.position(game, moves) for moves in ("6 6 6 6 6 6 5", "1 2", "start")]
        policy = torch.arange(21.0).reshape(3, 7)
        drawn = {
            "observation": torch.from_numpy(game.observe(positions)),
            "legal": torch.from_numpy(game.legal(positions)),
            "policy": policy,
            "value": torch.ones(3),
        }
        turned = mirror.apply(drawn)
        np.testing.assert_array_equal(turned["observation"], game.observe(twins))
        np.testing.assert_array_equal(turned["legal"], game.legal(twins))
        np.testing.assert_array_equal(turned["policy"], policy.flip(1))
        assert turned["value"] is drawn["value"]

    def test_a_position_with_a_move_that_was_never_met_is_not_turned(self) -> None:
        mirror = Symmetry(turned=0, mirrored=True, moves=(2, -1, 0))
        x = torch.arange(6.0).reshape(2, 1, 1, 3)
        legal = torch.tensor([[True, True, True], [True, False, False]])
        turned = mirror.apply({"observation": x, "legal": legal, "policy": legal.float()})
        assert turned["observation"].flatten().tolist() == [0, 1, 2, 5, 4, 3]
        assert turned["legal"].tolist() == [[True, True, True], [False, False, True]]
        assert turned["policy"].tolist() == [[1, 1, 1], [0, 0, 1]]

    def test_the_rules_of_connect_four_are_those_that_are_written_out_here(self) -> None:
        rng = np.random.default_rng(0)
        game = board("connect_four_v3")
        for _ in range(30):
            men, position, who, won = np.zeros((6, 7), dtype=int), game.start(), 1, False
            while not position.is_terminal():
                legal = [column for column in range(7) if not men[5, column]]
                assert position.legal_actions() == legal
                column = int(rng.choice(legal))
                men[np.count_nonzero(men[:, column]), column] = who
                position.apply_action(column)
                won, who = four_in_a_row(men == who), -who
                assert position.is_terminal() == (won or bool(men.all()))
            assert game.outcome(position) == (-who if won else 0), "of the one who moved last"

    def test_opponents_do_what_they_say(self) -> None:
        game = board("connect_four")
        rng = np.random.default_rng(0)
        wins = boards.position(game, "0 6 1 6 2 5")  # the first player wins with 3
        threatened = boards.position(game, "0 6 1 6 2")  # the second loses unless it plays 3
        seen = {name: {p(wins, rng) for _ in range(40)} for name, p in PLAYERS.items()}
        assert seen["greedy"] == seen["look-ahead"] == {3}
        assert len(seen["random"]) == 7
        seen = {name: {p(threatened, rng) for _ in range(40)} for name, p in PLAYERS.items()}
        assert seen["look-ahead"] == {3}
        assert len(seen["random"]) == len(seen["greedy"]) == 7

    def test_the_stronger_opponent_wins_and_games_go_alone_as_together(self) -> None:
        game = board("connect_four")

        def first_free(positions: Any) -> Any:
            legal = game.legal(positions)
            return np.where(legal, -np.arange(game.actions), -np.inf), None

        n = 60
        opponents = [at % 3 for at in range(n)]
        sides = [at // 3 % 2 for at in range(n)]
        together = play(game, first_free, list(range(n)), opponents, sides)
        lost = [float((together["return"][np.array(opponents) == code] < 0).mean()) for code in range(3)]
        assert lost[0] < lost[2]
        alone = play(game, first_free, [7], [opponents[7]], [sides[7]])
        assert all(alone[name][0] == together[name][7] for name in alone)
        np.testing.assert_array_equal(together["won"] + together["drawn"] + (together["return"] < 0), 1)
        assert (together["length"] >= 7).all()

    def test_drawn_moves_follow_the_policy_and_their_seed(self) -> None:
        game = board("connect_four")

        def mostly_the_middle(positions: Any) -> Any:
            logits = np.where(np.arange(7) == 3, 2.0, 0.0)
            return np.where(game.legal(positions), logits, -np.inf), None

        facts = {"seeds": list(range(20)), "opponents": [0] * 20, "sides": [0] * 20}
        likeliest = play(game, mostly_the_middle, **facts)
        one, again, other = (play(game, mostly_the_middle, **facts, drawn=seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one["length"], again["length"])
        assert (one["length"] != other["length"]).any()
        assert (one["length"] != likeliest["length"]).any()
