"""Going on with a run, and measuring it again, when the world around it has changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import COLOURS, colour_folder, picture
from plusx.cli.parser import spelled
from plusx.core.errors import DataError, DisagreementError, InputError, InterruptedRunError
from plusx.weights.modelfile import load_model
from plusx.workflows import finishing
from plusx.workflows.directory import RunDirectory
from plusx.workflows.evaluate import evaluate
from plusx.workflows.export import COMPARED, spread
from plusx.workflows.fit import fit, fit_in_words
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.original_data import original_data
from plusx.workflows.preparation import read_listing
from plusx.workflows.resuming import epochs_done, nothing_left

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 16,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
}


@pytest.fixture
def begun(tmp_path: Path) -> tuple[Path, Path]:
    """A data folder and a run of one epoch on it."""
    data = colour_folder(tmp_path / "data", per_class=6)
    return data, fit(data, **QUICK, epochs=1, out=tmp_path / "run", export=False).path


def settings_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "settings.json").read_text(encoding="utf-8"))


def test_evaluate_measures_the_images_of_the_run_whatever_was_added(begun: tuple[Path, Path]) -> None:
    data, run = begun
    before = [sample.name for sample in original_data(run).splits["val"]]
    for number in range(30):
        Image.fromarray(picture(COLOURS["red"], number)).save(data / "red" / f"new{number}.png")
    assert [sample.name for sample in original_data(run).splits["val"]] == before
    assert evaluate(run, workers=0, batch_size=2).images == len(before)


def test_lost_images_and_new_classes_are_said(begun: tuple[Path, Path]) -> None:
    data, run = begun
    (data / "red" / "0.png").rename(data / "green" / "moved.png")
    with pytest.raises(DataError, match=r"gone or have other labels: red/0\.png\. Restore the data"):
        original_data(run)
    (data / "violet").mkdir()
    Image.fromarray(picture((90, 0, 90), 1)).save(data / "violet" / "0.png")
    with pytest.raises(DataError, match=r"classes in .* are no longer those"):
        original_data(run)


def test_a_second_source_is_written_down_and_never_mixed_with_the_first(tmp_path: Path) -> None:
    train, held_out = colour_folder(tmp_path / "a", per_class=4), colour_folder(tmp_path / "b", per_class=2)
    run = fit(train, validation_data=held_out, **QUICK, epochs=1, out=tmp_path / "run", export=False).path
    val = original_data(run).splits["val"]
    assert len(val) == 6
    assert all(isinstance(sample.image, Path) and held_out in sample.image.parents for sample in val)
    assert len(fit(resume=run, epochs=2).history) == 2


def test_settings_equal_to_the_default_are_compared_as_well(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=4)
    run = fit(data, **QUICK, flip=False, epochs=1, out=tmp_path / "run", export=False).path
    with pytest.raises(InputError, match=r"these differ: flip: False → True; model: resnet20 → resnet18\. What "):
        fit(resume=run, flip=True, model="resnet18")
    with pytest.raises(InputError, match=r"--no-flip → --flip; --rate: none → 0\.1\. .* Only --epochs, --patience, "):
        fit_in_words(spelled, None, None, {"resume": run, "flip": True, "rate": 0.1, "workers": 1})
    assert fit(resume=run, export=True).agreement is not None
    assert settings_of(run)["settings"]["export"] is True
    assert settings_of(run)["command"].startswith("plusx fit ")
    assert "--resume" not in settings_of(run)["command"]


def test_a_run_goes_on_without_the_file_it_started_from(
    begun: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, first = begun
    start = tmp_path / "start.safetensors"
    shutil.copy(first / "model.safetensors", start)
    monkeypatch.chdir(tmp_path)
    run = fit(data, **QUICK, weights="start.safetensors", epochs=1, out=tmp_path / "next", export=False).path
    card = load_model(run / "model.safetensors").card
    start.unlink()
    monkeypatch.chdir("/")
    longer = fit(resume=run, epochs=2)
    assert len(longer.history) == 2
    after = load_model(run / "model.safetensors").card
    assert (after.architecture, after.input, after.licence) == (card.architecture, card.input, card.licence)


def test_an_exported_file_of_earlier_weights_is_never_left_beside_others(begun: tuple[Path, Path]) -> None:
    _, run = begun
    (run / "model.onnx").write_bytes(b"old")
    (run / "model.pt2").write_bytes(b"old")
    fit(resume=run, epochs=2)
    assert not (run / "model.onnx").exists()
    assert not (run / "model.pt2").exists()


def test_stopped_while_results_are_written_leaves_none_beside_another_model(
    begun: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    run = RunDirectory(begun[1])
    assert run.metrics.exists()
    with monkeypatch.context() as patch:
        patch.setattr(finishing, "figures", stop)
        with pytest.raises(InterruptedRunError, match="Stopped by Ctrl-C while results were written; the training is "):
            fit(resume=run.path, epochs=2, patience=5)
    assert run.model.exists()
    assert not run.metrics.exists()
    assert not run.report.exists()
    assert len(fit(resume=run.path).history) == 2
    assert run.metrics.exists()
    assert settings_of(run.path)["settings"]["patience"] == 5


def test_a_disagreement_stands_in_the_report(begun: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def disagree(*_: Any) -> None:
        raise DisagreementError("the file answers otherwise")

    monkeypatch.setattr(finishing, "export_and_compare", disagree)
    with pytest.raises(DisagreementError, match="the file answers otherwise"):
        fit(resume=begun[1], export=True)
    assert "the file answers otherwise" in (begun[1] / "report.html").read_text(encoding="utf-8")


def test_settings_without_effect_are_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("train", "val"):
        colour_folder(tmp_path / "data" / split, per_class=2)
    fit("data", **QUICK, epochs=1, export=False, separator=";", val_fraction=0.3, group_column="who", overwrite=True)
    told = capsys.readouterr().err
    assert "separator ';' has no effect" in told
    assert "val_fraction has no effect: the data brings a validation split" in told
    assert "group_column has no effect" in told
    assert "missing_files" not in told
    assert "overwrite has no effect without out" in caplog.text


def test_a_run_that_is_done_says_so_and_how_to_extend_it(
    begun: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    _, run = begun
    assert len(fit(resume=run).history) == 1
    assert f"All 1 epochs of {run} are done: nothing is left to train." in caplog.text
    assert f"plusx fit --resume {run} --epochs 2" in caplog.text
    caplog.clear()
    assert len(fit(resume=run, epochs=2).history) == 2
    assert "nothing is left" not in caplog.text


def test_what_is_left_of_a_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    lines = [{"epoch": 3, "name": "val/accuracy", "step": 9}, {"epoch": 4, "name": "step/loss", "step": 10}]
    run.curves[0].write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert epochs_done(run) == 3
    run.model.write_bytes(b"")
    assert nothing_left(run, 3) is None  # stopped between the last step and the figures
    run.metrics.write_text('{"stopped": "finished"}', encoding="utf-8")
    assert (nothing_left(run, 3) or "").startswith("All 3 epochs")
    assert nothing_left(run, 4) is None
    run.metrics.write_text('{"stopped": "early"}', encoding="utf-8")
    assert "stopped early after 3 epochs, as --patience asked" in (nothing_left(run, 9) or "")


def test_a_list_of_images_to_leave_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = colour_folder(tmp_path / "data", per_class=2)
    (data / "red" / "0.png").rename(data / "red" / "a,b.png")
    names = tmp_path / "names.txt"
    names.write_text("red/a,b.png\n", encoding="utf-8")
    settings = FitSettings(exclude=names)
    assert len(read_listing(data, settings).splits["train"]) == 5
    names.write_text("red/none.png\n", encoding="utf-8")
    listing = read_listing(data, settings)
    assert len(listing.splits["train"]) == 6
    assert "exclude has no effect: it names none of the images, which are called as in split.csv" in listing.notes
    names.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no list of names in UTF-8"):
        read_listing(data, settings)


def test_one_class_left_after_the_audit_is_refused(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=3)
    shutil.rmtree(data / "green")
    for path in (data / "red").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"(?s)All readable images .* same label \(蓝色\).*unreadable"):
        fit(data, **QUICK, out=tmp_path / "run")


def test_sampling_has_no_effect_on_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    x, y = np.zeros((8, 32, 32, 3), np.uint8), np.linspace(0.5, 4.2, 8)
    run = fit((x, y), **QUICK, balance="sampling", epochs=1, out=tmp_path / "run", export=False)
    assert "has no effect on numbers" in caplog.text
    assert "mae" in {name.split("/")[0] for name in run.metrics}
    with pytest.raises(InputError, match="trained on data in memory"):
        evaluate(run.path)


@pytest.mark.parametrize("count", [1, 499, 500, 501, 999, 5000])
def test_the_compared_images_reach_to_the_end(count: int) -> None:
    chosen: list[Any] = list(spread(range(count)))  # pyrefly: ignore[bad-argument-type] - any sequence will do
    assert len(chosen) <= COMPARED
    assert chosen[-1] >= count - count / len(chosen) - 1
