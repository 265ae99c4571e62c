"""Which of several classes a video clip shows."""

from assay.core.task import Network, Task
from assay.inputs.video import Video
from assay.networks.heads import pooled
from assay.networks.video import RECIPE, attention, averaged, recurrent, shifted
from assay.outputs.label import Label
from assay.tasks._moving import moving
from assay.tasks._pretrained_signals import CLIPS

TASK = Task(
    name="video-classification",
    summary="Which of several classes a video clip shows.",
    input=Video(),
    output=Label(),
    networks=(
        Network(name="shift", body=shifted, head=pooled, recipe=RECIPE),
        Network(name="motion", body=shifted, head=pooled, recipe=RECIPE, options={"stills": False}),
        Network(name="recurrent", body=recurrent, head=pooled, recipe=RECIPE),
        Network(name="attention", body=attention, head=pooled, recipe=RECIPE),
        Network(name="average", body=averaged, head=pooled, recipe=RECIPE),
        CLIPS,
    ),
    demo=moving,
)
