"""Checkpoints of image networks as bodies of detectors: tiny ones that these tests save. Nothing is fetched."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import DataError
from assay.core.folder import load
from assay.core.loading import for_judging
from assay.networks._pretrained_checkpoint import library
from assay.networks.detection import located
from assay.tasks._pretrained_signals import DETECTORS

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SEEN = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 32, "width": 32}}
TASK = discovery.task("object-detection")
# the sizes of the maps of an image of 64 × 96 pixels, and of what is read
MAPPED = {
    "vit": ([(4, 6)], (8, 12)),
    "yolos": ([(4, 6)], (8, 12)),
    "dinov2_with_registers": ([(4, 6)], (8, 12)),
    "swin": ([(8, 12), (4, 6)], (8, 12)),
    "resnet": ([(8, 12), (4, 6), (2, 3)], (8, 12)),
    "convnextv2": ([(8, 12), (4, 6), (2, 3)], (8, 12)),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of checkpoints, as bodies or with classifiers."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints")
    stages = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
    patches = {"image_size": 32, "patch_size": 16}
    configs = {
        "vit": transformers.ViTConfig(**SMALL, **patches),
        "yolos": transformers.YolosConfig(**SMALL, image_size=[32, 32], patch_size=16, num_detection_tokens=5),
        "dinov2_with_registers": transformers.Dinov2WithRegistersConfig(**SMALL, **patches, mlp_ratio=2),
        "swin": transformers.SwinConfig(
            image_size=32, patch_size=8, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2
        ),
        "resnet": transformers.ResNetConfig(embedding_size=8, layer_type="basic", **stages),
        "convnextv2": transformers.ConvNextV2Config(**stages),
    }
    for name, config in configs.items():
        torch.manual_seed(0)
        auto = transformers.AutoModel if name == "yolos" else transformers.AutoModelForImageClassification
        auto.from_config(config).save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return folder


def _body(saved, name, tuning="", height=64, width=96):
    _, network = DETECTORS.open(TASK, f"{saved / name}{tuning}")
    return network, network.body(**network.options, channels=3, height=height, width=width).eval()


@pytest.mark.parametrize("name", MAPPED)
def test_a_map_lies_as_the_image_does(saved, name):
    maps, read = MAPPED[name]
    network, body = _body(saved, name)
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert [tuple(found.shape[2:]) for found in body.maps(image)] == maps
        assert body(image).shape == (1, body.features, *read)
        assert located(body.features, 3)(body(image)).shape == (1, 7, *read)
        lit = image.clone()
        lit[..., 48:64, 64:80] = -1  # one patch
        change = (body.maps(lit)[0] - body.maps(image)[0]).abs().mean(1)[0]
        at = np.unravel_index(int(change.argmax()), change.shape)
        rows_, columns_ = maps[0]
        assert 0.7 <= (at[0] + 0.5) / rows_ <= 1
        assert 0.6 <= (at[1] + 0.5) / columns_ <= 0.9, "it changed where the image did"
        again = DETECTORS.body(**json.loads(json.dumps(network.options)), channels=3, height=64, width=96).eval()
        again.load_state_dict(body.state_dict())
        assert torch.equal(again(lit), body(lit))


def test_images_keep_their_own_size_in_whole_patches(saved):
    images = [np.zeros((100, 300, 3), np.uint8)] * 4
    objects = [[{"label": "a", "x0": 0.1, "y0": 0.1, "x1": 0.5, "y1": 0.5}]] * 4
    task, _ = DETECTORS.open(TASK, str(saved / "vit"))
    x, y = task.pair.fit(task.input, task.output, images, objects)
    assert (x.height, x.width, x.channels) == (96, 288, 3)
    assert y.labels == ("a",)
    assert task.pair.augment is TASK.pair.augment


@pytest.mark.parametrize("tuning", ["", "+lora4", "+frozen"])
def test_the_neck_learns_however_much_of_the_checkpoint_does(saved, tuning):
    _, body = _body(saved, "vit", tuning)
    before = {name: weight.clone() for name, weight in body.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in body.parameters() if p.requires_grad], lr=0.1)
    body.train()
    for _ in range(2):  # low-rank updates begin at zero, one of their factors moves in the first step only
        optimizer.zero_grad()
        body(torch.rand(2, 3, 64, 96)).square().mean().backward()
        optimizer.step()
    changed = {name for name, weight in body.named_parameters() if not torch.equal(weight, before[name])}
    own = {name for name in before if name.startswith("model.")}
    assert changed >= set(before) - own
    assert {name for name in changed & own if "cls_token" not in name} == {
        "": {name for name in own if "cls_token" not in name},
        "+lora4": {name for name in own if "lora_" in name},
        "+frozen": set(),
    }[tuning]


@pytest.mark.parametrize("network", ["resnet", "vit+frozen"])
def test_a_detector_learns_and_needs_its_checkpoint_no_more(saved, tmp_path, network):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    data = rows(TASK, 96)
    chosen = {"epochs": 12, "lr": 5e-3, "batch_size": 16, "validation": 0, "device": "cpu", "quiet": True, "ema": 0.0}
    named = {"network": f"hf:{folder / network}", "augment": False} | columns(TASK)
    model = assay.train(TASK, data, out=tmp_path / "model", **named, **chosen)
    shutil.rmtree(folder)
    again = load(tmp_path / "model")
    unseen = rows(TASK, 30, seed=1)
    xs = [row["x"] for row in unseen]
    assert again.predict(xs) == model.predict(xs)
    tallies = again.tallies(for_judging(unseen, again.task, again.roles))
    assert again.output.metrics[1].name == "ap50"
    assert again.output.metrics[1].over(tallies) > 0.9
    more = assay.train(TASK, data, from_=tmp_path / "model", **columns(TASK), **chosen | {"epochs": 1})
    assert more.network_name == f"hf:{folder / network}"
    assert more.input == again.input


def test_what_gives_no_map_is_refused(saved, tmp_path):
    bert = transformers.BertModel(transformers.BertConfig(vocab_size=20, **SMALL))
    bert.save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text(json.dumps(SEEN))
    with pytest.raises(DataError, match="BertModel gives no map of an image"):
        _body(tmp_path, "bert")
