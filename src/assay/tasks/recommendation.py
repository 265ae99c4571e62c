"""What a user takes next, out of a whole catalogue, after all that he has had."""

from assay.core.task import Network, Task
from assay.inputs.history import History
from assay.networks.linear_items import RECIPE as LINEAR
from assay.networks.linear_items import LinearHead, plain
from assay.networks.recommendation import RECIPE, attention, gru, scored
from assay.outputs.ranking import Ranking
from assay.tasks._clicks import clicks
from assay.tasks._histories import PAIR

TASK = Task(
    name="recommendation",
    summary="What a user takes next, out of a whole catalogue, after all that he has had.",
    input=History(),
    output=Ranking(),
    networks=(
        Network(name="gru", body=gru, head=scored, recipe=RECIPE),
        Network(name="attention", body=attention, head=scored, recipe=RECIPE),
        Network(name="linear", body=plain, head=LinearHead, recipe=LINEAR, sizes=()),
    ),
    pair=PAIR,
    demo=clicks,
)
