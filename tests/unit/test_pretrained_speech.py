"""Checkpoints that listen: tiny ones that these tests save. Nothing is fetched."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

import assay
from assay.codecs.alphabet import alphabet
from assay.core import discovery
from assay.core.errors import DataError, Unsupported
from assay.core.feed import collate
from assay.core.folder import load
from assay.networks._pretrained_checkpoint import library
from assay.networks.pretrained_speech import spelled
from assay.tasks._pretrained_signals import RECORDINGS

LETTERS = "ETAOINSHRDLUMCWFGYPBVK'XJQZ"
NAMES = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]  # as in the best known checkpoints
HEARD = {"sampling_rate": 16_000, "do_normalize": True, "feature_size": 1, "padding_value": 0.0}
NETWORKS = ("wav2vec2", "wav2vec2-layer", "hubert", "wavlm")
TASK = discovery.task("speech-recognition")


def _configs():
    small = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
        "conv_dim": [8, 8, 8], "conv_kernel": [10, 3, 3], "conv_stride": [5, 4, 4], "num_feat_extract_layers": 3,
        "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "vocab_size": len(NAMES), "pad_token_id": 0,
        **dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"), 0.0),
        **dict.fromkeys(("final_dropout", "layerdrop"), 0.0),
    }  # fmt: skip
    norm = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
    return {
        "wav2vec2": transformers.Wav2Vec2Config(**small),
        "wav2vec2-layer": transformers.Wav2Vec2Config(**small, **norm),
        "hubert": transformers.HubertConfig(**small, **norm),
        "wavlm": transformers.WavLMConfig(**small, feat_extract_norm="layer", num_buckets=8, max_bucket_distance=16),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of checkpoints that spell."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints")
    for name, config in _configs().items():
        torch.manual_seed(0)
        model = transformers.AutoModelForCTC.from_config(config)
        for weight in model.parameters():
            if weight.ndim == 2:  # weights that make a difference
                torch.nn.init.normal_(weight, std=0.2)
        model.save_pretrained(folder / name)
        (folder / name / "preprocessor_config.json").write_text(json.dumps(HEARD))
        (folder / name / "vocab.json").write_text(json.dumps({token: code for code, token in enumerate(NAMES)}))
    return folder


def _sounds():
    rng = np.random.default_rng(0)
    sizes = (4_000, 2_345, 4_000, 60)
    return [(np.sin(np.cumsum(rng.normal(0.3, 0.2, size))) * 9_000).astype(np.int16) for size in sizes]


def _opened(saved, name, tuning=""):
    return RECORDINGS.open(TASK, f"{saved / name}{tuning}")


def _fitted(task):
    waves = [{"array": wave, "sampling_rate": 16_000} for wave in _sounds()]
    x, y = task.pair.fit(task.input, task.output, waves, ["Is it", "a dog", "no", "it's"])
    return x, y, collate(x, x.encode(waves, {}), torch.device("cpu"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_checkpoint_that_spells_says_what_its_own_class_says_in_any_batch(saved, name):
    theirs = transformers.AutoModelForCTC.from_pretrained(saved / name).eval()
    extractor = transformers.Wav2Vec2FeatureExtractor(**HEARD)
    for tuning in ("", "+lora4", "+frozen"):  # low-rank updates begin as no change
        task, network = _opened(saved, name, tuning)
        x, y, batch = _fitted(task)
        body = network.body(**network.options, **x.dims).eval()
        head = spelled(body, **y.dims)
        with torch.inference_mode():
            logits = head(body(**batch))
            for row, wave in zip(logits, _sounds()[:3], strict=False):
                heard = extractor(wave / 32_768, sampling_rate=16_000, return_tensors="pt").input_values.float()
                expected = theirs(heard).logits[0]
                torch.testing.assert_close(row[: len(expected)], expected, rtol=0, atol=2e-4)
                assert (row[len(expected) :].argmax(1) == 0).all(), "nothing but blanks behind the end"
            for row, wave in zip(logits, _sounds(), strict=True):
                one = {"wave": torch.from_numpy(wave)[None].float() / 32_768, "mask": torch.ones(1, len(wave)).bool()}
                alone = head(body(**one))[0]
                torch.testing.assert_close(row[: len(alone)], alone, rtol=0, atol=1e-4)
            again = RECORDINGS.body(**json.loads(json.dumps(network.options)), **x.dims).eval()
            again.load_state_dict(body.state_dict())
            assert torch.equal(again(**batch)[0], body(**batch)[0])


def test_the_alphabet_of_a_checkpoint_is_kept(saved, tmp_path):
    tokenizer, single = alphabet(saved / "wav2vec2", 0, len(NAMES))
    assert single
    assert tokenizer.size == len(NAMES)
    codes = tokenizer.encode(["it's 7"])[0]
    assert codes == [NAMES.index(c) for c in ["I", "T", "'", "S", "|", "<unk>"]]
    assert tokenizer.decode([*codes[:5], 0, 1, 2]) == "it's "
    task, _ = _opened(saved, "wav2vec2")
    _, y, _ = _fitted(task)
    assert y.tokenizer == tokenizer
    problems = {}
    pack = y.encode(["Is it", "no 7"], problems)
    assert "7" in problems[1]
    assert pack["tokens"][0, :5].tolist() == [NAMES.index(c) for c in ["I", "S", "|", "I", "T"]]
    cased = tmp_path / "cased"
    cased.mkdir()
    names = ["[PAD]", "[UNK]", "|", "a", "b", "A"]
    (cased / "vocab.json").write_text(json.dumps({token: code for code, token in enumerate(names)}))
    (cased / "added_tokens.json").write_text(json.dumps({"<s>": 6}))
    tokenizer, single = alphabet(cased, 0, 8)  # one code has no name
    assert not single
    assert tokenizer.size == 8
    assert tokenizer.encode(["Ab ba"])[0] == [5, 4, 2, 4, 3]
    assert alphabet(tmp_path, 0, 8) is None


@pytest.mark.parametrize(
    ("codes", "match"),
    [
        ({"eng": {"a": 0}}, "several languages"),
        ({"<pad>": 0, "<unk>": 1, "th": 2}, "spells in pieces such as 'th'.*--set tokenizer=bpe"),
        ({"<pad>": 0, "<unk>": 0}, "a whole number of its own"),
        ({"<pad>": 0, "a": 1}, "lacks an unknown token"),
    ],
)
def test_an_alphabet_that_cannot_be_used_is_refused(tmp_path, codes, match):
    (tmp_path / "vocab.json").write_text(json.dumps(codes))
    with pytest.raises(DataError, match=match):
        alphabet(tmp_path, 0, 3)


def test_a_checkpoint_without_a_last_layer_learns_the_alphabet_of_the_data(saved, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(saved / "wav2vec2", bare)
    transformers.Wav2Vec2Model.from_pretrained(saved / "wav2vec2").save_pretrained(bare)
    for reference, output in (
        (bare, TASK.output),
        (saved / "wav2vec2", replace(TASK.output, tokenizer="bpe")),
    ):
        task, network = RECORDINGS.open(replace(TASK, output=output), str(reference))
        x, y, _ = _fitted(task)
        assert not network.options["spelt"]
        assert y.tokenizer.size != len(NAMES)
        body = network.body(**network.options, **x.dims)
        assert spelled(body, **y.dims).linear.weight.shape == (y.tokenizer.size, 16)


def test_sounds_are_brought_to_the_rate_of_the_checkpoint(saved, tmp_path):
    task, _ = _opened(saved, "wav2vec2")
    sound = {"array": np.zeros(800, np.int16) + 5, "sampling_rate": 8_000}
    x, _ = task.pair.fit(task.input, task.output, [sound], ["a"])
    assert x.rate == 16_000
    assert x.encode([sound], {})["length"].tolist() == [1_600]
    broken = tmp_path / "broken"
    shutil.copytree(saved / "wav2vec2", broken)
    (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(DataError, match="cannot be opened"):
        RECORDINGS.open(TASK, str(broken))
    folder = tmp_path / "rate"
    shutil.copytree(saved / "wav2vec2", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
    with pytest.raises(DataError, match="states sampling_rate = None"):
        RECORDINGS.open(TASK, str(folder))


def test_augmented_samples_are_noisier_and_partly_silent_and_nothing_else(saved):
    task, _ = _opened(saved, "wav2vec2")
    x, _, batch = _fitted(task)
    changed = x.augment(batch, torch.Generator().manual_seed(0))
    assert torch.equal(changed["mask"], batch["mask"])
    assert (changed["wave"][~batch["mask"]] == 0).all()
    assert not torch.equal(changed["wave"], batch["wave"])
    again = x.augment(batch, torch.Generator().manual_seed(0))
    assert torch.equal(changed["wave"], again["wave"])
    quiet = replace(x, noise=0.0, hide=0.0).augment(batch, torch.Generator().manual_seed(0))
    assert torch.equal(quiet["wave"], batch["wave"])
    hidden = replace(x, noise=0.0, hide=0.5).augment(batch, torch.Generator().manual_seed(0))["wave"]
    share = ((hidden == 0) & (batch["wave"] != 0)).sum(1) / batch["mask"].sum(1)
    assert (share <= 0.51).all()
    assert share.max() > 0.1
    assert x.features(x.encode([{"array": _sounds()[0], "sampling_rate": 16_000}], {})).shape == (1, 128)


def _vowels(n, seed):
    """Short tones, ``i`` where they are high and ``o`` where they are low."""
    rng = np.random.default_rng(seed)
    made = []
    for high in rng.choice([False, True], n):
        turns = 2 * np.pi * (2_500 if high else 300) * rng.uniform(0.95, 1.05) * np.arange(640) / 16_000
        wave = (np.sin(turns) * 6_000 + rng.normal(0, 60, 640)).astype(np.int16)
        made.append({"x": {"array": wave, "sampling_rate": 16_000}, "answer": "i" if high else "o"})
    return made


@pytest.mark.parametrize(("network", "lr", "epochs"), [("wav2vec2", 1e-2, 90), ("wav2vec2-layer+lora4", 2e-2, 70)])
def test_a_network_learns_and_needs_its_checkpoint_no_more(saved, tmp_path, network, lr, epochs):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    chosen = {
        "epochs": epochs,
        "lr": lr,
        "batch_size": 16,
        "validation": 0,
        "augment": False,
        "device": "cpu",
        "quiet": True,
    }
    named = {"input": "x", "target": "answer", "network": f"hf:{folder / network}"}
    model = assay.train(TASK, _vowels(96, 0), out=tmp_path / "model", **named, **chosen)
    shutil.rmtree(folder)
    again = load(tmp_path / "model")
    unseen = _vowels(30, 1)
    answers = again.predict([row["x"] for row in unseen])
    assert answers == model.predict([row["x"] for row in unseen])
    assert sum(a["text"] == row["answer"] for a, row in zip(answers, unseen, strict=True)) >= 25
    more = assay.train(
        TASK, _vowels(40, 2), from_=tmp_path / "model", **named | {"network": None}, **chosen | {"epochs": 1}
    )
    assert more.output.tokenizer == again.output.tokenizer
    assert more.network_name == f"hf:{folder / network}"


def _refused(model, folder):
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16_000}))
    _, network = RECORDINGS.open(TASK, str(folder))
    network.body(**network.options, bands=80, rate=16_000)


def test_a_network_that_hears_spectrograms_is_refused(tmp_path):
    library("transformers")
    config = transformers.Wav2Vec2BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=20,
        conv_depthwise_kernel_size=3,
    )  # fmt: skip
    with pytest.raises(Unsupported, match="a spectrogram of its own kind"):
        _refused(transformers.Wav2Vec2BertForCTC(config), tmp_path)


def test_a_network_that_writes_and_is_no_whisper_is_refused(tmp_path):
    library("transformers")
    small = {"vocab_size": 20, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "encoder_layers": 1, "decoder_layers": 1}
    small |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = transformers.Speech2TextConfig(d_model=16, conv_channels=16, **small)
    with pytest.raises(Unsupported, match="Speech2TextModel writes one token after another"):
        _refused(transformers.Speech2TextForConditionalGeneration(config), tmp_path)
