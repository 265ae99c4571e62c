"""A number from a row of a table: a price, a demand, a duration."""

from assay.core.task import Network, Task
from assay.inputs.table import Table
from assay.networks.heads import pooled
from assay.networks.table import RECIPE, table
from assay.outputs.number import Number
from assay.tasks._tables import diabetes

TASK = Task(
    name="tabular-regression",
    summary="A number from a row of a table.",
    input=Table(),
    output=Number(),
    networks=(Network(name="table", body=table, head=pooled, recipe=RECIPE),),
    demo=diabetes,
)
