"""evaluate on data that the run has not seen, read as the run read its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pictures import COLOURS, colour_folder
from plusx.core.errors import DataError, InputError
from plusx.core.sample import Listing, Sample
from plusx.core.targets import Label
from plusx.workflows.evaluate import chosen, evaluate
from plusx.workflows.fit import fit
from plusx.workflows.inheriting import inherited
from plusx.workflows.run import Run

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "export": False,
    "epochs": 1,
}
COLUMNS = {"image_column": "where", "label_column": ("what",), "split_column": "part", "group_column": "patient"}


def write_table(images: Path) -> Path:
    """A table with unusual columns, and more than one that could be the label."""
    paths = [path for colour in COLOURS for path in sorted((images / colour).glob("*.png"))]
    table = pd.DataFrame(
        {
            "where": [path.relative_to(images).as_posix() for path in paths],
            "what": [path.parent.name for path in paths],
            "hospital": ["north" if number % 3 else "south" for number in range(len(paths))],
            "patient": [f"p{number}" for number in range(len(paths))],
            "part": ["val" if number % 4 == 0 else "train" for number in range(len(paths))],
        }
    )
    table.to_csv(images / "table.csv", index=False)
    return images / "table.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on such a table."""
    root = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUSX_CACHE", str(root / "cache"))
        table = write_table(colour_folder(root / "数据", per_class=4))
        return fit(table, **QUICK, **COLUMNS, missing_files="skip", out=root / "run")


@pytest.fixture
def others(tmp_path: Path) -> Path:
    return colour_folder(tmp_path / "others", per_class=2)


def test_a_table_is_read_as_the_run_read_its_own(run: Run, others: Path) -> None:
    found = evaluate(run.path, write_table(others), workers=0)
    assert (found.split, found.images) == ("val", 2)
    assert evaluate(run.path, write_table(others), workers=0, split="train").images == 4


def test_what_the_data_lack_is_found_by_content(run: Run, others: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = pd.read_csv(write_table(others)).drop(columns=["part", "patient", "hospital"])
    table.rename(columns={"where": "file"}).to_csv(others / "plain.csv", index=False)
    (others / "table.csv").unlink()
    found = evaluate(run.path, others / "plain.csv", workers=0)
    assert (found.split, found.images) == ("all", 6)
    (others / "plain.csv").unlink()
    caplog.clear()
    assert evaluate(run.path, others, workers=0).images == 6
    assert "has no effect" not in caplog.text


def test_explicit_options_win(run: Run, others: Path) -> None:
    table = write_table(others)
    with pytest.raises(DataError, match="class 'north' is not among the 3 known classes"):
        evaluate(run.path, table, workers=0, label_column="hospital")
    names = others / "names.txt"
    names.write_text("red/0.png\n", encoding="utf-8")
    assert evaluate(run.path, table, workers=0, split_column="part", split="all", exclude=names).images == 5
    with pytest.raises(InputError, match="Unknown column 'hospitl'"):
        evaluate(run.path, table, label_column="hospitl")


def test_what_is_inherited(run: Run, others: Path) -> None:
    table = write_table(others)
    assert inherited(run.path, table) == {**COLUMNS, "separator": None, "missing_files": "skip"}
    assert inherited(run.path, pd.read_csv(table).drop(columns="part")).keys().isdisjoint({"split_column"})
    assert inherited(run.path, table, {"label_column", "group_pattern"}).keys() == {
        *("image_column", "split_column", "separator", "missing_files")
    }
    assert inherited(run.model, table) == {}
    assert inherited(run.path, (np.zeros((2, 4, 4, 3), np.uint8), [0, 1])) == {}


def test_a_task_other_than_the_models_is_refused(run: Run, others: Path) -> None:
    with pytest.raises(InputError, match=r"The model's task is classify; found --task regress\. Leave --task away"):
        evaluate(run.path, others, task="regress")
    assert evaluate(run.path, others, task="classify", workers=0).images == 6


def test_settings_of_reading_have_no_effect_without_data(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    assert evaluate(run.path, workers=0, label_column="what", task="classify").split == "val"
    assert "task, label_column: no effect without DATA" in caplog.text


def test_an_unknown_split_and_one_that_is_not_there(run: Run, others: Path) -> None:
    with pytest.raises(InputError, match=r"split: found 'tst', expected one of auto, train, val, test, all"):
        evaluate(run.path, others, split="tst")
    with pytest.raises(InputError, match="The data has no split 'test'; it has train"):
        evaluate(run.path, others, split="test")


def test_a_device_that_is_not_there_is_said_before_the_data_are_read(run: Run) -> None:
    with pytest.raises(InputError, match="Unknown device 'tpu9'"):
        evaluate(run.path, "no such data", device="tpu9")


def test_an_unfinished_run_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"is unfinished: .* plusx fit --resume "):
        evaluate(tmp_path)


@pytest.mark.parametrize(
    ("splits", "meant"),
    [(["train"], "all"), (["train", "val"], "val"), (["train", "val", "test"], "test"), (["train", "test"], "test")],
)
def test_auto_takes_test_else_val_else_all(splits: list[str], meant: str) -> None:
    listing = Listing({name: (Sample(Path("a"), Label(0), name),) for name in splits}, "label", ("a", "b"))
    split, found = chosen(listing, "auto")
    assert split == meant
    assert len(found.splits[split]) == 1
    assert [sample.name for sample in chosen(listing, "all")[1].splits["all"]] == splits
