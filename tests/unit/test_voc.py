"""Pascal VOC: layouts, boxes checked by name, and XML that is not trusted."""

from __future__ import annotations

import pytest
from PIL import Image

from assay.core.errors import DataError
from assay.core.reading import read
from assay.readers import voc

SIZE = (200, 100)


def xml(*objects, name="a.jpg", size=SIZE, head=""):
    made = "".join(
        f"<object><name>{label}</name><difficult>{hard}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for label, x0, y0, x1, y1, hard in ((*thing, 0)[:6] for thing in objects)
    )
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"{head}<annotation><filename>{name}</filename>{stated}{made}</annotation>"


def put(root, stem, text, pictures="JPEGImages", annotations="Annotations", size=SIZE):
    for folder in (root / pictures, root / annotations):
        folder.mkdir(parents=True, exist_ok=True)
    if size:
        Image.new("RGB", size, (len(stem), 2, 3)).save(root / pictures / f"{stem}.jpg")
    (root / annotations / f"{stem}.xml").write_text(text)


CAT = ("cat", 20, 10, 60, 50)


def test_corners_become_shares_and_difficult_objects_are_to_be_ignored(tmp_path):
    put(tmp_path, "a", xml(CAT, ("dog", 100, 0, 200, 100, 1)))
    put(tmp_path, "b", xml())
    source = read(tmp_path)
    assert (source.format, source.input, source.target, source.root) == ("Pascal VOC", "image", "objects", tmp_path)
    split = source.splits["all"]
    assert [path.name for path in split.columns["image"]] == ["a.jpg", "b.jpg"]
    assert split.columns["objects"][0] == [
        {"label": "cat", "x0": 0.1, "y0": 0.1, "x1": 0.3, "y1": 0.5, "ignore": False},
        {"label": "dog", "x0": 0.5, "y0": 0.0, "x1": 1.0, "y1": 1.0, "ignore": True},
    ]
    assert split.columns["objects"][1] == []
    assert not split.problems
    assert not source.notes


def test_the_lists_are_the_splits_and_what_is_in_two_is_said(tmp_path):
    for stem in "abc":
        put(tmp_path, stem, xml(CAT))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "trainval.txt").write_text("a\nb\nc\n")
    (lists / "val.txt").write_text("c  1\nb -1\n")
    (lists / "cat_train.txt").write_text("a 1\n")
    source = voc.read(tmp_path)
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 2, "validation": 2}
    assert any("1 image in both train and validation (b …)" in note for note in source.notes)


def test_files_side_by_side_in_folders_of_splits(tmp_path):
    put(tmp_path, "a", xml(CAT), pictures="train", annotations="train")
    put(tmp_path, "b", xml(CAT), pictures="valid", annotations="valid")
    assert {name: len(split) for name, split in read(tmp_path).splits.items()} == {"train": 1, "validation": 1}


def test_other_folders_of_images_beside_it_are_no_classes(tmp_path):
    put(tmp_path, "a", xml(CAT))
    put(tmp_path, "a", xml(CAT), pictures="SegmentationClass")
    put(tmp_path, "a", xml(CAT), pictures="SegmentationObject")
    assert read(tmp_path).format == "Pascal VOC"


def test_a_box_without_area_is_left_out_and_named(tmp_path):
    put(tmp_path, "a", xml(CAT, ("dog", 7, 8, 7, 8), ("dog", 7, 8, 90, 8)))
    source = voc.read(tmp_path)
    assert [thing["label"] for thing in source.splits["all"].columns["objects"][0]] == ["cat"]
    (note,) = source.notes
    assert "2 boxes without area were left out" in note
    assert f"{tmp_path / 'Annotations' / 'a.xml'}, object 2 (dog)" in note


def test_a_box_a_pixel_out_is_cut_and_said_and_one_that_stands_twice_counts_once(tmp_path):
    put(tmp_path, "a", xml(("cat", -1, 10, 60, 101), CAT, CAT))
    source = voc.read(tmp_path)
    first, *others = source.splits["all"].columns["objects"][0]
    assert (first["x0"], first["y1"]) == (0, 1)
    assert len(others) == 1
    assert any("1 box reached out of the image by a pixel at most and was cut" in note for note in source.notes)
    assert any("1 box stands twice and counted once" in note and "object 3 (cat)" in note for note in source.notes)


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (
            ("cat", 20, 10, 203, 50),
            "object 1 (cat) reaches out of the image of 200 × 100 pixels: (20, 10) to (203, 50)",
        ),
        (("cat", 60, 10, 20, 50), "corners in the wrong order: (60, 10) to (20, 50)"),
        (("cat", "x", 10, 20, 50), "a corner that is no number: x, 10, 20, 50"),
        (("cat", "nan", 10, 20, 50), "a corner that is no number"),
        (("cat", "1e999", 10, 20, 50), "a corner that is no number"),
        (("", 1, 10, 20, 50), "object 1 has no <name>"),
    ],
)
def test_a_wrong_box_is_a_problem_that_names_file_and_object(tmp_path, thing, says):
    put(tmp_path, "a", xml(thing))
    put(tmp_path, "b", xml(CAT))
    split = voc.read(tmp_path).splits["all"]
    assert [path.name for path in split.columns["image"]] == ["b.jpg"]
    (problem,) = split.problems
    assert problem.where == str(tmp_path / "Annotations" / "a.xml")
    assert says in problem.what


