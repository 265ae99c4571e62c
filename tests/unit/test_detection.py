"""Object detection: the network, the frames that images are trained in, and the made shapes."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from assay.inputs.framing import LEFT, cut, frames, lit, reframed
from assay.inputs.image import FittedImage, Image, open_image
from assay.networks.detection import SIZES, TOGETHER, detection, located
from assay.outputs.boxes import Boxes
from assay.tasks._shapes import COUNTS, GROUNDS, LARGEST, LEAST, SHAPES, scene, shapes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("sides", "of_map"), [((240, 320), (30, 40)), ((64, 64), (16, 16)), ((16, 16), (4, 4)), ((8, 50), (2, 12))]
)
def test_the_map_has_an_eighth_of_the_sides_and_a_quarter_where_they_are_small(
    sides: tuple[int, int], of_map: tuple[int, int]
):
    body = detection("tiny", channels=3, height=sides[0], width=sides[1])
    raw = located(body.features, classes=5)(body(torch.rand(2, 3, *sides)))
    assert raw.shape == (2, 4 + 5, *of_map)


def test_the_dial_makes_it_larger_and_every_weight_learns():
    sizes = []
    for size in SIZES:
        body = detection(size, channels=1, height=16, width=16)
        head = located(body.features, classes=2)
        weights = [*body.parameters(), *head.parameters()]
        sizes.append(sum(weight.numel() for weight in weights))
        if size in ("tiny", "small"):
            body.initialise(torch.rand(8, 1, 16, 16))
            head(body(torch.rand(8, 1, 16, 16))).square().sum().backward()
            assert all(weight.grad is not None and weight.grad.any() for weight in weights)
    assert all(3 * before < after for before, after in pairwise(sizes))


def test_at_first_hardly_anything_is_an_object():
    torch.manual_seed(0)
    body = detection("tiny", channels=3, height=32, width=32)
    assert located(body.features, classes=3)(body(torch.rand(4, 3, 32, 32)))[:, 4:].sigmoid().max() < 0.05


def test_many_images_are_answered_in_parts_with_the_same_answers():
    torch.manual_seed(0)
    body = detection("tiny", channels=1, height=16, width=16).eval()
    images = torch.rand(TOGETHER + 3, 1, 16, 16)
    with torch.inference_mode():
        assert torch.allclose(body(images), torch.cat([body(image[None]) for image in images]), rtol=1e-3, atol=1e-3)


def extent(image: Tensor) -> list[float]:
    """The box around what is bright, in shares of the sides."""
    bright = image > 0.5
    rows, columns = bright.any(1).nonzero().flatten(), bright.any(0).nonzero().flatten()
    height, width = image.shape
    return [
        float(columns[0]) / width,
        float(rows[0]) / height,
        float(columns[-1] + 1) / width,
        float(rows[-1] + 1) / height,
    ]


def test_boxes_follow_what_is_seen_in_every_frame(monkeypatch):
    monkeypatch.setattr("assay.inputs.framing.LIGHT", 0.0)
    image = torch.full((40, 1, 60, 80), -1.0)
    image[:, :, 12:40, 24:48] = 1
    y = {
        "boxes": torch.tensor([[[24 / 80, 12 / 60, 48 / 80, 40 / 60], [0.0, 0.0, 0.0, 0.0]]]).expand(40, -1, -1),
        "code": torch.tensor([[0, -1]]).expand(40, -1),
        "ignore": torch.zeros(40, 2, dtype=torch.bool),
    }
    fitted = FittedImage(height=60, width=80, channels=1, shift=0.1, flip=True)
    x, found = reframed(fitted, None, {"image": image}, y, generator())
    assert x["image"].shape == image.shape
    for at in range(40):
        assert found["boxes"][at, 0].tolist() == pytest.approx(extent(x["image"][at, 0]), abs=1.01 / 60)
    assert found["code"].tolist() == [[0, -1]] * 40
    assert found["boxes"][:, 0].std(0).min() > 0.02, "frames differ"
    again, _ = reframed(fitted, None, {"image": image}, y, generator())
    assert torch.equal(again["image"], x["image"])


def test_half_of_the_frames_are_mirrored_where_mirroring_means_the_same():
    _, size = frames(1000, True, generator())
    assert 0.45 < float((size[:, 0] < 0).float().mean()) < 0.55
    assert (size[:, 1] > 0).all()
    assert (frames(1000, False, generator())[1] > 0).all()


def test_an_object_that_leaves_the_frame_is_cut_then_ignored_then_gone():
    box = torch.tensor([[[0.4, 0.4, 0.6, 0.6]]]).expand(4, -1, -1)
    code, ignore = torch.zeros(4, 1, dtype=torch.long), torch.zeros(4, 1, dtype=torch.bool)
    left = torch.tensor([1.0, 0.5, LEFT - 0.05, 0.0])  # of the object, within a frame that begins further right
    middle = torch.stack([0.5 + 0.6 - 0.2 * left - 0.0, torch.full((4,), 0.5)], dim=1)
    boxes, code, ignore = cut(box, code, ignore, middle, torch.ones(4, 2))
    assert code.flatten().tolist() == [0, 0, 0, -1]
    assert ignore.flatten().tolist()[:3] == [False, False, True]
    assert boxes[:3, 0, 0].abs().max() < 1e-6
    assert boxes[:3, 0, 2].tolist() == pytest.approx((0.2 * left[:3]).tolist(), abs=1e-6)


def test_light_changes_and_grey_stays_grey():
    colours, grey = torch.rand(20, 3, 8, 8) - 0.5, torch.rand(20, 1, 8, 8) - 0.5
    for image in (colours, grey):
        other = lit(image, generator())
        assert other.shape == image.shape
        assert float((other - image).abs().mean((1, 2, 3)).min()) > 0
        assert float((other - image).abs().max()) < 0.6


def test_shapes_touch_all_four_sides_of_their_boxes():
    for draw in SHAPES.values():
        for side in range(LEAST, LARGEST + 1):
            mask = draw(side)
            assert mask.shape == (side, side)
            assert mask[0].any()
            assert mask[-1].any()
            assert mask[:, 0].any()
            assert mask[:, -1].any()


def test_the_made_boxes_are_where_the_shapes_are():
    rng = np.random.default_rng(3)
    for at in range(60):
        picture, objects = scene(rng, GROUNDS[at % 3])
        assert objects
        covered = np.zeros(picture.shape[:2], dtype=bool)
        for thing in objects:
            x0, y0, x1, y1 = (round(thing[name] * picture.shape[0]) for name in ("x0", "y0", "x1", "y1"))
            assert not covered[y0:y1, x0:x1].any(), "none hides another"
            covered[y0:y1, x0:x1] = True
            inside = picture[y0:y1, x0:x1].astype(float)
            middle = inside[(y1 - y0) // 2, (x1 - x0) // 2]
            alike = np.abs(inside - middle).max(2) < 40
            assert alike.mean() == pytest.approx({"disc": 0.78, "square": 1, "triangle": 0.5}[thing["label"]], abs=0.13)


def test_the_demo_reads_back(tmp_path):
    demo = shapes(tmp_path / "shapes")
    for name, n in COUNTS.items():
        table = pq.read_table(demo.data / f"{name}.parquet").to_pylist()
        assert len(table) == n
        problems: dict[int, str] = {}
        fitted = Boxes().fit([row["objects"] for row in table])
        fitted.encode([row["objects"] for row in table], problems)
        assert not problems
        assert fitted.labels == ("disc", "square", "triangle")
    assert {row["ground"] for row in table} == set(GROUNDS)


def test_a_few_images_are_learned_by_heart():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    made = [scene(rng, GROUNDS[at % 3]) for at in range(12)]
    fitted, output = Image().fit([p for p, _ in made]), Boxes().fit([json.dumps(o) for _, o in made])
    x = fitted.collate({name: torch.from_numpy(a) for name, a in fitted.encode([p for p, _ in made], {}).items()})
    pack = output.encode([o for _, o in made], {})
    y = {name: torch.from_numpy(array) for name, array in pack.items()}
    body = detection("tiny", channels=3, height=64, width=64)
    body.initialise(**x)
    network = torch.nn.Sequential(body, located(body.features, **output.dims))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(70):
        optimizer.zero_grad()
        output.loss(network(x["image"]), y).mean().backward()
        optimizer.step()

    class Named(torch.nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return network.eval()(image)

    answers = output.decode(Named(), x)
    ap50 = next(metric for metric in output.metrics if metric.name == "ap50")
    assert ap50.over(output.tally(answers, pack)) > 0.9


@pytest.mark.parametrize(("side", "shown"), [(64, 160), (128, 160), (240, 240), (512, 320)])
def test_people_see_the_image_about_as_large_as_the_network_does(side: int, shown: int):
    fitted = FittedImage(height=side // 2, width=side, channels=3, shift=0.1, flip=True)
    kind, data = fitted.show(np.zeros((300, 600, 3), dtype=np.uint8))
    assert kind == "png"
    assert open_image(base64.b64decode(data)).size == (shown, shown // 2)
