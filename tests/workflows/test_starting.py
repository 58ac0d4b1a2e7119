"""What a run cannot begin with is said before any image is read."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pictures import colour_folder
from plusx.backbones.catalogue import card
from plusx.core.errors import InputError, OfflineError, WeightsError
from plusx.weights.create import create_model
from plusx.weights.export_keys import renamed
from plusx.weights.sources.resnet.cifar import LINEAR
from plusx.workflows import fit as module
from plusx.workflows import starting
from plusx.workflows.choosing import choose_recipe
from plusx.workflows.fit import fit
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.recipes.recipe import Facts
from plusx.workflows.settling import absolute
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
        ({"weights": "resnet50.a1_in1k"}, r"resnet50\.a1_in1k are not for resnet18\. Name resnet50\.a1_in1k as the"),
        ({"model": "resnet18.a9_in1k"}, r"Unknown weights 'resnet18\.a9_in1k'\. Did you mean resnet18\.a1_in1k, "),
        ({"weights": "resnet20.pth"}, r"resnet20\.pth holds a network of cifar.* Name plain20 or resnet20$"),
        ({"model": "resnet32", "weights": "resnet20.pth"}, r"resnet20\.pth does not fit resnet32; .*\n.*\nIts tens"),
        ({"weights": "text.pth"}, r"text\.pth is no weights file: it begins with b'hello'"),
        ({"model": "resnet18.a1_in1k", "small_input": "yes"}, r"resnet18\.a1_in1k do not fit resnet18 with small_inpu"),
        ({"model": "resnet20", "small_input": "yes"}, "--small-input yes: resnet20 is built for small images already"),
        ({"head": "unett"}, "Unknown head 'unett'. Did you mean unet, "),
        ({"task": "segment", "head": "yolo"}, "--head yolo is of the task detect; here it is segment, whose"),
        ({"losses": ("bce",)}, "Unknown loss 'bce'"),
        ({"task": "classify", "losses": ("dice",)}, "Unknown loss of the task classify 'dice'"),
        ({"losses": ("focal", "dice")}, "the task classify takes one loss; found focal, dice. Name one"),
        ({"task": "segment", "losses": ("dise",)}, "Unknown loss of the task segment 'dise'. Did you mean dice"),
        ({"task": "detect", "model": "resnet20", "head": "ssd"}, "SSD needs maps of strides 8, 16, 32; the bac"),
        ({"task": "segment", "head": "fcn16s", "image_size": 64}, "FCN-16s needs .*small that is --small-input no"),
        ({"task": "segment", "losses": ("dice", "dice"), "image_size": 64}, r"twice: dice\. Give each its own name\.$"),
        ({"strategy": "gradual"}, r"--strategy gradual trains a head on what a network has learnt already, and no wei"),
        ({"l2_sp": 0.1}, r"--l2-sp pulls the weights to those that a network has learnt already, and none are named"),
        (
            {"l2_sp": 0.1, "weight_decay": 0.05},
            r"--l2-sp takes the place of weight decay: .* Leave --weight-dec",
        ),
        (
            {"strategy": "head", "frozen_epochs": 2},
            r"--strategy head has no epochs in which .*-epochs is 2\. Leave one",
        ),
        ({"strategy": "lp-ft", "frozen_epochs": 0}, r"--strategy lp-ft begins with the head alone, but --frozen-ep"),
        ({"frozen_norm": True}, r"--frozen-norm keeps the statistics of weights, and none are named\. Name some"),
    ],
)
def test_what_is_not_there_or_does_not_fit_is_said_first(
    settings: dict[str, Any], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(renamed(create_model("resnet20", classes=10), LINEAR), "resnet20.pth")
    Path("text.pth").write_text("hello")
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


@pytest.mark.usefixtures("unread")
def test_published_weights_that_are_damaged_are_said_before_the_audit(tmp_path: Path) -> None:
    (tmp_path / "resnet18.tv_in1k_v1.pth").write_bytes(b"half a file")
    data = colour_folder(tmp_path / "data", per_class=2)
    with pytest.raises(
        WeightsError, match=r"tv_in1k_v1\.pth has sha256 \w+; resnet18\.tv_in1k_v1 was published with f37"
    ):
        fit(data, model="resnet18.tv_in1k_v1", weights_dir=tmp_path, out=tmp_path / "run")


def test_nothing_is_downloaded_that_is_here_or_was_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a download")

    monkeypatch.setattr("plusx.weights.download._download", refuse)
    monkeypatch.setattr("plusx.weights.download._other_digest", lambda card, path: None)
    fetch_start(FitSettings())
    one = card("resnet18.tv_in1k_v1")
    starting.local_path(one, tmp_path).write_bytes(b"weights")
    fetch_start(FitSettings(model=one.name, weights_dir=tmp_path))
    fetch_start(FitSettings(weights=str(tmp_path / "own.pth")))


def test_frozen_norm_reaches_the_plan() -> None:
    facts = Facts(images=100, kind="label", classes=2, size=224, pretrained=True)
    assert choose_recipe(FitSettings(frozen_norm=True), facts).recipe.plan.frozen_norm
    assert not choose_recipe(FitSettings(), facts).recipe.plan.frozen_norm


def test_a_compiler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match="--compile yes needs a C\\+\\+ compiler"):
        check_start(FitSettings(compile="yes"))


def test_a_home_directory_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(renamed(create_model("resnet20"), LINEAR), tmp_path / "own.pth")
    settings = absolute(FitSettings(model="resnet20", weights="~/own.pth"))
    assert settings.weights == str(tmp_path / "own.pth")
    check_start(settings)


@pytest.mark.usefixtures("unread")
def test_recomputing_a_compiled_network(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--compile yes and --recompute exclude each other"):
        fit(tmp_path, compile="yes", recompute=True)


def test_a_run_directory_stands_for_the_weights_in_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").touch()
    assert absolute(FitSettings(weights=str(tmp_path / "run"))).weights == str(tmp_path / "run" / "model.safetensors")
