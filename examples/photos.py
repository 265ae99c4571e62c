"""From images to a model with evidence, in Python: handwritten digits, by how strongly they are written.

Run: python examples/photos.py
"""

from pathlib import Path

import assay
from assay.tasks._digits import digits

demo = digits(Path("example-photos") / "data")
model = assay.train("image-classification", demo.data, out="example-photos/model", size="tiny", epochs=10)
record = assay.evaluate(model, demo.data, by="ink")
for figure in record.figures:
    if figure.name == "accuracy":
        print(figure)
print(assay.report(model, out="example-photos/report.html"))
