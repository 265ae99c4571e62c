"""Tokenizers: nothing is lost, nothing is left to chance, no text is taken for a special token."""

from __future__ import annotations

import json
import unicodedata

import pytest

from assay.codecs.plain import plain
from assay.codecs.tokenizer import BEGIN, END, PAD, SPECIAL, UNKNOWN, Tokenizer, learn, pretrained
from assay.core.errors import ConfigError, DataError

ENGLISH = ["The soup was good, wasn't it?", "the soup is not good", "good soup, bad room", "was it the good room?"] * 5
CHINESE = ["今天的汤很好吃", "汤不好吃，房间很好", "房间很好，汤也很好吃"] * 5
STRANGE = [
    "hello 😀 wörld",
    "e\u0301 composed, \u00e9 too",
    " pad  unknown <pad> [CLS] </s> <0x41>",
    "a\n\nb\tc\r\nd \u00a0 e",
    "ภาษาไทย とても ▁ Ġ",
    "",
    "\x00",
]


@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_what_was_encoded_comes_back_in_composed_form(kind):
    tokenizer = learn([*ENGLISH, *CHINESE, *STRANGE], kind=kind, vocabulary=600 if kind == "bpe" else None)
    for text in [*ENGLISH, *CHINESE, *STRANGE]:
        assert tokenizer.decode(tokenizer.encode([text])[0]) == unicodedata.normalize("NFC", text)


def test_byte_pairs_know_every_character_of_every_script():
    tokenizer = learn(ENGLISH, kind="bpe", vocabulary=300)
    for text in STRANGE:
        codes = tokenizer.encode([text])[0]
        assert UNKNOWN not in codes
        assert tokenizer.decode(codes) == unicodedata.normalize("NFC", text)


def test_an_unknown_character_or_word_has_the_code_for_it_and_reads_as_the_replacement_character():
    for kind in ("characters", "words"):
        tokenizer = learn(ENGLISH, kind=kind)
        assert tokenizer.encode(["Ω"])[0] == [UNKNOWN]
        assert tokenizer.decode([UNKNOWN]) == "\ufffd"


def test_special_codes_are_fixed_and_no_text_spells_them():
    for kind in ("characters", "bpe", "words"):
        tokenizer = learn([*ENGLISH, *SPECIAL] * 9, kind=kind)
        assert [tokenizer.token(code) for code in (PAD, BEGIN, END, UNKNOWN)] == list(SPECIAL)
        found = tokenizer.encode([" pad  begin ", "<pad>", *SPECIAL])
        assert not {PAD, BEGIN, END} & {code for codes in found for code in codes}
        assert tokenizer.decode([BEGIN, *tokenizer.encode(["soup"])[0], END, PAD]) == "soup"


def test_the_same_texts_give_the_same_tokenizer():
    texts = ["".join(chr(0x4E00 + (7 * i + j * j) % 900) for j in range(20)) for i in range(60)]
    for kind in ("characters", "bpe", "words"):
        first = learn(texts, kind=kind, vocabulary=700)
        assert all(learn(texts, kind=kind, vocabulary=700) == first for _ in range(3))


def test_byte_pairs_find_the_words_of_a_script_without_spaces():
    tokenizer = learn([*CHINESE, "饭好吃", "菜好吃", "面好吃"] * 9, kind="bpe")
    assert "好吃" in [tokenizer.token(code) for code in tokenizer.encode(["汤好吃"])[0]]


def test_words_are_split_at_signs_and_each_character_of_a_script_without_spaces_is_one():
    tokenizer = learn(["it's fine, naïve 汤好 3.5 ไทย"], kind="words")
    names = [tokenizer.token(code) for code in tokenizer.encode(["it's fine, naïve 汤好 3.5 ไทย"])[0]]
    assert names == ["it's", "fine", ",", "naïve", "汤", "好", "3", ".", "5", "ไ", "ท", "ย"]


def test_a_vocabulary_is_as_large_as_was_asked_for_and_keeps_what_is_frequent():
    tokenizer = learn(ENGLISH, kind="words", vocabulary=7)
    assert tokenizer.size == 7
    assert UNKNOWN not in tokenizer.encode(["good soup, good"])[0]
    assert learn(ENGLISH, kind="words", least=6).size < learn(ENGLISH, kind="words").size
    assert learn(ENGLISH, kind="bpe", vocabulary=290).size <= 290


def test_spans_point_into_the_text():
    text = "Café noir, très bon"
    tokenizer = learn([text], kind="words", lower=True)
    spans = tokenizer.spans(text)
    assert [text[a:b] for a, b in spans] == ["Café", "noir", ",", "très", "bon"]
    assert len(spans) == len(tokenizer.encode([text])[0])
    assert tokenizer.decode(tokenizer.encode([text])[0]) == "café noir , très bon"


def test_compatibility_forms_are_the_plain_ones_only_where_asked():
    assert learn(["ＡＢ１"], kind="characters", normal="NFKC").encode(["AB1"])[0] != [UNKNOWN] * 3
    assert learn(["ＡＢ１"], kind="characters").encode(["AB1"])[0] == [UNKNOWN] * 3


def test_it_survives_a_trip_through_json():
    for kind in ("characters", "bpe", "words"):
        tokenizer = learn(ENGLISH, kind=kind)
        again = Tokenizer.from_json(json.loads(json.dumps(tokenizer.to_json())))
        assert again == tokenizer
        assert again.encode(ENGLISH) == tokenizer.encode(ENGLISH)


def test_what_cannot_be_learned_is_refused_with_what_is_accepted():
    with pytest.raises(DataError, match="all empty"):
        learn(["", ""])
    with pytest.raises(ConfigError, match='Did you mean "words"'):
        learn(["a"], kind="word")
    with pytest.raises(ConfigError, match="at least 261"):
        learn(["a"], kind="bpe", vocabulary=100)


def test_a_pretrained_tokenizer_keeps_its_own_codes(tmp_path):
    from tokenizers import Tokenizer as Library
    from tokenizers import models, pre_tokenizers, processors

    names = ["[PAD]", "x", "[UNK]", "[CLS]", "[SEP]", "good", "soup"]
    library = Library(models.WordLevel({name: code for code, name in enumerate(names)}, "[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 3), ("[SEP]", 4)])
    library.enable_truncation(3)
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = pretrained(tmp_path)
    assert (tokenizer.pad, tokenizer.begin, tokenizer.end, tokenizer.unknown) == (0, 3, 4, 2)
    assert tokenizer.encode(["good soup good soup"], special=True) == [[3, 5, 6, 5, 6, 4]]
    assert tokenizer.encode(["good fly"]) == [[5, 2]]
    assert Tokenizer.from_json(tokenizer.to_json()).encode(["good"]) == [[5]]


def test_a_damaged_pretrained_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        pretrained(tmp_path)


def test_plain_text_keeps_what_is_read_and_loses_what_is_not():
    assert plain("\ufeffa\r\nb\rc\u2028d\x00\u200be\u00ad") == "a\nb\nc\nde"
    assert plain("e\u0301") == "\u00e9"
    assert plain("می\u200cخواهم 👩\u200d🚀") == "می\u200cخواهم 👩\u200d🚀", "joiners spell Persian and emoji"
    for wrong, what in ((3, "is a int, not text"), (None, "there is no text"), (float("nan"), "there is no text")):
        with pytest.raises(ValueError, match=what):
            plain(wrong)
    with pytest.raises(ValueError, match="character 2 is half"):
        plain("a\ud800b")
