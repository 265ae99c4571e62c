"""Observations: arrays from JSON, parts and what is absent, and what is said of a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from assay.codecs.environments import episode
from assay.codecs.spaces import Form, Leaf
from assay.core.errors import DataError
from assay.inputs.observation import FittedObservation, Observation, typical


@pytest.fixture(scope="module")
def pole() -> FittedObservation:
    return Observation().fit([episode("CartPole-v1", seed=seed) for seed in range(3)])


def picture() -> FittedObservation:
    form = Form("image", (1, 28, 28), (Leaf((), (28, 28)),))
    return FittedObservation("Made-v0", form, True, np.full((1, 28, 28), 7, np.uint8))


def test_an_observation_is_read_from_json(pole):
    problems = {}
    pack = pole.encode(["[1, 2, 3, 4]", [0.5, 0, 0, 0]], problems)
    assert not problems
    np.testing.assert_allclose(pack["observation"], [[1, 2, 3, 4], [0.5, 0, 0, 0]])


def test_episodes_of_another_environment_are_refused_in_one_sentence(pole):
    with pytest.raises(DataError) as caught:
        pole.encode([episode("Acrobot-v1", seed=seed) for seed in range(3)], {})
    assert str(caught.value) == "This model plays CartPole-v1, and the data is of Acrobot-v1."
    problems = {}
    pole.encode([episode("CartPole-v1", seed=1), episode("Acrobot-v1", seed=2)], problems)
    assert list(problems) == [1]  # among its own it is an example like any that cannot be read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[1, 2, 3]", "the shape 3, not 4"),
        ("[1, 2, 3, null]", "infinite or none"),
        ("nonsense", "is no JSON"),
        ('["a"]', "no number"),
    ],
)
def test_a_wrong_observation_is_a_problem(pole, given, said):
    problems = {}
    pole.encode([given], problems)
    assert said in problems[0]
    assert "CartPole-v1" in problems[0]


def test_episodes_become_seeds_and_those_of_another_game_problems(pole):
    problems = {}
    given = [episode("CartPole-v1", seed=9), episode("Acrobot-v1", seed=9), "CartPole-v1?seed=x"]
    pack = pole.encode(given, problems)
    assert pack["seed"][0] == 9
    assert "this model plays CartPole-v1" in problems[1]
    assert "no episode such as" in problems[2]


def test_several_environments_at_once_are_refused():
    with pytest.raises(DataError, match="One environment"):
        Observation().fit([episode("CartPole-v1", seed=1), episode("Acrobot-v1", seed=1)])
    with pytest.raises(DataError, match="CartPole-v1"):
        Observation().fit(["a text"])


def test_keeping_all_is_the_identity_and_absence_is_what_is_usual(pole):
    x = pole.encode([[1, 2, 3, 4]], {})
    assert len(pole.parts(x)) == 4
    np.testing.assert_array_equal(pole.keep(x, np.ones((1, 4), bool))["observation"], x["observation"])
    some = pole.keep(x, np.array([[True, False, True, False]]))["observation"][0]
    np.testing.assert_allclose(some, [1, pole.typical[1], 3, pole.typical[3]])


def test_regions_of_an_image_are_kept_or_usual():
    fitted = picture()
    x = {"observation": np.full((1, 1, 28, 28), 200, np.uint8)}
    assert len(fitted.parts(x)) == 49
    mask = np.ones((2, 49), bool)
    mask[1, 0] = False
    kept = fitted.keep(x, mask)["observation"]
    assert (kept[0] == 200).all()
    assert (kept[1, 0, :4, :4] == 7).all()
    assert (kept[1] == 200).sum() == 28 * 28 - 16
    assert fitted.show(np.zeros((28, 28), np.uint8))[0] == "png"


def test_a_fitted_input_comes_back_from_json(pole):
    for fitted in (pole, picture()):
        again = Observation().load(fitted.to_json())
        assert again == fitted
        np.testing.assert_array_equal(again.typical, fitted.typical)
    state = picture().to_json() | {"typical": pole.to_json()["typical"]}
    with pytest.raises(ValueError, match="another shape"):
        Observation().load(state)


def test_typical_is_the_mean():
    np.testing.assert_allclose(typical(np.array([[1.0, 3.0], [3.0, 5.0]], np.float32)), [2, 4])
