"""Which of several classes an image shows."""

from assay.core.recipe import Recipe
from assay.core.task import Network, Task
from assay.inputs.image import Image
from assay.networks.heads import pooled
from assay.networks.lenet import lenet
from assay.networks.residual import RECIPE, residual
from assay.outputs.label import Label
from assay.tasks._digits import planted
from assay.tasks._pretrained_signals import IMAGES

LENET = Recipe(optimizer="sgd", lr=0.001, momentum=0.9, nesterov=False, batch_size=100, epochs=10, schedule="constant")

TASK = Task(
    name="image-classification",
    summary="Which of several classes an image shows.",
    input=Image(),
    output=Label(),
    networks=(
        Network(name="residual", body=residual, head=pooled, recipe=RECIPE, sizes=("small", "tiny", "base", "large")),
        Network(name="lenet", body=lenet, head=pooled, recipe=LENET, sizes=()),
        IMAGES,
    ),
    demo=planted,
)
