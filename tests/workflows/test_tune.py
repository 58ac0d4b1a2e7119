import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.core.errors import InputError, MissingExtraError, NonFiniteLossError, PlusxError, StorageError
from plusx.engine.observer import EpochInfo
from plusx.engine.parts import Outcome
from plusx.workflows import trials as trials_module
from plusx.workflows import tune as tune_module
from plusx.workflows.tune import tune

pytest.importorskip("optuna")

PLUSX = Path(sys.executable).parent / "plusx"
QUICK: dict[str, Any] = {"models": "resnet20,resnet32", "epochs": 3, "batch_size": 8, "workers": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_folder(tmp_path_factory.mktemp("tune") / "颜色", per_class=6)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[Any], float]]:
    """Trials that train nothing: their metric in an epoch is what `score` says of the settings."""
    rules: dict[str, Callable[[Any], float]] = {"score": lambda settings: 1 - abs(settings.rate - 0.02)}

    def stand_in(job: Any, prepared: Any, made: Any, placement: Any, voice: Any) -> Outcome:
        value = rules["score"](job.settings)
        for epoch in range(1, 4):
            for watcher in voice.watchers:
                watcher.on_epoch(EpochInfo(epoch, epoch, {"val/accuracy": value * epoch / 3}, "accuracy", True))
        return Outcome(3, 3, value, 3, "finished", ())

    monkeypatch.setattr(trials_module, "run_training", stand_in)
    monkeypatch.setattr(trials_module, "begin", lambda *_: None)
    return rules


