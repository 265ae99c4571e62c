"""Two models of a table, and whether the difference between them is more than chance.

Run: python examples/a_table.py
"""

from pathlib import Path

import assay
from assay.tasks._tables import tumours

demo = tumours(Path("example-table"))
small = assay.train("tabular-classification", demo.data, target="diagnosis", out="example-table/small", epochs=5)
long = assay.train("tabular-classification", demo.data, target="diagnosis", out="example-table/long", epochs=50)
record = assay.compare(small, long, demo.data)
print(record.notes[0])
for row in record.table("differences").rows:
    print(*row)
