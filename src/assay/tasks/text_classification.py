"""Which of several classes a text belongs to: a sentiment, a topic, a language."""

from functools import partial

from assay.core.task import Network, Task
from assay.inputs.text import Text
from assay.networks.heads import pooled
from assay.networks.text import NGRAMS_RECIPE, RECIPE, attention, convolution, gru, lstm, ngrams
from assay.outputs.label import Label
from assay.tasks._texts import reviews

TASK = Task(
    name="text-classification",
    summary="Which of several classes a text belongs to.",
    input=Text(lower=True, characters=True),
    output=Label(),
    networks=(
        Network(name="ngrams", body=ngrams, head=pooled, recipe=NGRAMS_RECIPE, sizes=("small", "tiny", "base", "large")),
        Network(name="convolution", body=convolution, head=pooled, recipe=RECIPE),
        Network(name="lstm", body=lstm, head=partial(pooled, pool="max"), recipe=RECIPE),
        Network(name="gru", body=gru, head=partial(pooled, pool="max"), recipe=RECIPE),
        Network(name="attention", body=attention, head=pooled, recipe=RECIPE),
    ),
    demo=reviews,
)
