"""WiSE-FT, statistics taken anew and group normalisation in whole runs; answers to a picture and its mirror image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from parity import randomise
from pictures import colour_folder
from plusx.adapt.wise_ft import interpolated
from plusx.core.card import Card, Input
from plusx.core.errors import InputError
from plusx.tasks.classify import Classify
from plusx.weights.create import create_model
from plusx.weights.modelfile import load_model, save_model
from plusx.workflows.evaluate import evaluate
from plusx.workflows.fit import fit
from plusx.workflows.load import load
from plusx.workflows.predict import predict
from plusx.workflows.run import Run

QUICK: dict[str, Any] = {
    "model": "resnet20",
    "batch_size": 4,
    "rate": 0.01,
    "workers": 0,
    "device": "cpu",
    "precision": "fp32",
    "compile": "no",
    "epochs": 3,
    "metric": "nll",
}
COLOURS = ("red", "green", "蓝色")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Pictures, and a model file with weights for other classes."""
    root = tmp_path_factory.mktemp("material")
    task = create_model("resnet20", classes=["x", "y"])
    randomise(task)
    save_model(root / "old.safetensors", task, Card("old", "resnet20", input=Input(size=(32, 32), resize=32)))
    return colour_folder(root / "data", per_class=10), root / "old.safetensors"


def tuned(material: tuple[Path, Path], out: Path, **settings: Any) -> Run:
    data, weights = material
    return fit(data, **{**QUICK, "export": False, **settings}, weights=str(weights), out=out)


def weights_of(run: Run) -> dict[str, Tensor]:
    return load_model(run.model).task.state_dict()


