"""Stages that stay are computed once: when, in how many views, and that nothing else changes."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pictures import colour_folder
from plusx.core.errors import InputError, InterruptedRunError
from plusx.core.ranks import Ranks
from plusx.engine.placement import Placement
from plusx.weights.modelfile import load_model
from plusx.workflows.building import design
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.frozen_maps import views_for
from plusx.workflows.kept_directory import make_room
from plusx.workflows.preparation import Prepared, prepare, read_listing
from plusx.workflows.run import Run

pytestmark = pytest.mark.usefixtures("cache")

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 8,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "channels_last": "no",
    "compile": "no",
    "export": False,
}
CPU = Placement(torch.device("cpu"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_folder(tmp_path_factory.mktemp("data") / "颜色", per_class=10)


@pytest.fixture(scope="module")
def start(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that know the colours a little."""
    return fit(data, **QUICK, epochs=1, out=tmp_path_factory.mktemp("start") / "run").model


def tensors(run: Run) -> list[torch.Tensor]:
    return list(load_model(run.model).task.state_dict().values())


def test_a_second_run_takes_what_the_first_has_kept(
    data: Path, start: Path, tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**QUICK, "weights": str(start), "strategy": "head", "epochs": 3}
    first = fit(data, **settings, out=tmp_path / "a")
    assert (
        "computed for 30 of 90 pictures (67% saved); what came out of them is kept for the next run in"
        in capsys.readouterr().err
    )
    assert len(list((cache / "kept").iterdir())) == 2  # of training and of validation images
    second = fit(data, **settings, out=tmp_path / "b")
    assert "computed for 0 of 90 pictures (100% saved)" in capsys.readouterr().err
    assert all(map(torch.equal, tensors(first), tensors(second)))
    assert "computed for 30 of 90 pictures" in first.report.read_text(encoding="utf-8")
    anew = fit(data, **settings, frozen_views=0, out=tmp_path / "c")
    assert "saved" not in capsys.readouterr().err
    assert json.loads((anew.path / "settings.json").read_text(encoding="utf-8"))["frozen_views"] == 0


