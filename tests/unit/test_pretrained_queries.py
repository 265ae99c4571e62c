"""Detectors of transformers that answer with queries, taken whole: tiny ones that these tests save. Nothing is fetched."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers

import assay
from assay.core import discovery
from assay.core.errors import DataError, Unsupported
from assay.core.folder import load
from assay.core.loading import for_judging
from assay.networks._pretrained_checkpoint import library
from assay.networks.pretrained_queries import QueryEncoder, relabelled
from assay.tasks._pretrained_signals import DETECTORS

TASK = discovery.task("object-detection")
SEEN = {
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.25, 0.2],
    "size": {"shortest_edge": 800, "longest_edge": 1333},
}
NAMES = ["N/A", "blue", "cat"]
NAMED = {"id2label": dict(enumerate(NAMES)), "label2id": {name: at for at, name in enumerate(NAMES)}}
SIDE = 32


def _configs():
    stages = transformers.ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], layer_type="basic", out_features=["stage2"]
    )
    small = {"d_model": 32, "num_queries": 4, "encoder_layers": 1, "decoder_layers": 1, "dropout": 0.0, "init_std": 0.1}
    small |= {
        f"{side}coder_{what}": n for side in ("en", "de") for what, n in (("ffn_dim", 64), ("attention_heads", 4))
    }
    made = {"backbone_config": stages, "use_timm_backbone": False, **small, **NAMED}
    seeing = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return {
        "detr": transformers.DetrConfig(**made),
        "table-transformer": transformers.TableTransformerConfig(**made),
        "yolos": transformers.YolosConfig(
            **seeing, image_size=[32, 32], patch_size=16, num_detection_tokens=5, initializer_range=0.2, **NAMED
        ),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of checkpoints."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, config in _configs().items():
        torch.manual_seed(0)
        transformers.AutoModelForObjectDetection.from_config(config).save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return folder


def _whole(network, labels, height=64, width=96):
    """The network, from a checkpoint, for objects of these classes."""
    output = TASK.output.fit([[{"label": name, "x0": 0, "y0": 0, "x1": 1, "y1": 1}] for name in labels])
    body = network.body(**network.options, channels=3, height=height, width=width)
    head = network.head(body.features, **output.dims)
    return torch.nn.Sequential(body, head).eval()


def _opened(saved, name, tuning=""):
    return DETECTORS.open(TASK, f"{saved / name}{tuning}")[1]


def rows(n, seed=0):
    """One coloured rectangle an image, somewhere."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(n):
        width, height = rng.integers(14, 22, 2)
        x, y = rng.integers(0, SIDE - width), rng.integers(0, SIDE - height)
        image, blue = np.full((SIDE, SIDE, 3), 110, np.uint8), bool(rng.integers(2))
        image[y : y + height, x : x + width] = (40, 40, 250) if blue else (250, 40, 40)
        sides = {"x0": x / SIDE, "y0": y / SIDE, "x1": (x + width) / SIDE, "y1": (y + height) / SIDE}
        made.append({"x": image, "answer": [{"label": "Blue" if blue else "red", **sides}], "side": str(x > 6)})
    return made


COLUMNS = {"input": "x", "target": "answer"}


@pytest.mark.parametrize("name", _configs())
def test_what_the_checkpoint_knows_is_kept(saved, name):
    image = 2 * torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) - 1
    theirs = transformers.AutoModelForObjectDetection.from_pretrained(saved / name).eval()
    mean, std = (torch.tensor(SEEN[part])[:, None, None] for part in ("image_mean", "image_std"))
    with torch.inference_mode():
        known = theirs(pixel_values=((image + 1) / 2 - mean) / std)
        same = _whole(_opened(saved, name), NAMES)(image)
        assert torch.allclose(same[..., :4], known.pred_boxes, atol=1e-5)
        assert torch.allclose(same[..., 4:], known.logits, atol=1e-4)
        other = _whole(_opened(saved, name), ["bolt", "Cat"])(image)
        assert torch.allclose(other[..., :4], known.pred_boxes, atol=1e-5)
        as_they_say = torch.stack([known.logits[..., 2], known.logits[..., 3]], dim=2)  # of cats, of nothing
        # classes are in the order of the alphabet: Cat comes before bolt
        assert torch.allclose(other[..., [4, 6]], as_they_say, atol=1e-4)
        assert not torch.allclose(other[..., 5], known.logits[..., 0], atol=1e-2)


