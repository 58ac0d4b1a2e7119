import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import plusx
from pictures import colour_folder
from plusx.cli.main import main
from plusx.core.errors import InputError
from plusx.workflows.compare import compare
from plusx.workflows.fit import fit
from plusx.workflows.run_record import read_record

Vary = Callable[..., Path]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs."""
    root = tmp_path_factory.mktemp("比较")
    settings: dict[str, Any] = {"workers": 0, "device": "cpu", "export": False, "precision": "fp32"}
    data = colour_folder(root / "data", 6)
    return fit(data, model="resnet20", epochs=2, out=root / "run", **settings).path


@pytest.fixture
def vary(real: Path, tmp_path: Path) -> Vary:
    """A copy of the run with another seed, settings and score."""

    def copy(name: str, seed: int, score: float, **settings: Any) -> Path:
        path = tmp_path / name
        shutil.copytree(real, path)
        saved = json.loads((path / "settings.json").read_text(encoding="utf-8"))
        saved["settings"] |= {"seed": seed, "out": str(path), **settings}
        saved["plan"]["seed"] = seed
        saved["plan"]["optimizer"]["rate"] = settings.get("rate", 0.05)
        (path / "settings.json").write_text(json.dumps(saved), encoding="utf-8")
        metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
        (path / "metrics.json").write_text(json.dumps({**metrics, "accuracy": score}), encoding="utf-8")
        return path

    return copy


@pytest.fixture
def six(vary: Vary) -> list[Path]:
    """Two settings, three seeds each."""
    low = [vary(f"low-{seed}", seed, 0.80 + 0.01 * seed) for seed in range(3)]
    return low + [vary(f"high-{seed}", seed, 0.85 + 0.012 * seed, rate=0.2) for seed in range(3)]


def test_groups_settings_and_verdict(six: list[Path], tmp_path: Path) -> None:
    made = plusx.compare(*six, report=tmp_path / "页.html")
    assert [[run.seed for run in group.runs] for group in made.groups] == [[0, 1, 2], [0, 1, 2]]
    assert dict(made.asked) == {"rate": (None, 0.2)}
    assert dict(made.resolved) == {"optimizer · rate": (0.05, 0.2)}
    assert made.warnings == ()
    [verdict] = made.verdicts
    assert verdict.difference == pytest.approx(0.052)
    assert verdict.paired is not None
    assert verdict.paired.pairs == 3
    assert verdict.words == "More than seeds: p < 0.05, and the second is better."
    text = "\n".join(made.lines())
    assert "A  0.8100 ± 0.0100 over 3 seeds" in text
    assert "B against A: accuracy +0.0520" in text
    page = (tmp_path / "页.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count('class="line s1"') == page.count('class="line s2"') == 9
    assert "the second is better" in page


def test_one_difference_for_every_seed_is_said(vary: Vary) -> None:
    low = [vary(f"low-{seed}", seed, 0.9 + 0.02 * seed) for seed in range(2)]
    high = [vary(f"high-{seed}", seed, 0.91 + 0.02 * seed, rate=0.2) for seed in range(2)]
    [verdict] = compare(*low, *high).verdicts
    assert (verdict.paired, verdict.welch is None) == (None, False)
    assert verdict.words == "The difference is the same for every seed: a paired test has no spread to go by."


def test_curves_of_different_losses_are_told(vary: Vary, tmp_path: Path) -> None:
    runs = [vary("a", 0, 0.8), vary("b", 0, 0.9, losses=["focal"]), vary("c", 0, 0.9, rate=0.2)]
    said = "Training loss (of different losses: heights are not comparable)"
    plusx.compare(*runs[:2], report=tmp_path / "losses.html")
    assert said in (tmp_path / "losses.html").read_text(encoding="utf-8")
    plusx.compare(runs[0], runs[2], report=tmp_path / "rates.html")
    assert said not in (tmp_path / "rates.html").read_text(encoding="utf-8")


def test_one_seed_says_nothing_of_significance(vary: Vary, capsys: Any) -> None:
    runs = [vary("一", 0, 0.8), vary("again", 0, 0.8, workers=3), vary("other", 0, 0.9, rate=0.2)]
    assert main(["compare", *map(str, runs), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [len(group["runs"]) for group in shown["groups"]] == [2, 1]
    [verdict] = shown["verdicts"]
    assert verdict["welch"] is verdict["paired"] is None
    assert verdict["words"] == "Nothing can be said of significance: A and B each have one seed."
    assert main(["compare", *map(str, runs), str(vary("last", 0, 0.7, rate=0.3))]) == 0
    assert [note[:30] for note in shown["notes"]] == ["One seed says nothing of signi"]
    assert capsys.readouterr().out.count("train each with the same three seeds or more (--seed 1, --seed 2, ...") == 1


def test_of_equal_epochs_the_best_is_that_which_training_kept(vary: Vary) -> None:
    epochs = [(0.9, 2.0), (0.9, 0.3), (0.9, 0.4), (0.8, 0.1)]
    history = tuple({"epoch": n, "val/accuracy": a, "val/nll": b} for n, (a, b) in enumerate(epochs, start=1))
    finished = read_record(vary("run", 0, 0.9))
    assert finished.best_epoch == json.loads((finished.path / "metrics.json").read_text("utf-8"))["best_epoch"]
    going_on = replace(finished, history=history, kept=None, stopped="")
    assert (going_on.best_epoch, going_on.score("nll")) == (2, 0.3)
    assert replace(going_on, history=()).best_epoch is None


def test_other_precision_is_said_and_a_split_seed_is_no_setting(vary: Vary) -> None:
    first, second = vary("a", 0, 0.8), vary("b", 1, 0.9, split_seed=0)
    saved = json.loads((second / "settings.json").read_text(encoding="utf-8"))
    saved["placement"]["precision"] = "bf16"
    (second / "settings.json").write_text(json.dumps(saved), encoding="utf-8")
    made = compare(first, second)
    assert len(made.groups) == 1
    [warning] = made.warnings
    assert warning.startswith(f"Not all were computed in the same precision: {first} has fp32, {second} has bf16.")


def test_other_images_are_said_first(vary: Vary, capsys: Any) -> None:
    first, second, third = vary("a", 0, 0.8), vary("b", 1, 0.9), vary("c", 1, 0.9)
    rows = (second / "split.csv").read_text(encoding="utf-8")
    moved = rows.replace("val,", "VAL,", 1).replace("train,", "val,", 1).replace("VAL,", "train,", 1)
    (second / "split.csv").write_text(moved, encoding="utf-8")
    assert main(["compare", str(first), str(second)]) == 0
    assert capsys.readouterr().out.startswith("note: Every seed drew its own validation images: part of the spread")
    assert compare(first, second, third).warnings[0].startswith("The validation images differ, also between runs with")
    (second / "split.csv").write_text(rows.replace("val,", "val,x", 1), encoding="utf-8")
    made = compare(first, second)
    assert made.warnings == (
        "The data differ: not the same images with the same labels. Scores are of different data.",
    )
    assert len(made.groups) == 2


def test_unfinished_runs(vary: Vary) -> None:
    whole, half, begun = vary("whole", 0, 0.8), vary("half", 0, 0.9, rate=0.2), vary("begun", 0, 0.9, rate=0.3)
    for run in (half, begun):
        (run / "metrics.json").unlink()
    (begun / "metrics.jsonl").unlink()
    made = compare(whole, half, begun)
    assert made.warnings == (
        f"{half} is unfinished: 2 of 2 epochs are done; its best epoch so far is shown.",
        f"{begun} is unfinished: 0 of 2 epochs are done; its best epoch so far is shown.",
    )
    assert made.verdicts[1].words == "C has no accuracy: nothing to compare."
    assert "no epoch" in "\n".join(made.lines())


def test_a_soup_is_no_repeat_of_its_ingredients(vary: Vary) -> None:
    first, soup = vary("run", 0, 0.8), vary("soup", 0, 0.85)
    saved = json.loads((soup / "settings.json").read_text(encoding="utf-8"))
    (soup / "settings.json").write_text(json.dumps({**saved, "soup": {"ingredients": ["a", "b"]}}), encoding="utf-8")
    metrics = json.loads((soup / "metrics.json").read_text(encoding="utf-8"))
    (soup / "metrics.json").write_text(json.dumps({"accuracy": metrics["accuracy"]}), encoding="utf-8")
    (soup / "metrics.jsonl").unlink()
    made = compare(first, soup)
    assert dict(made.resolved) == {"soup": (None, ("a", "b"))}
    assert made.warnings == ()
    assert made.verdicts[0].difference == pytest.approx(0.05)


def test_of_a_metric_of_which_less_is_better(six: list[Path]) -> None:
    made = compare(six[0].parent, metric="nll")
    assert len(made.runs) == 6
    assert not made.higher_is_better
    with pytest.raises(InputError, match=r"Unknown metric 'acuracy'. Did you mean accuracy"):
        compare(*six, metric="acuracy")


def test_what_is_no_run(real: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs at least two runs, and only .*run was given: plusx compare RUN RUN"):
        compare(real)
    with pytest.raises(InputError, match=r"needs at least two runs, and none was given"):
        compare()
    with pytest.raises(InputError, match=r"run is named twice. Name every run once."):
        compare(real, real.parent / "data" / ".." / "run")
    with pytest.raises(InputError, match=r"There is no run .*gone. Give directories that `plusx fit` wrote."):
        compare(real, tmp_path / "gone")
    with pytest.raises(InputError, match=r"is not a run directory, and none is in it."):
        compare(real, tmp_path)
    with pytest.raises(InputError, match=r"model.safetensors is a file, which has no curves. Give the directory"):
        compare(real, real / "model.safetensors")


def test_damaged_curves(vary: Vary, real: Path) -> None:
    run = vary("damaged", 1, 0.8)
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write("{]\n")
    with pytest.raises(InputError, match=r"metrics.jsonl is damaged: .* The run cannot be compared."):
        compare(real, run)


def test_needs_no_torch(real: Path, vary: Vary) -> None:
    other = vary("other", 1, 0.9)
    code = f"import sys, plusx; plusx.compare({str(real)!r}, {str(other)!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
