"""A sentence of one language said in another."""

from assay.core.task import Network, Pair, Task, fit_apart
from assay.inputs.text import Text
from assay.networks.translation import (
    ATTENTION_RECIPE,
    GRU_RECIPE,
    SIZES,
    attention_decoder,
    attention_encoder,
    gru_decoder,
    gru_encoder,
)
from assay.outputs.tokens import Tokens
from assay.tasks._phrases import phrases
from assay.tasks._pretrained import TRANSLATOR

TASK = Task(
    name="translation",
    summary="A sentence of one language said in another.",
    input=Text(tokenizer="bpe", vocabulary=8_000),
    output=Tokens(tokenizer="bpe", vocabulary=4_000, beam=5),
    networks=(
        Network(name="gru", body=gru_encoder, head=gru_decoder, recipe=GRU_RECIPE, sizes=SIZES),
        Network(
            name="attention",
            body=attention_encoder,
            head=attention_decoder,
            recipe=ATTENTION_RECIPE,
            sizes=SIZES,
        ),
        TRANSLATOR,
    ),
    pair=Pair(fit=fit_apart),
    demo=phrases,
)
