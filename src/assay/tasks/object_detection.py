"""What objects an image shows, and where."""

from assay.core.task import Network, Pair, Task
from assay.inputs.framing import reframed
from assay.inputs.image import Image
from assay.networks.detection import RECIPE, detection, located
from assay.outputs.boxes import Boxes
from assay.tasks._pretrained_signals import DETECTORS
from assay.tasks._shapes import shapes

TASK = Task(
    name="object-detection",
    summary="What objects an image shows, and where.",
    input=Image(max_side=320),
    output=Boxes(),
    networks=(
        Network(name="residual", body=detection, head=located, recipe=RECIPE, sizes=("small", "tiny", "base", "large")),
        DETECTORS,
    ),
    pair=Pair(augment=reframed),
    demo=shapes,
)
