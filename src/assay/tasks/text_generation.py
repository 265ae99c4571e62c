"""What a text goes on with: a prompt continued, token by token."""

from assay.core.task import Network, Pair, Task
from assay.inputs.prompt import Prompt
from assay.networks.language import RECIPE, SIZES, attention_head, counting_head, prompt_body
from assay.outputs.tokens import Tokens
from assay.tasks._passages import arranged, fitted
from assay.tasks._pretrained import GENERATOR
from assay.tasks._stories import stories

TASK = Task(
    name="text-generation",
    summary="What a text goes on with: a prompt continued, token by token.",
    input=Prompt(),
    output=Tokens(continues=True, temperature=0.8, top_p=0.95),
    networks=(
        Network(name="language", body=prompt_body, head=counting_head, recipe=RECIPE, sizes=tuple(SIZES)),
        Network(name="attention", body=prompt_body, head=attention_head, recipe=RECIPE, sizes=tuple(SIZES)),
        GENERATOR,
    ),
    pair=Pair(fit=fitted, arrange=arranged),
    demo=stories,
)
