"""Checkpoints that write what they hear: a tiny Whisper that these tests save. Nothing is fetched."""

import json
import shutil
from dataclasses import replace

import jiwer
import numpy as np
import pytest
import torch
import transformers

import assay
from assay.core import discovery
from assay.core.errors import ConfigError, DataError
from assay.core.feed import collate
from assay.core.folder import load
from assay.core.model import BodyAndHead
from assay.networks._pretrained_checkpoint import checkpoint, library
from assay.networks._pretrained_spectra import Spectra, spectra
from assay.networks.pretrained_transcripts import beginning
from assay.outputs._decoding import Codes, search
from assay.tasks._pretrained_signals import RECORDINGS

TASK = discovery.task("speech-recognition")
END, START, TIMELESS = "<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"
SPECIAL = [END, START, "<|en|>", "<|de|>", "<|transcribe|>", "<|translate|>", TIMELESS]
CODES = {name: 265 + at for at, name in enumerate(SPECIAL)}  # behind 256 bytes and 9 pieces of the three words
HERTZ = {"low": 400, "mid": 1_200, "high": 3_000}
WINDOW = {"feature_size": 20, "chunk_length": 1}


def _tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=265, initial_alphabet=letters, show_progress=False)
    made.train_from_iterator([" low mid high"] * 5, trainer)
    made.add_special_tokens(SPECIAL)
    made.add_tokens(["<|0.00|>", "<|0.02|>"])
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint as the usual ones are: of two languages, with tokens that it does not write."""
    library("transformers")
    folder = tmp_path_factory.mktemp("checkpoints") / "whisper"
    tokenizer = _tokenizer()
    assert {name: tokenizer.token_to_id(name) for name in SPECIAL} == CODES
    config = transformers.WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(), num_mel_bins=20, d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_source_positions=50, max_target_positions=24, decoder_start_token_id=CODES[START], begin_suppress_tokens=None,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), CODES[END]),
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config)
    for name, weight in model.named_parameters():
        if weight.ndim > 1 and "positions" not in name:  # weights that make a difference
            torch.nn.init.normal_(weight, std=0.15)
    said = {
        "_from_model_config": False,
        "is_multilingual": True,
        "lang_to_id": {name: CODES[name] for name in ("<|en|>", "<|de|>")},
        "task_to_id": {name: CODES[f"<|{name}|>"] for name in ("transcribe", "translate")},
        "no_timestamps_token_id": CODES[TIMELESS],
        "suppress_tokens": [*(code for name, code in CODES.items() if name != END), 272, 273, 7],
        "begin_suppress_tokens": [220, CODES[END]],
    }
    for name, value in said.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    roles = dict.fromkeys(("pad_token", "bos_token", "eos_token", "unk_token"), END)
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))
    transformers.WhisperFeatureExtractor(**WINDOW).save_pretrained(folder)
    return folder


def _said(n, seed):
    """One to three words, each a tone."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        words = [str(word) for word in rng.choice(list(HERTZ), rng.integers(1, 4))]
        turns = [2 * np.pi * HERTZ[word] * rng.uniform(0.95, 1.05) * np.arange(3_200) / 16_000 for word in words]
        wave = np.concatenate([np.sin(each) * np.hanning(3_200) * 9_000 for each in turns])
        wave = (wave + rng.normal(0, 60, len(wave))).astype(np.int16)
        made.append(
            {"x": {"array": wave, "sampling_rate": 16_000}, "text": " ".join(words), "who": "ab"[len(made) % 2]}
        )
    return made


@pytest.fixture(scope="module")
def learned(saved, tmp_path_factory):
    """A model that was trained from the checkpoint, which is gone, and its folder."""
    folder = tmp_path_factory.mktemp("models") / "tones"
    gone = folder.parent / "whisper"
    shutil.copytree(saved, gone)
    named = {"input": "x", "target": "text", "ignore": ["who"], "network": f"hf:{gone}"}
    chosen = {"epochs": 30, "lr": 5e-3, "batch_size": 32, "validation": 0, "augment": False, "device": "cpu"}
    model = assay.train(TASK, _said(192, 0), out=folder, quiet=True, **named, **chosen)
    shutil.rmtree(gone)
    return model, folder


