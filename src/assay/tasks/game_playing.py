"""How to act in an environment, learned by acting in it."""

from collections.abc import Sequence
from typing import Any

from assay.core.protocols import FittedInput, FittedOutput, Input, Output
from assay.core.task import Network, Pair, Task
from assay.inputs.observation import Observation
from assay.learners._episodes import evaluate
from assay.networks.policy import RECIPE, policy, policy_head
from assay.outputs.action import Action
from assay.tasks._games import pole


def _of_environment(
    given: Input, output: Output, xs: Sequence[Any], _: Sequence[Any]
) -> tuple[FittedInput, FittedOutput]:
    """Both are read from the environment of the episodes."""
    return given.fit(xs), output.fit(xs)


TASK = Task(
    name="game-playing",
    summary="How to act in an environment, or to play a board game, learned by playing.",
    input=Observation(),
    output=Action(),
    networks=(Network(name="policy", body=policy, head=policy_head, recipe=RECIPE),),
    learner="policy",
    pair=Pair(fit=_of_environment),
    evaluate=evaluate,
    gaps={"inspect": "An environment holds no examples to look at: it makes them as it is played."},
    demo=pole,
)
