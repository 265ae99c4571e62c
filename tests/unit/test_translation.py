"""Encoder–decoders: exact under padding, the same step by step as all at once, and able to learn a grammar."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
import torch

import assay
from assay.core.model import BodyAndHead
from assay.learners.optimizers import optimizer_of
from assay.networks import translation
from assay.networks._seq2seq import RowDropout
from assay.tasks._phrases import LANGUAGES, phrases
from assay.tasks.translation import TASK

NETWORKS = {network.name: network for network in TASK.networks if network.open is None}
SOURCE, TARGET = 30, 20


def network(name, size="tiny"):
    torch.manual_seed(0)
    body = NETWORKS[name].body(size=size, vocabulary=SOURCE, longest=9, pad=0, unknown=3)
    return BodyAndHead(body, NETWORKS[name].head(body.features, vocabulary=TARGET, pad=0, context=8)).eval()


def batch(rows=5, places=9, given=6):
    rng = torch.Generator().manual_seed(1)
    length = torch.tensor([9, 4, 1, 7, 4])[:rows]
    mask = torch.arange(places) < length[:, None]
    tokens = torch.randint(4, SOURCE, (rows, places), generator=rng).masked_fill(~mask, 0)
    begun = torch.cat(
        [torch.ones(rows, 1, dtype=torch.int64), torch.randint(4, TARGET, (rows, given), generator=rng)], 1
    )
    return {"tokens": tokens, "mask": mask}, begun


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_and_neighbours_change_nothing(name):
    net, (x, given) = network(name), batch()
    together = net(given=given, **x)
    for row, n in enumerate(x["mask"].sum(1).tolist()):
        alone = net(given=given[row : row + 1], **{key: value[row : row + 1, :n] for key, value in x.items()})
        torch.testing.assert_close(together[row], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_comes_later_is_not_seen(name):
    net, (x, given) = network(name), batch()
    other = given.clone()
    other[:, 4:] = 7
    torch.testing.assert_close(net(given=given, **x)[:, :4], net(given=other, **x)[:, :4])
    assert not torch.allclose(net(given=given, **x)[:, 4:], net(given=other, **x)[:, 4:])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_source_is_seen(name):
    net, (x, given) = network(name), batch()
    other = {**x, "tokens": x["tokens"].flip(0)}
    assert not torch.allclose(net(given=given, **x), net(given=given, **other), atol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_step_by_step_is_all_at_once(name):
    net, (x, given) = network(name), batch()
    together = net(given=given, **x)
    state = net.head.start(net.body(**x))
    for at in range(given.shape[1]):
        logits, state = net.head.step(state, given[:, at])
        torch.testing.assert_close(logits, together[:, at], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_beams_go_on_from_the_rows_that_they_come_from(name):
    net, (x, given) = network(name), batch()
    index = torch.tensor([3, 3, 0, 1, 1, 4])
    together = net(given=given[index], **{key: value[index] for key, value in x.items()})
    _, state = net.head.step(net.head.start(net.body(**x)), given[:, 0])
    logits, _ = net.head.step(net.head.reorder(state, index), given[index, 1])
    torch.testing.assert_close(logits, together[:, 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("size", "millions"), [("tiny", 0.1), ("small", 1), ("base", 10), ("large", 100)])
def test_the_size_dial_counts_parameters_beside_embeddings(name, size, millions):
    with torch.device("meta"):
        body = NETWORKS[name].body(size=size, vocabulary=SOURCE)
        net = BodyAndHead(body, NETWORKS[name].head(body.features, vocabulary=TARGET))
    assert 0.4 < sum(p.numel() for p in net.parameters()) / 1e6 / millions < 2.5


def test_the_vectors_that_are_given_also_read_the_answer():
    head = network("attention").head
    weight = head.readout.vectors.weight
    before = head.readout.read(torch.ones(1, weight.shape[1]))
    with torch.no_grad():
        weight[5] += 1
    changed = (head.readout.read(torch.ones(1, weight.shape[1])) - before)[0].abs() > 1e-6
    assert changed.nonzero().flatten().tolist() == [5]


def test_row_dropout_takes_whole_features():
    torch.manual_seed(0)
    layer, x = RowDropout(0.25), torch.ones(400, 3, 50)
    thinned = layer.train()(x)
    assert (thinned == thinned[:, :1]).all()
    assert thinned.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert thinned.mean().item() == pytest.approx(1, abs=0.02)
    assert layer.eval()(x) is x


def test_the_recipes_train_both_networks():
    assert translation.ATTENTION_RECIPE.smoothing > 0
    assert {network.recipe for network in NETWORKS.values()} == {translation.ATTENTION_RECIPE, translation.GRU_RECIPE}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phrases")
    return phrases(folder)


def lines(demo, split):
    return [(demo.data / f"{split}.{language}").read_text().splitlines() for language in LANGUAGES]


def test_the_made_languages_have_one_translation_each_and_no_leak(corpus):
    splits = {split: list(zip(*lines(corpus, split), strict=True)) for split in ("train", "validation", "test")}
    pairs = [pair for split in splits.values() for pair in split]
    assert len({english for english, _ in pairs}) == len(pairs)
    for english, other in pairs:
        assert other.endswith(("un.", "et."))  # the verb comes last
        assert (english.split()[0].lower() in {"a", "un"}) <= other.startswith(("Una ", "Uno "))


def test_muon_turns_the_matrices_of_a_decoder_but_not_its_vectors():
    net = network("attention")
    groups = optimizer_of(translation.ATTENTION_RECIPE, net).param_groups
    turned = {id(parameter) for group in groups if group["orthogonal"] for parameter in group["params"]}
    names = {name for name, parameter in net.named_parameters() if id(parameter) in turned}
    assert {name.split(".")[0] for name in names} == {"body", "head"}
    assert not any("readout" in name or "embedding" in name or "norm" in name for name in names)


def trained(folder, name, epochs):
    return assay.train("translation", folder, input=LANGUAGES[0], target=LANGUAGES[1], network=name, size="tiny",
                       epochs=epochs, set=["beam=1"], quiet=True)  # fmt: skip


def figures(model, folder):
    found = {figure.name: figure.value for figure in assay.evaluate(model, folder, quiet=True).figures}
    return found["exact_match"], found["bleu"]


def test_attention_learns_a_grammar(corpus):
    matched, bleu = figures(trained(corpus.data, "attention", 2), corpus.data)
    assert matched > 0.25
    assert bleu > 60


def test_gru_learns_a_grammar_and_its_bleu_is_sacrebleus_of_what_it_says(corpus):
    model = trained(corpus.data, "gru", 2)
    matched, bleu = figures(model, corpus.data)
    assert matched > 0.25
    assert bleu > 60
    said = [answer["text"] for answer in assay.predict(model, corpus.data / f"test.{LANGUAGES[0]}", quiet=True)]
    wanted = lines(corpus, "test")[1]
    assert bleu == pytest.approx(sacrebleu.corpus_bleu(said, [wanted]).score, abs=1e-9)
    assert matched == np.mean([a == b for a, b in zip(said, wanted, strict=True)])


def test_nothing_is_learned_of_sentences_that_do_not_belong_together(corpus, tmp_path):
    for split in ("train", "validation", "test"):
        english, other = lines(corpus, split)
        (tmp_path / f"{split}.{LANGUAGES[0]}").write_text("".join(line + "\n" for line in english[:600]))
        (tmp_path / f"{split}.{LANGUAGES[1]}").write_text("".join(line + "\n" for line in other[:600][::-1]))
    matched, bleu = figures(trained(tmp_path, "gru", 3), tmp_path)
    assert matched < 0.02
    assert bleu < 40
