"""What was measured of how a network trains fastest counts for the next run like it, and for no other."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.core.errors import StorageError
from plusx.engine import device
from plusx.engine.device import Workload, candidates, choose_placement
from plusx.engine.placement import Placement
from plusx.engine.timing import Speed
from plusx.weights.create import create_task
from plusx.workflows import kept_placement
from plusx.workflows.kept_placement import DAYS, KeptPlacement

LONG = Workload((32, 32), 4, 10_000)
CPU = torch.device("cpu")


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[Placement]]:
    """Ways that were measured, in order; channels last is the fastest, with 2 images/s."""
    made: list[list[Placement]] = []

    def speeds(watch: object, ways: list[Placement]) -> dict[Placement, Speed]:
        made.append(list(ways))
        return {way: Speed(1.0 + way.channels_last, 1.0 + way.channels_last) for way in ways}

    monkeypatch.setattr(kept_placement, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(device.Stopwatch, "speeds", speeds)
    monkeypatch.setattr(device.Stopwatch, "seconds_an_image", lambda watch, way: 1.0)
    return made


def choose(task: Any, workload: Workload = LONG, **asked: Any) -> Placement:
    return choose_placement(task, workload, device="cpu", known=KeptPlacement(task, workload), **asked)


def network(classes: int = 3) -> Any:
    return create_task("resnet20", "classify", {"classes": tuple(map(str, range(classes)))})


def test_the_second_run_measures_nothing(measurements: list[Any]) -> None:
    first = choose(network(), precision="fp32")
    second = choose(network(), precision="fp32")
    assert len(measurements) == 1
    assert first.channels_last
    assert not second.differs(first)
    assert second.reason == f"{first.reason}, measured on {date.today()}"


@pytest.mark.parametrize(
    ("classes", "workload", "asked"),
    [
        (4, LONG, {"precision": "fp32"}),
        (3, Workload((64, 64), 4, 10_000), {"precision": "fp32"}),
        (3, Workload((32, 32), 8, 10_000), {"precision": "fp32"}),
        (3, LONG, {"precision": "bf16"}),
    ],
)
def test_another_network_size_batch_or_precision_is_measured(
    measurements: list[Any], classes: int, workload: Workload, asked: Any
) -> None:
    choose(network(), precision="fp32")
    choose(network(classes), workload, **asked)
    assert len(measurements) == 2


def test_a_short_run_trains_as_ever_whatever_was_measured(measurements: list[Any]) -> None:
    short = Workload((32, 32), 4, 1)
    before = choose(network(), short, precision="fp32")
    choose(network(), precision="fp32")
    assert choose(network(), short, precision="fp32") == before
    assert not before.channels_last


def test_a_longer_run_measures_longer(measurements: list[Any]) -> None:
    hours = Workload((32, 32), 4, 10_000)
    choose(network(), Workload((32, 32), 4, 20), precision="fp32")  # 5 s, of which 30 are no repeat
    choose(network(), hours, precision="fp32")
    choose(network(), hours, precision="fp32")
    choose(network(), Workload((32, 32), 4, 100), precision="fp32")
    assert len(measurements) == 2


def test_it_is_measured_again_after_a_month_and_where_the_file_is_damaged(
    measurements: list[Any], tmp_path: Path
) -> None:
    task, ways = network(), candidates(CPU, "fp32")
    choose(task, precision="fp32")
    [file] = (tmp_path / "placements").iterdir()
    known, said = KeptPlacement(task, LONG), json.loads(file.read_text(encoding="utf-8"))
    today = date.today()
    for day, counts in ((today - timedelta(days=DAYS - 1), True), (today - timedelta(days=DAYS), False)):
        file.write_text(json.dumps({**said, "day": day.isoformat()}), encoding="utf-8")
        assert (known.found(ways) is not None) == counts
    elsewhere = {**said["placement"], "device": "cuda:3", "sharded": True}
    others = [{"day": "yesterday"}, {"placement": {}}, {"seconds": []}, {"placement": elsewhere}]
    for text in ("", "{}", "[]", *(json.dumps({**said, **other}) for other in others)):
        file.write_text(text, encoding="utf-8")
        assert known.found(ways) is None


def test_nothing_is_kept_that_was_measured_on_a_busy_machine(
    measurements: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(device.Stopwatch, "speeds", lambda watch, ways: {way: Speed(1.0, 2.0) for way in ways})
    choose(network(), precision="fp32")
    assert not (tmp_path / "placements").exists()


def test_nothing_is_kept_without_a_place(measurements: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise StorageError("There is no cache directory.")

    monkeypatch.setattr(kept_placement, "cache_directory", nowhere)
    choose(network(), precision="fp32")
    choose(network(), precision="fp32")
    assert len(measurements) == 2
