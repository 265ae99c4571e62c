"""COCO's JSON: layouts, ids that must fit together, and boxes checked by name."""

from __future__ import annotations

import copy
import json
import random

import pytest
from PIL import Image

from assay.core.errors import DataError
from assay.core.reading import read
from assay.readers import coco

SIZE = (200, 100)
BOX = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 40], "iscrowd": 0}


def put(
    root,
    name="annotations/instances_train.json",
    pictures="images",
    annotations=(BOX,),
    files=("a.jpg", "b.jpg"),
    **more,
):
    """A JSON file with its images; ``more`` takes the place of what it would hold."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / pictures).mkdir(parents=True, exist_ok=True)
    for file in files:
        Image.new("RGB", SIZE, (len(file), 2, 3)).save(root / pictures / file)
    images = [{"id": at, "file_name": file, "width": SIZE[0], "height": SIZE[1]} for at, file in enumerate(files, 1)]
    state = {"images": images, "annotations": list(annotations), "categories": [{"id": 7, "name": "cat"}]} | more
    (root / name).write_text(json.dumps(state))
    return root


def test_boxes_become_shares_crowds_are_to_be_ignored_and_a_bare_image_shows_nothing(tmp_path):
    put(tmp_path, annotations=[BOX, {**BOX, "id": 2, "bbox": [100, 0, 100, 100], "iscrowd": 1}])
    source = read(tmp_path)
    assert (source.format, source.input, source.target) == ("COCO", "image", "objects")
    split = source.splits["train"]
    assert split.columns["objects"].tolist() == [
        [
            {"label": "cat", "x0": 0.1, "y0": 0.1, "x1": 0.3, "y1": 0.5, "ignore": False},
            {"label": "cat", "x0": 0.5, "y0": 0.0, "x1": 1.0, "y1": 1.0, "ignore": True},
        ],
        [],
    ]
    assert not split.problems
    assert source.notes == ()  # how many images show no object is a figure of inspect


def test_the_layout_of_coco_itself(tmp_path):
    put(tmp_path, "annotations/instances_train2017.json", "train2017")
    put(tmp_path, "annotations/instances_val2017.json", "val2017", files=("c.jpg",))
    put(tmp_path, "annotations/captions_val2017.json", "val2017", files=("c.jpg",), annotations=[{"caption": "x"}])
    assert {n: len(s) for n, s in read(tmp_path).splits.items()} == {"train": 2, "validation": 1}


def test_the_layout_of_exporters(tmp_path):
    for split in ("train", "valid", "test"):
        put(tmp_path, f"{split}/_annotations.coco.json", split)
    assert {n: len(s) for n, s in read(tmp_path).splits.items()} == {"train": 2, "validation": 2, "test": 2}


def test_one_file_alone(tmp_path):
    put(tmp_path, "boxes.json", ".")
    assert len(read(tmp_path / "boxes.json").splits["all"]) == 2
    assert len(read(tmp_path).splits["all"]) == 2
    (tmp_path / "other.json").write_text('{"rows": []}')
    assert not coco.reads(tmp_path / "other.json")


def test_a_file_without_annotations_is_said(tmp_path):
    put(tmp_path)
    (tmp_path / "annotations" / "image_info_test2017.json").write_text('{"images": []}')
    source = coco.read(tmp_path)
    assert list(source.splits) == ["train"]
    assert any("has no annotations and was left out" in note for note in source.notes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"bbox": [20, 10, 190, 40]},
            "object 1 (cat) reaches out of the image of 200 × 100 pixels: (20, 10) to (210, 50)",
        ),
        ({"bbox": [20, 10, -4, 40]}, "corners in the wrong order"),
        ({"bbox": [20, 10, 4]}, "annotation 1 has no bbox of four numbers"),
        ({"bbox": [20, 10, "4", 5]}, "annotation 1 has no bbox of four numbers"),
        ({"bbox": [20, 10, float("nan"), 5]}, "a corner that is no number"),
        ({"bbox": None}, "annotation 1 has no bbox of four numbers"),
        ({"category_id": 8}, "annotation 1 has the category 8, which the file does not name"),
        ({"category_id": [[8]]}, "annotation 1 has the category [[8]]"),
        ({"iscrowd": 2}, "annotation 1 has iscrowd = 2"),
    ],
)
def test_a_wrong_annotation_makes_its_image_a_problem(tmp_path, change, says):
    split = coco.read(put(tmp_path, annotations=[{**BOX, **change}])).splits["train"]
    assert [path.name for path in split.columns["image"]] == ["b.jpg"]
    (problem,) = split.problems
    assert "instances_train.json, image 1 (a.jpg)" in problem.where
    assert says in problem.what


def test_an_annotation_without_its_image_is_a_problem_and_a_stray_image_is_said(tmp_path):
    put(tmp_path, annotations=[BOX, {**BOX, "id": 5, "image_id": 99}])
    Image.new("RGB", SIZE).save(tmp_path / "images" / "stray.jpg")
    (tmp_path / "images" / "b.jpg").unlink()
    source = coco.read(tmp_path)
    what = {problem.where.rpartition("/")[2]: problem.what for problem in source.splits["train"].problems}
    assert what["instances_train.json, annotation 5"] == "there is no image of the id 99."
    assert "there is no such file" in what["instances_train.json, image 2 (b.jpg)"]
    assert any("1 image in" in note and "left out (stray.jpg …)" in note for note in source.notes)


def test_a_box_without_area_is_left_out_and_named(tmp_path):
    source = coco.read(put(tmp_path, annotations=[BOX, {**BOX, "id": 2, "bbox": [5, 5, 0, 9]}]))
    assert len(source.splits["train"].columns["objects"][0]) == 1
    assert "image 1 (a.jpg), object 2 (cat)" in source.notes[-1]
    assert "1 box of the train split without area was left out" in source.notes[-1]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]},
            "the image id 1 stands 2 times",
        ),
        ({"categories": [{"id": 7, "name": "a"}, {"id": 7, "name": "b"}]}, "the category id 7 stands 2 times"),
        ({"images": [{"file_name": "a.jpg"}]}, "image 1 has no id"),
        ({"images": {}}, "has no list of images"),
        ({"annotations": [3]}, "its annotations are no list"),
        ({"images": [3]}, "its images are no list of objects"),
    ],
)
def test_a_file_whose_parts_cannot_be_put_together_is_refused(tmp_path, more, says):
    with pytest.raises(DataError, match=says):
        coco.read(put(tmp_path, **more))


@pytest.mark.parametrize("text", ['{"images": [', '{"images": ' + "[" * 100_000, '{"images": []} trailing'])
def test_damaged_json_is_refused_and_named(tmp_path, text):
    put(tmp_path)
    (tmp_path / "annotations" / "instances_train.json").write_text(text)
    with pytest.raises(DataError, match=r"instances_train\.json"):
        coco.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[1, 2]", "[" * 100_000])
def test_a_file_that_can_only_be_meant_as_coco_is_named_when_it_is_none(tmp_path, text):
    file = tmp_path / "_annotations.coco.json"
    file.write_text(text)
    assert coco.reads(tmp_path)
    with pytest.raises(DataError, match=r"_annotations\.coco\.json (is no JSON|has no list of images)"):
        coco.read(tmp_path)


def test_a_category_without_a_name_is_said(tmp_path):
    made = coco.read(put(tmp_path, categories=[{"id": 1, "name": None}, {"id": 2, "name": "dog"}]))
    assert any("category 1:" in note for note in made.notes)


def test_two_files_of_one_split_are_refused(tmp_path):
    put(tmp_path, "annotations/train.json")
    put(tmp_path, "annotations/train_v2.json")
    with pytest.raises(DataError, match=r"train\.json, train_v2\.json, which all name the train split"):
        coco.read(tmp_path)


def test_nothing_leaves_the_root(tmp_path):
    put(tmp_path / "outside", "x.json", ".", files=("s.jpg",))
    names = ("../outside/s.jpg", str(tmp_path / "outside" / "s.jpg"), "link.jpg", None, "a.jpg")
    images = [{"id": at, "file_name": name, "width": 200, "height": 100} for at, name in enumerate(names)]
    root = put(tmp_path / "data", images=images, annotations=[])
    (root / "images" / "link.jpg").symlink_to(tmp_path / "outside" / "s.jpg")
    split = coco.read(root).splits["train"]
    assert [path.name for path in split.columns["image"]] == ["a.jpg"]
    assert sum("leaves" in problem.what for problem in split.problems) == 4


def test_an_image_that_was_turned_after_it_was_annotated_is_a_problem(tmp_path):
    root = put(tmp_path)
    turned = Image.new("RGB", SIZE)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(root / "images" / "a.jpg", exif=exif)
    (problem,) = coco.read(root).splits["train"].problems
    assert "is stated to be 200 × 100 pixels, but is 100 × 200 (was it turned?)" in problem.what


def test_two_files_of_one_split_do_not_stand_in_the_way_of_another_format(tmp_path):
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text('{"images": []}')
    (tmp_path / "train.csv").write_text("x,label\n1,a\n2,b\n")
    assert coco.reads(tmp_path)
    with pytest.raises(DataError, match="can be read in 2 ways"):
        read(tmp_path)
    assert not coco.reads(tmp_path / "train.csv")


STRANGE = (
    *(None, True, -1, 0, 2**70, 10**400, 1e308, float("nan"), float("inf"), "", "x", "1", "\ud800", "../../etc/passwd"),
    *("/etc/passwd", "a" * 5000, "\0", [], [[1]], {}, {"a": 1}, [1, 2, 3, 4], ["1", 2, 3, 4], 0.5),
)


def paths(state, above=()):
    """Every place in a JSON value but its root."""
    inside = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list) else ()
    for key, value in inside:
        yield (*above, key)
        yield from paths(value, (*above, key))


def test_whatever_stands_in_it_is_a_box_a_problem_or_refused(tmp_path):
    put(tmp_path, annotations=[{**BOX, "id": at, "image_id": at % 2 + 1} for at in range(4)])
    file = tmp_path / "annotations" / "instances_train.json"
    sound, rng = json.loads(file.read_text()), random.Random(0)
    read_, refused, found = 0, 0, 0
    for _ in range(70):
        state = copy.deepcopy(sound)
        *above, key = rng.choice(list(paths(state)))
        place = state
        for step in above:
            place = place[step]
        place[key] = rng.choice(STRANGE)
        file.write_text(json.dumps(state))
        try:
            split = coco.read(tmp_path).splits["train"]
        except DataError:
            refused += 1
            continue
        read_, found = read_ + 1, found + len(split.problems)
        for thing in (thing for things in split.columns["objects"] for thing in things):
            assert 0 <= thing["x0"] < thing["x1"] <= 1
            assert 0 <= thing["y0"] < thing["y1"] <= 1
            thing["label"].encode()
    assert min(read_, refused, found) > 10


def test_an_image_that_was_refused_is_not_said_to_be_unnamed(tmp_path):
    source = coco.read(put(tmp_path, annotations=[{**BOX, "category_id": 8}]))
    assert len(source.splits["train"].problems) == 1
    assert not any("not named" in note for note in source.notes)


def test_a_split_without_an_image_is_said(tmp_path):
    for split in ("train", "valid"):
        put(tmp_path, f"{split}/_annotations.coco.json", split)
    (tmp_path / "train" / "_annotations.coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
    source = coco.read(tmp_path)
    assert list(source.splits) == ["validation"]
    assert any("lists no image of the train split" in note for note in source.notes)
