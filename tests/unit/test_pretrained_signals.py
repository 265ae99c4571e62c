"""Checkpoints that look: tiny ones that these tests save. Nothing is fetched."""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from tests.fakes import columns, rows

import assay
from assay.core import discovery
from assay.core.errors import ConfigError, DataError
from assay.core.folder import load
from assay.core.model import opened
from assay.networks._pretrained_checkpoint import checkpoint, library
from assay.networks._pretrained_preprocessing import pictures
from assay.networks.pretrained_signals import ClipEncoder, ImageEncoder
from assay.tasks._pretrained_signals import CLIPS, IMAGES

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SEEN = {"image_mean": MEAN, "image_std": STD, "rescale_factor": 1 / 255, "size": {"height": 32, "width": 32}}
CUT = {"height": 32, "width": 24}
IMAGE_NETWORKS = ("vit", "resnet", "convnextv2", "swin", "deit", "dinov2", "siglip")
CLIP_NETWORKS = ("videomae", "timesformer", "vivit", "vjepa2")


def _configs():
    stages = {"hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}
    patches = {"image_size": 32, "patch_size": 8}
    windows = {"patch_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
    clips = {"image_size": 32, "num_frames": 4}
    return {
        "vit": transformers.ViTConfig(**SMALL, **patches),
        "deit": transformers.DeiTConfig(**SMALL, **patches),
        "dinov2": transformers.Dinov2Config(**{**SMALL, **patches, "image_size": 40, "mlp_ratio": 2}),
        "siglip": transformers.SiglipConfig(
            vision_config={**SMALL, **patches}, text_config={**SMALL, "vocab_size": 9, "projection_size": 16}
        ),
        "swin": transformers.SwinConfig(image_size=32, **windows),
        "resnet": transformers.ResNetConfig(embedding_size=8, layer_type="basic", **stages),
        "convnextv2": transformers.ConvNextV2Config(**stages),
        "videomae": transformers.VideoMAEConfig(**SMALL, **clips, patch_size=8),
        "timesformer": transformers.TimesformerConfig(**SMALL, **clips, patch_size=8),
        "vivit": transformers.VivitConfig(**SMALL, **clips, tubelet_size=[2, 8, 8]),
        "vjepa2": transformers.VJEPA2Config(
            hidden_size=24, num_hidden_layers=2, num_attention_heads=2, crop_size=32, patch_size=8, frames_per_clip=4,
            pred_hidden_size=12, pred_num_attention_heads=2, pred_num_hidden_layers=1, num_pooler_layers=1,
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of checkpoints of three classes each, as ``save_pretrained`` writes them."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, config in _configs().items():
        torch.manual_seed(0)
        config.num_labels = 3
        auto = transformers.AutoModelForVideoClassification if name in CLIP_NETWORKS else None
        config.architectures = ["DeiTForImageClassification"] if name == "deit" else None
        model = (auto or transformers.AutoModelForImageClassification).from_config(config)
        for weight in model.parameters():
            if weight.ndim == 2:  # weights that make a difference
                torch.nn.init.normal_(weight, std=0.2)
        model.save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(SEEN))
    return folder


def _theirs(saved, name):
    auto = transformers.AutoModelForVideoClassification if name in CLIP_NETWORKS else None
    return (auto or transformers.AutoModelForImageClassification).from_pretrained(saved / name).eval()


def _built(saved, name, tuning="", **dims):
    """A body with a checkpoint's weights, and one that was built from its options and filled from the other."""
    task = discovery.task("video-classification" if name in CLIP_NETWORKS else "image-classification")
    door = CLIPS if name in CLIP_NETWORKS else IMAGES
    _, network = door.open(task, f"{saved / name}{tuning}")
    first = network.body(**network.options, **dims).eval()
    second = door.body(**json.loads(json.dumps(network.options)), **dims).eval()
    second.load_state_dict(first.state_dict())
    return first, second


def _pixels(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape).astype(np.float32))


def _normed(pixels):
    """As the checkpoint's own processor makes them of pixels 0 … 255."""
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, STD))
    return (pixels / 255 - mean) / std


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
def test_an_image_network_gives_what_its_own_classifier_reads(saved, name):
    pixels = _pixels(3, 3, 32, 32)
    theirs = _theirs(saved, name)
    told = {"interpolate_pos_encoding": True} if name in ("vit", "deit", "siglip") else {}
    with torch.inference_mode():
        expected = theirs(pixel_values=_normed(pixels), **told).logits
        first, second = _built(saved, name, channels=3, height=32, width=32)
        features = first(pixels / 127.5 - 1)
        read = features[:, :, None, None] if name == "resnet" else features  # its classifier flattens first
        torch.testing.assert_close(theirs.classifier(read), expected, rtol=0, atol=1e-4)
        assert features.shape == (3, first.features)
        assert torch.equal(features, second(pixels / 127.5 - 1))
        assert not any("classifier" in key for key in first.state_dict())


