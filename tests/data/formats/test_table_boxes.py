"""Tables of boxes: the usual spellings, and what is a table of classes all the same."""

from pathlib import Path

import pandas as pd
import pytest

import boxed
from plusx.core.errors import DataError
from plusx.core.targets import Boxes
from plusx.data.formats.options import ReadOptions
from plusx.data.formats.read import read


def table(root: Path, text: str, name: str = "boxes.csv") -> Path:
    boxed.pictures(root, *boxed.ROWS)
    (root / name).write_text(text, encoding="utf-8")
    return root / name


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("image,x1,y1,x2,y2,label", "a.png,1,2,5,9,cat", (1, 2, 5, 9)),
        ("filename,xmin,ymin,xmax,ymax,class", "a.png,1,2,5,9,cat", (1, 2, 5, 9)),
        ("filename,width,height,class,xmin,ymin,xmax,ymax", "a.png,80,60,cat,1,2,5,9", (1, 2, 5, 9)),
        ("image_id,x_min,y_min,x_max,y_max,class_name", "a,1,2,5,9,cat", (1, 2, 5, 9)),
        ("Image;X;Y;Width;Height;Label", "a.png;1;2;4;7;cat", (1, 2, 5, 9)),
        ("label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name", "cat,1,2,4,7,a.png", (1, 2, 5, 9)),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax", "a,cat,0.25,0.5,0.1,1", (20, 6, 40, 60)),
    ],
)
def test_spellings(tmp_path: Path, header: str, row: str, expected: tuple[float, ...]) -> None:
    listing = read(table(tmp_path, f"{header}\n{row}\n"))
    assert listing.format == "table of boxes"
    assert boxed.found(listing) == {"a.png": [("cat", pytest.approx(expected, abs=1e-5))]}


def test_what_was_taken_for_what_is_said(tmp_path: Path) -> None:
    listing = read(
        table(tmp_path, "image,x1,y1,x2,y2,label,split,iscrowd\na.png,1,2,5,9,cat,val,1\nb.png,,,,,,train,\n")
    )
    (note,) = listing.notes
    assert note == (
        "columns of boxes.csv: image 'image', box x1, y1, x2, y2, label 'label', split 'split', ignored 'iscrowd'"
    )
    target = listing.splits["val"][0].target
    assert isinstance(target, Boxes)
    assert target.ignored.tolist() == [True]
    assert boxed.found(listing) == {"b.png": []}


def test_tables_of_splits(tmp_path: Path) -> None:
    table(tmp_path, "image,x1,y1,x2,y2,label\na.png,1,2,5,9,cat\n", "train.csv")
    table(tmp_path, "image,x1,y1,x2,y2,label\nb.png,1,2,5,9,dog\n", "val.csv")
    listing = read(tmp_path)
    assert (boxed.found(listing, "train").keys(), boxed.found(listing, "val").keys()) == ({"a.png"}, {"b.png"})


def test_a_data_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxed.pictures(tmp_path, *boxed.ROWS)
    monkeypatch.chdir(tmp_path)
    rows = {"image": ["a.png", "b.png"], "x1": [1.0, None], "y1": [2.0, None], "x2": [5.0, None], "y2": [9.0, None]}
    listing = read(pd.DataFrame({**rows, "label": ["cat", None]}))
    assert boxed.found(listing) == {"a.png": [("cat", (1, 2, 5, 9))], "b.png": []}


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (
            "a.png,1,,5,9,cat",
            r"boxes\.csv, line 2: x1='1', y1='', x2='5', y2='9', label='cat'; expected four numbers and",
        ),
        ("a.png,1,2,5,9,", r"boxes\.csv, line 2: .*, label=''; expected four numbers and a class, or none of them"),
        ("a.png,1,x,5,9,cat", r"boxes\.csv, line 2: x1='1', y1='x'"),
        ("a.png,1,nan,5,9,cat", r"boxes\.csv, line 2: x1='1', y1='nan'"),
    ],
)
def test_rows_that_cannot_be_understood(tmp_path: Path, row: str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        read(table(tmp_path, f"image,x1,y1,x2,y2,label\n{row}\n"))


def test_another_size_than_the_table_says(tmp_path: Path) -> None:
    text = "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,800,600,cat,1,2,5,9\n"
    with pytest.raises(DataError, match=r"boxes\.csv: a\.png is said to be 800×600 pixels, but is 80×60"):
        read(table(tmp_path, text))


def test_sides_of_boxes_are_no_size_of_the_image(tmp_path: Path) -> None:
    text = "image,x1,y1,x2,y2,width,height,label\na.png,1,2,5,9,4,7,cat\n"
    assert boxed.found(read(table(tmp_path, text)))["a.png"] == [("cat", (1, 2, 5, 9))]


def test_a_column_that_is_only_named_like_one_of_splits(tmp_path: Path) -> None:
    text = "image,x1,y1,x2,y2,label,dataset\na.png,1,2,5,9,cat,mine\n"
    assert list(read(table(tmp_path, text)).splits) == ["train"]
    with pytest.raises(DataError, match=r"line 2: 'mine' in column 'dataset' is none of train, val, test"):
        read(tmp_path / "boxes.csv", ReadOptions(split_column="dataset"))


def test_images_that_are_not_there(tmp_path: Path) -> None:
    path = table(tmp_path, "image,x1,y1,x2,y2,label\na.png,1,2,5,9,cat\nz.png,1,2,5,9,cat\nz.png,1,2,5,9,cat\n")
    assert read(path).notes[-1] == "1 of 2 annotated images are not there: z.png; left out"
    with pytest.raises(DataError, match=r"1 of 2 annotated images are not there: z\.png\. Looked in "):
        read(path, ReadOptions(missing_files="error"))


def test_numbers_to_be_predicted_are_no_boxes(tmp_path: Path) -> None:
    path = table(tmp_path, "image,x1,y1,x2,y2,label\na.png,1.5,2,5,9,cat\nb.png,1,2,5,9,dog\n")
    listing = read(path, ReadOptions(label_column=("x1", "y1", "x2", "y2")))
    assert (listing.format, listing.kind) == ("tables", "value")
    assert read(path, ReadOptions(kind="label")).kind == "label"