@pytest.fixture(scope="module")
def plain(material: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tuned(material, tmp_path_factory.mktemp("plain") / "run", strategy="head-then-all")


def test_wise_mixes_what_the_run_without_it_ends_with(material: tuple[Path, Path], plain: Run, tmp_path: Path) -> None:
    whole = tuned(material, tmp_path / "whole", strategy="head-then-all", wise=1.0)
    assert all(torch.equal(value, weights_of(plain)[name]) for name, value in weights_of(whole).items())
    half = tuned(material, tmp_path / "half", strategy="head-then-all", wise=0.5)
    start = load_file(half.path / "checkpoints" / "start.safetensors")
    old = load_model(material[1]).task.state_dict()
    assert all(torch.equal(start[name], old[name]) for name in start if name.startswith("backbone"))
    assert not torch.equal(start["head.fc.weight"], weights_of(plain)["head.fc.weight"])
    expected = interpolated(start, weights_of(plain), 0.5)
    found = weights_of(half)
    learnt = [name for name, _ in load_model(half.model).task.named_parameters()]
    assert all(torch.equal(found[name], expected[name]) for name in learnt)
    assert not torch.equal(found["backbone.conv1.norm.running_mean"], expected["backbone.conv1.norm.running_mean"])
    assert "0.5 of those when the backbone joined, 0.5 of the fine-tuned ones" in half.report.read_text("utf-8")


def test_the_best_mixture_is_no_worse_than_its_ends_and_the_same_when_done_again(
    material: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "plusx")
    run = tuned(material, tmp_path / "run", strategy="lp-ft", wise="auto", norm="reestimated")
    (said,) = [text for text in caplog.messages if "WiSE-FT" in text]
    pairs = (pair.split(": ") for pair in said.split("WiSE-FT; ")[1].rstrip(")").split(", "))
    scores = {float(alpha): float(score) for alpha, score in pairs}
    assert len(scores) == 11
    assert f"best nll is {min(scores, key=lambda alpha: (scores[alpha], -alpha)):g} " in said
    assert any("BatchNorm statistics taken anew from" in text for text in caplog.messages)
    before = weights_of(run)
    again = fit(resume=run.path)
    assert all(torch.equal(value, before[name]) for name, value in weights_of(again).items())


def test_groups_are_trained_kept_and_trained_on(material: tuple[Path, Path], tmp_path: Path) -> None:
    run = tuned(material, tmp_path / "run", norm="group", epochs=2)
    task = load_model(run.model).task
    assert not any(isinstance(module, nn.BatchNorm2d) for module in task.modules())
    assert sum(isinstance(module, nn.GroupNorm) for module in task.modules()) == 19
    on = fit(material[0], **{**QUICK, "epochs": 1, "export": False}, weights=str(run.model), out=tmp_path / "on")
    assert sum(isinstance(module, nn.GroupNorm) for module in load_model(on.model).task.modules()) == 19
    longer = fit(resume=run.path, epochs=3, export=False)
    assert len(longer.history) == 3


def test_evaluation_and_prediction_average_the_same_two_views(material: tuple[Path, Path], plain: Run) -> None:
    images = sorted(material[0].rglob("*.png"))
    alone, both = (shares([*predict(plain.path, images, tta=tta)]) for tta in ("none", "flip"))
    mirror = [np.asarray(Image.open(path).convert("RGB"))[:, ::-1].copy() for path in images]
    np.testing.assert_allclose(both, (alone + shares([*predict(plain.path, mirror)])) / 2, atol=1e-6)
    assert np.abs(both - alone).max() > 1e-4
    np.testing.assert_array_equal(shares(load(plain.path).predict(images, tta="flip")), both)
    metrics = evaluate(plain.path, material[0], split="all", tta="flip", workers=0).metrics
    truth = [COLOURS.index(path.parent.name) for path in images]
    assert metrics["nll"] == pytest.approx(-np.log(both[range(len(truth)), truth]).mean(), rel=1e-3)


@pytest.mark.slow
def test_an_exported_network_with_groups_averages_them_too(material: tuple[Path, Path], tmp_path: Path) -> None:
    run = tuned(material, tmp_path / "run", norm="group", export=True)
    assert run.agreement is not None
    images = sorted(material[0].rglob("*.png"))
    ours, exported = (
        shares([*predict(run.path, images, runtime=runtime, tta="flip")])  # type: ignore[arg-type]
        for runtime in ("torch", "onnx")
    )
    np.testing.assert_allclose(exported, ours, atol=1e-4)


def shares(found: list[Any]) -> Any:
    return np.array([[*map(one.probabilities.get, COLOURS)] for one in found])


def test_trained_small_and_seen_large(
    material: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes: list[tuple[bool, int]] = []
    forward = Classify.forward

    def noting(self: Any, images: Tensor, targets: Tensor | None = None) -> Any:
        sizes.append((targets is not None, images.shape[-1]))
        return forward(self, images, targets)  # type: ignore[arg-type]

    monkeypatch.setattr(Classify, "forward", noting)
    asked = {"precision": "fp32", "channels_last": "no"}  # else images of 32 pixels also measure what is faster
    run = tuned(material, tmp_path / "run", image_size=32, test_size=44, norm="reestimated", epochs=2, **asked)
    assert set(sizes) == {(True, 32), (False, 44)}
    assert "input 32×32 in training, 44×44 afterwards" in capsys.readouterr().err
    card = load_model(run.model).card
    assert (card.input.size, card.input.resize) == ((44, 44), 44)
    sizes.clear()
    fit(resume=run.path, epochs=3)
    assert set(sizes) == {(True, 32), (False, 44)}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"test_size": 64, "time_limit": 60},
            r"--time-limit chooses the size of images itself: leave it or --test",
        ),
        (
            {"wise": 0.5, "strategy": "all"},
            r"--wise mixes with the network as it was .* Take --strategy head-then-all or",
        ),
        ({"frozen_norm": True, "norm": "group"}, r"--frozen-norm is --norm frozen, but --norm is group\. Leave one"),
        ({"wise": "auto", "time_limit": 60}, r"--wise auto measures eleven networks .* Take --wise 0\.5"),
        ({"wise": 1.5}, r"wise"),
    ],
)
def test_words_that_do_not_go_together(
    material: tuple[Path, Path], tmp_path: Path, settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(InputError, match=text):
        tuned(material, tmp_path / "run", **settings)
    with pytest.raises(InputError, match="--wise mixes with what a network had learnt before, and no weights"):
        fit(material[0], **QUICK, wise=0.5, out=tmp_path / "run")