def test_maps_computed_in_bfloat16(data: Path, start: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {**QUICK, "precision": "bf16", "weights": str(start), "strategy": "lp-ft", "epochs": 4}
    fit(data, **settings, frozen_views=1, out=tmp_path / "run")
    assert "computed for 30 of 60 pictures" in capsys.readouterr().err


def test_other_weights_or_images_have_maps_of_their_own(data: Path, start: Path, tmp_path: Path, cache: Path) -> None:
    settings = {**QUICK, "weights": str(start), "strategy": "head", "epochs": 2}
    fit(data, **settings, out=tmp_path / "a")
    other = fit(data, **QUICK, epochs=1, seed=1, out=tmp_path / "other").model
    fit(data, **{**settings, "weights": str(other)}, out=tmp_path / "b")
    assert len(list((cache / "kept").iterdir())) == 4
    fit(data, **settings, image_size=48, out=tmp_path / "c")
    assert len(list((cache / "kept").iterdir())) == 6


@pytest.mark.parametrize("strategy", ["head", "lp-ft"])
def test_it_goes_on_with_the_same_bits(
    data: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    settings = {**QUICK, "weights": str(start), "strategy": strategy, "epochs": 4}
    straight = fit(data, **settings, out=tmp_path / "straight")
    from plusx.engine.journal import Journal

    told = Journal.on_step

    def stopping(self: Journal, info: Any) -> None:
        told(self, info)
        if info.step == 5:
            os.kill(os.getpid(), 2)

    monkeypatch.setenv("PLUSX_CACHE", str(tmp_path / "other cache"))
    monkeypatch.setattr(Journal, "on_step", stopping)
    with pytest.raises(InterruptedRunError):
        fit(data, **settings, out=tmp_path / "parts")
    monkeypatch.setattr(Journal, "on_step", told)
    parts = fit(resume=tmp_path / "parts")
    assert all(map(torch.equal, tensors(parts), tensors(straight)))


@pytest.fixture(scope="module")
def prepared(data: Path) -> Prepared:
    settings = FitSettings(workers=0)
    return prepare(read_listing(data, settings), settings, None, lambda done, total: None)


@pytest.mark.parametrize(
    ("given", "views"),
    [
        ({}, 0),  # one epoch of the head alone
        ({"strategy": "head"}, 1),
        ({"strategy": "head", "augment": "trivial"}, 0),  # drawn for a whole batch
        ({"strategy": "head", "crop": 0.5}, 3),
        ({"strategy": "head", "crop": 0.5, "epochs": 20}, 4),
        ({"strategy": "head", "epochs": 3, "colour": 0.3}, 0),  # no picture would come twice
        ({"strategy": "head", "frozen_views": 3}, 3),
        ({"strategy": "head", "frozen_views": 0}, 0),
        ({"strategy": "lp-ft"}, 1),
        ({"frozen_epochs": 3}, 1),
        ({"strategy": "head", "recipe": "scratch-small"}, 0),  # mixup: a picture is of two images
        ({"strategy": "head", "balance": "sampling"}, 0),
        ({"strategy": "head", "average": "swa"}, 0),
        ({"strategy": "head", "average": "ema"}, 1),
        ({"strategy": "head", "progressive": 0.5}, 0),
        ({"strategy": "head", "cache_limit": 1e-9}, 0),
    ],
)
def test_in_how_many_views(prepared: Prepared, start: Path, given: dict[str, Any], views: int) -> None:
    values: dict[str, Any] = {"model": "resnet20", "weights": str(start), "epochs": 6, **given}
    settings = FitSettings(**values)
    made = design(settings, prepared.listing, prepared.audit.sizes)
    assert views_for(settings, prepared, made, CPU, Ranks(0, 1)) == views
    assert views_for(settings, prepared, made, CPU, Ranks(0, 2)) == 0
    assert views_for(settings, prepared, made, replace(CPU, sharded=True), Ranks(0, 1)) == 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "0 are kept, as no stage stays as it is for more than an epoch"),
        ({"strategy": "head", "augment": "trivial"}, "0 are kept, as policies such as RandAugment are drawn for a"),
        ({"strategy": "head", "recipe": "scratch-small"}, "0 are kept, as images are mixed or changed"),
        ({"strategy": "head", "cache_limit": 1e-9}, "0 are kept, as the disk has no room for more"),
        ({"strategy": "head", "epochs": 3}, "3 are kept, as in fewer epochs do stages stay"),
        ({"strategy": "head", "epochs": 4}, ""),
    ],
)
def test_views_that_were_asked_for_in_vain_are_warned_of(
    prepared: Prepared, start: Path, given: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    values: dict[str, Any] = {"model": "resnet20", "weights": str(start), "frozen_views": 4, "epochs": 6, **given}
    settings = FitSettings(**values)
    made = design(settings, prepared.listing, prepared.audit.sizes)
    views_for(settings, prepared, made, CPU, Ranks(0, 1))
    assert len(caplog.records) == bool(why)
    assert all(record.message.startswith(f"--frozen-views 4: {why}") for record in caplog.records)


def test_several_processes_cannot_go_on_with_kept_maps(data: Path, start: Path, tmp_path: Path) -> None:
    run = fit(data, **QUICK, weights=str(start), strategy="head", epochs=2, out=tmp_path / "run")
    with pytest.raises(InputError, match=r"cannot go on with several\. Leave --nproc away\."):
        fit(resume=run.path, epochs=3, nproc=2)


def test_the_oldest_goes_first(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "middle", "old"]):
        (tmp_path / name).mkdir()
        np.zeros(1000, np.uint8).tofile(tmp_path / name / "maps")
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    make_room(tmp_path, 12000)
    assert len(list(tmp_path.iterdir())) == 3
    make_room(tmp_path, 8000)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["middle", "new"]