def _opened(saved, texts=("Low mid", "high", "low", "mid  high low"), reference=""):
    rows = _said(4, 5)
    waves = [row["x"] for row in rows]
    waves[1] = {"array": waves[1]["array"][:100], "sampling_rate": 16_000}
    task, network = RECORDINGS.open(TASK, f"{saved}{reference}")
    x, y = task.pair.fit(task.input, task.output, waves, texts)
    network_ = network.body(**network.options, **x.dims).eval()
    batch = collate(x, x.encode(waves, {}), torch.device("cpu"))
    return x, y, BodyAndHead(network_, network.head(network_, **y.dims)).eval(), batch, waves


@pytest.mark.parametrize(
    "chosen", [WINDOW, {"feature_size": 80, "chunk_length": 30}, {"feature_size": 128, "chunk_length": 2}]
)
def test_spectrograms_are_those_of_whispers_own_extractor(chosen):
    made = transformers.WhisperFeatureExtractor(**chosen)
    own = Spectra(rate=16_000, bands=chosen["feature_size"], window=400, hop=160, frames=made.nb_max_frames)
    rng = np.random.default_rng(0)
    waves = [rng.normal(0, 0.1, 16_000 * chosen["chunk_length"]), np.sin(np.arange(7_321) / 5) * 0.3, np.zeros(50)]
    batch = torch.zeros(3, len(waves[0]))
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    expected = made(
        [wave.astype(np.float32) for wave in waves], sampling_rate=16_000, return_tensors="pt"
    ).input_features
    torch.testing.assert_close(own.of(batch), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(own.of(batch[1:, :7_321]), expected[1:], rtol=0, atol=1e-5)
    assert own.seconds == chosen["chunk_length"]


def test_the_loss_is_that_of_transformers(saved):
    for reference in ("", "+lora4"):  # low-rank updates begin as no change
        _, y, network, batch, _ = _opened(saved, reference=reference)
        theirs = transformers.WhisperForConditionalGeneration.from_pretrained(saved).eval()
        texts = ["Low mid", "high", "low", "mid  high low"]
        target = {name: torch.from_numpy(array) for name, array in y.encode(texts, {}).items()}
        codes = [[*_tokenizer().encode(f" {' '.join(text.split())}").ids, CODES[END]] for text in texts]
        begin = [CODES[START], y.prefix[1], CODES["<|transcribe|>"], CODES[TIMELESS]]
        assert y.prefix == tuple(begin)
        labels = torch.full((4, 3 + max(map(len, codes))), -100)
        given = torch.full_like(labels, CODES[END])
        for row, each, text in zip(labels, given, codes, strict=True):
            row[3 : 3 + len(text)] = torch.tensor(text)
            each[: 3 + len(text)] = torch.tensor([*begin, *text[:-1]])
        heard = network.body.spectra.of(batch["wave"])
        with torch.inference_mode():
            expected = theirs(input_features=heard, decoder_input_ids=given, labels=labels).loss
            found = y.loss(y.forward(network, batch, target), target)
        assert float(found.sum()) / sum(map(len, codes)) == pytest.approx(float(expected), abs=1e-5)


def test_what_is_written_is_what_transformers_writes(saved, learned):
    model, _ = learned
    theirs = model.network.body.model
    theirs.generation_config = transformers.GenerationConfig.from_pretrained(saved)
    waves = [row["x"] for row in _said(40, 3)]
    waves[0] = {"array": np.random.default_rng(0).normal(0, 3_000, 9_000).astype(np.int16), "sampling_rate": 16_000}
    x = collate(model.input, model.input.encode(waves, {}), torch.device("cpu"))
    language = {code: name.strip("<|>") for name, code in CODES.items()}[model.output.prefix[1]]
    a_token = {}
    for beam in (1, 3):
        answers = replace(model.output, beam=beam).decode(model.network, x)
        assert len(set(answers["length"].tolist())) > 2
        expected = theirs.generate(
            model.network.body.spectra.of(x["wave"]), language=language, task="transcribe",
            max_new_tokens=model.output.longest, num_beams=beam,
        ).tolist()  # fmt: skip
        for row, other in zip(answers["answer"].tolist(), expected, strict=True):  # theirs is without the last end
            assert [code for code in row if code != CODES[END]] == [code for code in other if code != CODES[END]]
        own = {name: torch.from_numpy(array) for name, array in model.output.own(answers).items()}
        with torch.inference_mode():
            nats = model.output.loss(model.output.forward(model.network, x, own), own)
        np.testing.assert_allclose(-nats, answers["log_probability"], rtol=1e-3, atol=1e-3)
        a_token[beam] = answers["log_probability"] / answers["length"]
    assert a_token[3].mean() >= a_token[1].mean()


class _Certain:
    """A head that is nearly certain of 4, 4, 4, 4, end (1); and of an end that comes sooner a little."""

    def start(self, memory):
        return torch.zeros(len(memory), dtype=torch.int64)

    def step(self, state, tokens):
        state = state + 1
        logits = torch.full((len(tokens), 5), -30.0)
        logits[:, 1] = torch.where(state < 5, -4.0, 0.0)
        logits[:, 4] = torch.where((state < 5) & ((state == 1) | (tokens == 4)), 0.0, -30.0)
        return logits, state

    def reorder(self, state, index):
        return state[index]


def test_poor_answers_that_end_soon_do_not_hide_the_best():
    codes = Codes(begin=0, end=1, never=(0,), first=(1,))
    eager, patient = (
        search(_Certain(), torch.zeros(2, 1), codes, beam=2, longest=8, eager=eager) for eager in (True, False)
    )
    assert patient.tokens[0, :5].tolist() == [4, 4, 4, 4, 1]
    assert (patient.log_probability > eager.log_probability).all()
    assert (eager.tokens[:, 0] == 4).all(), "nothing begins with an end"


def test_it_learns_and_needs_its_checkpoint_no_more(learned):
    model, folder = learned
    unseen = _said(60, 1)
    again = load(folder)
    answers = again.predict([row["x"] for row in unseen])
    assert answers == model.predict([row["x"] for row in unseen])
    assert again.output == model.output
    assert sum(answer["text"] == row["text"] for answer, row in zip(answers, unseen, strict=True)) >= 54
    found = assay.evaluate(again, unseen, quiet=True)
    said, true = [answer["text"] for answer in answers], [row["text"] for row in unseen]
    assert found.figure("wer").value == pytest.approx(jiwer.wer(true, said))
    assert found.figure("cer").value == pytest.approx(jiwer.cer(true, said))
    assert found.figure("wer").value < 0.1
    assert {table.name for table in found.tables} >= {"edits"}
    more = assay.train(
        TASK, _said(40, 2), from_=folder, input="x", target="text", ignore=["who"], epochs=1, validation=0, device="cpu",
        quiet=True,
    )  # fmt: skip
    assert more.output.prefix == again.output.prefix


def test_an_answer_is_explained_token_by_token(learned):
    model, _ = learned
    row = next(row for row in _said(60, 4) if row["text"] == "high low")
    for method in ("shapley", "integrated-gradients"):
        found = assay.explain(model, [row["x"]], method=method, quiet=True)
        matrix = next(table for table in found.tables if table.name == "matrix")
        part, claim, value = (matrix.columns.index(name) for name in ("input", "output", "value"))
        halves = {(word, half): 0.0 for word in ("1: high", "2: lo") for half in (0, 1)}
        for line in matrix.rows:
            if (line[claim], 0) in halves:
                halves[line[claim], int(float(line[part].split("–")[0]) >= 0.19)] += line[value]
        assert halves["1: high", 0] > 3 * halves["1: high", 1], halves  # each word's own tone speaks for it
        assert halves["2: lo", 1] > 3 * halves["2: lo", 0], halves


def test_every_judge_judges_it(learned, tmp_path):
    model, folder = learned
    rows = _said(40, 6)
    assert assay.inspect(TASK, rows, input="x", target="text", quiet=True).verb == "inspect"
    audit = assay.audit(model, rows, by=["who"], quiet=True)
    assert any(figure.name.startswith("wer_difference") for figure in audit.figures)
    assert assay.audit(model, rows[:4], robustness=True, quiet=True).figures
    assert assay.compare(model, model, rows, quiet=True).figure("became_wrong").value == 0
    assay.report(load(folder), out=tmp_path / "report.html", quiet=True)
    assert (tmp_path / "report.html").stat().st_size > 1_000


def test_texts_keep_their_capitals_and_are_compared_without(saved):
    _, y, _, _, _ = _opened(saved)
    pack = y.encode(["Low  MID", "low mid"], {})
    answers = y.own({"answer": pack["tokens"], "length": pack["length"]})
    assert (
        y.rows({"answer": pack["tokens"], "length": pack["length"], "log_probability": np.zeros(2)})[0]["text"]
        == "Low MID"
    )
    swapped = {name: array[::-1] for name, array in pack.items()}
    found = {"answer": answers["tokens"], "length": answers["length"], "nll": np.ones(2)}
    assert y.tally(found, swapped)[:, [0, 2, 4]].tolist() == [[0, 0, 1]] * 2
    assert y.tables(found, swapped)
    assert y.verdict(found, swapped).tolist() == [1, 1]
    assert replace(y, lower=False).tally(found, swapped)[:, 0].tolist() == [2, 2]
    problems = {}
    y.encode(["", None, "low", "low mid high " * 9], problems)
    assert sorted(problems) == [0, 1, 3]
    assert "more than 19 tokens" in problems[3]


def test_a_token_that_training_texts_hold_is_written_after_all(saved):
    _, plain, _, _, _ = _opened(saved)
    assert 7 in plain.never
    strange = _tokenizer().decode([7])
    _, y, _, _, _ = _opened(saved, texts=("low", "mid", "high", f"low{strange}"))
    assert 7 not in y.never
    assert CODES["<|de|>"] in y.never
    assert 272 in y.never, "times are never written"


def test_a_tokenizer_that_lacks_a_letter_says_so(saved):
    _, y, _, _, _ = _opened(saved)
    state = json.loads(y.tokenizer.state)
    state["model"]["vocab"] = {name: code for name, code in state["model"]["vocab"].items() if name != "z"}
    lacking = replace(y, tokenizer=replace(y.tokenizer, state=json.dumps(state)))
    problems = {}
    lacking.encode(["zoo", "low"], problems)
    assert list(problems) == [0]
    assert '"z" (U+007A), which the tokenizer of the checkpoint cannot write' in problems[0]


def test_what_everything_begins_with(saved, tmp_path):
    start, en, de, here, _, timeless = (CODES[name] for name in SPECIAL[1:])
    two = {
        "lang_to_id": {"<|en|>": en, "<|de|>": de},
        "task_to_id": {"transcribe": here},
        "no_timestamps_token_id": timeless,
    }
    for said, expected in (
        (two, (start, None, here, timeless)),
        (two | {"language": "german"}, (start, de, here, timeless)),
        (two | {"language": "<|en|>"}, (start, en, here, timeless)),
        (two | {"forced_decoder_ids": [[1, None], [2, here]]}, (start, None, here, timeless)),
        (two | {"forced_decoder_ids": [[1, de], [2, here]]}, (start, de, here, timeless)),
        (two | {"forced_decoder_ids": [[1, de], [2, here]], "language": "en"}, (start, en, here, timeless)),
        ({"is_multilingual": False, "no_timestamps_token_id": timeless}, (start, timeless)),
        ({"is_multilingual": False, "forced_decoder_ids": [[1, timeless]]}, (start, timeless)),
        ({}, (start, None, here, timeless)),  # the tokens' names say it
    ):
        (tmp_path / "generation_config.json").write_text(json.dumps(said))
        assert beginning(replace(checkpoint(str(saved)), folder=tmp_path), CODES).codes == expected
    (tmp_path / "generation_config.json").write_text(
        json.dumps({"decoder_start_token_id": 7, "is_multilingual": False})
    )
    silent = replace(checkpoint(str(saved)), folder=tmp_path)
    assert beginning(silent, {}).codes == (7,)
    english = replace(silent, config=silent.config | {"vocab_size": 51_864}, folder=saved.parent)
    assert beginning(english, CODES).codes == (start, timeless)  # it has the tokens of languages, and one language
    with pytest.raises(DataError, match="does not say how a transcript begins"):
        beginning(replace(silent, config=silent.config | {"vocab_size": 5}), {})
    (tmp_path / "generation_config.json").write_text("[")
    with pytest.raises(DataError, match="cannot be read"):
        beginning(silent, CODES)
    for wrong in ({"suppress_tokens": 5}, {"lang_to_id": [1]}, {"forced_decoder_ids": [1]}, {"task_to_id": "a"}):
        (tmp_path / "generation_config.json").write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=r"says in generation_config\.json cannot be understood"):
            beginning(silent, CODES)