@pytest.mark.parametrize("name", CLIP_NETWORKS)
def test_a_video_network_gives_what_its_own_classifier_reads_over_all_views(saved, name):
    pixels = _pixels(2, 8, 3, 32, 32)
    theirs = _theirs(saved, name)
    named = "pixel_values_videos" if name == "vjepa2" else "pixel_values"
    with torch.inference_mode():
        views = [theirs(**{named: _normed(pixels[:, at::2])}).logits for at in (0, 1)]
        first, second = _built(saved, name, channels=3, frames=4, height=32, width=32)
        one, both = first(pixels[:, ::2] / 127.5 - 1), first(pixels / 127.5 - 1)
        torch.testing.assert_close(theirs.classifier(one), views[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(theirs.classifier(both), sum(views) / 2, rtol=0, atol=1e-4)
        assert not torch.allclose(views[0], views[1], atol=1e-3)
        assert both.shape == (2, first.features)
        assert torch.equal(both, second(pixels / 127.5 - 1))


@pytest.mark.parametrize(
    ("said", "sides", "black", "white"),
    [
        ({"size": 32}, (32, 32), -1.0, 1.0),
        ({"size": {"shortest_edge": 36}, "crop_size": CUT, "do_center_crop": True}, (32, 24), -1.0, 1.0),
        ({"size": {"height": 8, "width": 16}, "crop_size": 32}, (8, 16), -1.0, 1.0),
        ({"do_normalize": False}, (32, 32), 0.0, 1.0),
        ({"do_normalize": False, "do_rescale": False}, (32, 32), 0.0, 255.0),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5, "offset": True}, (32, 32), -1.0, 1.0),
        ({"image_mean": 0.25, "image_std": 0.25}, (32, 32), -1.0, 3.0),
    ],
)  # fmt: skip
def test_what_the_processor_says_is_honoured(saved, tmp_path, said, sides, black, white):
    folder = tmp_path / "vit"
    shutil.copytree(saved / "vit", folder)
    plain = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(plain | said))
    found = pictures(checkpoint(str(folder)))
    assert (found.height, found.width) == sides
    assert [-s + m for s, m in zip(found.scale, found.shift, strict=True)] == pytest.approx([black] * 3)
    assert [s + m for s, m in zip(found.scale, found.shift, strict=True)] == pytest.approx([white] * 3)
    task, _ = IMAGES.open(discovery.task("image-classification"), str(folder))
    x, _ = task.pair.fit(task.input, task.output, [np.zeros((50, 40), np.uint8)] * 4, ["a", "b"] * 2)
    assert (x.height, x.width, x.channels) == (*sides, 3)
    assert x.encode([np.zeros((50, 40), np.uint8)], {})["image"].shape == (1, *sides, 3)


def test_a_processor_that_says_too_little_is_refused(saved, tmp_path):
    folder = tmp_path / "vit"
    shutil.copytree(saved / "vit", folder)
    said = folder / "preprocessor_config.json"
    for wrong, match in (
        ({"size": 16}, "image_mean = None; 3 numbers are needed"),
        ({**SEEN, "image_std": [0, 1, 1]}, "image_std of 0"),
        ({**SEEN, "size": {"height": 5, "width": 16}}, "sides of 8 to 4,096"),
    ):
        said.write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=match):
            pictures(checkpoint(str(folder)))
    said.write_text("{")
    with pytest.raises(DataError, match=r"preprocessor_config\.json cannot be read"):
        pictures(checkpoint(str(folder)))
    said.unlink()
    with pytest.raises(DataError, match=r"has no preprocessor_config\.json, which says how what it reads is scaled"):
        pictures(checkpoint(str(folder)))
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": SEEN}))
    assert pictures(checkpoint(str(folder))).height == 32


def test_videos_have_as_many_frames_as_the_network_knows(saved):
    task, network = opened(discovery.task("video-classification"), f"hf:{saved / 'videomae'}")
    assert json.loads(json.dumps(network.options)) == network.options
    rng = np.random.default_rng(0)
    for count, kept in ((3, 4), (9, 8)):  # fewer than it knows: some are shown twice; twice as many: two views
        clips = list(rng.integers(0, 256, (4, count, 12, 20, 3)).astype(np.uint8))
        x, y = task.pair.fit(task.input, task.output, clips, ["a", "b", "a", "b"])
        assert (x.frames, x.kept, x.height, x.width, x.channels) == (4, kept, 32, 32, 3)
        assert x.encode(clips, {})["video"].shape == (4, kept, 32, 32, 3)
        assert y.classes == ("a", "b")


