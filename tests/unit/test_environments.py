"""Environments by id: what is claimed, what is said of a wrong one, and what a failing one ends with."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from assay.codecs.environments import episode, kind, make, parse
from assay.codecs.spaces import Form, action_of, form_of
from assay.codecs.stages import stage
from assay.core import discovery
from assay.core.errors import DataError, Unsupported
from assay.core.loading import for_training
from assay.core.reading import read
from assay.readers import environment as reader


class Faulty(gymnasium.Env):  # type: ignore[type-arg]
    """Two numbers; raises in the third step."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.steps == 3:
            raise ValueError("the wheel came off")
        return np.zeros(2, np.float32), 1.0, False, False, {}


@pytest.fixture(autouse=True)
def registered():
    gymnasium.register("Faulty-v0", entry_point=Faulty, max_episode_steps=10)
    yield
    del gymnasium.registry["Faulty-v0"]


def test_an_id_is_told_from_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert reader.reads("CartPole-v1")
    assert reader.reads("ALE/Breakout-v5")
    assert reader.reads("my_module:MyGame-v0")
    assert not reader.reads("photos/cats")
    assert not reader.reads("people.csv")
    (tmp_path / "photos-v1").mkdir()
    assert not reader.reads("photos-v1")  # a folder that is there is no environment


def test_episodes_are_written_and_read_back():
    assert parse(episode("CartPole-v1", seed=3)) == ("CartPole-v1", {"seed": "3"})
    assert parse("CartPole-v1") is None
    assert parse("what?seed=3") is None
    assert kind(3) is None


def test_splits_share_no_seed_and_do_not_change():
    source = read("CartPole-v1")
    seeds = {name: set(split.columns["seed"]) for name, split in source.splits.items()}
    assert len(seeds["test"]) == 100
    assert not seeds["train"] & seeds["test"]
    assert not seeds["validation"] & seeds["test"]
    assert read("CartPole-v1").fingerprint == source.fingerprint
    assert read("Acrobot-v1").fingerprint != source.fingerprint
    assert "2000003" in source.splits["test"].place(3)


def test_a_typo_is_offered_the_nearest_id():
    with pytest.raises(DataError, match=r'"CartPol-v1".*Did you mean "CartPole-v1"'):
        read("CartPol-v1")
    with pytest.raises(DataError, match="Accepted: CartPole-v0, CartPole-v1"):
        read("CartPole-v7")
    with pytest.raises(DataError, match='the module "no_such_module" cannot be imported'):
        read("no_such_module:Game-v0")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cartpole", 'mean "CartPole-v1"'),
        ("CartPole", 'mean "CartPole-v1"'),
        ("faulty", 'mean "Faulty-v0"'),
        ("pong", 'mean "ALE/Pong-v5"'),
        ("blackjack", 'mean "Blackjack-v1"'),
        ("hx", 'mean "hex"'),
        ("zzzz", "ends in its version, as CartPole-v1"),
        ("backgammon", "is decided by chance too"),
        ("kuhn_poker", "has hidden information"),
    ],
)
def test_a_name_that_is_no_id_is_told_what_it_may_mean(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=said):
        for_training(given, discovery.task("game-playing"))
    with pytest.raises(DataError) as caught:  # of another task it is a file that is not there
        for_training(given, discovery.task("tabular-regression"))
    assert said not in str(caught.value)


