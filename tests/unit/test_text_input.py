"""Texts as input: what is refused, what is cut and said to be, what is left when words are taken out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from assay.codecs.tokenizer import UNKNOWN
from assay.core.columns import Column
from assay.core.errors import ConfigError, DataError
from assay.core.feed import collate
from assay.inputs._text_parts import segments
from assay.inputs.text import Text

TEXTS = [
    "The soup was good",
    "The  soup\twas BAD !",
    "汤很好吃，房间也好。",
    "soup, soup and good soup; the good soup was bad",
]
BOTH = Text(lower=True, characters=True)


def test_empty_texts_and_what_is_no_text_are_named_one_by_one():
    fitted = BOTH.fit(TEXTS)
    problems: dict[int, str] = {}
    pack = fitted.encode(["good", "", " \t\ufeff\n", None, 3.5, float("nan"), "half \ud83d pair"], problems)
    assert problems == {
        1: "the text is empty",
        2: "the text is empty",
        3: "there is no text",
        4: "'3.5' is a float, not text",
        5: "there is no text",
        6: "character 6 is half of a surrogate pair, which is no character",
    }
    assert all(len(array) == 7 for array in pack.values())
    with pytest.raises(DataError, match="empty or missing"):
        BOTH.fit(["", None])


def test_a_text_that_is_too_long_is_cut_and_said_to_be():
    fitted = Text(longest=4, lower=True, characters=True).fit(TEXTS)
    assert fitted.remarks == (
        "3 of 4 training texts have more than 4 tokens: the rest of them is not read (--set longest=…).",
    )
    long = "the good soup was bad and bad"
    pack = fitted.encode([long, "the good soup was", "x" * 99], {})
    assert pack["length"].tolist() == [4, 4, 1]
    assert pack["tokens"][0].tolist() == pack["tokens"][1].tolist()
    assert pack["characters"].shape == (3, 24)
    notes = fitted.notes([long, "the good soup was", "good " + "x" * 99, None])
    assert notes[0] == "only the first 4 of its 7 tokens are read."
    assert notes[2] == "only the first 24 of its 104 characters are read."
    assert sorted(notes) == [0, 2]


def test_what_is_read_adapts_to_the_training_texts_and_leaves_room():
    fitted = BOTH.fit(TEXTS)
    assert fitted.longest == int(1.5 * 12)
    assert fitted.remarks == ()
    assert Text().fit(["word " * 2000]).longest == 512


def test_texts_that_are_mostly_unknown_are_remarked_on():
    fitted = Text().fit(["good soup"] * 3)
    notes = fitted.notes(["good soup", "frisch gekochte soup", "", "good frisch"])
    assert notes == {1: "2 of its 3 tokens were not in the training data."}


def test_each_character_that_is_not_read_is_named_where_characters_are_tokens():
    fitted = Text(tokenizer="characters", lower=True).fit(["good soup"] * 3)
    notes = fitted.notes(["Good", "2 good soups for 22", ""])
    assert sorted(notes) == [1]
    assert notes[1].endswith('no training text has "2", "f", "r": not read.')


def test_the_same_text_has_the_same_codes_however_it_is_spelt():
    fitted = BOTH.fit([*TEXTS, "café café"])
    pack = fitted.encode(["caf\u00e9 good", "cafe\u0301  GOOD ", "\ufeffcaf\u00e9\r\n\x00good"], {})
    for array in pack.values():
        assert (array == array[0]).all()


def test_case_counts_where_it_is_not_said_to_be_the_same():
    fitted = Text().fit(["Good good"] * 2)
    one, other = fitted.encode(["Good", "good"], {})["tokens"]
    assert one.tolist() != other.tolist()


def test_scripts_without_spaces_fall_into_characters_out_of_the_box():
    fitted = Text().fit(["汤很好吃", "汤不好吃"] * 3)
    pack = fitted.encode(["很好吃"], {})
    assert pack["length"].tolist() == [3]
    assert UNKNOWN not in pack["tokens"][0, :3]
    assert fitted.parts(pack) == ("很", "好", "吃")


def test_batches_are_cut_to_their_longest_and_masked():
    fitted = BOTH.fit(TEXTS)
    x = collate(fitted, fitted.encode(["good soup", "soup"], {}), torch.device("cpu"))
    assert x["tokens"].shape == (2, 2)
    assert x["mask"].tolist() == [[True, True], [True, False]]
    assert bytes(x["characters"][0].tolist()) == b"good soup"
    assert x["characters"][1].tolist() == [*b"soup", 0, 0, 0, 0, 0]
    assert set(collate(Text().fit(TEXTS), Text().fit(TEXTS).encode(["soup"], {}), torch.device("cpu"))) == {
        "tokens",
        "mask",
    }


def test_the_row_of_a_text_does_not_depend_on_its_neighbours():
    fitted = BOTH.fit(TEXTS)
    whole = fitted.encode(TEXTS, {})
    for at, text in enumerate(TEXTS):
        for name, array in fitted.encode([text], {}).items():
            assert (array[0] == whole[name][at]).all()
    column = fitted.encode(Column(TEXTS), {})
    assert all((column[name] == whole[name]).all() for name in whole)


@pytest.mark.parametrize(
    "options", [BOTH, Text(lower=True), Text(tokenizer="bpe", lower=True), Text(tokenizer="characters")]
)
def test_parts_are_words_and_taking_them_out_is_the_text_without_them(options):
    text = "the soup was not good"
    fitted = options.fit([text, "soup"] * 3)
    x = fitted.encode([text], {})
    assert fitted.parts(x) == ("the", "soup", "was", "not", "good")
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 0, 0, 0]], dtype=bool)
    kept = fitted.keep(x, mask)
    wanted = fitted.encode([text, "the soup was good", "soup"], {})
    for name in wanted:
        assert (kept[name] == wanted[name]).all(), name


def test_a_text_without_any_word_is_one_unknown_word():
    for options in (BOTH, Text()):
        fitted = options.fit(TEXTS)
        kept = fitted.keep(fitted.encode(["good soup"], {}), np.zeros((1, 2), dtype=bool))
        assert kept["length"].tolist() == [1]
        assert kept["tokens"][0, 0] == UNKNOWN


def test_segments_are_the_text():
    for text in ("It's good,  very: (good)", "很好吃 very 好。", "snake_case 3.5 👩\u200d🚀!", ""):
        assert "".join(segments(text)) == text


def test_features_bring_copies_near_and_leave_others_apart():
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), 6)) for _ in range(400)]
    texts = [" ".join(rng.choice(words, 15)) for _ in range(60)]
    changed = [*texts, texts[0] + " !", texts[1].replace(" ", "  ").upper(), " ".join(texts[2].split()[1:])]
    fitted = BOTH.fit(texts)
    f = fitted.features(fitted.encode(changed, {}))
    assert np.allclose(np.linalg.norm(f, axis=1), 1, atol=1e-5)
    distance = np.linalg.norm(f[60:, None] - f[None, :60], axis=2)
    assert distance.argmin(1).tolist() == [0, 1, 2]
    assert distance[1, 1] < 1e-6
    others = np.sort(distance, axis=1)[:, 1]
    assert (distance.min(1) < 0.5 * others).all()


def test_it_survives_a_trip_through_json():
    for options in (BOTH, Text(tokenizer="bpe", vocabulary=300)):
        fitted = options.fit(TEXTS)
        again = options.load(json.loads(json.dumps(fitted.to_json())))
        assert again == fitted
        assert (again.encode(TEXTS, {})["tokens"] == fitted.encode(TEXTS, {})["tokens"]).all()


def test_options_out_of_range_and_unknown_tokenizers_are_refused():
    with pytest.raises(ConfigError, match='Did you mean "words"'):
        Text(tokenizer="wordz").fit(TEXTS)
    with pytest.raises(ConfigError, match="longest=-1: it takes a whole number from 0"):
        Text(longest=-1)


def test_fake_texts_carry_the_sign_that_was_planted():
    xs = BOTH.fake(np.random.default_rng(0), 50)
    signs = BOTH.fake_signs(xs)
    assert set(signs.tolist()) == {-1, 1}
    assert all(
        ("good" in x.split()) == (s > 0) and ("bad" in x.split()) == (s < 0) for x, s in zip(xs, signs, strict=True)
    )
