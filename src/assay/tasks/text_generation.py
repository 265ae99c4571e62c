"""What a text goes on with: a prompt continued, token by token."""

from collections.abc import Sequence
from typing import Any

from assay.core.task import FittedInput, FittedOutput, Input, Network, Output, Pair, Task
from assay.inputs.prompt import Prompt
from assay.networks.language import RECIPE, SIZES, attention_head, counting_head, prompt_body
from assay.outputs.tokens import Tokens
from assay.tasks._passages import arranged
from assay.tasks._pretrained import GENERATOR
from assay.tasks._stories import stories


def fit(given: Input, output: Output, xs: Sequence[Any], ys: Sequence[Any]) -> tuple[FittedInput, FittedOutput]:
    """One tokenizer for prompts and answers, learned from both.

    Raises:
        DataError: there is no text.
        ConfigError: an option is out of its range.
    """
    assert isinstance(given, Prompt)
    assert isinstance(output, Tokens)
    tokenizer = output.learned([*xs, *ys])
    prompt = given.fit(xs, tokenizer)
    return prompt, output.fit(ys, tokenizer, before=prompt.usual)


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
    pair=Pair(fit=fit, arrange=arranged),
    demo=stories,
)
