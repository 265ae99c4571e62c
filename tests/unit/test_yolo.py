"""YOLO's text files: layouts, names of classes, and lines checked by name."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from assay.core.errors import DataError
from assay.core.reading import read
from assay.readers import yolo
from assay.readers._yaml import parse

SIZE = (200, 100)
LINE = "1 0.2 0.3 0.2 0.4\n"


def put(root, name="images/a.jpg", line=LINE, classes="dog\ncat\n"):
    image = root / name
    parts = ["labels" if part == "images" else part for part in image.relative_to(root).parts]
    labels = root.joinpath(*parts).with_suffix(".txt")
    for file in (image, labels):
        file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (len(name), 2, 3)).save(image)
    if line is not None:
        labels.write_text(line)
    if classes:
        (root / "classes.txt").write_text(classes)
    return root


def test_centres_and_sides_become_corners_and_no_text_is_no_object(tmp_path):
    put(tmp_path)
    put(tmp_path, "images/b.jpg", line=None)
    put(tmp_path, "images/c.jpg", line="\n0 .5 .5 1 1\n")
    source = read(tmp_path)
    assert (source.format, source.input, source.target) == ("YOLO", "image", "objects")
    first, second, third = source.splits["all"].columns["objects"]
    assert first[0] == {"label": "cat", "ignore": False} | dict(
        zip(("x0", "y0", "x1", "y1"), map(pytest.approx, (0.1, 0.1, 0.3, 0.5)), strict=True)
    )
    assert second == []
    assert third[0]["label"] == "dog"
    assert any("Without a text file, and so without an object: 1 image in" in note for note in source.notes)


def test_the_box_around_an_outline(tmp_path):
    put(tmp_path, line="0 .1 .2 .5 .2 .3 .9\n")
    (thing,) = yolo.read(tmp_path).splits["all"].columns["objects"][0]
    assert [thing[side] for side in ("x0", "y0", "x1", "y1")] == [0.1, 0.2, 0.5, 0.9]


@pytest.mark.parametrize("layout", ["images/{}", "{}/images"])
def test_splits_by_folder(tmp_path, layout):
    for split in ("train", "val", "test"):
        put(tmp_path, f"{layout.format(split)}/{split}.jpg")
    assert {n: len(s) for n, s in read(tmp_path).splits.items()} == {"train": 1, "validation": 1, "test": 1}


def test_the_configuration_names_classes_and_folders(tmp_path):
    put(tmp_path, "train/images/a.jpg", classes="")
    put(tmp_path, "valid/images/b.jpg", classes="")
    text = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['dog', 'a cat']\n"
    (tmp_path / "data.yaml").write_text(text)
    for data in (tmp_path, tmp_path / "data.yaml"):
        source = read(data)
        assert {n: len(s) for n, s in source.splits.items()} == {"train": 1, "validation": 1}
        assert source.splits["train"].columns["objects"][0][0]["label"] == "a cat"
        assert any('"../test/images" for test, which is no folder' in note for note in source.notes)


def test_lists_of_images_beside_it_are_no_texts(tmp_path):
    put(tmp_path, "images/train/a.jpg")
    (tmp_path / "train.txt").write_text("images/train/a.jpg\n")
    assert read(tmp_path).format == "YOLO"


def test_classes_without_names_are_numbers_and_it_is_said(tmp_path):
    source = yolo.read(put(tmp_path, classes=""))
    assert source.splits["all"].columns["objects"][0][0]["label"] == "1"
    assert any("called by their numbers" in note for note in source.notes)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("7 .5 .5 .1 .1", 'line 1: the class "7" has no name. Known: 0, 1'),
        ("cat .5 .5 .1 .1", 'line 1: the class "cat" has no name'),
        (LINE + "1 .5 .5 .1", "line 2 has 4 numbers"),
        ("1 .5 .5 .1 .1 .9", "line 1 has 6 numbers"),
        ("1 .5 x .1 .1", "line 1 holds what is no number"),
        ("1 .5 nan .1 .1", "a corner that is no number"),
        (LINE + "1 .5 .5 1.2 .1", "object 2 (cat) reaches out of the image"),
        ("1 100 50 20 30", "object 1 (cat) reaches out of the image (shares of its sides are 0 to 1)"),
        ("1 .5 .5 -.1 .1", "corners in the wrong order"),
    ],
)
def test_a_wrong_line_makes_its_image_a_problem(tmp_path, line, says):
    put(tmp_path, line=line)
    put(tmp_path, "images/b.jpg")
    split = yolo.read(tmp_path).splits["all"]
    assert [path.name for path in split.columns["image"]] == ["b.jpg"]
    (problem,) = split.problems
    assert problem.where == str(tmp_path / "labels" / "a.txt")
    assert says in problem.what


def test_a_box_a_pixel_out_is_cut_and_one_without_area_left_out(tmp_path):
    source = yolo.read(put(tmp_path, line="0 .5 .5 1.009 1\n0 .5 .5 0 .2\n"))
    (thing,) = source.splits["all"].columns["objects"][0]
    assert (thing["x0"], thing["x1"]) == (0, 1)
    assert any("cut at its edge" in note for note in source.notes)
    assert any("without area was left out" in note and "object 2 (dog)" in note for note in source.notes)


def test_labels_without_their_image_are_a_problem(tmp_path):
    put(tmp_path)
    (tmp_path / "labels" / "z.txt").write_text(LINE)
    (problem,) = yolo.read(tmp_path).splits["all"].problems
    assert problem.where.endswith("z.txt")
    assert "there is no image z" in problem.what


def test_nothing_leaves_the_root(tmp_path):
    outside = put(tmp_path / "outside")
    root = put(tmp_path / "data")
    (root / "images" / "link.jpg").symlink_to(outside / "images" / "a.jpg")
    put(root, "images/b.jpg", line=None)
    (root / "labels" / "b.txt").symlink_to(outside / "labels" / "a.txt")
    (root / "data.yaml").write_text(f"train: {outside / 'images'}\nval: images\nnames: {{0: dog, 1: cat}}\n")
    source = yolo.read(root)
    assert list(source.splits) == ["validation"]
    assert [path.name for path in source.splits["validation"].columns["image"]] == ["a.jpg"]
    assert sum("leaves" in problem.what for problem in source.splits["validation"].problems) == 2
    assert any("which is no folder" in note for note in source.notes)


def test_the_part_of_yaml_that_is_read():
    text = """# made by hand