def test_the_language_is_the_one_that_is_heard(saved, tmp_path):
    heard = {}
    for name, sign in (("en", 1), ("de", -1)):
        folder = tmp_path / name
        shutil.copytree(saved, folder)
        model = transformers.WhisperForConditionalGeneration.from_pretrained(saved)
        with torch.no_grad():  # the last norm's shift decides, whatever is heard
            weight = model.get_output_embeddings().weight
            model.model.decoder.layer_norm.bias.copy_(sign * 50 * (weight[CODES["<|en|>"]] - weight[CODES["<|de|>"]]))
        model.save_pretrained(folder)
        shutil.copy(saved / "generation_config.json", folder)
        heard[name] = _opened(folder)[1].prefix[1]
    assert heard == {"en": CODES["<|en|>"], "de": CODES["<|de|>"]}


def _copy(saved, folder, **said):
    shutil.copytree(saved, folder)
    for name, changes in said.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return folder


def test_what_cannot_be_taken_is_refused(saved, tmp_path):
    with pytest.raises(ConfigError, match=r"\+frozen leaves nothing to train"):
        RECORDINGS.open(TASK, f"{saved}+frozen")
    with pytest.raises(ConfigError, match=r"tokenizer=bpe: .* its own tokenizer"):
        RECORDINGS.open(replace(TASK, output=replace(TASK.output, tokenizer="bpe")), str(saved))
    for change, match in (
        ({"preprocessor_config": {"feature_size": 40}}, "makes 40 mel bands and its network hears 20"),
        ({"preprocessor_config": {"hop_length": None}}, "states hop_length = None"),
        ({"preprocessor_config": {"feature_extractor_type": "Other"}}, "is a Other; a network of the kind"),
        ({"config": {"vocab_size": 100}}, "274 codes and its network knows 100"),
        ({"config": {"max_source_positions": 0}}, "states max_source_positions = 0"),
    ):
        folder = _copy(saved, tmp_path / str(abs(hash(match))), **change)
        with pytest.raises(DataError, match=match):
            RECORDINGS.open(TASK, str(folder))
    encoder = _copy(saved, tmp_path / "classifier")
    config = transformers.WhisperConfig.from_pretrained(saved)
    transformers.WhisperForAudioClassification(config).save_pretrained(encoder)
    with pytest.raises(DataError, match="does not hold the weights of a WhisperForConditionalGeneration"):
        _opened(encoder)
    broken = _copy(saved, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(DataError, match="cannot be opened"):
        _opened(broken)
    assert spectra(checkpoint(str(saved))) == Spectra(rate=16_000, bands=20, window=400, hop=160, frames=100)


def test_recordings_are_brought_to_its_rate_and_as_long_as_it_hears(saved):
    x, _, _, _, _ = _opened(saved)
    assert (x.rate, x.seconds, x.samples) == (16_000, 1.0, True)
    problems = {}
    x.encode([{"array": np.ones(8_800, np.int16), "sampling_rate": 8_000}], problems)
    assert "at most 1 seconds" in problems[0]
    task, _ = RECORDINGS.open(replace(TASK, input=replace(TASK.input, seconds=5.0)), str(saved))
    with pytest.raises(ConfigError, match=r"--set seconds=5: .* hears 1 seconds at most"):
        task.pair.fit(task.input, task.output, [row["x"] for row in _said(2, 0)], ["low", "mid"])
    with pytest.raises(DataError, match="Every training transcript is empty"):
        _opened(saved, texts=["", None, " ", ""])
    long = replace(TASK, output=replace(TASK.output, longest=90))
    task, _ = RECORDINGS.open(long, str(saved))
    with pytest.raises(ConfigError, match="longest=90: this checkpoint writes at most 20 tokens"):
        task.pair.fit(task.input, task.output, [row["x"] for row in _said(2, 0)], ["low", "mid"])
