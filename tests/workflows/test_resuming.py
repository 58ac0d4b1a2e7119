"""The rules by which settings of a run that goes on may change."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from plusx.cli.parser import spelled
from plusx.core.errors import InputError
from plusx.workflows.directory import RunDirectory
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.resuming import PLACING, RULES, Change, changes_between, refuse_changes, refuse_fewer_epochs
from plusx.workflows.settling import settle

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(--[a-z-]+)` \| (?:yes|是) \| (.*) \|$", re.MULTILINE)


def test_the_table_in_the_docs_is_that_of_the_rules() -> None:
    english = ROW.findall((ROOT / "docs/when-a-run-breaks.md").read_text(encoding="utf-8"))
    assert english == [(spelled(name), rule) for name, rule in RULES.items()]
    chinese = ROW.findall((ROOT / "docs/when-a-run-breaks.zh-CN.md").read_text(encoding="utf-8"))
    assert [name for name, _ in chinese] == [name for name, _ in english]
    assert set(RULES) <= {field.name for field in fields(FitSettings)}
    assert set(RULES) >= PLACING


@pytest.mark.parametrize(
    ("change", "python", "shell"),
    [
        (Change("rate", 0.001, 0.01), "rate: 0.001 → 0.01", "--rate: 0.001 → 0.01"),
        (Change("flip", False, True), "flip: False → True", "--no-flip → --flip"),
        (Change("patience", 3, None), "patience: 3 → None", "--patience: 3 → none"),
        (Change("losses", None, ("dice", "focal")), "losses: None → ('dice', 'focal')", "--losses: none → dice focal"),
    ],
)
def test_a_change_is_said_in_the_words_it_was_written_in(change: Change, python: str, shell: str) -> None:
    assert change.worded(str) == python
    assert change.worded(spelled) == shell


def test_only_what_was_given_and_differs_is_a_change() -> None:
    before = FitSettings(epochs=6, rate=0.1, workers=2)
    now = replace(before, rate=0.2, workers=0, seed=5, epochs=None)
    found = changes_between(before, now, {"rate", "workers", "model", "epochs", "resume"})
    assert found == (Change("rate", 0.1, 0.2), Change("workers", 2, 0))
    with pytest.raises(InputError, match=r"these differ: --rate: 0\.1 → 0\.2\. .* Only --epochs, --patience, --device"):
        refuse_changes(found, spelled)
    refuse_changes(found[1:], spelled)
    assert found[1].told(str) == "workers: 2 → 0 (the same batches whoever loads them: the same bits)"


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.curves[0].write_text('{"epoch": 3, "name": "val/accuracy", "step": 9, "value": 1}\n', encoding="utf-8")
    refuse_fewer_epochs(run, 3, spelled)
    with pytest.raises(InputError, match=r"^--epochs is 2, but .* has finished 3 already\. Ask for 3 or more\.$"):
        refuse_fewer_epochs(run, 2, spelled)


def settled(**values: Any) -> Any:
    return settle("data", None, values, spelled)


def test_auto_begins_where_there_is_no_run_and_says_what_it_needs(tmp_path: Path) -> None:
    job = settled(out=tmp_path / "run", resume="auto")
    assert (job.saved, job.settings.resume, job.run.path) == (None, None, tmp_path / "run")
    with pytest.raises(InputError, match=r"^--resume auto looks for the run in --out: say which directory that is\.$"):
        settled(resume="auto")
    with pytest.raises(InputError, match=r"^--resume auto goes on with a run and --overwrite takes it away: leave one"):
        settled(resume="auto", out=tmp_path / "run", overwrite=True)
    with pytest.raises(InputError, match=r"auto is not a run directory"):
        settled(resume=tmp_path / "auto")
