"""What is said in a recording, as text."""

from assay.core.task import Network, Task
from assay.inputs.audio import Audio
from assay.networks.speech import ATTENTION_RECIPE, RECIPE, SIZES, attention_encoder, recurrent_encoder, symbols
from assay.outputs.transcript import Transcript
from assay.tasks._pretrained_signals import RECORDINGS
from assay.tasks._recordings import PAIR
from assay.tasks._tones import tones

TASK = Task(
    name="speech-recognition",
    summary="What is said in a recording, as text.",
    input=Audio(),
    output=Transcript(),
    networks=(
        Network(name="recurrent", body=recurrent_encoder, head=symbols, recipe=RECIPE, sizes=SIZES),
        Network(name="attention", body=attention_encoder, head=symbols, recipe=ATTENTION_RECIPE, sizes=SIZES),
        RECORDINGS,
    ),
    pair=PAIR,
    demo=tones,
)
