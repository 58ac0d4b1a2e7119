import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.cli.main import main
from plusx.cli.parser import help_text, spelled
from plusx.cli.verbs import VERBS
from plusx.core.details import Details
from plusx.core.errors import InputError
from plusx.workflows.check import check
from plusx.workflows.evaluate import Evaluation, evaluate
from plusx.workflows.options import ReadingSettings
from plusx.workflows.resuming import RULES
from plusx.workflows.run import Run
from plusx.workflows.values import hints_of

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def calls() -> Calls:
    """How a workflow was called."""
    return []


def standing_in(monkeypatch: pytest.MonkeyPatch, place: str, calls: Calls, result: Any) -> None:
    def stand_in(*arguments: Any, **settings: Any) -> Any:
        calls.append((arguments, settings))
        return result

    monkeypatch.setattr(f"plusx.workflows.{place}", stand_in)


def test_the_verbs_are_those_of_the_design() -> None:
    assert list(VERBS) == [
        *(
            "fit",
            "tune",
            "find-rate",
            "evaluate",
            "predict",
            "check",
            "labels",
            "soup",
            "compare",
            "convert",
            "shard",
            "models",
        ),
        *("recipes", "weights", "replay", "export"),
    ]


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_help_names_every_setting(verb: Any) -> None:
    shown = help_text(verb.grammar)
    for name in hints_of(verb.grammar.settings):
        assert f"  {spelled(name)}" in shown or f"  {spelled(f'no_{name}')}" in shown


def test_fit_gets_only_what_was_given(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, "fit.fit_in_words", calls, Run(Path("runs/a"), {"accuracy": 0.5}))
    assert main(["fit", "花/", "--epochs", "3", "--no-flip", "--out", "runs/a"]) == 0
    assert main(["fit", "--resume", "runs/a"]) == 0
    assert calls == [
        ((spelled, "花/", None, {"epochs": 3, "flip": False, "out": Path("runs/a")}), {}),
        ((spelled, None, None, {"resume": Path("runs/a")}), {}),
    ]
    assert capsys.readouterr().out.startswith("accuracy  0.5000\nReport: runs/a/report.html\n")


def test_evaluate_with_and_without_data(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, "evaluate.evaluate", calls, Evaluation("val", 2, {"accuracy": 0.5}, Details()))
    assert main(["evaluate", "runs/a"]) == 0
    assert main(["evaluate", "runs/a", "flowers", "--split", "test", "--json"]) == 0
    assert calls == [(("runs/a", None), {}), (("runs/a", "flowers"), {"split": "test"})]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["images"] == 2


def test_options_that_only_print_are_no_settings_in_python() -> None:
    for verb in (evaluate, check):
        assert "json" not in inspect.signature(verb).parameters
        with pytest.raises(InputError, match=r"^Unknown setting 'json'\. Did you mean "):
            verb("nothing", "here", json=True) if verb is evaluate else verb("nothing", json=True)
    for name in ("evaluate", "check"):
        assert "  --json" in help_text(VERBS[name].grammar)


def test_verbs_that_read_labelled_images_read_them_with_the_same_options() -> None:
    words = {name: hints_of(VERBS[name].grammar.settings) for name in ("fit", "evaluate", "check")}
    reading = hints_of(ReadingSettings)
    assert list(reading)[:3] == ["task", "image_column", "label_column"]
    assert all({key: hints[key] for key in reading} == reading for hints in words.values())


def test_help_names_what_may_stand_beside_resume() -> None:
    shown = help_text(VERBS["fit"].grammar).partition("--resume")[2].partition("--checkpoint-minutes X")[0]
    help_of_resume = "".join(shown.split())  # a line may end within a word
    assert all(spelled(name) in help_of_resume for name in RULES)


def test_predict_gives_the_workflows_exit_code(monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    standing_in(monkeypatch, "predict.predict_to_text", calls, 1)
    assert main(["predict", "runs/a", "a.png", "--format", "csv", "b.png"]) == 1
    assert calls == [(("runs/a", ("a.png", "b.png")), {"format": "csv"})]


def test_export_says_what_was_written(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    standing_in(monkeypatch, "export.export", calls, "runs/a/model.onnx: same decision")
    assert main(["export", "runs/a", "--to", "onnx"]) == 0
    assert calls == [(("runs/a",), {"to": "onnx"})]
    assert capsys.readouterr().out == "runs/a/model.onnx: same decision\n"


def test_models_and_weights_print(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "resnet1?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["architecture"] == "resnet18"
    assert main(["weights", "resnet18.tv_in1k_v1"]) == 0
    assert capsys.readouterr().out.startswith("resnet18.tv_in1k_v1\n  architecture  resnet18\n")


@pytest.fixture
def flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Light and dark noise, in a folder with a Chinese name and a space."""
    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0)
    for place, name in enumerate(("夜", "day")):
        (tmp_path / "花 园" / name).mkdir(parents=True)
        for number in range(6):
            pixels = noise.integers(120 * place, 120 * place + 120, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "花 园" / name / f"图 {number}.png")
    return tmp_path / "花 园"


@pytest.mark.slow
def test_from_a_folder_to_predictions(flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = ["fit", str(flowers), "--model", "resnet20", "--epochs", "1", "--workers", "0", "--out", "跑/一"]
    assert main(fit) == 0
    assert main(["evaluate", "跑/一"]) == 0
    assert main(["weights", "跑/一"]) == 0
    capsys.readouterr()
    assert main(["predict", "跑/一", str(flowers), "--format", "json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 12
    assert {one["label"] for one in found} <= {"夜", "day"}
    assert main(fit) == 1
    assert "跑/一 exists and is not empty. Give another --out" in capsys.readouterr().err
