import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pictures import colour_folder
from plusx.backbones.create import build
from plusx.core.prediction import LabelPrediction
from plusx.data.transforms import TrainTransformConfig
from plusx.engine.plan import Plan
from plusx.nn.blur_pool import blurs
from plusx.nn.regularisation import Branches, Sums, hook_of, residual_units
from plusx.weights.modelfile import load_model
from plusx.workflows.fit import fit
from plusx.workflows.predict import predict
from plusx.workflows.recipes.recipe import Facts, Recipe
from plusx.workflows.recipes.scratch_small import scratch_small
from plusx.workflows.regularising import regularise

USUAL = Recipe(Plan(), 32, TrainTransformConfig())


@pytest.mark.parametrize("name", ["densenet121", "shufflenet_v2_x0_5"])
def test_a_network_without_sums_is_told_of(name: str, caplog: pytest.LogCaptureFixture) -> None:
    backbone = build(name)
    with caplog.at_level(logging.WARNING, "plusx"):
        regularise(backbone, name, USUAL)
        assert caplog.messages == []
        regularise(backbone, name, replace(USUAL, drop_path=0.1, drop_block=0.05))
    where = f"has no effect: {name} has no residual sums where it could act"
    assert caplog.messages == [f"drop-path 0.1 {where}", f"drop-block 0.05 {where}"]


def test_a_network_with_sums_loses_some(caplog: pytest.LogCaptureFixture) -> None:
    backbone = build("resnet20")
    regularise(backbone, "resnet20", replace(USUAL, drop_path=0.1, drop_block=0.05))
    units = residual_units(backbone)
    assert caplog.messages == []
    assert hook_of(units[-1].get_submodule("F"), Branches) == Branches(0.1)
    assert hook_of(units[-1], Sums) is not None


def changed(facts: Facts) -> Recipe:
    return replace(scratch_small(facts), drop_path=0.2, drop_block=0.2, blur_pool=True)


@pytest.mark.slow
def test_a_run_that_drops_blocks_and_blurs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plusx.workflows.choosing.RECIPES", {"scratch-small": changed})
    data = colour_folder(tmp_path / "data", per_class=6)
    words: dict[str, Any] = {"workers": 0, "device": "cpu", "precision": "fp32", "compile": "no", "batch_size": 8}
    words |= {"recipe": "scratch-small", "model": "resnet20"}
    run = fit(data, **words, epochs=1, out=tmp_path / "run")
    assert run.agreement is not None
    held = load_model(run.path / "model.safetensors")
    assert held.card.build["blur_pool"] is True
    assert blurs(held.task.backbone)
    assert not any(hook_of(module, Branches) or hook_of(module, Sums) for module in held.task.modules())
    [answer] = predict(run.path, [next(data.rglob("*.png"))], runtime="onnx")
    [same] = predict(run.path, [next(data.rglob("*.png"))])
    assert isinstance(answer, LabelPrediction)
    assert isinstance(same, LabelPrediction)
    assert answer.probabilities == pytest.approx(same.probabilities, abs=1e-5)
