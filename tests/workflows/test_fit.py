import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pictures import COLOURS, colour_folder, picture
from plusx.core.errors import DataError, InputError, NonFiniteLossError
from plusx.weights.header import read_header
from plusx.workflows.evaluate import evaluate
from plusx.workflows.fit import fit
from plusx.workflows.load import load
from plusx.workflows.run import Run

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A data folder and a run on it."""
    root = tmp_path_factory.mktemp("fit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUSX_CACHE", str(root / "cache"))
        data = colour_folder(root / "colours")
        return data, fit(data, **QUICK, epochs=3, rate=0.02, out=root / "run")


def test_a_run_leaves_everything_and_learns(finished: tuple[Path, Run]) -> None:
    _, run = finished
    left = {path.name for path in run.path.iterdir()}
    assert left >= {
        "settings.json",
        "environment.json",
        "data.json",
        "split.csv",
        "audit.json",
        "audit.html",
        "metrics.jsonl",
        "metrics.json",
        "checkpoints",
        "model.safetensors",
        "model.onnx",
        "report.html",
    }
    assert run.metrics["accuracy"] == 1.0
    assert len(run.history) == 3
    assert run.agreement is not None
    assert "蓝色" in run.report.read_text(encoding="utf-8")


def test_the_users_folder_is_not_touched(finished: tuple[Path, Run]) -> None:
    data, _ = finished
    assert sorted(p.name for p in data.iterdir()) == sorted(COLOURS)
    assert sum(1 for _ in data.rglob("*.png")) == sum(1 for p in data.rglob("*") if p.is_file())


def test_the_split_is_written_down_and_stratified(finished: tuple[Path, Run]) -> None:
    _, run = finished
    with (run.path / "split.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    held_out = [row["target"] for row in rows if row["split"] == "val"]
    assert {held_out.count(colour) for colour in COLOURS} <= {2, 3}


def test_the_model_file_knows_classes_and_input(finished: tuple[Path, Run]) -> None:
    _, run = finished
    header = read_header(run.model)
    assert set(header.card.classes) == set(COLOURS)
    assert header.card.input.size == (32, 32)
    assert header.card.metrics["accuracy"] == run.metrics["accuracy"]


def test_evaluate_gives_the_figures_of_the_run(finished: tuple[Path, Run]) -> None:
    _, run = finished
    again = evaluate(run.path)
    assert again.split == "val"
    assert dict(again.metrics) == pytest.approx(dict(run.metrics))


def test_evaluate_on_other_data_matches_class_names(finished: tuple[Path, Run], tmp_path: Path) -> None:
    _, run = finished
    other = tmp_path / "other"
    (other / "red").mkdir(parents=True)
    (other / "green").mkdir()
    Image.fromarray(picture(COLOURS["red"], 7)).save(other / "red" / "a.png")
    Image.fromarray(picture(COLOURS["green"], 8)).save(other / "green" / "b.png")
    assert evaluate(run.model, other).metrics["accuracy"] == 1.0


def test_a_loaded_model_predicts_names(finished: tuple[Path, Run]) -> None:
    _, run = finished
    (prediction,) = load(run.path).predict(picture(COLOURS["蓝色"], 999))
    assert prediction.label == "蓝色"
    assert math.isclose(sum(prediction.probabilities.values()), 1.0, abs_tol=1e-5)


def test_more_epochs_extend_a_run(finished: tuple[Path, Run], tmp_path: Path) -> None:
    data, _ = finished
    first = fit(data, **QUICK, epochs=1, out=tmp_path / "run", export=False)
    longer = fit(resume=first.path, epochs=2)
    assert [int(values["epoch"]) for values in longer.history] == [1, 2]


def test_resuming_refuses_other_settings_by_name(finished: tuple[Path, Run]) -> None:
    _, run = finished
    with pytest.raises(InputError, match=r"these differ: rate: 0\.02 → 0\.5"):
        fit(resume=run.path, rate=0.5)


def test_resuming_refuses_other_data(finished: tuple[Path, Run], tmp_path: Path) -> None:
    _, run = finished
    other = colour_folder(tmp_path / "colours", per_class=5)
    with pytest.raises(InputError, match=r"not that which .* was begun with"):
        fit(other, resume=run.path)


def test_values_from_a_table(tmp_path: Path) -> None:
    rows = []
    for number in range(24):
        grey = 10 * number
        Image.fromarray(np.full((40, 40, 3), grey, np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{0.5 * grey + 0.25},{-float(grey) - 0.5}")
    (tmp_path / "table.csv").write_text("image,warmth,height\n" + "\n".join(rows) + "\n", encoding="utf-8")
    run = fit(
        tmp_path / "table.csv", **QUICK, label_column=("warmth", "height"), epochs=2, flip=False, out=tmp_path / "run"
    )
    assert {"mae", "rmse", "r2"} <= {name.split("/")[0] for name in run.metrics}
    (prediction,) = load(run.path).predict(tmp_path / "3.png")
    assert list(prediction.values) == ["warmth", "height"]


def test_several_labels_from_a_table(tmp_path: Path) -> None:
    rows = []
    for number in range(24):
        image = picture((200 * (number % 2), 200 * (number // 2 % 2), 0), number)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        labels = [name for bit, name in ((number % 2, "red"), (number // 2 % 2, "green")) if bit] or ["dark"]
        rows.append(f"{number}.png,{';'.join(labels)}")
    (tmp_path / "table.csv").write_text("image,labels\n" + "\n".join(rows) + "\n", encoding="utf-8")
    run = fit(tmp_path / "table.csv", **QUICK, epochs=1, out=tmp_path / "run")
    assert json.loads((run.path / "settings.json").read_text(encoding="utf-8"))["task"]["name"] == "multilabel"


def test_arrays_as_in_keras(tmp_path: Path) -> None:
    names = list(COLOURS)
    x = np.stack([picture(COLOURS[names[i % 3]], i) for i in range(30)])
    y = np.eye(3)[[i % 3 for i in range(30)]]
    run = fit((x[:24], y[:24]), validation_data=(x[24:], y[24:]), **QUICK, epochs=2, out=tmp_path / "run")
    data = json.loads((run.path / "data.json").read_text(encoding="utf-8"))
    assert data["images"] == {"train": 24, "val": 6}


def test_one_class_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data" / "only").mkdir(parents=True)
    for number in range(4):
        Image.fromarray(picture((9, 9, 9), number)).save(tmp_path / "data" / "only" / f"{number}.png")
    with pytest.raises(DataError, match="only"):
        fit(tmp_path / "data", **QUICK, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_all_images_broken(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="No readable image is left"):
        fit(tmp_path / "data", **QUICK, out=tmp_path / "run")


def test_unreadable_images_are_left_out_and_listed(tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=6)
    (data / "red" / "broken.png").write_bytes(b"no image")
    run = fit(data, **QUICK, epochs=1, out=tmp_path / "run", export=False)
    audit = json.loads((run.path / "audit.json").read_text(encoding="utf-8"))
    assert any("broken.png" in str(finding["image"]) for finding in audit["findings"])
    with pytest.raises(DataError, match="--strict"):
        fit(data, **QUICK, epochs=1, out=tmp_path / "strict", strict=True)


def test_an_existing_directory_is_not_overwritten(finished: tuple[Path, Run]) -> None:
    data, run = finished
    with pytest.raises(InputError, match="exists and is not empty"):
        fit(data, **QUICK, out=run.path)


def test_overwrite_leaves_alone_what_is_no_run(finished: tuple[Path, Run], tmp_path: Path) -> None:
    (tmp_path / "photos.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="it is not a run"):
        fit(finished[0], **QUICK, out=tmp_path, overwrite=True)
    assert (tmp_path / "photos.txt").read_text(encoding="utf-8") == "mine"


def test_unknown_model_names_the_nearest(finished: tuple[Path, Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Unknown model 'resnt50'\. Did you mean resnet50"):
        fit(finished[0], model="resnt50", out=tmp_path / "run")


def test_unknown_setting_names_the_nearest(finished: tuple[Path, Run]) -> None:
    with pytest.raises(InputError, match=r"Unknown setting 'epoch'\. Did you mean epochs"):
        fit(finished[0], epoch=3)


def test_a_diverging_run_stops_and_names_the_step(finished: tuple[Path, Run], tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"(?s)cross-entropy.*step.*png"):
        fit(finished[0], **QUICK, epochs=3, rate=1e30, out=tmp_path / "run")


def test_no_data_at_all() -> None:
    with pytest.raises(InputError, match="No data was given"):
        fit()


def test_a_label_without_an_image(tmp_path: Path) -> None:
    for number in range(4):
        Image.fromarray(picture(COLOURS["red"], number)).save(tmp_path / f"{number}.png")
    rows = "\n".join(f"{number}.png,{'ab'[number % 2]}" for number in range(5))
    (tmp_path / "table.csv").write_text(f"image,label\n{rows}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"4\.png"):
        fit(tmp_path / "table.csv", **QUICK, out=tmp_path / "run")


def test_nothing_is_written_into_the_data_folder(finished: tuple[Path, Run]) -> None:
    data, _ = finished
    with pytest.raises(InputError, match=r"lies inside of the data, .*, into which plusx never writes"):
        fit(data, **QUICK, out=data / "run")
    assert not (data / "run").exists()


def test_notes_are_printed_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = colour_folder(tmp_path / "data", per_class=4)
    (data / "red" / "[bold]").mkdir()
    fit(data, **QUICK, epochs=1, out=tmp_path / "run", export=False)
    assert "belong to the class: red/[bold]" in capsys.readouterr().err
