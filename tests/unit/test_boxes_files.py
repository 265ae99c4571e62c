"""Found objects as files: our readers take them back, COCO's evaluator judges them, and nothing is written over."""

from __future__ import annotations

import contextlib
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from assay.core import discovery
from assay.core.dataset import Roles
from assay.core.errors import ConfigError, DataError
from assay.core.model import Model, build
from assay.core.reading import read
from assay.core.verb import Silence
from assay.outputs.boxes import Boxes, FittedBoxes
from assay.verbs.predict import Config, run

LABELS = ("cat", "dog", "emu <&>")
SIZES = ((200, 100), (64, 48), (333, 517))
FOLDERS = {"coco.json": "", "voc": "JPEGImages", "yolo": "images"}  # where readers look for the images
Boxed = list[tuple[str, tuple[float, ...]]]


def output(**options: Any) -> FittedBoxes:
    whole = {"x0": 0.0, "y0": 0.0, "x1": 1.0, "y1": 1.0}
    return Boxes(**options).fit([[{"label": label, **whole} for label in LABELS]])


def pictures(folder: Path, sizes=SIZES) -> list[Path]:
    """Image files of these sizes; the second is turned by its EXIF, so that it is seen as wide as it is stored high."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for at, (width, height) in enumerate(sizes):
        picture = Image.new("RGB", (height, width) if at == 1 else (width, height), (at, 2, 3))
        exif = Image.Exif()
        if at == 1:
            exif[0x0112] = 6
        files.append(folder / f"{at} & 'x'.jpg")
        picture.save(files[-1], exif=exif)
    return files


def answered(rng: np.random.Generator, most: int = 6) -> dict[str, Any]:
    """A row of found objects; a first one always reaches the lower right corner of its image."""
    objects = []
    for at in range(int(rng.integers(1, most))):
        low = rng.uniform(0, 0.7, 2)
        high = np.ones(2) if at == 0 else low + rng.uniform(0.05, 0.3, 2)
        box = [round(float(side), 6) for side in (*low, *high)]
        objects.append({"label": LABELS[int(rng.integers(3))], "confidence": float(rng.random()), "box": box})
    return {"found": "", "confidence": 0.5, "objects": objects}


def put(root: Path, form: str, inputs: list[Path], rows: list[dict[str, Any]]) -> Path:
    files = output().written(form, inputs, rows)
    for name, content in files.items():
        path = root / name if name else root / f"found.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root if form != "coco.json" else root / "found.coco.json"


def boxes(objects: list[dict[str, Any]]) -> Boxed:
    return [(thing["label"], tuple(thing[side] for side in ("x0", "y0", "x1", "y1"))) for thing in objects]


@pytest.mark.parametrize("form", FittedBoxes.forms)
def test_what_is_written_is_read_back_to_the_same_boxes(form, tmp_path):
    inputs = pictures(tmp_path / FOLDERS[form])
    rng = np.random.default_rng(0)
    rows = [answered(rng), answered(rng), {"found": "nothing", "confidence": 0.9, "objects": []}]
    source = read(put(tmp_path, form, inputs, rows))
    assert source.format == {"coco.json": "COCO", "voc": "Pascal VOC", "yolo": "YOLO"}[form]
    split = source.splits["all"]
    assert not split.problems
    assert not any("cut" in note or "area" in note for note in source.notes)  # rounding takes no box out of its image
    read_back = dict(zip(split.columns["image"].tolist(), split.columns["objects"].tolist(), strict=True))
    assert sorted(read_back) == inputs
    rounding = {"coco.json": 0.011, "voc": 0.501, "yolo": 0.001}[form]  # pixels
    for path, size, row in zip(inputs, SIZES, rows, strict=True):
        given = [(thing["label"], thing["box"]) for thing in row["objects"]]
        found = boxes(read_back[path])
        assert [label for label, _ in found] == [label for label, _ in given]
        for (_, one), (_, other) in zip(found, given, strict=True):
            assert np.abs((np.array(one) - other) * (*size, *size)).max() <= rounding


def test_coco_s_evaluator_gives_the_figure_of_assay(tmp_path):
    from faster_coco_eval import COCO, COCOeval_faster

    rng = np.random.default_rng(1)
    inputs = pictures(tmp_path, [(800, 600)] * 12)
    rows, targets = [], []
    for _ in inputs:
        row = answered(rng, most=12)
        near = [np.clip(np.array(thing["box"]) + rng.normal(0, 0.02, 4), 0, 1) for thing in row["objects"]]
        true = [
            {"label": thing["label"], **dict(zip(("x0", "y0", "x1", "y1"), map(float, box), strict=True))}
            for thing, box in zip(row["objects"], near, strict=True)
            if rng.random() < 0.8
        ]
        rows.append(row)
        targets.append(true)
    found = json.loads(output().written("coco.json", inputs, rows)[""])
    ids = {entry["name"]: entry["id"] for entry in found["categories"]}
    truth = {**found, "annotations": []}
    for image, things in enumerate(targets, 1):
        for thing in things:
            x0, y0, x1, y1 = thing["x0"] * 800, thing["y0"] * 600, thing["x1"] * 800, thing["y1"] * 600
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": image,
                    "category_id": ids[thing["label"]],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO(truth)
        judge = COCOeval_faster(known, known.loadRes(found["annotations"]), "bbox", print_function=lambda *_: None)
        judge.run()
    fitted = output()
    packed = {
        "boxes": np.zeros((12, 100, 4), np.float32),
        "code": np.full((12, 100), -1),
        "confidence": np.zeros((12, 100), np.float32),
    }
    for at, row in enumerate(rows):
        for place, thing in enumerate(sorted(row["objects"], key=lambda thing: -thing["confidence"])):
            packed["boxes"][at, place], packed["confidence"][at, place] = thing["box"], thing["confidence"]
            packed["code"][at, place] = fitted.labels.index(thing["label"])
    problems: dict[int, str] = {}
    tallies = fitted.tally(packed, Boxes(most=20).fit(targets).encode(targets, problems))
    ours = {metric.name: metric.over(tallies) for metric in fitted.metrics[:2]}
    assert not problems
    assert 0.2 < ours["map"] < 0.95
    assert judge.stats[0] == pytest.approx(ours["map"], abs=2e-3)  # boxes are rounded to a hundredth of a pixel
    assert judge.stats[1] == pytest.approx(ours["ap50"], abs=2e-3)


def test_names_that_mean_something_in_xml_and_folders_stay_names(tmp_path):
    label = "a\x00</name>\n<x>"
    fitted = Boxes().fit([[{"label": label, "x0": 0, "y0": 0, "x1": 1, "y1": 1}]])
    row = {"objects": [{"label": label, "confidence": 1.0, "box": [0.0, 0.0, 0.001, 0.001]}]}
    files = fitted.written("voc", pictures(tmp_path)[:1], [row])
    root = ET.fromstring(files["Annotations/0 & 'x'.xml"])
    assert root.findtext("object/name") == "a </name> <x>"
    corners = [int(str(root.findtext(f"object/bndbox/{side}"))) for side in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == [0, 0, 1, 1]  # never without area
    assert fitted.written("yolo", pictures(tmp_path)[:1], [row])["classes.txt"] == b"a </name> <x>\n"


def test_an_image_in_a_folder_is_named_from_the_folder_of_all(tmp_path):
    inputs = [*pictures(tmp_path / "a")[:1], *pictures(tmp_path / "b")[:1]]
    rows = [{"objects": []}, {"objects": []}]
    state = json.loads(output().written("coco.json", inputs, rows)[""])
    assert [image["file_name"] for image in state["images"]] == ["a/0 & 'x'.jpg", "b/0 & 'x'.jpg"]
    for form in ("voc", "yolo"):
        with pytest.raises(DataError, match=r"Two images are called .0 & 'x'..* \.coco\.json"):
            output().written(form, inputs, rows)


@pytest.mark.parametrize("given", [b"bytes", np.zeros((4, 4), np.uint8), "gone.png", {"bytes": b"", "path": None}])
def test_an_image_that_is_no_file_is_refused(given):
    with pytest.raises(DataError, match=r"Input 1 is no image file.* \.jsonl"):
        output().written("coco.json", [given], [{"objects": []}])


def test_an_image_whose_size_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(DataError, match=r"words\.png: its size in pixels cannot be read"):
        output().written("yolo", [tmp_path / "words.png"], [{"objects": []}])


# --- the verb


@pytest.fixture(scope="module")
def model() -> Model:
    """One that has learned nothing, and lists whatever its map says."""
    task = discovery.task("object-detection")
    fitted = task.input.fit([np.zeros((48, 64, 3), np.uint8)])
    boxes = output(least=0.0)
    torch.manual_seed(0)
    network = build(task.networks[0], "tiny", fitted, boxes)
    return Model(
        task,
        task.networks[0].name,
        "tiny",
        fitted,
        boxes,
        network.eval(),
        Roles(inputs=("image",), row=False, target="objects"),
    )


def predict(model: Model, given: list[Any], **options: Any) -> list[dict[str, Any]]:
    return run(model, given, Config(**options), Silence()).value


def test_predict_writes_the_file_or_folder_that_the_name_ends_in(model, tmp_path):
    inputs = pictures(tmp_path / "images")
    rows = predict(model, [str(tmp_path / "images")], out=tmp_path / "images" / "found.coco.json")
    assert all(row["objects"] for row in rows)
    state = json.loads((tmp_path / "images" / "found.coco.json").read_text())
    assert [image["file_name"] for image in state["images"]] == [path.name for path in inputs]
    assert [(image["width"], image["height"]) for image in state["images"]] == list(SIZES)
    assert [thing["score"] for thing in state["annotations"]] == [
        thing["confidence"] for row in rows for thing in row["objects"]
    ]
    # what was written is data again: answers to it are the same ones, and may be written in another form
    again = predict(model, [str(tmp_path / "images" / "found.coco.json")], out=tmp_path / "voc")
    assert [row["objects"] for row in again] == [row["objects"] for row in rows]
    assert sorted(path.stem for path in (tmp_path / "voc" / "Annotations").iterdir()) == [p.stem for p in inputs]
    with pytest.raises(ConfigError, match=r"is there, and is not empty"):
        predict(model, [str(inputs[0])], out=tmp_path / "voc")
    (tmp_path / "my.yolo").mkdir()
    predict(model, [*map(str, inputs)], out=tmp_path / "my.yolo")
    assert len(list((tmp_path / "my.yolo" / "labels").iterdir())) == 3
    with pytest.raises(ConfigError, match=re.escape("ends in none of: .jsonl, .csv, .coco.json, .voc, .yolo")):
        predict(model, [str(inputs[0])], out=tmp_path / "found.json")


def test_only_a_task_that_has_such_files_writes_them(tmp_path):
    task = discovery.task("image-classification")
    fitted, label = task.input.fit([np.zeros((8, 8, 3), np.uint8)]), task.output.fit(["a", "b"])
    network = build(task.networks[0], None, fitted, label)
    plain = Model(
        task,
        task.networks[0].name,
        None,
        fitted,
        label,
        network.eval(),
        Roles(inputs=("image",), row=False, target="label"),
    )
    with pytest.raises(ConfigError, match=r"ends in none of: \.jsonl, \.csv\."):
        predict(plain, [str(pictures(tmp_path)[0])], out=tmp_path / "voc")