path: ../data  # root
names:
  0: "cat: small"
  1: 'it''s # 1'
train: [a, "b, c",
  d]
val:
  - x
  - y
"""
    found = parse(text, "data.yaml")
    assert found["path"] == "../data"
    assert found["names"] == {"0": "cat: small", "1": "it's # 1"}
    assert found["train"] == ["a", "b, c", "d"]
    assert found["val"] == ["x", "y"]
    for bad in ("names: [a, b", "just text", "names: x\n  - y"):
        with pytest.raises(DataError, match=r"data\.yaml"):
            parse(bad, "data.yaml")


def test_three_formats_of_the_same_boxes_give_the_same_objects(tmp_path):
    boxes = {"a": [("cat", 20, 10, 60, 50), ("dog", 0, 0, 200, 100)], "b": [], "c": [("dog", 5, 95, 8, 100)]}
    names = ["dog", "cat"]
    state = {"images": [], "annotations": [], "categories": [{"id": at, "name": name} for at, name in enumerate(names)]}
    for number, (stem, things) in enumerate(boxes.items()):
        lines = [
            f"{names.index(name)} {(x0 + x1) / 400} {(y0 + y1) / 200} {(x1 - x0) / 200} {(y1 - y0) / 100}"
            for name, x0, y0, x1, y1 in things
        ]
        put(tmp_path / "yolo", f"images/{stem}.jpg", line="\n".join(lines))
        for folder in ("voc/JPEGImages", "voc/Annotations", "coco/images", "coco/annotations"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("voc/JPEGImages", "coco/images"):
            Image.new("RGB", SIZE).save(tmp_path / folder / f"{stem}.jpg")
        inside = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
            "</bndbox></object>"
            for name, x0, y0, x1, y1 in things
        )
        (tmp_path / "voc" / "Annotations" / f"{stem}.xml").write_text(f"<annotation>{inside}</annotation>")
        state["images"].append({"id": number, "file_name": f"{stem}.jpg", "width": 200, "height": 100})
        state["annotations"] += [
            {"image_id": number, "category_id": names.index(name), "bbox": [x0, y0, x1 - x0, y1 - y0]}
            for name, x0, y0, x1, y1 in things
        ]
    (tmp_path / "coco" / "annotations" / "boxes.json").write_text(json.dumps(state))
    columns = [read(tmp_path / form).splits["all"].columns["objects"].tolist() for form in ("yolo", "voc", "coco")]
    for others in columns[1:]:
        for one, other in zip(columns[0], others, strict=True):
            assert [thing["label"] for thing in one] == [thing["label"] for thing in other]
            for a, b in zip(one, other, strict=True):
                assert {**a, "label": 0} == pytest.approx({**b, "label": 0}, abs=1e-9)


def test_what_the_configuration_leaves_out_is_said(tmp_path):
    for split in ("train", "val", "test"):
        put(tmp_path, f"images/{split}/{split}.jpg")
    (tmp_path / "data.yaml").write_text("path: ../gone\ntrain: images/train\nval: images/test\nnames: [dog, cat]\n")
    (note,) = yolo.read(tmp_path).notes
    assert note.startswith('data.yaml names the path "../gone", which is no folder in')
    (tmp_path / "data.yaml").write_text(f"path: {tmp_path.name}\ntrain: images/train\nnames: [dog, cat]\n")
    source = yolo.read(tmp_path)
    assert list(source.splits) == ["train"]
    assert [note.partition(":")[0] for note in source.notes] == [
        "data.yaml names no test images",
        "data.yaml names no validation images",
    ]


def test_an_edge_that_was_rounded_is_no_damage(tmp_path):
    assert yolo.read(put(tmp_path, line="0 .166667 .5 .333335 1\n")).notes == ()
