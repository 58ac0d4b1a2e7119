"""Images whose content changed since a run was begun."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import COLOURS, colour_folder, picture
from plusx.core.errors import DataError, InputError
from plusx.weights.header import read_header
from plusx.workflows.contents import contents
from plusx.workflows.directory import RunDirectory
from plusx.workflows.evaluate import evaluate
from plusx.workflows.fit import fit
from plusx.workflows.split_table import split_rows, write_split

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "export": False,
}


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Path]:
    """A data folder and a run of one epoch on it."""
    data = colour_folder(tmp_path / "data", per_class=4)
    return data, fit(data, **QUICK, epochs=1, out=tmp_path / "run").path


def change(path: Path) -> None:
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)


def used_in(run: Path, split: str) -> list[str]:
    return [row.image for row in split_rows(RunDirectory(run)) if row.split == split]


def test_a_run_does_not_go_on_with_changed_images(begun: tuple[Path, Path]) -> None:
    data, run = begun
    train, val = used_in(run, "train"), used_in(run, "val")
    change(data / val[0])
    with pytest.raises(
        InputError, match=rf"^1 image has changed since {run} was begun: {val[0]}\. Restore the data, or "
    ):
        fit(resume=run, epochs=2)
    for name in train:
        change(data / name)
    text = (
        rf"^{len(train) + 1} images have changed since .*: {', '.join(train[:5])} and {len(train) - 4} more\. Restore"
    )
    with pytest.raises(InputError, match=text):
        fit(resume=run, epochs=2)


def test_evaluate_refuses_changed_images_of_the_split_it_measures(begun: tuple[Path, Path]) -> None:
    data, run = begun
    change(data / used_in(run, "train")[0])
    assert evaluate(run, workers=0).images == len(used_in(run, "val"))
    changed = used_in(run, "val")[0]
    change(data / changed)
    with pytest.raises(
        DataError, match=rf"^1 image has changed since {run} was trained: {changed}\. Restore the data, or n"
    ):
        evaluate(run, workers=0)
    assert evaluate(run, data, workers=0).images == 12
    (data / changed).write_bytes(b"no image any more")
    with pytest.raises(DataError, match=f"1 image has changed since .*{changed}"):
        evaluate(run, workers=0)


def test_the_same_bytes_at_another_time_are_the_same_image(begun: tuple[Path, Path]) -> None:
    data, run = begun
    for path in data.rglob("*.png"):
        os.utime(path, (1, 1))
    assert evaluate(run, workers=0).images == len(used_in(run, "val"))
    assert len(fit(resume=run, epochs=2).history) == 2


def test_runs_that_wrote_down_no_digests_go_on(begun: tuple[Path, Path]) -> None:
    data, run = begun
    directory = RunDirectory(run)
    write_split(directory, [row._replace(sha256="") for row in split_rows(directory)])
    change(data / used_in(run, "val")[0])
    assert evaluate(run, workers=0).images == len(used_in(run, "val"))
    assert len(fit(resume=run, epochs=2).history) == 2
    assert all(row.sha256 for row in split_rows(directory))


def test_data_and_model_say_what_was_trained_on(begun: tuple[Path, Path]) -> None:
    _, run = begun
    written = json.loads((run / "data.json").read_text(encoding="utf-8"))["contents"]
    assert read_header(run / "model.safetensors").extra["contents"] == written
    rows = split_rows(RunDirectory(run))
    splits = dict.fromkeys(row.split for row in rows)
    assert contents({split: tuple(r.sha256 for r in rows if r.split == split) for split in splits}) == written


def test_one_digest_of_all_knows_where_each_image_is() -> None:
    one = contents({"train": ("a", "b"), "val": ("c",)})
    assert one == contents({"val": ("c",), "train": ("a", "b")})
    assert one not in (contents({"train": ("b", "a"), "val": ("c",)}), contents({"train": ("a",), "val": ("b", "c")}))


def pictures() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], list[int]]:
    colours = list(COLOURS.values())
    return np.stack([picture(colours[i % 3], i) for i in range(12)]), [i % 3 for i in range(12)]


def test_pixels_in_memory_are_compared(tmp_path: Path) -> None:
    x, y = pictures()
    run = fit((x, y), **QUICK, epochs=1, out=tmp_path / "run").path
    x[7, 3, 3] = 0
    with pytest.raises(InputError, match=r"^1 image has changed since .* was begun: train\[7\]\."):
        fit((x, y), resume=run, epochs=2)


def test_items_of_a_users_data_set_may_change_by_themselves(tmp_path: Path) -> None:
    x, y = pictures()
    run = fit(list(zip(x, y, strict=True)), **QUICK, epochs=1, out=tmp_path / "run").path
    assert {row.sha256 for row in split_rows(RunDirectory(run))} == {""}
    assert len(fit(list(zip(255 - x, y, strict=True)), resume=run, epochs=2).history) == 2
