"""Class folders: labels from names, everything else that lies there reported, nothing outside the root read."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.codecs.media import IMAGES, SOUNDS, UNREAD, VIDEOS
from assay.core.errors import DataError
from assay.readers import class_folders


def put(root, *names, content=None):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() if content is None else content)
    return root


def test_a_folder_is_a_class_and_nested_files_belong_to_it(tmp_path):
    put(
        tmp_path, "cat/2.PNG", "cat/1.png", "dog/a/b/3.jpeg", "dog/4.webp", "README.md", ".git/x.png", "cat/.hidden.png"
    )
    source = class_folders.read(tmp_path)
    split = source.splits["all"]
    assert (source.input, source.target, source.root) == ("image", "label", tmp_path)
    assert split.columns["label"].tolist() == ["cat", "cat", "dog", "dog"]
    assert [path.relative_to(tmp_path).as_posix() for path in split.columns["image"]] == [
        "cat/1.png",
        "cat/2.PNG",
        "dog/4.webp",
        "dog/a/b/3.jpeg",
    ]
    assert split.place(0) == str(tmp_path / "cat" / "1.png")
    assert not split.problems


def test_split_folders_are_splits(tmp_path):
    put(tmp_path, "train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "test/dog/4.png", "docs/a.png")
    splits = class_folders.read(tmp_path).splits
    assert {name: split.columns["label"].tolist() for name, split in splits.items()} == {
        "train": ["cat", "dog"],
        "validation": ["cat"],
        "test": ["dog"],
    }


def test_what_does_not_belong_is_a_problem_and_junk_is_not(tmp_path):
    put(tmp_path, "cat/1.png", "cat/notes.txt", "cat/more.txt", "cat/.DS_Store", "cat/Thumbs.db", "dog/2.png")
    (tmp_path / "emu").mkdir()
    problems = {problem.where: problem.what for problem in class_folders.read(tmp_path).splits["all"].problems}
    assert list(problems) == [str(tmp_path / "cat" / "more.txt"), str(tmp_path / "emu")]
    assert "by its suffix (and 1 more .txt files here)" in problems[str(tmp_path / "cat" / "more.txt")]
    assert 'Remove it, or add files of the class "emu"' in problems[str(tmp_path / "emu")]


def test_a_test_folder_without_classes_is_noted(tmp_path):
    put(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/3.png", "test/4.png")
    source = class_folders.read(tmp_path)
    assert list(source.splits) == ["train"]
    assert any("there is no test split" in note for note in source.notes)
    assert any("2 media files outside class folders (3.png …)" in note for note in source.notes)


def test_links_within_the_root_are_followed_and_others_refused(tmp_path):
    root = put(tmp_path / "root", "cat/1.png", "dog/2.png")
    outside = put(tmp_path / "outside", "secret.png", "folder/3.png")
    (root / "cat" / "inside.png").symlink_to(root / "dog" / "2.png")
    (root / "cat" / "leak.png").symlink_to(outside / "secret.png")
    (root / "cat" / "deep").symlink_to(outside / "folder")
    (root / "cat" / "loop").symlink_to(root / "cat")
    (root / "cat" / "gone.png").symlink_to(root / "nothing.png")
    (root / "fox").symlink_to(outside)
    split = class_folders.read(root).splits["all"]
    assert [path.name for path in split.columns["image"]] == ["1.png", "inside.png", "2.png"]
    problems = {Path(problem.where).name: problem.what for problem in split.problems}
    assert sorted(problems) == ["deep", "fox", "gone.png", "leak.png"]
    assert all("is a link that leaves" in problems[name] for name in ("deep", "fox", "leak.png"))
    assert "broken link" in problems["gone.png"]


def test_the_root_itself_may_be_a_link(tmp_path):
    put(tmp_path / "root", "cat/1.png", "dog/2.png")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    assert len(class_folders.read(tmp_path / "link").splits["all"]) == 2


def test_the_fingerprint_is_of_contents_and_classes(tmp_path):
    def of(name, *files, content=b"x"):
        return class_folders.read(put(tmp_path / name, *files, content=content)).fingerprint

    one = of("a", "cat/1.png", "dog/2.png")
    assert of("b", "cat/1.png", "dog/2.png") == one
    assert of("c", "cat/one.png", "dog/two.jpg") == one  # names of files say nothing
    assert of("d", "cat/1.png", "dig/2.png") != one
    assert of("e", "cat/1.png", "dog/2.png", content=b"y") != one
    assert of("f", "train/cat/1.png", "train/dog/2.png") != one


@pytest.mark.parametrize(("suffix", "medium"), [(".wav", "audio"), (".mp4", "video"), (".tiff", "image")])
def test_the_column_is_named_after_the_medium(tmp_path, suffix, medium):
    source = class_folders.read(put(tmp_path, f"a/1{suffix}", f"b/2{suffix}"))
    assert source.input == medium
    assert list(source.splits["all"].columns) == [medium, "label"]


def test_media_of_two_kinds_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds audio and image in its class folders"):
        class_folders.read(put(tmp_path, "a/1.png", "b/2.wav"))


@pytest.mark.parametrize(
    "names",
    [
        ("images/1.png",),  # one folder is no classification
        ("images/1.png", "labels/1.txt"),
        ("train2017/1.jpg", "val2017/2.jpg", "annotations/instances.json"),
        ("train/images/1.jpg", "train/labels/1.txt", "valid/images/1.jpg", "valid/labels/1.txt"),
        ("JPEGImages/1.jpg", "Annotations/1.xml", "ImageSets/train.txt"),
        ("a/1.txt", "b/2.txt"),
        ("1.png", "2.png"),
        (),
    ],
)
def test_other_layouts_are_left_to_others(tmp_path, names):
    assert not class_folders.reads(put(tmp_path, *names))


def test_every_suffix_that_an_input_accepts_makes_class_folders(tmp_path):
    for medium, suffixes in {"image": IMAGES, "audio": (*SOUNDS, *UNREAD), "video": VIDEOS}.items():
        for suffix in suffixes:
            root = tmp_path / medium / suffix[1:]
            for label in "ab":
                put(root, f"{label}/1{suffix}")
            assert class_folders.reads(root), suffix
            assert class_folders.read(root).input == ("image" if suffix == ".gif" else medium), suffix
