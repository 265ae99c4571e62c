"""A text read aloud in the voice of the training data."""

from assay.core.task import Network, Pair, Task, fit_apart
from assay.inputs.text import Text
from assay.networks.synthesis import RECIPE, SIZES, convolutions, speaker
from assay.outputs.waveform import Waveform
from assay.tasks._voice import voice

TASK = Task(
    name="speech-synthesis",
    summary="A text read aloud in the voice of the training data.",
    input=Text(tokenizer="characters", lower=True),
    output=Waveform(),
    networks=(Network(name="convolution", body=convolutions, head=speaker, recipe=RECIPE, sizes=SIZES),),
    pair=Pair(fit=fit_apart),
    demo=voice,
)
