"""Which of several classes a row of a table belongs to."""

from assay.core.task import Network, Task
from assay.inputs.table import Table
from assay.networks.heads import pooled
from assay.networks.table import RECIPE, table
from assay.outputs.label import Label
from assay.tasks._tables import tumours

TASK = Task(
    name="tabular-classification",
    summary="Which of several classes a row of a table belongs to.",
    input=Table(),
    output=Label(),
    networks=(Network(name="table", body=table, head=pooled, recipe=RECIPE),),
    demo=tumours,
)
