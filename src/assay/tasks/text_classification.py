"""Which of several classes a text belongs to: a sentiment, a topic, a language."""

from functools import partial

from assay.core.task import Network, Task
from assay.inputs.text import Text
from assay.networks.heads import pooled
from assay.networks.text import MIXED_RECIPE, NGRAMS_RECIPE, RECIPE, attention, convolution, gru, lstm, mixed, ngrams
from assay.outputs.label import Label
from assay.tasks._pretrained import CLASSIFIER
from assay.tasks._texts import reviews

SIZES = ("small", "tiny", "base", "large")

TASK = Task(
    name="text-classification",
    summary="Which of several classes a text belongs to.",
    input=Text(lower=True, characters=True),
    output=Label(),
    networks=(
        Network(name="ngrams", body=ngrams, head=pooled, recipe=NGRAMS_RECIPE, sizes=SIZES),
        Network(name="mixed", body=mixed, head=pooled, recipe=MIXED_RECIPE, sizes=SIZES),
        Network(name="convolution", body=convolution, head=pooled, recipe=RECIPE, sizes=SIZES),
        Network(name="lstm", body=lstm, head=partial(pooled, pool="max"), recipe=RECIPE, sizes=SIZES),
        Network(name="gru", body=gru, head=partial(pooled, pool="max"), recipe=RECIPE, sizes=SIZES),
        Network(name="attention", body=attention, head=pooled, recipe=RECIPE, sizes=SIZES),
        CLASSIFIER,
    ),
    demo=reviews,
)