def test_an_annotation_without_its_image_is_a_problem_and_an_image_without_annotation_is_said(tmp_path):
    put(tmp_path, "a", xml(CAT))
    put(tmp_path, "b", xml(CAT, name="b.jpg"), size=None)
    Image.new("RGB", SIZE).save(tmp_path / "JPEGImages" / "c.jpg")
    source = voc.read(tmp_path)
    (problem,) = source.splits["all"].problems
    assert "there is no image" in problem.what
    assert any("1 image in" in note and "without an XML: left out (c.jpg)" in note for note in source.notes)
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nc\n")
    (problem,) = voc.read(tmp_path).splits["train"].problems
    assert problem.where.endswith("c.xml")
    assert "no such annotation" in problem.what


def test_a_size_of_another_shape_than_the_image_is_a_problem(tmp_path):
    put(tmp_path, "a", xml(CAT, size=(100, 200)))
    put(tmp_path, "b", xml(("cat", 40, 20, 120, 100), size=(400, 200)))  # scaled down since: shares hold
    put(tmp_path, "c", xml(CAT, size=None))
    split = voc.read(tmp_path).splits["all"]
    assert "stated to be 100 × 200 pixels, but is 200 × 100 (was it turned?)" in split.problems[0].what
    assert [things[0]["x1"] for things in split.columns["objects"]] == [0.3, 0.3]


LAUGHS = '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;&l;&l;&l;&l;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY l SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (xml(("&m;", 1, 1, 20, 20), head=LAUGHS), "has a document type, which is refused"),
        (xml(("&l;", 1, 1, 20, 20), head=OUTSIDE), "has a document type, which is refused"),
        (xml(CAT, head=LAUGHS).encode("utf-16"), "has a document type, which is refused"),
        ("<annotation><object>", "is no XML (no element found"),
        ("<x>" * 100, "nests more than 50 deep"),
        ("<html></html>", "is no VOC annotation: it begins with <html>"),
        ("", "is no XML"),
        (b"\xff\x00\xfe", "is no XML"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "encoding"),
        (b"<annotation>" + b" " * (16 << 20) + b"</annotation>", "has more than the 16,777,216 bytes"),
    ],
)
def test_hostile_or_damaged_xml_is_a_problem(tmp_path, text, says):
    put(tmp_path, "b", xml(CAT))
    put(tmp_path, "a", "")
    (tmp_path / "Annotations" / "a.xml").write_bytes(text if isinstance(text, bytes) else text.encode())
    split = voc.read(tmp_path).splits["all"]
    assert len(split) == 1
    (problem,) = split.problems
    assert problem.where.endswith("a.xml")
    assert says in problem.what


def test_nothing_leaves_the_root(tmp_path):
    root, outside = tmp_path / "data", tmp_path / "outside"
    put(outside, "s", xml(CAT))
    put(root, "ok", xml(CAT))
    put(root, "a", xml(CAT, name="../../outside/JPEGImages/s.jpg"), size=None)
    put(root, "b", xml(CAT, name=str(outside / "JPEGImages" / "s.jpg")), size=None)
    put(root, "c", xml(CAT), size=None)
    (root / "JPEGImages" / "c.jpg").symlink_to(outside / "JPEGImages" / "s.jpg")
    (root / "Annotations" / "d.xml").symlink_to(outside / "Annotations" / "s.xml")
    split = voc.read(root).splits["all"]
    assert [path.name for path in split.columns["image"]] == ["ok.jpg"]
    assert len(split.problems) == 4
    assert all("leaves" in problem.what for problem in split.problems)
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("ok\n../../outside/Annotations/s\n/etc/passwd\n")
    split = voc.read(root).splits["train"]
    assert len(split) == 1
    assert len(split.problems) == 2


def test_without_one_image_it_says_why(tmp_path):
    put(tmp_path, "a", xml(CAT), size=None)
    with pytest.raises(DataError, match=r"holds no image with its boxes.*there is no image"):
        voc.read(tmp_path)


def test_the_fingerprint_is_of_content(tmp_path):
    put(tmp_path / "one", "a", xml(CAT))
    put(tmp_path / "two", "a", xml(CAT))
    before = voc.read(tmp_path / "one").fingerprint
    assert voc.read(tmp_path / "two").fingerprint == before
    put(tmp_path / "two", "a", xml(("cat", 20, 10, 61, 50)))
    assert voc.read(tmp_path / "two").fingerprint != before


def test_two_folders_of_one_split_are_refused(tmp_path):
    put(tmp_path, "a", xml(CAT), pictures="val", annotations="val")
    put(tmp_path, "b", xml(CAT), pictures="valid", annotations="valid")
    with pytest.raises(DataError, match="holds val, valid, which all name the validation split"):
        read(tmp_path)


def test_an_image_that_no_list_names_is_said(tmp_path):
    for stem in "ab":
        put(tmp_path, stem, xml(CAT))
    Image.new("RGB", SIZE).save(tmp_path / "JPEGImages" / "bare.jpg")
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n")
    (note,) = voc.read(tmp_path).notes
    assert "2 images in" in note
    assert "left out (b.jpg …)" in note
    (lists / "val.txt").write_text("b\n")
    (note,) = voc.read(tmp_path).notes
    assert "1 image in" in note
    assert "left out (bare.jpg)" in note
