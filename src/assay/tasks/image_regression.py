"""A number from an image: an age, a count, an angle."""

from assay.core.task import Network, Task
from assay.inputs.image import Image
from assay.networks.heads import pooled
from assay.networks.residual import RECIPE, residual
from assay.outputs.number import Number
from assay.tasks._digits import inked
from assay.tasks._pretrained_signals import IMAGES

TASK = Task(
    name="image-regression",
    summary="A number from an image.",
    input=Image(),
    output=Number(),
    networks=(
        Network(name="residual", body=residual, head=pooled, recipe=RECIPE, sizes=("small", "tiny", "base", "large")),
        IMAGES,
    ),
    demo=inked,
)
