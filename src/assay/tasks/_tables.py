"""Tables that scikit-learn ships, written out as CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from assay.core.demo import Demo
from assay.core.files import write


def tumours(folder: Path) -> Demo:
    """``tumours.csv``: 569 tumours by thirty measurements of their cells, and whether they are malignant."""
    from sklearn.datasets import load_breast_cancer

    loaded = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in loaded.feature_names]
    rows = [
        {**dict(zip(names, cells, strict=True)), "diagnosis": str(loaded.target_names[y])}
        for cells, y in zip(loaded.data.tolist(), loaded.target, strict=True)
    ]
    return Demo(
        data=_write(folder / "tumours.csv", rows),
        about="569 breast tumours, malignant or benign (Wolberg et al. 1995), shipped with scikit-learn",
        inputs=(
            str(
                _write(folder / "new_tumours.csv", [{k: v for k, v in r.items() if k != "diagnosis"} for r in rows[:3]])
            ),
        ),
        target="diagnosis",
        by="mean_radius",
        time="30s",
    )


def diabetes(folder: Path) -> Demo:
    """``diabetes.csv``: 442 patients and how far their disease progressed in a year."""
    from sklearn.datasets import load_diabetes

    loaded = load_diabetes(scaled=False)
    rows: list[dict[str, Any]] = []
    for cells, y in zip(loaded.data.tolist(), loaded.target.tolist(), strict=True):
        row = dict(zip(loaded.feature_names, cells, strict=True))
        rows.append({**row, "sex": "A" if row["sex"] == 1 else "B", "progression": y})
    return Demo(
        data=_write(folder / "diabetes.csv", rows),
        about="442 diabetes patients and the progression of their disease (Efron et al. 2004), shipped with scikit-learn",
        inputs=(
            str(
                _write(
                    folder / "new_patients.csv", [{k: v for k, v in r.items() if k != "progression"} for r in rows[:3]]
                )
            ),
        ),
        target="progression",
        by="sex",
        time="30s",
    )


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write(path, stream.getvalue())
    return path
