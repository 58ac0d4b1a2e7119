"""Where and how a run computes."""

import pytest

from plusx.engine.plan import Plan
from plusx.engine.sharpness import Sharpness
from plusx.workflows import placing
from plusx.workflows.fit_settings import FitSettings
from plusx.workflows.placing import precision_for


@pytest.mark.parametrize(
    ("native", "plan", "asked", "precision"),
    [
        (["fp32", "fp16"], Plan(sharpness=Sharpness()), "auto", "fp32"),
        (["fp32", "fp16"], Plan(sharpness=Sharpness()), "fp16", "fp16"),  # which the plan refuses by name
        (["fp32", "fp16"], Plan(), "auto", "auto"),
        (["fp32", "bf16"], Plan(sharpness=Sharpness()), "auto", "auto"),
    ],
)
def test_sam_is_not_tried_with_a_scaled_loss(
    monkeypatch: pytest.MonkeyPatch, native: list[str], plan: Plan, asked: str, precision: str
) -> None:
    monkeypatch.setattr(placing, "native_precisions", lambda device: native)
    settings = FitSettings(device="cpu", precision=asked)  # type: ignore[arg-type]
    assert precision_for(settings, plan) == precision
