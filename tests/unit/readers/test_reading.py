"""From any name to its one reader; and names that are none."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core import reading
from assay.core.errors import DataError
from assay.core.reading import read, readers

LAYOUTS = [module.LAYOUT for module in readers()]


def samples(root: Path) -> dict[str, list[object]]:
    """Data of every format, by the reader that is to take it."""

    def put(name: str, content: str | bytes = "") -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    table = "x,y\n1,2\n"
    images = struct.pack(">4s3I", b"\0\0\x08\x03", 1, 1, 1) + b"x"
    labels = struct.pack(">4s1I", b"\0\0\x08\x01", 1) + b"\0"
    for name in ("cat/1.png", "dog/2.png"):
        put(f"folders/{name}")
        put(f"folders-split/train/{name}")
    put("adult/adult.names", "yes, no.\na: continuous.\n")
    for name in ("one.parquet", "parquet/train.parquet", "parquet-data/data/test-0.parquet"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1]}), root / name)
    put("idx/t10k-images-idx3-ubyte", images)
    put("idx/t10k-labels-idx1-ubyte", labels)
    put("idx-gz/train-images-idx3-ubyte.gz", gzip.compress(images))
    put("idx-gz/train-labels-idx1-ubyte.gz", gzip.compress(labels))
    for number in range(1, 6):
        put(f"out/cifar-10-batches-bin/data_batch_{number}.bin", b"\0" * 3073)
    put("tables/train.csv", table)
    put("tables/test.tsv", "x\ty\n1\t2\n")
    put("shards/part-2.csv", table)
    put("shards/part-1.csv", "y,x\n3,4\n")
    for language in ("en", "de"):
        put(f"corpus/train.{language}", "a\nb\n")
    stated = "<annotation><size><width>9</width><height>9</height></size></annotation>"
    coco = '{"images": [{"id": 1, "file_name": "1.png", "width": 9, "height": 9}], "annotations": [], "categories": []}'
    for name in ("voc/JPEGImages/1.png", "voc-beside/val/1.png", "coco/train/1.png", "yolo/images/1.png"):
        put(name)
    put("voc/Annotations/1.xml", stated)
    put("voc-beside/val/1.xml", stated)
    put("yolo/labels/1.txt", "0 .5 .5 .1 .1\n")
    for name in ("lj/wavs/A1.wav", "libri/7/9/7-9-0.flac"):
        put(name)
    put("lj/metadata.csv", "A1|Once.|Once.\n")
    put("libri/7/9/7-9.trans.txt", "7-9-0 ONCE\n")
    return {
        "class_folders": [root / "folders", root / "folders-split"],
        "delimited": [put("a.csv", table), put("b.tsv.gz", gzip.compress(table.encode())), root / "tables"],
        "jsonl": [put("a.jsonl", '{"x": 1}'), put("jsonl/test.ndjson", '{"x": 1}').parent],
        "parquet": [root / "one.parquet", root / "parquet", root / "parquet-data"],
        "c45": [put("adult/adult.data", "1,yes\n"), root / "adult"],
        "idx": [root / "idx", root / "idx-gz"],
        "cifar": [root / "out", root / "out" / "cifar-10-batches-bin"],
        "interactions": [put("shop/shop.inter", "user_id:token\titem_id:token\n1\t2\n"), root / "shop"],
        "parallel": [root / "corpus", put("alone/new.en", "a\n")],
        "plain_text": [put("book.txt", "Once.\n"), put("books/train.txt.gz", gzip.compress(b"Once.\n")).parent],
        "voc": [root / "voc", root / "voc-beside"],
        "coco": [put("coco/train/_annotations.coco.json", coco), root / "coco"],
        "yolo": [root / "yolo"],
        "speech": [root / "lj", root / "libri"],
        "environment": ["CartPole-v1", "connect_four"],
        "hub": ["hf:owner/name:config"],
        "shards": [str(root / "shards" / "part-*.csv")],
        "memory": [[{"x": 1}], pa.table({"x": [1]})],
    }


def test_every_sample_has_exactly_one_reader_and_every_reader_a_sample(tmp_path):
    found = samples(tmp_path)
    modules = {module.__name__.rpartition(".")[2]: module for module in readers()}
    assert set(found) == set(modules)
    for name, data in found.items():
        for one in data:
            assert [other for other, module in modules.items() if module.reads(one)] == [name], one


def test_what_a_reader_takes_it_also_reads_from_a_path_or_a_string(tmp_path):
    for name, data in samples(tmp_path).items():
        for one in data:
            if name != "hub":
                source = read(str(one)) if isinstance(one, Path) else read(one)
                assert all(len(split) for split in source.splits.values())
                assert all(split.place(0) for split in source.splits.values())


def test_readers_are_modules_with_a_format_and_one_line_of_layout():
    assert len({module.FORMAT for module in readers()}) == len(readers())
    assert all(layout and "\n" not in layout and len(layout) <= 120 for layout in LAYOUTS)


def test_a_source_passes_through():
    source = read([{"x": 1}])
    assert read(source) is source


def test_a_missing_name_is_met_with_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    with pytest.raises(DataError, match=r'There is no "phots"\. Did you mean "photos"\? .*hf:phots'):
        read("phots")
    with pytest.raises(DataError, match=r'There is no "cat" in photos\. Did you mean "cats"\?'):
        read("photos/cat/1.png")
    with pytest.raises(DataError, match=r'No file matches ".*\*\.csv"'):
        read(str(tmp_path / "*.csv"))


@pytest.mark.parametrize("name", ["", " ", "a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(DataError):
        read(name)


def test_a_folder_in_no_format_is_described_and_the_layouts_are_listed(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "more.txt").write_text("x")
    (tmp_path / "deep").mkdir()
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert "It holds: deep/, 2 × .txt." in message
    assert all(layout in message for layout in LAYOUTS)


def test_a_folder_in_two_formats_is_refused_with_both(tmp_path):
    (tmp_path / "train.csv").write_text("x,y\n1,2\n")
    (tmp_path / "test.jsonl").write_text('{"x": 1}')
    with pytest.raises(DataError, match=r"can be read in 2 ways[^§]*delimited[^§]*jsonl"):
        read(tmp_path)


def test_what_may_not_be_opened_is_an_error_of_the_user(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n")

    def refuse(*_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.csv cannot be read: Permission denied"):
        read(path)


def test_shards_are_one_table_whatever_the_order_of_their_columns(tmp_path):
    samples(tmp_path)
    pattern = str(tmp_path / "shards" / "*.csv")
    source = read(pattern)
    split = source.splits["all"]
    assert {name: column.tolist() for name, column in split.columns.items()} == {"y": ["3", "2"], "x": ["4", "1"]}
    assert split.place(1) == f"{tmp_path / 'shards' / 'part-2.csv'}:2"
    assert source.name == pattern


def test_shards_that_differ_are_refused_by_name(tmp_path):
    (tmp_path / "1.csv").write_text("x,y\n1,2\n")
    (tmp_path / "2.csv").write_text("x,z\n1,2\n")
    with pytest.raises(DataError, match=r'2\.csv has other columns than .*1\.csv: it lacks "y"; it adds "z"'):
        read(str(tmp_path / "*.csv"))
    (tmp_path / "3.jsonl").write_text('{"x": 1}')
    with pytest.raises(DataError, match=r"3\.jsonl is jsonl, but .*1\.csv is delimited"):
        read(str(tmp_path / "[13].*"))
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match="sub is a folder"):
        read(str(tmp_path / "*"))


def test_a_file_may_be_named_like_a_pattern(tmp_path):
    path = tmp_path / "a[1]*.csv"
    path.write_text("x,y\n1,2\n")
    assert read(str(path)).format == "delimited"


def test_the_core_imports_no_reader():
    assert "import assay.readers" not in Path(reading.__file__).read_text()
    assert "from assay.readers" not in Path(reading.__file__).read_text()
