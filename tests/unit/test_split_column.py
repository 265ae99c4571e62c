"""A table that names splits in a column, and files from its own folder."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import assay
from assay.core import discovery
from assay.core.errors import DataError
from assay.core.loading import for_inspection, for_judging, for_training
from assay.core.reading import read

IMAGES = discovery.task("image-classification")


@pytest.fixture
def table(tmp_path):
    """Ten grey images in a folder, and a table beside it."""
    (tmp_path / "photos").mkdir()
    lines = ["file,label,split"]
    for at in range(10):
        Image.fromarray(np.full((8, 8), 20 * at, np.uint8)).save(tmp_path / "photos" / f"{at}.png")
        lines.append(
            f"photos/{at}.png,{'dark' if at % 2 else 'light'},{'train' if at < 6 else 'val' if at < 8 else 'Test'}"
        )
    (tmp_path / "table.csv").write_text("\n".join(lines))
    return tmp_path / "table.csv"


def test_the_column_makes_the_splits_and_is_no_column_any_more(table):
    source = read(table)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 6, "validation": 2, "test": 2}
    assert "split" not in source.splits["train"].columns
    assert any("train 6, validation 2, test 2" in note for note in source.notes)
    assert source.splits["test"].place(0) == f"{table}:10"


@pytest.mark.parametrize("cells", [["train", "banana"], ["test", "test"], ["train", ""], [1, 2]])
def test_a_column_that_does_not_name_a_split_in_every_row_is_a_column_like_any_other(cells):
    source = read([{"x": 1.0, "split": cell} for cell in cells])
    assert list(source.splits) == ["all"]
    assert "split" in source.splits["all"].columns


def test_rows_in_memory_have_splits_too():
    rows = [{"x": float(at), "y": at % 2, "split": "test" if at == 3 else "train"} for at in range(8)]
    splits = for_training(rows, discovery.task("tabular-classification"), target="y", validation=0)
    assert {name: list(part.column("x")) for name, part in splits.items()} == {
        "train": [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0],
        "test": [3.0],
    }
    assert splits["train"].roles.inputs == ("x",), "the split is nothing to learn from"


def test_files_are_found_from_the_folder_of_the_table(table, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    model = assay.train("image-classification", table, out=tmp_path / "m", epochs=1, size="tiny", quiet=True)
    record = assay.evaluate(model, table, quiet=True)
    assert record.data["n"] == 2


def test_the_fingerprint_is_of_the_files_and_not_of_their_names(table):
    before = for_inspection(table, IMAGES)["train"].fingerprint
    assert for_inspection(table, IMAGES)["train"].fingerprint == before
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(table.parent / "photos" / "0.png")
    assert for_inspection(table, IMAGES)["train"].fingerprint != before


def test_a_missing_file_is_a_problem_of_its_line(table):
    (table.parent / "photos" / "9.png").unlink()
    model = None
    with pytest.raises(DataError, match=r"table\.csv:11: there is no such file"):
        model = assay.train("image-classification", table, epochs=1, size="tiny", quiet=True)
    assert model is None


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd"])
def test_no_name_leaves_the_folder_of_the_table(table, name):
    table.write_text(table.read_text() + f"\n{name},dark,test")
    with pytest.raises(DataError, match=r"table\.csv:12: .* is outside"):
        for_inspection(table, IMAGES)


def test_a_model_is_judged_on_the_rows_of_the_test_split(table):
    splits = for_training(table, IMAGES)
    held = for_judging(table, IMAGES, splits["train"].roles)
    assert [path.name for path in held.x] == ["8.png", "9.png"]
