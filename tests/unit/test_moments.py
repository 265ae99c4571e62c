"""Moments of play are observations that an input can read, as many as were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from assay.codecs import boards
from assay.codecs.environments import episode
from assay.core.errors import Unsupported
from assay.inputs._moments import moments
from assay.inputs.observation import Observation


def fitted(environment):
    return Observation().fit([episode(environment, seed=1)])


def test_moments_of_an_environment_are_read_again_and_depend_on_the_seed_alone():
    given = fitted("CartPole-v1")
    asked = []

    def decide(raws):
        asked.append(len(raws))
        return [int(raw[2] > 0) for raw in raws]  # towards where the pole leans

    episodes = [episode("CartPole-v1", seed=seed) for seed in range(10)]
    found = given.moments(episodes, decide, 20, 0)
    assert len(found) == 20
    assert max(asked) == 8, "copies are played side by side"
    problems = {}
    x = given.encode(found, problems)
    assert not problems
    assert len(np.unique(x["observation"], axis=0)) == 20
    assert found == given.moments(episodes, decide, 20, 0) != given.moments(episodes, decide, 20, 1)


@pytest.mark.parametrize(("environment", "action"), [("Pendulum-v1", [0.5]), ("FrozenLake-v1", 1)])
def test_actions_and_observations_of_other_kinds_are_played(environment, action):
    given = fitted(environment)
    found = given.moments([episode(environment, seed=3)], lambda raws: [action] * len(raws), 3, 0)
    problems = {}
    assert len(given.encode(found, problems)["observation"]) == len(found) == 3
    assert not problems


def test_moments_of_a_board_are_the_moves_that_led_there():
    given = fitted("tic_tac_toe")
    game = boards.board("tic_tac_toe")

    def decide(raws):
        return [boards.position(game, raw).legal_actions()[0] for raw in raws]

    found = given.moments([episode("tic_tac_toe", seed=seed) for seed in range(6)], decide, 1000, 0)
    assert 6 * 5 <= len(found) <= 6 * 9
    problems = {}
    x = given.encode(found, problems)
    assert not problems
    assert (x["legal"].sum(1) == [9 - len(moves) for moves in found]).all()


def test_what_shows_several_things_is_refused():
    with pytest.raises(Unsupported, match="Name single observations"):
        moments("Blackjack-v1", fitted("Blackjack-v1").form, lambda raws: [0] * len(raws), [1], 5, 0)
