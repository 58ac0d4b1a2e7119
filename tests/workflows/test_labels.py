import csv
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pictures import COLOURS, colour_folder
from plusx.core.errors import InputError, InterruptedRunError
from plusx.workflows.fit import fit
from plusx.workflows.labels import labels, summary
from plusx.workflows.trajectory import Follower

QUICK: dict[str, Any] = {"model": "resnet20", "batch_size": 8, "workers": 0, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of colours, two of which lie in another's folder."""
    root = tmp_path_factory.mktemp("labels")
    data = colour_folder(root / "颜色")
    green, red, blue = (data / name for name in COLOURS)
    shutil.move(green / "0.png", red / "green 0.png")
    shutil.move(red / "1.png", blue / "red 1.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLUSX_CACHE", str(root / "cache"))
        return fit(data, **QUICK, epochs=10, rate=0.02, export=False, out=root / "run").path


def test_planted_errors_are_found_first_and_the_list_excludes_them(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = labels(run, folds=3, workers=0)
    assert {one.name for one in found.doubtful[:2]} == {"red/green 0.png", "蓝色/red 1.png"}
    proposed = {one.name: one.proposed for one in found.doubtful}
    assert (proposed["red/green 0.png"], proposed["蓝色/red 1.png"]) == ("green", "red")
    with found.table.open(encoding="utf-8", newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [one.name for one in found.doubtful]
    page = found.report.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == len(found.doubtful)
    assert "<script" not in page
    assert f"{len(found.doubtful)} of 36 labels are probably wrong" in summary(found)[0]
    capfd.readouterr()
    again = labels(run, folds=3, workers=0)
    assert again.doubtful == found.doubtful
    assert capfd.readouterr().err.count("done before") == 3
    without = fit(run.parent / "颜色", **QUICK, epochs=1, export=False, exclude=found.table, out=run.parent / "without")
    counts = json.loads((without.path / "data.json").read_text(encoding="utf-8"))["images"]
    assert sum(counts.values()) == 36 - len(found.doubtful)


def test_one_training_finds_them_too_and_goes_on_to_the_same_bits_when_it_was_stopped(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    stopped, whole, add = run.parent / "stopped", run.parent / "whole", Follower.add

    def interrupting(self: Follower, logits: np.ndarray) -> dict[str, float]:
        values = add(self, logits)
        if self.sums.epochs == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return values

    monkeypatch.setattr(Follower, "add", interrupting)
    with pytest.raises(InterruptedRunError, match="Go on with the same command"):
        labels(run, by="trajectory", workers=0, out=stopped)
    monkeypatch.undo()
    assert "9 of them as a class that is made up" in capfd.readouterr().err
    found = labels(run, by="trajectory", workers=0, out=stopped)
    assert "going on with one training of 10 epochs on 36 images" in capfd.readouterr().err
    assert [one.name for one in stopped.iterdir() if one.is_dir()] == []  # no checkpoints are left
    expected = labels(run, by="trajectory", folds=3, workers=0, out=whole)
    assert found.doubtful == expected.doubtful
    assert "folds has no effect" in caplog.text
    assert {"red/green 0.png", "蓝色/red 1.png"} <= {one.name for one in found.doubtful}
    assert "Through one training" in found.report.read_text(encoding="utf-8")
    capfd.readouterr()
    assert labels(run, by="trajectory", workers=0, out=whole).doubtful == found.doubtful
    assert "training: done before" in capfd.readouterr().err
    labels(run, by="trajectory", epochs=1, workers=0, out=whole)  # other settings: anew
    assert "one training of 1 epoch on" in capfd.readouterr().err


def test_other_labels_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "values"
    colour_folder(data, per_class=4)
    rows = [
        f"{path.relative_to(data).as_posix()},{number / 7}" for number, path in enumerate(sorted(data.rglob("*.png")))
    ]
    (tmp_path / "values" / "table.csv").write_text("\n".join(["image,value", *rows]), encoding="utf-8")
    made = fit(data / "table.csv", **QUICK, epochs=1, export=False, out=tmp_path / "run")
    with pytest.raises(InputError, match=r"was trained on labels of another kind \(value\)"):
        labels(made)
    with pytest.raises(InputError, match="There is no run"):
        labels(tmp_path / "nothing")
