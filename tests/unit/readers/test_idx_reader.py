"""IDX: the header says the size, and the content must keep to it."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from assay.core.errors import DataError
from assay.readers import idx


def put(folder, name, array, *, packed=False, shape=None, magic=b"\0\0\x08"):
    shape = array.shape if shape is None else shape
    data = magic + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def digits(folder, part="train", n=5, *, packed=False):
    rng = np.random.default_rng(n)
    x, y = rng.integers(0, 256, (n, 4, 3), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8)
    put(folder, f"{part}-images-idx3-ubyte", x, packed=packed)
    put(folder, f"{part}-labels-idx1-ubyte", y, packed=packed)
    return x, y


@pytest.mark.parametrize("packed", [False, True])
def test_images_and_labels_of_both_parts(tmp_path, packed):
    x, y = digits(tmp_path, packed=packed)
    u, v = digits(tmp_path, "t10k", 3, packed=packed)
    source = idx.read(tmp_path)
    for name, images, labels in (("train", x, y), ("test", u, v)):
        split = source.splits[name]
        assert np.array_equal(np.stack(list(split.columns["image"])), images)
        assert split.columns["image"][0].dtype == np.uint8
        assert split.columns["label"].tolist() == labels.tolist()
        assert type(split.columns["label"][0]) is int
    assert source.splits["test"].place(2).endswith(f"t10k-images-idx3-ubyte{'.gz' if packed else ''} image 3")
    assert (source.input, source.target) == ("image", "label")


def test_packing_does_not_change_the_fingerprint_and_a_pixel_does(tmp_path):
    prints = []
    for name, packed in (("a", False), ("b", True), ("c", False)):
        (tmp_path / name).mkdir()
        x, _ = digits(tmp_path / name, packed=packed)
        if name == "c":
            x[0, 0, 0] ^= 1
            put(tmp_path / name, "train-images-idx3-ubyte", x)
        prints.append(idx.read(tmp_path / name).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_a_test_part_alone_is_the_whole(tmp_path):
    digits(tmp_path, "t10k")
    assert list(idx.read(tmp_path).splits) == ["all"]


@pytest.mark.parametrize(
    ("shape", "magic", "message"),
    [
        ((6, 4, 3), b"\0\0\x08", r"should hold 72 bytes \(shape \(6, 4, 3\)\) after its header, and holds only 60"),
        ((4, 4, 3), b"\0\0\x08", "holds more"),
        ((2**31, 2**20, 1), b"\0\0\x08", "at most 4,294,967,296 are read"),
        ((5, 4, 3), b"\0\0\x0d", "does not begin as an IDX file of unsigned bytes"),
        ((5, 4, 3), b"\x1f\x8b\x08", "does not begin as an IDX file"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_content_that_does_not_keep_to_its_header_is_refused(tmp_path, shape, magic, message, packed):
    x, _ = digits(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    put(tmp_path, "train-images-idx3-ubyte", x, shape=shape, magic=magic, packed=packed)
    with pytest.raises(DataError, match=message):
        idx.read(tmp_path)


def test_a_bomb_is_not_unpacked_beyond_what_its_header_says(tmp_path):
    digits(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    put(tmp_path, "train-images-idx3-ubyte", np.zeros(50_000_000, np.uint8), shape=(5, 4, 3), packed=True)
    with pytest.raises(DataError, match="holds more"):
        idx.read(tmp_path)


def test_missing_or_unequal_labels_and_torn_files_are_refused(tmp_path):
    digits(tmp_path, packed=True)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[:-12])
    with pytest.raises(DataError, match="not a whole gzip file"):
        idx.read(tmp_path)
    images.write_bytes(whole)
    put(tmp_path, "train-labels-idx1-ubyte", np.zeros(4, np.uint8), packed=True)
    with pytest.raises(DataError, match=r"holds 5 images, but .* 4 labels"):
        idx.read(tmp_path)
    labels.unlink()
    with pytest.raises(DataError, match="has no labels beside it"):
        idx.read(tmp_path)