@pytest.mark.parametrize("tuning", ["", "+lora4", "+frozen"])
def test_tuning_changes_what_it_says_and_nothing_else(saved, tuning):
    first, _ = _built(saved, "vit", tuning, channels=3, height=32, width=32)
    before = {name: weight.clone() for name, weight in first.named_parameters()}
    head = torch.nn.Linear(16, 2)
    learn = [p for p in [*first.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(learn, lr=0.1)
    first.train()
    for _ in range(2):
        optimizer.zero_grad()
        head(first(_pixels(4, 3, 32, 32) / 127.5 - 1)).square().sum().backward()
        optimizer.step()
    changed = {name for name, weight in first.named_parameters() if not torch.equal(weight, before[name])}
    adapters = {name for name in before if "lora_" in name}
    assert changed == {"": set(before), "+lora4": adapters, "+frozen": set()}[tuning]
    assert bool(adapters) == (tuning == "+lora4")


def test_a_frozen_network_keeps_its_running_statistics(saved):
    frozen, _ = _built(saved, "resnet", "+frozen", channels=3, height=32, width=32)
    free, _ = _built(saved, "resnet", "", channels=3, height=32, width=32)
    for body, same in ((frozen, True), (free, False)):
        before = copy.deepcopy(body.state_dict())
        body.train()(_pixels(4, 3, 32, 32) / 127.5 - 1)
        after = body.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before) == same


@pytest.mark.parametrize(
    ("name", "network", "lr", "epochs"),
    [
        ("image-classification", "vit", 3e-3, 6),
        ("image-classification", "convnextv2+lora4", 3e-2, 8),
        ("video-classification", "videomae", 3e-3, 5),
        ("video-classification", "timesformer+frozen", 3e-2, 8),
    ],
)
def test_a_network_learns_and_needs_its_checkpoint_no_more(saved, tmp_path, name, network, lr, epochs):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    task = discovery.task(name)
    data = rows(task, 160)
    chosen = {"network": f"hf:{folder / network}", "epochs": epochs, "lr": lr, "batch_size": 16, "validation": 0}
    model = assay.train(task, data, out=tmp_path / "model", quiet=True, device="cpu", **columns(task), **chosen)
    shutil.rmtree(folder)
    again = load(tmp_path / "model")
    xs, true = [row["x"] for row in rows(task, 40, seed=1)], [row["answer"] for row in rows(task, 40, seed=1)]
    answers = again.predict(xs)
    assert answers == model.predict(xs)
    assert sum(a["label"] == y for a, y in zip(answers, true, strict=True)) >= 36, "it learned where it is bright"
    assert again.input.height == 32
    more = assay.train(task, data, from_=tmp_path / "model", epochs=1, device="cpu", quiet=True, **columns(task))
    assert more.network_name == f"hf:{folder / network}"
    assert more.input == again.input


def test_what_is_no_network_for_images_is_refused(saved, tmp_path):
    task = discovery.task("image-classification")
    with pytest.raises(DataError, match="states no num_frames"):
        CLIPS.open(discovery.task("video-classification"), str(saved / "vit"))
    _, network = IMAGES.open(task, str(saved / "videomae"))
    with pytest.raises(DataError, match="videomae cannot be opened"):
        network.body(**network.options, channels=3, height=32, width=32)
    with pytest.raises(DataError, match="cannot look at images of 3 × 3 pixels"):
        _built(saved, "vit", channels=3, height=3, width=3)
    with pytest.raises(ConfigError, match=r"has no linear layers for \+lora4"):
        _built(saved, "resnet", "+lora4", channels=3, height=32, width=32)
    backbone = transformers.VideoMAEForPreTraining(
        transformers.VideoMAEConfig(
            **SMALL, image_size=32, num_frames=4, patch_size=8, decoder_hidden_size=8, decoder_num_hidden_layers=1,
            decoder_num_attention_heads=2, decoder_intermediate_size=8,
        )
    )  # fmt: skip
    backbone.save_pretrained(tmp_path / "pretrained")
    source = checkpoint(str(tmp_path / "pretrained"))
    body = ClipEncoder(
        config=source.config, tuning="all", source=source, frames=4, pixels={"scale": [1.0] * 3, "shift": [0.0] * 3}
    )
    assert body.features == 16, "a network that was trained without labels lacks nothing but a norm"
    config = json.loads((saved / "vit" / "config.json").read_text()) | {"num_hidden_layers": 3}
    broken = tmp_path / "broken"
    shutil.copytree(saved / "vit", broken)
    (broken / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="does not hold the weights of a ViTForImageClassification"):
        _built(tmp_path, "broken", channels=3, height=32, width=32)
    assert ImageEncoder is IMAGES.body
