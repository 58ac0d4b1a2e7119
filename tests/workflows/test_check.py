import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.cli.main import main
from plusx.cli.parser import parse
from plusx.cli.verbs import VERBS
from plusx.core.errors import DataError, InputError
from plusx.workflows.check import check, report
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import read_listing


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two classes of three noisy images, one with a Chinese name."""
    root, noise = tmp_path / "花 数据", np.random.default_rng(0)
    for name in ("rose", "郁金香"):
        (root / name).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(noise.integers(0, 255, (16, 16, 3), np.uint8)).save(root / name / f"{number}.png")
    return root


def content(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


def test_a_sound_data_set_passes_and_is_described(flowers: Path) -> None:
    checked = check(flowers, strict=True)
    assert checked.sound
    assert list(checked.lines())[:2] == ["6 images (folders), 2 classes: rose, 郁金香", "train: 6"]


def test_nothing_is_written_beside_the_images_and_what_was_read_is_remembered(flowers: Path, cache: Path) -> None:
    before = content(flowers)
    check(str(flowers))
    assert content(flowers) == before
    assert content(cache)


def test_a_broken_file_is_a_finding_and_an_error_only_when_strict(flowers: Path) -> None:
    (flowers / "rose" / "坏.png").write_bytes(b"no image")
    assert not check(flowers).sound
    assert check(flowers).audit.unreadable == ("rose/坏.png",)
    with pytest.raises(DataError, match=r"(?s)^The data has findings and `strict` was asked for:\n.*rose/坏\.png"):
        check(flowers, strict=True)


def test_the_shell_shows_all_findings_and_fails_only_when_strict(
    flowers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (flowers / "rose" / "坏.png").write_bytes(b"no image")
    assert main(["check", str(flowers)]) == 0
    relaxed = capsys.readouterr().out
    assert main(["check", str(flowers), "--strict"]) == 1
    assert "rose/坏.png" in relaxed
    assert capsys.readouterr().out.splitlines()[:2] == relaxed.splitlines()[:2]


def test_json_is_one_object(flowers: Path) -> None:
    lines, passes = report(flowers, json=True)
    (found,) = map(json.loads, lines)
    assert (found["images"], found["classes"], found["findings"], passes) == (
        {"train": 6},
        ["rose", "郁金香"],
        [],
        True,
    )


def table(flowers: Path) -> Path:
    """A table of the images with a split, a patient, and a row whose image is not there."""
    rows = [f"rose/{n}.png,rose,{n},{'train' if n else 'test'}" for n in range(3)] + ["lost.png,rose,9,train"]
    rows += [f"郁金香/{n}.png,郁金香,{n},train" for n in range(3)]
    path = flowers / "table.csv"
    path.write_text("\n".join(["image,what,patient,part", *rows]), encoding="utf-8")
    return path


def test_a_table_is_read_with_the_options_of_fit(flowers: Path, tmp_path: Path) -> None:
    told: dict[str, Any] = {"label_column": "what", "split_column": "part", "group_column": "patient"}
    left_out = tmp_path / "names.txt"
    left_out.write_text("rose/1.png\n", encoding="utf-8")
    listing = check(table(flowers), **told, exclude=left_out).listing
    assert {split: len(samples) for split, samples in listing.splits.items()} == {"train": 4, "test": 1}
    assert [sample.group for sample in listing.splits["train"]] == ["2", "0", "1", "2"]
    assert check(table(flowers), **told, task="multilabel").listing.kind == "labels"


def test_rows_without_an_image_are_an_error_where_asked_for(flowers: Path) -> None:
    told = {"label_column": "what", "split_column": "part"}
    assert any("labels without an image: lost.png" in note for note in check(table(flowers), **told).listing.notes)
    with pytest.raises(DataError, match=r"\[row-without-image\] table\.csv, line 5: there is no image 'lost\.png'"):
        check(table(flowers), **told, strict=True)
    with pytest.raises(DataError, match=r"1 of 7 labels without an image: lost\.png"):
        check(table(flowers), **told, missing_files="error")


def broken(flowers: Path) -> Path:
    """A table with something wrong in every other row."""
    for who in ("alice", "bob", "carol"):
        for number in range(4):
            noise = np.random.default_rng((ord(who[0]), number)).integers(0, 255, (16, 16, 3), np.uint8)
            Image.fromarray(noise).save(flowers / f"{who}-{number}.png")
    rows = [f"{who}-{n}.png,{'猫' if n % 2 else 'dog'}" for who in ("alice", "bob") for n in range(4)]
    rows += ["carol-0.png,Not sure", "carol-1.png,NaN", "lost.png,dog", "alice-0.png,猫", "carol-2.png,dog"]
    (flowers / "table.csv").write_text("\n".join(["image,label", *rows]), encoding="utf-8")
    return flowers / "table.csv"


def test_a_fix_list_leaves_out_what_it_names(flowers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, fixes = broken(flowers), tmp_path / "fix 列表.csv"
    before = content(flowers)
    assert main(["check", str(source), "--fix-list", str(fixes), "--report", str(tmp_path / "out.html")]) == 0
    told = capsys.readouterr().out
    assert "Write the label there, or leave the image out. It is left out." in told
    assert "table.csv, line 12: there is no image 'lost.png'" in told
    assert "carol-3.png: no row of table.csv names it" in told
    assert "--group-pattern '" in told
    assert f"Train without them: plusx fit '{source}' --exclude '{fixes}'" in told
    names = [line.partition(",")[::2] for line in fixes.read_text(encoding="utf-8").splitlines()]
    assert {name: reason.partition(",")[0] for name, reason in names} == {
        "name": "finding",
        "alice-0.png": "contradiction",
        "carol-0.png": "label-unsure",
        "carol-1.png": "no-label",
        "carol-3.png": "image-without-row",
        "lost.png": "row-without-image",
    }
    assert content(flowers) == before
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "row-without-image" in page
    assert "data:image/jpeg;base64," in page
    again = check(source, exclude=fixes)
    assert [one.code for one in again.audit.findings if one.excluded] == []
    assert "Not sure" not in again.listing.classes
    assert len(read_listing(source, FitSettings(exclude=fixes)).splits["train"]) == 8


def test_a_proposed_command_works_as_it_is(flowers: Path) -> None:
    checked = check(broken(flowers))
    (finding,) = [one for one in checked.audit.findings if one.code == "groups-names"]
    words = shlex.split(checked.command(finding))
    assert words[:3] == ["plusx", "fit", str(flowers / "table.csv")]
    parsed = parse(VERBS["fit"].grammar, words[2:])
    assert parsed is not None
    listing = read_listing(words[2], FitSettings(**parsed.settings))
    assert {sample.group for sample in listing.splits["train"]} == {"alice", "bob", "carol"}


def test_masks_of_every_kind_of_trouble_are_all_named_and_left_out(tmp_path: Path) -> None:
    root, fixes = tmp_path / "掩码", tmp_path / "fix.csv"
    chance = np.random.default_rng(0)
    for number in range(8):
        for folder, shape, top in (("images", (40, 50, 3), 255), ("masks", (40, 50), 2)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(chance.integers(0, top, shape, np.uint8)).save(root / folder / f"图{number}.png")
    Image.new("L", (9, 9)).save(root / "masks" / "图0.png")
    (root / "masks" / "图1.png").unlink()
    (root / "images" / "图2.png").unlink()
    (root / "masks" / "图3.png").write_bytes(b"no mask")
    Image.fromarray(chance.integers(0, 255, (40, 50), np.uint8)).save(root / "masks" / "图4.png")
    found = {finding.names: finding.code for finding in check(root, fix_list=fixes).audit.findings if finding.excluded}
    assert found == {
        ("images/图0.png",): "mask-size",
        ("images/图1.png",): "image-without-mask",
        ("masks/图2.png",): "mask-without-image",
        ("images/图3.png",): "mask-unusable",
        ("images/图4.png",): "mask-unusable",
    }
    assert check(root, exclude=fixes).sound
    assert len(read_listing(root, FitSettings(exclude=fixes)).splits["train"]) == 3


@pytest.mark.parametrize("option", ["report", "fix_list"])
def test_nothing_is_written_among_the_images(option: str, flowers: Path) -> None:
    source = broken(flowers)
    before = content(flowers)
    for data, out in ((flowers, flowers / "out.html"), (source, flowers / "rose" / ".." / "out.csv"), (source, source)):
        with pytest.raises(InputError, match=rf"^--{option.replace('_', '-')} .* lies inside of the data, .*花 数据"):
            check(data, **{option: out})
    with pytest.raises(InputError, match="is a folder; give the name of a file"):
        check(flowers, **{option: flowers.parent})
    assert content(flowers) == before


def test_arrays_can_be_checked_too() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3), np.uint8)
    checked = check((noise, np.array([0, 1, 0, 1])))
    assert sum(map(len, checked.listing.splits.values())) == 4


def test_many_classes_are_shortened(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for number in range(12):
        (tmp_path / "many" / f"c{number:02}").mkdir(parents=True)
        image = Image.fromarray(noise.integers(0, 255, (8, 8, 3), np.uint8))
        image.save(tmp_path / "many" / f"c{number:02}" / "a.png")
    assert next(check(tmp_path / "many").lines()).endswith("c08, c09, and 2 more")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "holds no images. Expected class folders"),
        (lambda path: path.write_text(""), "is no data set that is understood"),
    ],
)
def test_what_is_no_data_set_is_said(make: Callable[[Path], object], text: str, tmp_path: Path) -> None:
    path = tmp_path / "资料"
    make(path)
    with pytest.raises(DataError, match=text):
        check(path)


def test_a_cache_that_cannot_be_made_is_said(
    flowers: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PLUSX_CACHE", str(flowers / "rose" / "0.png" / "cache"))
    assert check(flowers).audit.files
    assert "cache could not be made: Not a directory. Name another one with PLUSX_CACHE" in caplog.text


def test_an_unknown_setting_gets_the_nearest(flowers: Path) -> None:
    with pytest.raises(InputError, match=r"^Unknown setting 'stict'\. Did you mean strict, "):
        check(flowers, stict=True)
