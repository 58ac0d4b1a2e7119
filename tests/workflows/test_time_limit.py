import html
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.core.errors import InputError
from plusx.workflows import time_limit
from plusx.workflows.clock import Clock
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.preparation import Prepared, prepare, read_listing
from plusx.workflows.probing import Costs
from plusx.workflows.time_limit import Timed, choose, late
from plusx.workflows.values import Seconds

PLUSX = Path(sys.executable).parent / "plusx"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """30 images to train on, 6 to validate on, of 48 × 40 pixels."""
    data = colour_folder(tmp_path_factory.mktemp("limit") / "colours")
    settings = FitSettings(workers=0)
    return prepare(read_listing(data, settings), settings, None, lambda done, total: None)


def chosen(monkeypatch: pytest.MonkeyPatch, prepared: Prepared, limit: float, cost: float, **given: Any) -> Timed:
    """Where an image costs `cost` seconds at 32 pixels, and more by area, and all else next to nothing."""
    monkeypatch.setattr(
        time_limit, "probe", lambda settings, *_: Costs(0.0, cost * (settings.image_size / 32) ** 2, fixed=0.01)
    )
    monkeypatch.setattr(time_limit, "slowness", lambda: 1e-4)
    settings = FitSettings(time_limit=Seconds(limit), workers=0, **given)
    return choose(settings, prepared, frozenset(given), Clock(time.monotonic(), limit))


def test_the_highest_rung_on_which_the_recipes_epochs_fit(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> None:
    found = chosen(monkeypatch, prepared, 600, 1e-3)
    assert (found.settings.model, found.settings.image_size) == ("resnet18", 64)
    assert found.settings.epochs == 120  # three times those of the recipe
    assert found.fits
    assert found.reason == (
        "resnet18 at 64 pixels for 120 epochs in 10:00 min: the largest candidate for which the recipe's 40 fit"
    )


def test_the_quickest_with_fewer_where_they_do_not_fit(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> None:
    found = chosen(monkeypatch, prepared, 30, 0.01, model="resnet18", image_size=64)
    assert 1 < (found.settings.epochs or 0) < 40
    assert "the quickest candidate, and not more of the recipe's 40 fit" in found.reason
    short = chosen(monkeypatch, prepared, 60, 0.5)
    assert "and only" in short.reason
    assert (short.settings.epochs, short.fits) == (1, False)


def test_no_fewer_epochs_than_can_be_trained(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> None:
    found = chosen(monkeypatch, prepared, 60, 0.2, model="resnet18", image_size=32, warmup_epochs=9.0)
    assert found.settings.epochs == 9
    assert "and no fewer than its phases need, of which " in found.reason
    assert not found.fits


def test_epochs_that_were_asked_for_are_kept(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> None:
    found = chosen(monkeypatch, prepared, 600, 1e-3, epochs=3)
    assert found.settings.epochs == 3
    assert "as many as asked for, and " in found.reason


def test_no_time_at_all_is_said_with_what_is_needed(monkeypatch: pytest.MonkeyPatch, prepared: Prepared) -> None:
    with pytest.raises(
        InputError, match=r"^--time-limit 0.01 s leaves no time to train.* Give at least .* --no-export\.$"
    ):
        chosen(monkeypatch, prepared, 0.01, 1e-3)


def test_a_late_run_says_how_to_go_on() -> None:
    settings = FitSettings(epochs=9, time_limit=Seconds(60))
    said = late(3, settings, Path("runs/a b"), fits=True)
    assert said.startswith("Stopped after 3 of 9 epochs: this machine is slower")
    assert "slower" not in late(3, settings, Path("runs/a b"), fits=False)
    assert said.endswith("To train the rest, without a limit: plusx fit --resume 'runs/a b'")


def test_a_run_ends_in_time_and_goes_on_without_a_clock(tmp_path: Path) -> None:
    data, run = colour_folder(tmp_path / "颜色", per_class=6), tmp_path / "run"
    shell = [PLUSX, "fit", data, "--time-limit", "2m", "--no-export", "--workers", "0", "--out", run]
    shell += ["--model", "resnet20", "--recipe", "finetune"]  # whose 18 epochs take a fraction of that
    done = subprocess.run(shell, capture_output=True, text=True, timeout=120, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    saved = json.loads((run / "settings.json").read_text(encoding="utf-8"))
    assert f"chosen: {saved['choice']}" in done.stderr
    assert saved["settings"]["time_limit"] == 120
    assert saved["settings"]["epochs"] == saved["plan"]["epochs"]
    assert saved["choice"] in html.unescape((run / "report.html").read_text(encoding="utf-8"))
    more = str(saved["plan"]["epochs"] + 1)
    again = subprocess.run(
        [PLUSX, "fit", "--resume", run, "--epochs", more], capture_output=True, text=True, timeout=120, encoding="utf-8"
    )
    assert again.returncode == 0, again.stderr
    assert "chosen" not in again.stderr
    assert json.loads((run / "settings.json").read_text(encoding="utf-8"))["choice"] == saved["choice"]
