from pathlib import Path

import pytest

import boxed
from plusx.cli.main import main
from plusx.core.errors import DataError, InputError
from plusx.data.formats.read import read
from plusx.workflows.check import check
from plusx.workflows.convert import convert

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is not there")


def test_a_folder_becomes_another(tmp_path: Path) -> None:
    done = convert(boxed.coco(tmp_path / "源 头"), to="voc", out=tmp_path / "去")
    assert (done.path, done.format, done.images, done.boxes) == (tmp_path / "去", "voc", {"train": 3}, {"train": 3})
    assert boxed.found(read(tmp_path / "去")) == boxed.found(read(tmp_path / "源 头"))
    assert list(done.lines()) == ["train: 3 images, 3 boxes", f"Written to {tmp_path / '去'} (voc)"]


def test_in_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = boxed.voc(tmp_path / "a")
    assert main(["convert", str(source), "--to", "yolo", "--out", str(tmp_path / "b"), "--images", "link"]) == 0
    assert capsys.readouterr().out.endswith(f"train: 3 images, 3 boxes\nWritten to {tmp_path / 'b'} (yolo)\n")
    assert main(["convert", str(source)]) == 1
    assert "plusx convert: Where to? Give the directory to write to: --out DIR" in capsys.readouterr().err


def test_excluded_images_are_left_out_whatever_their_boxes(tmp_path: Path) -> None:
    source = boxed.voc(tmp_path / "a")
    (source / "Annotations" / "a.xml").write_text(boxed.voc_xml(boxed.voc_object("cat", (9, 9, 1, 1))))
    with pytest.raises(
        DataError, match=r"the corners are swapped .*\nCorrect it there, or leave the image out: --exclude"
    ):
        convert(source, out=tmp_path / "b")
    (tmp_path / "out.txt").write_text("JPEGImages/a.png\n")
    done = convert(source, out=tmp_path / "b", exclude=tmp_path / "out.txt")
    assert (done.images, done.boxes) == ({"train": 2}, {"train": 1})
    assert done.notes == ("exclude leaves out 1 image",)


def test_where_nothing_is_written(tmp_path: Path) -> None:
    source = boxed.coco(tmp_path / "a")
    with pytest.raises(
        InputError, match=r"a/b lies inside of the data, .*/a, into which plusx never writes\. Give another --out"
    ):
        convert(source, out=source / "b")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(InputError, match=r"full exists and is not empty\. Give another --out, or delete it"):
        convert(source, out=tmp_path / "full")
    assert not (source / "b").exists()


def test_beside_the_one_file_that_is_read(tmp_path: Path) -> None:
    source = boxed.table(tmp_path) / "boxes.csv"
    assert convert(source, to="coco", out=tmp_path / "coco").boxes == {"train": 3}


def test_labels_that_are_no_boxes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        boxed.pictures(tmp_path / "a" / name, "1.png")
    with pytest.raises(DataError, match=r"folders: the labels are no boxes, and only boxes are converted"):
        convert(tmp_path / "a", out=tmp_path / "b")


def test_check_tells_how_many_boxes_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))
    source = boxed.coco(tmp_path / "a")
    checked = check(source)
    assert next(checked.lines()) == "3 images (coco), 3 boxes of 2 classes: cat, dog"
    assert {finding.code for finding in checked.audit.findings} == {"box-whole", "no-boxes", "one-colour"}


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("to", ["coco", "voc", "yolo", "csv"])
def test_real_data_and_back(tmp_path: Path, to: str) -> None:
    done = convert(SHARED / "bccd", to=to, out=tmp_path / "out", images="link")
    assert done.boxes == {"train": 2805, "val": 1138, "test": 945}
    first, second = read(SHARED / "bccd"), read(tmp_path / "out")
    for split in first.splits:
        old, new = boxed.found(first, split), boxed.found(second, split)
        assert old.keys() == new.keys()
        for name, rows in old.items():
            assert [one for one, _ in rows] == [one for one, _ in new[name]]
            for (_, corners), (_, again) in zip(rows, new[name], strict=True):
                assert corners == pytest.approx(again, abs=1e-3)
