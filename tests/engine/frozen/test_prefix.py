"""Which stages stay, and that a network goes on from their maps as if it had seen the images."""

from typing import Any

import pytest
import torch

from plusx.backbones.create import build
from plusx.engine.frozen.prefix import Prefix, kept_stages, shrunk, weights_key
from plusx.engine.plan import Plan
from plusx.tasks.create import create


@pytest.mark.parametrize(
    ("plan", "kept"),
    [
        (Plan(epochs=3), [0, 0, 0]),
        (Plan(epochs=3, frozen_epochs=1), [0, 0, 0]),
        (Plan(epochs=4, frozen_epochs=2), [5, 5, 0, 0]),
        (Plan(epochs=3, trained_stages=0), [5, 5, 5]),
        (Plan(epochs=3, trained_stages=2), [3, 3, 3]),
        (Plan(epochs=4, frozen_epochs=2, trained_stages=1), [5, 5, 4, 4]),
        (Plan(epochs=6, frozen_epochs=1, gradual=1), [0] * 6),
        (Plan(epochs=6, gradual=2), [4, 4, 3, 3, 2, 2]),
    ],
)
def test_stages_that_stay_for_more_than_an_epoch_are_kept(plan: Plan, kept: list[int]) -> None:
    assert kept_stages(plan, 5) == kept


@pytest.mark.parametrize("name", ["resnet20", "densenet_bc100_12", "mobilenet_v3_small_050", "shufflenet_v2_x0_5"])
def test_a_network_goes_on_from_maps(name: str) -> None:
    torch.manual_seed(0)
    backbone = build(name).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        whole = backbone(images)
        for number, stage in enumerate(backbone.stages, start=1):
            maps = backbone.through(number, images)
            assert torch.equal(maps, whole[stage.name])
            with backbone.after(number):
                rest = backbone(maps)
            assert list(rest) == [one.name for one in backbone.stages[number - 1 :]]
            assert all(torch.equal(rest[key], whole[key]) for key in rest)
        assert list(backbone(images)) == list(whole)


def test_of_a_pooled_head_the_mean_is_enough() -> None:
    torch.manual_seed(0)
    task = create("classify", build("resnet20"), {"classes": ["a", "b"]}).eval()
    images = torch.randn(2, 3, 32, 32)
    stages = len(task.backbone.stages)
    with torch.no_grad():
        whole = task(images)
        maps = shrunk(task, stages, task.backbone.through(stages, images))
        assert maps.shape == (2, 64, 1, 1)
        with task.backbone.after(stages):
            assert torch.allclose(task(maps.float()), whole, atol=1e-3)
    assert shrunk(task, 1, task.backbone.through(1, images)).shape == (2, 16, 32, 32)


def test_the_key_is_that_of_all_values_of_these_stages_alone() -> None:
    task = create("classify", build("resnet20"), {"classes": ["a", "b"]})
    first, two = weights_key(task, 1), weights_key(task, 2)
    assert first != two
    norm = next(one for one in task.backbone.parts()[1][1].modules() if isinstance(one, torch.nn.BatchNorm2d))
    assert norm.running_mean is not None
    norm.running_mean[0] += 1
    assert (weights_key(task, 1), weights_key(task, 2) == two) == (first, False)


def test_the_mode_of_the_stages_is_left_as_it_was(tiny: Any) -> None:
    task = tiny.seeded()
    task.train()
    prefix = Prefix(task, Plan(epochs=2, trained_stages=1), tiny.cpu)
    prefix.begin(0)
    assert prefix.stages == 1
    batch = next(tiny.batches().epoch(0))
    maps = prefix.maps(tiny.prepare(batch, torch.Generator()))
    assert maps.dtype == torch.float16
    assert not maps.requires_grad
    assert all(module.training for module in task.modules())