def test_a_label_that_is_known_twice_is_the_first():
    old = torch.nn.Linear(3, 4)
    new = relabelled(old, ["N/A", "N/A", "dog"], ["n/a", "new"])
    assert torch.equal(new.weight[[0, 2]], old.weight[[0, 3]])
    assert torch.equal(new.bias[[0, 2]], old.bias[[0, 3]])
    assert not torch.isin(new.weight[1], old.weight).any()


def test_a_code_without_a_name_is_called_by_its_number():
    config = {**_configs()["yolos"].to_dict(), "id2label": {"1": "blue", "2": "cat"}}
    body = QueryEncoder(config=config, tuning="all", pixels={"scale": [1.0] * 3, "shift": [0.0] * 3})
    assert body.names == ["0", "blue"]  # as many as its layer has, besides none


@pytest.mark.parametrize("name", _configs())
def test_the_network_is_made_again_of_what_a_model_keeps(saved, name):
    image = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    opened = _opened(saved, name)
    network = _whole(opened, ["a", "b"])
    kept = DETECTORS.body(**json.loads(json.dumps(opened.options)), channels=3, height=64, width=96)
    again = torch.nn.Sequential(kept, DETECTORS.head(kept.features, 2, ["a", "b"])).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(image), network(image))
    assert torch.allclose(network(image[:1]), network(image)[:1], atol=1e-5)


@pytest.mark.parametrize("name", ["detr", "yolos"])
@pytest.mark.parametrize("tuning", ["", "+lora4", "+frozen"])
def test_the_heads_learn_however_much_of_the_checkpoint_does(saved, name, tuning):
    opened = _opened(saved, name, tuning)
    network = _whole(opened, ["a", "b"])
    before = {key: weight.clone() for key, weight in network.named_parameters()}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network.train()
    for _ in range(2):  # low-rank updates begin at zero, one of their factors moves in the first step only
        optimizer.zero_grad()
        network(torch.rand(2, 3, 64, 96)).square().sum().backward()
        optimizer.step()
    changed = {key for key, weight in network.named_parameters() if not torch.equal(weight, before[key])}
    heads = {key for key in before if key.startswith("1.")}
    assert heads <= changed
    assert not any("lora_" in key for key in heads), "they learn whole"
    body = changed - heads
    assert {"": len(body) > 20, "+lora4": all("lora_" in key for key in body) and body, "+frozen": not body}[tuning]
    assert opened.recipe.lr == {"": 5e-5, "+lora4": 5e-4, "+frozen": 1e-3}[tuning]


def test_images_keep_their_own_size(saved):
    images = [np.zeros((100, 300, 3), np.uint8)] * 4
    objects = [[{"label": "a", "x0": 0.1, "y0": 0.1, "x1": 0.5, "y1": 0.5}]] * 4
    for name in ("detr", "yolos"):
        task, _ = DETECTORS.open(TASK, str(saved / name))
        x, _ = task.pair.fit(task.input, task.output, images, objects)
        assert (x.height, x.width, x.channels) == (96, 288, 3)
        assert task.pair.augment is TASK.pair.augment


@pytest.fixture(scope="module")
def trained(saved, tmp_path_factory):
    """A detector of random weights that has learned, without the checkpoint it began with."""
    folder = tmp_path_factory.mktemp("trained")
    shutil.copytree(saved / "detr", folder / "checkpoint")
    chosen = {"epochs": 48, "lr": 2e-3, "batch_size": 16, "clip": 1.0, "ema": 0.0, "augment": False}
    model = assay.train(
        TASK, rows(224), out=folder / "model", network=f"hf:{folder / 'checkpoint'}", validation=0, device="cpu",
        quiet=True, **COLUMNS, **chosen,
    )  # fmt: skip
    shutil.rmtree(folder / "checkpoint")
    return model


