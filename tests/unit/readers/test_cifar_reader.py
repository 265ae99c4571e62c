"""CIFAR: the binary and the pickled layout say the same, and a pickle cannot do anything."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import DataError
from assay.readers import _pickles, cifar

NAMES = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class Python2(pickle._Pickler):
    """Pickles bytes as Python 2's strings, as Toronto's files have them."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, data):
        self.write(b"U" + bytes([len(data)]) if len(data) < 256 else b"T" + len(data).to_bytes(4, "little"))
        self.write(data)
        self.memoize(data)

    dispatch[bytes] = save_bytes


def python2(value):
    file = io.BytesIO()
    Python2(file, 2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def batches(folder, *, dump=python2, text=str.encode, binary=False, n=4, train=True, names=True):
    """A tiny CIFAR-10; returns the images ``[N, 32, 32, 3]`` and labels of its six batches together."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        rows, numbers = rng.integers(0, 256, (n, 3072), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8)
        images.append(rows.reshape(n, 3, 32, 32).transpose(0, 2, 3, 1))
        labels += numbers.tolist()
        if name != "test_batch" and not train:
            continue
        if binary:
            np.concatenate([numbers[:, None], rows], 1).tofile(folder / f"{name}.bin")
        else:
            batch = {text("data"): rows, text("labels"): numbers.tolist(), text("filenames"): [text("a.png")] * n}
            (folder / name).write_bytes(dump(batch))
    if names and binary:
        (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    elif names:
        (folder / "batches.meta").write_bytes(dump({text("label_names"): [text(name) for name in NAMES]}))
    return np.concatenate(images), labels


def check(source, images, labels):
    found = [cell for split in source.splits.values() for cell in split.columns["image"]]
    assert np.array_equal(np.stack(found), images)
    assert found[0].flags.c_contiguous
    assert [cell for split in source.splits.values() for cell in split.columns["label"]] == labels


@pytest.mark.parametrize(
    ("dump", "text"),
    [
        (python2, str.encode),
        *((lambda value, p=p: pickle.dumps(value, protocol=p), str) for p in (2, 3, 4)),
    ],
)
def test_both_layouts_say_the_same(tmp_path, dump, text):
    for name in ("py", "bin"):
        (tmp_path / name).mkdir()
    images, labels = batches(tmp_path / "py", dump=dump, text=text)
    batches(tmp_path / "bin", binary=True)
    sources = [cifar.read(tmp_path / name) for name in ("py", "bin")]
    for source in sources:
        check(source, images, [NAMES[label] for label in labels])
        assert {name: len(split) for name, split in source.splits.items()} == {"train": 20, "test": 4}
        assert (source.input, source.target) == ("image", "label")
    assert sources[0].fingerprint == sources[1].fingerprint
    assert sources[1].splits["train"].place(19) == f"{tmp_path / 'bin' / 'data_batch_5.bin'} image 4"


def test_without_names_the_labels_are_numbers_and_a_test_batch_alone_is_the_whole(tmp_path):
    images, labels = batches(tmp_path, binary=True, names=False, train=False)
    source = cifar.read(tmp_path)
    assert list(source.splits) == ["all"]
    check(source, images[-4:], labels[-4:])
    assert type(source.splits["all"].columns["label"][0]) is int


def test_the_folder_around_it_is_accepted_and_a_second_layout_noted(tmp_path):
    for name in ("cifar-10-batches-py", "cifar-10-batches-bin"):
        (tmp_path / name).mkdir()
        batches(tmp_path / name, binary=name.endswith("bin"))
    assert cifar.reads(tmp_path)
    assert "also holds cifar-10-batches-py; cifar-10-batches-bin was read" in cifar.read(tmp_path).notes[0]


@pytest.mark.parametrize("binary", [False, True])
def test_cifar_100_has_fine_labels_as_target_and_coarse_ones_beside(tmp_path, binary):
    rng = np.random.default_rng(1)
    for name in ("train", "test"):
        rows, coarse, fine = rng.integers(0, 256, (2, 3072), dtype=np.uint8), [1, 0], [2, 1]
        if binary:
            np.concatenate([np.array([coarse, fine], np.uint8).T, rows], 1).tofile(tmp_path / f"{name}.bin")
        else:
            batch = {b"data": rows, b"coarse_labels": coarse, b"fine_labels": fine}
            (tmp_path / name).write_bytes(python2(batch))
    if binary:
        (tmp_path / "coarse_label_names.txt").write_text("fish\nflower\n")
        (tmp_path / "fine_label_names.txt").write_text("eel\npike\nrose\n")
    else:
        meta = {b"coarse_label_names": [b"fish", b"flower"], b"fine_label_names": [b"eel", b"pike", b"rose"]}
        (tmp_path / "meta").write_bytes(python2(meta))
    source = cifar.read(tmp_path)
    columns = source.splits["train"].columns
    assert list(columns) == ["image", "label", "coarse_label"]
    assert columns["label"].tolist() == ["rose", "pike"]
    assert columns["coarse_label"].tolist() == ["flower", "fish"]


def test_damaged_batches_are_refused_by_name(tmp_path):
    batches(tmp_path, binary=True)
    third = tmp_path / "data_batch_3.bin"
    whole = third.read_bytes()
    third.write_bytes(whole[:-1])
    with pytest.raises(DataError, match=r"data_batch_3\.bin has 12,291 bytes"):
        cifar.read(tmp_path)
    third.write_bytes(whole[:3073] + b"\x0a" + whole[3074:])
    with pytest.raises(DataError, match=r"data_batch_3\.bin image 2: its label is 10, but there are 10 names"):
        cifar.read(tmp_path)
    third.unlink()
    with pytest.raises(DataError, match=r"lacks data_batch_3\.bin"):
        cifar.read(tmp_path)


class Runs:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize(
    ("hostile", "named"),
    [
        (Runs(os.system, "echo hacked > hacked"), "posix.system|nt.system"),
        (Runs(eval, "open('hacked', 'w')"), "eval"),
        (Runs(open, "hacked", "w"), "io.open|_io.open"),
        (np.zeros(2, dtype=object), "type 'O8'"),
        (np.zeros(2, dtype=np.float64), "type 'f8'"),
        (np.float64(1), "scalar"),
    ],
)
def test_a_pickle_that_asks_for_more_than_byte_arrays_is_refused_and_not_run(
    tmp_path, monkeypatch, hostile, named, protocol
):
    monkeypatch.chdir(tmp_path)
    batches(tmp_path)
    (tmp_path / "data_batch_2").write_bytes(pickle.dumps({"data": hostile}, protocol=protocol))
    with pytest.raises(DataError, match=f"data_batch_2 asks Python for .*({named})"):
        cifar.read(tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_what_a_pickle_unfolds_to_is_bounded_by_its_size():
    """One text encoded again and again from the memo would make gigabytes of a small file."""
    text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x01"
    encode = b"c_codecs\nencode\n" + b"h\x01X\x06\x00\x00\x00latin1\x86R"
    with pytest.raises(_pickles.Refused, match="too much"):
        _pickles.loads(b"\x80\x02]" + text + b"(" + encode * 100 + b"e.")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_and_never_a_crash(data):
    whole = python2({b"data": np.arange(6, dtype=np.uint8).reshape(2, 3), b"labels": [1, 2], b"x": (None, True, 1.5)})
    torn = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        torn[data.draw(st.integers(0, len(torn) - 1))] = data.draw(st.integers(0, 255))
    try:
        _pickles.loads(bytes(torn[: data.draw(st.integers(1, len(torn)))]))
    except ValueError as error:
        message = str(error)
    else:
        message = "read"
    assert message


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(),
            lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        ),
        max_size=4,
    ),
    st.sampled_from([3, 4]),
)
def test_plain_values_are_read_as_python_reads_them(value, protocol):
    dumped = pickletools.optimize(pickle.dumps(value, protocol=protocol))
    assert _pickles.loads(dumped) == value