def test_a_module_is_offered_its_own_environments(tmp_path, monkeypatch):
    (tmp_path / "wheels.py").write_text(
        "import gymnasium\ngymnasium.register('Wheel-v0', entry_point='wheels:Wheel')\n"
    )
    (tmp_path / "hollow.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    try:
        with pytest.raises(DataError, match=r"Accepted: wheels:Wheel-v0\."):
            read("wheels:Weel-v0")
    finally:
        gymnasium.registry.pop("Wheel-v0", None)
    with pytest.raises(DataError, match='The module "hollow" registers none'):
        read("hollow:Wheel-v0")


@pytest.mark.parametrize(
    "given",
    ["hex(board_size=abc)", "hex(board_size=5", "hex(board_size=0)", "hex(board_size=-1)", "hex(board_size=2000)",
     "go(board_size=100)", "connect_four(rows=0)", "mnk(m=0,n=3,k=3)"],
)  # fmt: skip
def test_a_board_that_cannot_be_played_is_refused_and_nothing_else_is_written(given, capfd):
    with pytest.raises(DataError) as caught:
        read(given)
    assert given in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_missing_library_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(Unsupported, match=r'pip install "assay\[games\]"'):
        read("CartPole-v1")
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "ale_py", None)
    with pytest.raises(Unsupported, match="ale-py"):
        read("ALE/Breakout-v5")


def test_what_an_environment_lacks_is_said():
    gymnasium.register("Lacking-v0", entry_point="no_such_physics:Env")
    try:
        with pytest.raises(Unsupported, match="Lacking-v0 needs a library that is not installed"):
            make("Lacking-v0")
    finally:
        del gymnasium.registry["Lacking-v0"]


def test_an_environment_that_raises_is_named_with_step_and_seed():
    copies = stage("Faulty-v0", 2)
    copies.reset([0, 1], [5, 6])
    copies.step([0, 1], [0, 0])
    copies.step([1], [0])
    with pytest.raises(
        DataError, match="Faulty-v0 raised ValueError in step 3, in the episode with the seed 6: the wheel"
    ):
        copies.step([0, 1], [0, 0])


def test_a_limit_of_steps_cuts_short_and_does_not_end():
    copies = stage("CartPole-v1", 1)
    copies.reset([0], [0])
    copies._copies[0].unwrapped.theta_threshold_radians = 1e9
    copies._copies[0].unwrapped.x_threshold = 1e9
    for _ in range(499):
        step = copies.step([0], [0])
    assert not step.over[0]
    step = copies.step([0], [0])
    assert step.over[0]
    assert not step.ended[0]


def test_nested_spaces_become_one_vector():
    spaces = gymnasium.spaces
    space = spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)])})
    form = form_of(space, "X-v0")
    assert form.names == ("a[0]", "a[1]", "b.0=0", "b.0=1", "b.0=2", "b.1[0]", "b.1[1]")
    raw = {"a": [0.5, -0.5], "b": [2, [1, 0]]}
    np.testing.assert_allclose(form.read(raw), [0.5, -0.5, 0, 0, 1, 1, 0])
    again = Form.from_json(form.to_json())
    assert again == form
    np.testing.assert_array_equal(again.batch([space.sample(), space.sample()]).shape, (2, 7))
    with pytest.raises(ValueError, match='there is no "b"'):
        form.read({"a": [0, 0]})
    with pytest.raises(ValueError, match="3 is no choice out of 0 … 2"):
        form.read({"a": [0, 0], "b": [3, [1, 0]]})


def test_images_are_told_from_numbers():
    box = gymnasium.spaces.Box
    assert form_of(box(0, 255, (4, 84, 84), np.uint8), "X").shape == (4, 84, 84)
    last = form_of(box(0, 255, (96, 90, 3), np.uint8), "X")
    assert (last.kind, last.shape) == ("image", (3, 96, 90))
    picture = np.arange(96 * 90 * 3, dtype=np.uint8).reshape(96, 90, 3)
    np.testing.assert_array_equal(last.read(picture)[2], picture[:, :, 2])
    np.testing.assert_array_equal(last.batch([picture])[0], last.read(picture.tolist()))
    assert form_of(box(0, 255, (128,), np.uint8), "X").kind == "vector"


def test_what_cannot_be_learned_is_refused():
    with pytest.raises(Unsupported, match="shows a Text"):
        form_of(gymnasium.spaces.Text(5), "X-v0")
    with pytest.raises(Unsupported, match="The actions of X-v0"):
        action_of(gymnasium.spaces.Text(5), "X-v0")