def test_a_detector_learns_and_needs_its_checkpoint_no_more(trained):
    again = load(trained.folder)
    assert isinstance(again.network.body, QueryEncoder)
    unseen = rows(40, seed=1)
    assert again.predict([row["x"] for row in unseen]) == trained.predict([row["x"] for row in unseen])
    tallies = again.tallies(for_judging(unseen, again.task, again.roles))
    named = {metric.name: float(metric.over(tallies)) for metric in again.output.metrics}
    assert named["ap50"] > 0.9
    assert named["map"] > 0.4, "more than the mean box would reach"
    more = assay.train(TASK, rows(32), from_=trained.folder, epochs=1, device="cpu", quiet=True, **COLUMNS)
    assert more.network_name == trained.network_name
    assert (more.input, more.output.labels) == (again.input, again.output.labels)


def test_every_verb_takes_it(trained, tmp_path):
    data = rows(24, seed=2)
    record = assay.evaluate(trained.folder, data, quiet=True)
    figures = {figure.name: figure.value for figure in record.figures}
    assert figures["ap50"] > 0.8
    record = assay.audit(trained.folder, data, by=("side",), quiet=True)
    assert any(figure.group for figure in record.figures)
    record = assay.compare(trained.folder, trained.folder, data, quiet=True)
    assert any(figure.value == 0 for figure in record.figures)
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for at, row in enumerate(data[:3]):
        Image.fromarray(row["x"]).save(folder / f"{at}.png")
    assay.predict(trained.folder, [str(folder)], out=str(tmp_path / "found.coco.json"), quiet=True)
    written = json.loads((tmp_path / "found.coco.json").read_text())
    assert len(written["images"]) == 3
    assert {thing["name"] for thing in written["categories"]} == {"Blue", "red"}
    true = data[0]["answer"][0]
    box = max((thing for thing in written["annotations"] if thing["image_id"] == 1), key=lambda thing: thing["score"])
    assert box["bbox"][0] == pytest.approx(SIDE * true["x0"], abs=4)
    record = assay.explain(trained.folder, [str(folder / "0.png")], quiet=True)
    assert record.media
    assay.report(trained.folder, out=tmp_path / "report.html", quiet=True)
    assert "svg" in (tmp_path / "report.html").read_text()


def _saved(config, folder, auto=None):
    (auto or transformers.AutoModelForObjectDetection).from_config(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return str(folder)


def test_what_is_no_whole_detector_is_refused(saved, tmp_path):
    bare = _saved(_configs()["detr"], tmp_path / "bare", transformers.AutoModel)
    with pytest.raises(DataError, match=r"weights of a DetrForObjectDetection: bbox_predictor.*saved as DetrModel"):
        _whole(DETECTORS.open(TASK, bare)[1], ["a"])
    broken = tmp_path / "broken"
    shutil.copytree(saved / "detr", broken)
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="broken cannot be opened"):
        _whole(DETECTORS.open(TASK, str(broken))[1], ["a"])
    unscaled = tmp_path / "unscaled"
    shutil.copytree(saved / "yolos", unscaled)
    (unscaled / "preprocessor_config.json").unlink()
    with pytest.raises(DataError, match=r"has no preprocessor_config.json"):
        DETECTORS.open(TASK, str(unscaled))


def test_a_detector_of_another_kind_is_refused(saved, tmp_path):
    plain = json.loads((saved / "detr" / "config.json").read_text())
    others = {
        "timm": {key: value for key, value in plain.items() if key not in ("backbone_config", "use_timm_backbone")},
        "inner": plain | {"backbone_config": {"model_type": "timm_backbone", "backbone": "resnet50"}},
        "rt_detr": {"model_type": "rt_detr", "num_queries": 4},
    }
    for name, config in others.items():
        shutil.copytree(saved / "detr", tmp_path / name)
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        said = (
            "is a whole detector, and not one of those" if name == "rt_detr" else "comes from timm.*--revision no_timm"
        )
        with pytest.raises(Unsupported, match=said):
            DETECTORS.open(TASK, str(tmp_path / name))
