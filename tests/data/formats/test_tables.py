"""Tables: which column is what, what the labels are, and what is missing."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from plusx.core.errors import DataError, InputError, MissingExtraError
from plusx.core.sample import Listing
from plusx.core.targets import Label, Labels, Value
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read
from plusx.data.images import read_image

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def images(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def table(root: Path, text: str, name: str = "table.csv", files: tuple[str, ...] = ("a.jpg", "b.jpg", "c.jpg")) -> Path:
    images(root, *files)
    (root / name).write_text(text, encoding="utf-8")
    return root / name


def by_name(listing: Listing, split: str = "train") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for sample in listing.splits[split]:
        match sample.target:
            case Label(index):
                found[sample.name] = listing.classes[index]
            case Labels(indices):
                found[sample.name] = tuple(listing.classes[index] for index in indices)
            case Value(values):
                found[sample.name] = values
    return found


def test_classes(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,label\na.jpg,cat\nb.jpg,dog\nc.jpg,cat\n"))
    assert by_name(listing) == {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat"}
    assert (listing.kind, listing.format, listing.root) == ("label", "tables", tmp_path)
    assert listing.notes == ("columns of table.csv: image 'image', label 'label'",)
    assert listing.splits["train"][0].image == tmp_path / "a.jpg"


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_images_are_found_by_content_not_by_name(tmp_path: Path, suffix: str) -> None:
    text = "what,which,when\ncat,a,2020\ndog,b,2021\ncat,c,2022\n"
    path = table(tmp_path, text, f"t{suffix}", ("photos/a.jpg", "photos/b.jpg", "photos/c.jpg"))
    listing = read(path, ReadOptions(label_column="what"))
    assert by_name(listing) == {"photos/a.jpg": "cat", "photos/b.jpg": "dog", "photos/c.jpg": "cat"}
    assert listing.notes == (f"columns of t{suffix}: image 'which', label 'what'",)


def test_the_label_is_not_taken_for_the_image(tmp_path: Path) -> None:
    path = table(tmp_path, "label,id\n1,1\n2,2\n1,3\n", files=("1.jpg", "2.jpg", "3.jpg"))
    assert by_name(read(path)) == {"1.jpg": "1", "2.jpg": "2", "3.jpg": "1"}


def test_the_only_other_column_is_the_label(tmp_path: Path) -> None:
    path = table(tmp_path, ",file,colour\n0,a.jpg,red\n1,b.jpg,blue\n")
    assert by_name(read(path)) == {"a.jpg": "red", "b.jpg": "blue"}


def test_several_labels(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,tags\na.jpg,cat|dog\nb.jpg,dog\nc.jpg,|\n"))
    assert listing.kind == "labels"
    assert by_name(listing) == {"a.jpg": ("cat", "dog"), "b.jpg": ("dog",), "c.jpg": ()}
    assert "labels are taken apart at '|': several classes per image (an empty separator: one class)" in listing.notes


@pytest.mark.parametrize(
    ("cells", "separator", "how"),
    [
        (["cat|dog", "dog", ""], None, "or a lone | where it has none of the classes"),
        (["cat/dog", "dog", ""], "/", "or a lone / where it has none of the classes"),
        (["cat", "dog", ""], "", "or leave the image out"),
    ],
)
def test_an_empty_cell_is_answered_with_how_to_write_none_of_the_classes(
    tmp_path: Path, cells: list[str], separator: str | None, how: str
) -> None:
    rows = "".join(f"{letter}.jpg,{cell}\n" for letter, cell in zip("abc", cells, strict=True))
    [finding] = read(table(tmp_path, f"image,tags\n{rows}"), ReadOptions(separator=separator)).findings
    assert finding.code == "no-label"
    assert how in finding.advice


def test_separator_given_or_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "image,label\na.jpg,cat/dog\nb.jpg,dog\nc.jpg,cat/dog\n")
    assert by_name(read(path, ReadOptions(separator="/")))["a.jpg"] == ("cat", "dog")
    assert by_name(read(path))["a.jpg"] == "cat/dog"
    path = table(tmp_path, "image,label\na.jpg,cat|dog\nb.jpg,dog\nc.jpg,cat\n")
    assert by_name(read(path, ReadOptions(separator="")))["a.jpg"] == "cat|dog"
    assert by_name(read(path, ReadOptions(kind="label")))["a.jpg"] == "cat|dog"


def test_regression(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,age\na.jpg,1.5\nb.jpg,2\nc.jpg,-1e1\n"))
    assert (listing.kind, listing.classes) == ("value", ("age",))
    assert by_name(listing) == {"a.jpg": (1.5,), "b.jpg": (2.0,), "c.jpg": (-10.0,)}
    assert "labels are decimal numbers: regression" in listing.notes


def test_several_values(tmp_path: Path) -> None:
    path = table(tmp_path, "image,x,y,z\na.jpg,1,2,0\nb.jpg,3,4.5,0\nc.jpg,5,,0\n")
    listing = read(path, ReadOptions(label_column=("y", "x")))
    assert (listing.kind, listing.classes) == ("value", ("y", "x"))
    assert by_name(listing) == {"a.jpg": (2.0, 1.0), "b.jpg": (4.5, 3.0)}
    assert "1 image without a label left out: c.jpg" in listing.notes


def test_columns_of_zero_and_one(tmp_path: Path) -> None:
    path = table(tmp_path, "image,cat,ant\na.jpg,1,1\nb.jpg,0,1\nc.jpg,0,0\n")
    listing = read(path, ReadOptions(label_column=("cat", "ant")))
    assert (listing.kind, listing.classes) == ("labels", ("cat", "ant"))
    assert by_name(listing) == {"a.jpg": ("cat", "ant"), "b.jpg": ("ant",), "c.jpg": ()}
    path = table(tmp_path, "image,cat,ant\na.jpg,1,0\nb.jpg,0,1\n")
    assert by_name(read(path, ReadOptions(label_column=("cat", "ant")))) == {"a.jpg": "cat", "b.jpg": "ant"}
    assert read(path, ReadOptions(label_column=("cat", "ant"), kind="labels")).kind == "labels"
    assert read(path, ReadOptions(label_column=("cat", "ant"), kind="value")).kind == "value"


def test_integers_are_classes_unless_values_are_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "image,label\na.jpg,10\nb.jpg,9\nc.jpg,9\n")
    assert (read(path).kind, read(path).classes) == ("label", ("9", "10"))
    assert by_name(read(path, ReadOptions(kind="value"))) == {"a.jpg": (10.0,), "b.jpg": (9.0,), "c.jpg": (9.0,)}


def integers(root: Path, images: int, different: int) -> Path:
    rows = "".join(f"{number}.jpg,{number % different}\n" for number in range(images))
    return table(root, f"image,label\n{rows}", files=tuple(f"{number}.jpg" for number in range(images)))


@pytest.mark.parametrize(("images", "different"), [(30, 30), (100, 10), (10, 10), (400, 21)])
def test_many_different_integers_are_remarked(tmp_path: Path, images: int, different: int) -> None:
    path = integers(tmp_path, images, different)
    text = (
        f"labels are {different} different whole numbers in {images} images, taken for classes; "
        '--task regress (in Python task="regress") predicts them as numbers'
    )
    assert text in read(path).notes
    assert all("whole numbers" not in note for note in read(path, ReadOptions(kind="label")).notes)


@pytest.mark.parametrize(("images", "different"), [(101, 10), (400, 20), (9, 9), (4, 2)])
def test_integers_that_are_plainly_classes_are_not(tmp_path: Path, images: int, different: int) -> None:
    assert all("whole numbers" not in note for note in read(integers(tmp_path, images, different)).notes)


def test_decimal_commas(tmp_path: Path) -> None:
    path = table(tmp_path, "image;label\na.jpg;1,50\nb.jpg;-2,25\nc.jpg;3\n")
    assert by_name(read(path)) == {"a.jpg": (1.5,), "b.jpg": (-2.25,), "c.jpg": (3.0,)}
    assert any("read as a decimal comma (1.50)" in note for note in read(path).notes)
    path = table(tmp_path, "image;label\na.jpg;1,2\nb.jpg;2\nc.jpg;1\n")
    with pytest.raises(DataError, match="can be decimal numbers, or several classes each"):
        read(path)
    assert by_name(read(path, ReadOptions(separator=","))) == {"a.jpg": ("1", "2"), "b.jpg": ("2",), "c.jpg": ("1",)}
    assert by_name(read(path, ReadOptions(separator="")))["a.jpg"] == (1.2,)
    path = table(tmp_path, "image;label\na.jpg;1,2\nb.jpg;2\nc.jpg;about 7\na.jpg;1,5\n")
    with pytest.raises(DataError, match=r"Labels of mixed types: '1\.2' of a\.jpg is a decimal number, 'about 7'"):
        read(path)


def test_names_of_images_keep_their_commas(tmp_path: Path) -> None:
    path = table(tmp_path, "image;label\n1,5;cat\n2,5;dog\n", files=("1,5.jpg", "2,5.jpg"))
    assert by_name(read(path)) == {"1,5.jpg": "cat", "2,5.jpg": "dog"}


def test_a_column_of_zeros_is_a_class(tmp_path: Path) -> None:
    path = table(tmp_path, "image,cat,ant,bee\na.jpg,1,0,0\nb.jpg,0,0,1\n")
    assert read(path, ReadOptions(label_column=("cat", "ant", "bee"))).classes == ("cat", "ant", "bee")


def test_rows_without_label(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,label\na.jpg,cat\nb.jpg,NaN\nc.jpg,dog\na.jpg,\n"))
    assert by_name(listing) == {"a.jpg": "cat", "c.jpg": "dog"}
    assert "2 images without a label left out: b.jpg, a.jpg" in listing.notes
    with pytest.raises(DataError, match="None of the 3 images has a label"):
        read(table(tmp_path, "image,label,x\na.jpg,,\nb.jpg,,\nc.jpg,,\n"), ReadOptions(label_column="label"))


def test_labels_without_an_image(tmp_path: Path) -> None:
    rows = "".join(f"gone{number}.jpg,cat\n" for number in range(7))
    path = table(tmp_path, f"image,label\na.jpg,cat\nb.jpg,dog\n{rows}")
    text = "7 of 9 labels without an image: gone0.jpg, gone1.jpg, gone2.jpg, gone3.jpg, gone4.jpg and 2 more"
    listing = read(path)
    assert by_name(listing) == {"a.jpg": "cat", "b.jpg": "dog"}
    assert f"{text}; left out" in listing.notes
    with pytest.raises(DataError, match=rf"table\.csv: {text}\. Put the files there, remove the rows, or leave"):
        read(path, ReadOptions(missing_files="error"))


def test_all_images_missing(tmp_path: Path) -> None:
    match = r"none of the 2 files named in column 'image' exists, e\.g\. 'x/1\.jpg'\. Looked in .*Put the images there"
    with pytest.raises(DataError, match=match):
        read(table(tmp_path, "image,label\nx/1.jpg,cat\nx/2.jpg,dog\n"))
    with pytest.raises(DataError, match=r"no cell of the columns colour, size leads to an image file. Looked in "):
        read(table(tmp_path, "colour,size\nred,3\nblue,4\n"))
    with pytest.raises(
        DataError, match=r"has no row whose image exists\. 2 of 2 labels without an image: x, y; left out"
    ):
        read(table(tmp_path, "id,label\nx,cat\ny,dog\n"), ReadOptions(image_column="id"))


def test_unknown_column(tmp_path: Path) -> None:
    path = table(tmp_path, "image,label,person\na.jpg,cat,1\nb.jpg,dog,2\n")
    for options in (
        ReadOptions(label_column="lable"),
        ReadOptions(label_column=("person", "lable")),
        ReadOptions(image_column="lable"),
        ReadOptions(group_column="lable"),
        ReadOptions(split_column="lable"),
    ):
        with pytest.raises(InputError, match=r"Unknown column 'lable'\. Did you mean label"):
            read(path, options)


def test_which_column_is_the_label(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"which column is the label\? It could be colour, size\. Name it with label_co"
    ):
        read(table(tmp_path, "image,colour,size\na.jpg,red,1\nb.jpg,blue,2\n"))
    with pytest.raises(DataError, match="has no column for labels besides image; add one called label"):
        read(table(tmp_path, "image\na.jpg\nb.jpg\n"))


def test_splits_in_a_column(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,label,set\na.jpg,cat,train\nb.jpg,dog,Valid\nc.jpg,cat,TEST\n"))
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 1, "val": 1, "test": 1}
    assert "split 'set'" in listing.notes[0]
    path = table(tmp_path, "image,label,fold\na.jpg,cat,train\nb.jpg,dog,7\n")
    with pytest.raises(DataError, match="Line 3: '7' in column 'fold' is none of train, val, test"):
        read(path, ReadOptions(split_column="fold"))


def test_groups_in_a_column(tmp_path: Path) -> None:
    path = table(tmp_path, "image,label,person\na.jpg,cat,7\nb.jpg,dog,8\nc.jpg,cat,\n")
    listing = read(path, ReadOptions(group_column="person"))
    assert [sample.group for sample in listing.splits["train"]] == ["7", "8", None]


def test_mixed_labels(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Labels of mixed types: '1\.5' of a\.jpg is a decimal number, 'old' of b\.jpg"
    ):
        read(table(tmp_path, "image,age\na.jpg,1.5\nb.jpg,old\n"))
    path = table(tmp_path, "image,x,y\na.jpg,1,red\nb.jpg,2,blue\n")
    with pytest.raises(
        DataError, match=r"The columns x, y hold \('1', 'red'\); several label columns must hold numbers"
    ):
        read(path, ReadOptions(label_column=("x", "y")))


def test_too_little(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="All 2 labelled images have the same class 'cat'; at least two classes"):
        read(table(tmp_path, "image,label\na.jpg,cat\nb.jpg,cat\n"))
    with pytest.raises(DataError, match=r"Only one labelled image was found \(a\.jpg\); learning needs at least two"):
        read(table(tmp_path, "image,label\na.jpg,cat\n"))
    with pytest.raises(DataError, match=r"same name up to case: 'Cat' \(1 image\) and 'cat' \(1 image\)"):
        read(table(tmp_path, "image,label\na.jpg,cat\nb.jpg,Cat\n"))


def test_an_image_in_several_rows_is_said(tmp_path: Path) -> None:
    listing = read(table(tmp_path, "image,label\na.jpg,cat\na.jpg,dog\nb.jpg,dog\n"))
    assert "1 image in several rows: a.jpg" in listing.notes


def test_folder_with_a_table(tmp_path: Path) -> None:
    table(tmp_path, "image,label\na,cat\nb,dog\n", files=("images/a.jpg", "images/b.jpg"))
    assert by_name(read(tmp_path)) == {"images/a.jpg": "cat", "images/b.jpg": "dog"}


def test_folder_with_one_table_per_split(tmp_path: Path) -> None:
    table(tmp_path, "id,label\n1,cat\n2,dog\n", "train.csv", ("train/1.jpg", "train/2.jpg"))
    table(tmp_path, "id\n1\n", "test.csv", ("test/1.jpg",))
    table(tmp_path, "id,label\n1,dog\n", "valid.csv", ("valid/1.jpg",))
    table(tmp_path, "id,label\n1,cat\n", "sample_submission.csv")
    listing = read(tmp_path)
    assert by_name(listing) == {"train/1.jpg": "cat", "train/2.jpg": "dog"}
    assert by_name(listing, "val") == {"valid/1.jpg": "dog"}
    assert "1 image without a label left out: test/1.jpg" in listing.notes


def test_class_folders_with_a_table_of_other_things(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    table(tmp_path, "path,width\ncat/a.jpg,10\ndog/b.jpg,20\n", files=())
    assert read(tmp_path).format == "folders"
    assert read(tmp_path, ReadOptions(label_column="width")).format == "tables"
    table(tmp_path, "path,label\ncat/a.jpg,x\ndog/b.jpg,y\n", files=())
    assert by_name(read(tmp_path)) == {"cat/a.jpg": "x", "dog/b.jpg": "y"}


def test_class_folders_beside_a_broken_table(tmp_path: Path) -> None:
    images(tmp_path, "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "table.csv").write_bytes(b"\x00\x01")
    assert read(tmp_path).format == "folders"


def test_data_frame(tmp_path: Path) -> None:
    images(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    paths = [tmp_path / "a.jpg", str(tmp_path / "b.jpg"), str(tmp_path / "c"), str(tmp_path / "d.jpg")]
    listing = read(pd.DataFrame({"p": paths, "label": [1, 2, None, 1]}))
    assert [sample.image for sample in listing.splits["train"]] == [tmp_path / n for n in ("a.jpg", "b.jpg", "d.jpg")]
    assert (listing.kind, listing.classes) == ("label", ("1", "2"))
    assert read(pd.DataFrame({"p": paths, "label": [1.5, 2, 3, 4]})).kind == "value"
    assert read(pd.DataFrame({"p": paths, "label": pd.Categorical(["x", "y", None, "x"])})).classes == ("x", "y")
    assert read(pd.DataFrame({"p": paths, "label": [["x"], ["x", "y"], [], ["y"]]})).kind == "labels"
    assert read(pd.DataFrame({"p": paths, "label": [True, False, True, True]})).classes == ("False", "True")


def test_data_frame_paths_count_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images(tmp_path, "a.jpg", "b.jpg")
    monkeypatch.chdir(tmp_path)
    assert by_name(read(pd.DataFrame({"p": ["a.jpg", "b.jpg"], "y": ["x", "z"]}))) == {"a.jpg": "x", "b.jpg": "z"}


def test_data_frame_with_images_in_it() -> None:
    pictures = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    listing = read(pd.DataFrame({"picture": pictures, "label": ["a", "b"]}))
    assert read_image(listing.splits["train"][0].image)[0, 0].tolist() == [255, 0, 0]
    assert listing.splits["train"][1].name == "train[1]"


def test_parquet(tmp_path: Path) -> None:
    images(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg")
    frame = pd.DataFrame({"id": [1, 2, 3], "tags": [["a"], ["a", "b"], ["b"]]})
    frame.to_parquet(tmp_path / "t.parquet")
    listing = read(tmp_path / "t.parquet")
    assert by_name(listing) == {"images/1.jpg": ("a",), "images/2.jpg": ("a", "b"), "images/3.jpg": ("b",)}
    assert read(tmp_path).splits == listing.splits


def test_parquet_with_images_in_it(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (4, 4), "red").save(path)
    cell = {"bytes": path.read_bytes(), "path": "red.png"}
    pd.DataFrame({"image": [cell, cell], "label": [0, 1]}).to_parquet(tmp_path / "train-00000-of-00001.parquet")
    listing = read(tmp_path)
    assert listing.format == "tables"
    assert np.array_equal(read_image(listing.splits["train"][1].image), read_image(path))


def test_broken_parquet_and_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match=r"t\.parquet: not a readable Parquet file"):
        read(tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"Reading .*t\.parquet needs pyarrow.*pip install 'plusx\[tables\]'"):
        read(tmp_path / "t.parquet")


@needs_shared
def test_real_table() -> None:
    listing = read(SHARED / "clothing-csv", ReadOptions(group_column="sender_id"))
    assert len(listing.splits["train"]) == 300
    assert len(listing.classes) == 20
    assert "Not sure" in listing.classes
    assert listing.splits["train"][0].group == "82"
    same = read(SHARED / "clothing-csv" / "images.csv", ReadOptions(group_column="sender_id"))
    assert same.splits == listing.splits
