"""What a run leaves of its test split, and that nothing else depends on it."""

import json
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.core.details import Details
from plusx.core.errors import InputError
from plusx.engine.crowding import crowding_hint
from plusx.engine.parts import Outcome
from plusx.workflows import finishing
from plusx.workflows import fit as fitting
from plusx.workflows.fit import fit
from plusx.workflows.measuring import Measured, Results, figures
from plusx.workflows.reporting import chart_names
from plusx.workflows.run import Run

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "epochs": 2,
    "export": False,
}


def three_splits(root: Path, test: bool) -> Path:
    for number, split in enumerate(("train", "val", "test")[: 3 if test else 2]):
        colour_folder(root / split, 4 + number)
    return root


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run, list[str]]:
    """One with a test split, the same one without, and the splits that the first one measured at its end."""
    root = tmp_path_factory.mktemp("finishing")
    measured: list[str] = []
    real = finishing.measure

    def noting(*values: Any, **named: Any) -> Any:
        measured.append(values[3])
        return real(*values, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUSX_CACHE", str(root / "cache"))
        patch.setattr(finishing, "measure", noting)
        run = fit(three_splits(root / "with", test=True), **QUICK, out=root / "a")
        splits = list(measured)
        return run, fit(three_splits(root / "without", test=False), **QUICK, out=root / "b"), splits


def test_the_test_split_is_measured_once_after_validation(runs: tuple[Run, Run, list[str]]) -> None:
    assert runs[2] == ["val", "test"]


def test_its_figures_stand_apart(runs: tuple[Run, Run, list[str]]) -> None:
    run, without, _ = runs
    written = json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
    assert written["test"] == dict(run.test_metrics)
    assert written["accuracy"] == run.metrics["accuracy"]
    assert set(run.test_metrics) == set(run.metrics)
    page = run.report.read_text(encoding="utf-8")
    assert "on 15 validation images" in page
    assert "on 18 test images" in page
    assert without.test_metrics == {}
    assert "test" not in json.loads((without.path / "metrics.json").read_text(encoding="utf-8"))
    assert "test images" not in without.report.read_text(encoding="utf-8")


def test_it_has_no_part_in_the_training(runs: tuple[Run, Run, list[str]]) -> None:
    run, without, _ = runs
    assert run.model.read_bytes()[-1000:] == without.model.read_bytes()[-1000:]
    timed = {"train/seconds", "train/images_per_second"}
    kept = [[{k: v for k, v in epoch.items() if k not in timed} for epoch in one.history] for one in (run, without)]
    assert kept[0] == kept[1]
    assert run.metrics == without.metrics


def test_figures_name_the_test_split() -> None:
    outcome = Outcome(2, 10, 0.5, 1, "finished", ())
    measured = Measured({"accuracy": 0.5}, Details(), collected=None)  # type: ignore[arg-type]
    expected = {"best_epoch": 1, "stopped": "finished", "accuracy": 0.5}
    assert figures(Results(outcome, measured)) == expected
    assert figures(Results(outcome, measured, test=measured)) == {**expected, "test": {"accuracy": 0.5}}


def test_names_of_the_history_become_those_of_the_report() -> None:
    values = {"step": 3.0, "train/loss": 1.0, "train/size": 0.1, "train/rate": 0.01, "val/accuracy": 0.5}
    assert chart_names(values) == {"loss": 1.0, "loss/size": 0.1, "learning_rate": 0.01, "accuracy": 0.5}


def test_a_busy_machine_is_said_before_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def hint(device: str) -> str:
        return f"busy while {device} is wanted [1]"

    def stop(*_: Any) -> None:
        raise InputError("the audit begins")

    assert fitting.crowding_hint is crowding_hint
    monkeypatch.setattr(fitting, "crowding_hint", hint)
    monkeypatch.setattr(fitting, "prepare", stop)
    with pytest.raises(InputError, match="the audit begins"):
        fit(colour_folder(tmp_path / "colours"), device="cpu", out=tmp_path / "run")
    assert "note: busy while cpu is wanted [1]" in capsys.readouterr().err