def test_a_search_ends_with_a_whole_run_and_a_line_to_paste(data: Path, tmp_path: Path) -> None:
    found = tune(data, **QUICK, trials=2, out=tmp_path / "搜索", export=False)
    assert found.run is not None
    assert found.run.model.is_file()
    assert found.run.report.is_file()
    assert found.best.parameters["model"] in ("resnet20", "resnet32")
    words = shlex.split(found.command)
    assert words[:3] == ["plusx", "fit", str(data)]
    again = subprocess.run(
        [PLUSX, *words[1:], "--out", tmp_path / "again"], capture_output=True, text=True, timeout=300, encoding="utf-8"
    )
    assert again.returncode == 0, again.stderr
    metrics = json.loads((tmp_path / "again" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["accuracy"] == pytest.approx(found.best.value)
    page = found.report.read_text(encoding="utf-8")
    assert "搜索" in page
    assert "<script" not in page
    assert (tmp_path / "搜索" / "trials.csv").read_text(encoding="utf-8").count("\n") == 3


@pytest.mark.slow
@pytest.mark.usefixtures("untrained")
def test_one_worker_draws_the_same_again_also_when_it_was_stopped_between(data: Path, tmp_path: Path) -> None:
    whole = tune(data, **QUICK, trials=8, out=tmp_path / "whole", finish=False)
    tune(data, **QUICK, trials=4, out=tmp_path / "parts", finish=False)
    parts = tune(resume=tmp_path / "parts", trials=8, finish=False)
    assert [one.parameters for one in parts.trials] == [one.parameters for one in whole.trials]
    assert [one.state for one in parts.trials] == [one.state for one in whole.trials]
    assert whole.trials[0].parameters["rate"] == 0.03  # the recipe's own
    assert len({one.parameters["rate"] for one in whole.trials}) == 8
    other = tune(data, **QUICK, trials=3, out=tmp_path / "other", finish=False, seed=1)
    assert other.trials[1].parameters != whole.trials[1].parameters


@pytest.mark.slow
def test_trials_that_are_behind_are_stopped(untrained: Any, data: Path, tmp_path: Path) -> None:
    found = tune(data, **QUICK, trials=10, out=tmp_path / "t", finish=False)
    stopped = [one for one in found.trials if one.state == "pruned"]
    assert stopped
    assert all("below the median" in one.reason and len(one.epochs) < 3 for one in stopped)
    assert found.best.value == max(one.value for one in found.trials if one.state == "complete" and one.value)


def test_failed_trials_are_recorded_and_when_all_fail_it_is_said_why(
    untrained: Any, data: Path, tmp_path: Path
) -> None:
    def fails_with_resnet32(settings: Any) -> float:
        if settings.model == "resnet32":
            raise NonFiniteLossError("Loss 'loss' is nan.\nMore words.")
        return 0.5

    untrained["score"] = fails_with_resnet32
    found = tune(data, **QUICK, trials=8, out=tmp_path / "some", finish=False)
    failed = [one for one in found.trials if one.state == "fail"]
    assert failed
    assert {one.reason for one in failed} == {"Loss 'loss' is nan."}
    fixed = {**QUICK, "models": "resnet32"}
    with pytest.raises(PlusxError, match=r"^None of 2 trials came to its end.*\n- Loss 'loss' is nan\.$"):
        tune(data, **fixed, trials=2, out=tmp_path / "all", finish=False)


def test_a_search_in_which_all_fails_ends_before_its_budget(untrained: Any, data: Path, tmp_path: Path) -> None:
    def fails(settings: Any) -> float:
        raise NonFiniteLossError("Loss 'loss' is nan.")

    untrained["score"] = fails
    with pytest.raises(PlusxError, match=r"^None of 10 trials came to its end"):
        tune(data, **QUICK, trials=40, out=tmp_path / "all", finish=False)


@pytest.mark.usefixtures("untrained")
def test_trials_that_another_store_knows_are_not_replaced(data: Path, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    tune(data, **QUICK, trials=1, out=tmp_path / "t", finish=False, storage=storage)
    before = sorted((tmp_path / "t" / "trials").rglob("*"))
    with pytest.raises(InputError, match=r"holds trials of which its store knows nothing\. If .* --storage, say"):
        tune(resume=tmp_path / "t", trials=2, finish=False)
    assert sorted((tmp_path / "t" / "trials").rglob("*")) == before
    assert len(tune(resume=tmp_path / "t", trials=2, finish=False, storage=storage).trials) == 2


def test_a_full_disk_ends_the_search(untrained: Any, data: Path, tmp_path: Path) -> None:
    def full(settings: Any) -> float:
        raise StorageError("the disk is full")

    untrained["score"] = full
    with pytest.raises(StorageError, match="the disk is full"):
        tune(data, **QUICK, trials=3, out=tmp_path / "t", finish=False)


@pytest.mark.usefixtures("untrained")
def test_other_settings_are_refused_and_the_budget_may_grow(data: Path, tmp_path: Path) -> None:
    tune(data, **QUICK, trials=1, out=tmp_path / "t", finish=False)
    with pytest.raises(InputError, match=r"holds a search with other settings \(epochs: 3 → 4\)"):
        tune(data, **{**QUICK, "epochs": 4}, out=tmp_path / "t")
    found = tune(data, **QUICK, trials=2, out=tmp_path / "t", finish=False)
    assert len(found.trials) == 2


def test_what_is_no_search_is_said(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds no search of plusx tune"):
        tune(data, out=tmp_path)
    with pytest.raises(InputError, match=r"is no search: it has no tune\.json"):
        tune(resume=tmp_path)
    with pytest.raises(InputError, match="No data was given"):
        tune()
    with pytest.raises(InputError, match=r"Unknown model 'resnet81'"):
        tune(data, models="resnet81", out=tmp_path / "t")
    with pytest.raises(InputError, match=r"--storage mysql\+pymysql://host/db.*driver"):
        tune(data, **QUICK, storage="mysql+pymysql://me:secret@host/db", out=tmp_path / "u")


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"plusx tune needs Optuna.*plusx\[tune\]"):
        tune_module.tune("nowhere")


def shell(data: Path, directory: Path, trials: int) -> "subprocess.Popen[str]":
    options = ["--models", "resnet20", "--epochs", "4", "--batch-size", "8", "--workers", "0", "--device", "cpu"]
    return subprocess.Popen(
        [PLUSX, "tune", data, *options, "--no-finish", "--trials", str(trials), "--out", directory],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def results(directory: Path) -> list[dict[str, Any]]:
    return json.loads((directory / "results.json").read_text(encoding="utf-8"))["trials"]


def test_two_workers_share_the_budget_and_try_nothing_twice(data: Path, tmp_path: Path) -> None:
    workers = [shell(data, tmp_path / "t", 5) for _ in range(2)]
    said = [worker.communicate(timeout=400) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    trials = results(tmp_path / "t")
    assert [one["number"] for one in trials] == [0, 1, 2, 3, 4]
    assert all(one["state"] in ("complete", "pruned") for one in trials)
    assert len({one["parameters"]["rate"] for one in trials}) == 5
    assert sum(text.count("trial ") for _, text in said) >= 5


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_trial_that_was_broken_off_is_begun_again(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "t"
    worker = shell(data, directory, 2)
    deadline = time.monotonic() + 300
    while not (directory / "trials" / "0000" / "metrics.jsonl").exists():
        assert worker.poll() is None, worker.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    worker.send_signal(number)
    _, errors = worker.communicate(timeout=60)
    assert worker.returncode == (-9 if number == signal.SIGKILL else 130), errors
    if number == signal.SIGINT:
        assert "Go on with: plusx tune --resume" in errors
    goes_on = shell(data, directory, 2)
    _, errors = goes_on.communicate(timeout=400)
    assert goes_on.returncode == 0, errors
    trials = results(directory)
    assert [one["state"] for one in trials] == ["complete", "complete"]
    assert min(one["parameters"]["rate"] for one in trials[:1]) == 0.03
    assert trials[0]["number"] == 1  # 0 was begun again under a new number
