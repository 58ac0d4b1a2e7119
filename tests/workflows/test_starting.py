"""What a run cannot begin with is said before any image is read."""

from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.backbones.catalogue import card
from plusx.core.errors import InputError, OfflineError
from plusx.workflows import fit as module
from plusx.workflows import starting
from plusx.workflows.building import choose_recipe
from plusx.workflows.fit import absolute, fit
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.settings import FitSettings
from plusx.workflows.starting import check_start, fetch_start


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """No image is read in this test."""

    def refuse(*_: Any) -> None:
        raise AssertionError("the audit began")

    monkeypatch.setattr(module, "prepare", refuse)


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"weights": "权重/none.pth"}, r"--weights .*none\.pth: there is no such file\. Give another"),
        ({"weights": "."}, r"--weights \. is a directory\. Name the file in it, such as model\.safetensors"),
        ({"weights": "imagenett"}, "Unknown weights 'imagenett' for resnet18"),
        ({"device": "gpu"}, "Unknown device 'gpu': expected one of auto, cpu"),
        ({"device": "cpu", "precision": "fp16"}, "fp16 needs a GPU"),
        ({"model": "resnet19"}, "Unknown model 'resnet19'"),
        ({"frozen_norm": True}, r"--frozen-norm keeps the statistics of weights, and none are named\. Name some"),
    ],
)
def test_what_is_not_there_is_said_first(settings: dict[str, Any], text: str, tmp_path: Path) -> None:
    data = colour_folder(tmp_path / "data", per_class=2)
    with pytest.raises(InputError, match=text):
        fit(data, **settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("unread")
def test_weights_that_cannot_be_downloaded_are_said_before_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise OfflineError("put it here")

    monkeypatch.setattr(starting, "fetch", unreachable)
    data = colour_folder(tmp_path / "data", per_class=2)
    with pytest.raises(OfflineError, match="put it here"):
        fit(data, model="resnet18", weights="imagenet", weights_dir=tmp_path, out=tmp_path / "run")


def test_nothing_is_downloaded_that_is_here_or_was_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr(starting, "fetch", refuse)
    fetch_start(FitSettings())
    one = card("resnet18.tv_in1k_v1")
    starting.local_path(one, tmp_path).write_bytes(b"weights")
    fetch_start(FitSettings(model=one.name, weights_dir=tmp_path))
    fetch_start(FitSettings(weights=str(tmp_path / "own.pth")))


def test_frozen_norm_reaches_the_plan() -> None:
    facts = Facts(images=100, kind="label", classes=2, size=224)
    assert choose_recipe(FitSettings(frozen_norm=True), facts, pretrained=True).plan.frozen_norm
    assert not choose_recipe(FitSettings(), facts, pretrained=True).plan.frozen_norm


def test_a_compiler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="--compile yes needs a C\\+\\+ compiler"):
        check_start(FitSettings(compile="yes"))


def test_a_home_directory_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "own.pth").write_bytes(b"weights")
    settings = absolute(FitSettings(weights="~/own.pth"))
    assert settings.weights == str(tmp_path / "own.pth")
    check_start(settings)


@pytest.mark.usefixtures("unread")
def test_recomputing_a_compiled_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--compile yes and --recompute exclude each other"):
        fit(tmp_path, compile="yes", recompute=True)
