"""Which parameters learn in which phase, by name: two families of plusx and a network of another library."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from plusx.adapt.gradual import gradual
from plusx.adapt.head_first import head_first
from plusx.adapt.layer_decay import layer_decay
from plusx.adapt.lp_ft import lp_ft, lp_ft_factor
from plusx.adapt.stages import stages_of
from plusx.backbones.create import build
from plusx.core.errors import InputError
from plusx.core.task import Task
from plusx.engine.groups import parameter_groups
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.plan import Plan
from plusx.engine.schedules.cosine import Cosine
from plusx.tasks.create import create


def task(network: str) -> Task:
    with torch.device("meta"):
        return create("classify", build(network), {"classes": ["a", "b"]})


STAGES = {
    "resnet18": ["conv1", "conv2", "conv3", "conv4", "conv5"],
    "shufflenet_v2_x1_0": ["conv1", "stage2", "stage3", "stage4", "conv5"],
}


def learning(model: nn.Module, stages: list[str]) -> str:
    """The parts that learn, a figure a stage and h for the head; fails where half of one does, or its mode is
    another."""
    found = ""
    for number, part in enumerate([*(f"backbone.{stage}" for stage in stages), "head"], 1):
        module = model.get_submodule(part)
        flags = {parameter.requires_grad for parameter in module.parameters()}
        modes = {child.training for child in module.modules()}
        assert len(flags) == 1
        assert modes == flags
        found += ("h" if part == "head" else str(number)) if flags == {True} else ""
    assert {parameter for parameter in model.parameters() if parameter.requires_grad} == {
        parameter for part in found for parameter in part_of(model, stages, part).parameters()
    }
    return found


def part_of(model: nn.Module, stages: list[str], part: str) -> nn.Module:
    return model.get_submodule("head" if part == "h" else f"backbone.{stages[int(part) - 1]}")


@pytest.mark.parametrize("network", STAGES)
@pytest.mark.parametrize(
    ("strategy", "phases"),
    [
        (lambda model, epoch: head_first(model, epoch, head_epochs=2), ["h", "h", "12345h", "12345h"]),
        (gradual, ["h", "5h", "45h", "345h", "2345h", "12345h", "12345h"]),
        (lambda model, epoch: gradual(model, epoch, every=2), ["h", "5h", "5h", "45h", "45h", "345h"]),
        (lambda model, epoch: lp_ft(model, epoch, 5), ["h", "h", "12345h", "12345h", "12345h"]),
    ],
)
def test_what_learns_in_each_epoch(network: str, strategy: Callable[[nn.Module, int], int], phases: list[str]) -> None:
    model = task(network)
    for epoch, expected in enumerate([*phases, phases[0]]):  # back at the beginning: nothing is remembered
        assert strategy(model, epoch % len(phases)) == len(expected) - 1
        assert learning(model, STAGES[network]) == expected


def test_the_plan_says_the_same_of_every_epoch() -> None:
    model = task("resnet18")
    assert [Plan(epochs=8, frozen_epochs=1, gradual=1).learning_stages(epoch, 5) for epoch in range(8)] == [
        gradual(model, epoch) for epoch in range(8)
    ]
    head_alone = Plan(epochs=3, trained_stages=0)
    assert [head_alone.learning_stages(epoch, 5) for epoch in range(9)] == [0] * 9
    assert Plan(frozen_epochs=1, trained_stages=2, gradual=2).learning_stages(9, 5) == 2
    assert Plan(frozen_epochs=1, gradual=2).last_joins(5) == 9
    assert Plan(frozen_epochs=3).last_joins(5) == 3
    assert head_alone.last_joins(5) == 0
    assert Plan(frozen_epochs=3, gradual=2).without_phases() == Plan()


@pytest.fixture
def other() -> torchvision.models.ResNet:
    with torch.device("meta"):
        return torchvision.models.resnet18(num_classes=2)


def test_a_network_of_another_library(other: Any) -> None:
    stages = [nn.ModuleList([other.conv1, other.bn1]), other.layer1, other.layer2, other.layer3, other.layer4]
    with pytest.raises(InputError, match=r"ResNet is no plusx task: say which of its modules are its stages"):
        gradual(other, 0)
    with pytest.raises(InputError, match=r"stages: ModuleList is no module of this ResNet"):
        stages_of(other, stages)
    assert gradual(other, 2, stages=[other.conv1, *stages[1:]]) == 2
    still = {name.split(".")[0] for name, weight in other.named_parameters() if not weight.requires_grad}
    assert still == {"conv1", "layer1", "layer2"}
    assert not other.layer2[0].bn1.training
    assert other.layer3[0].bn1.training


def test_layer_decay_is_that_of_the_engine_and_of_the_formula(other: Any) -> None:
    model = task("resnet18")
    mine = layer_decay(model, 0.01, 0.4, weight_decay=0.1)
    theirs = parameter_groups(model, Plan(optimizer=AdamW(rate=0.01, weight_decay=0.1), stage_decay=0.4))
    assert [(g["lr"], g["weight_decay"], [*map(id, g["params"])]) for g in mine] == [
        (g["lr"], g["weight_decay"], [*map(id, g["params"])]) for g in theirs
    ]
    groups = layer_decay(other, 1.0, 0.5, stages=[other.conv1, other.layer1, other.layer2])
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    powers = {"fc": 0, "layer2": 1, "layer1": 2, "conv1": 3}
    for name, power in powers.items():
        assert {rates[id(weight)] for weight in other.get_submodule(name).parameters()} == {0.5**power}
    assert len(rates) == len(list(other.parameters()))


def test_the_probe_ends_with_a_rate_of_nothing_and_the_tuning_begins_anew() -> None:
    factors = [lp_ft_factor(step, 10, 4) for step in range(40)]
    assert factors[19] < 0.01
    assert factors[39] < 0.01
    assert factors[0] == factors[20] == pytest.approx(0.5)
    plan = Plan(epochs=4, frozen_epochs=2, frozen_schedule=Cosine(warmup=0.1), schedule=Cosine(warmup=0.1))
    assert [plan.factor(step, 10) for step in range(40)] == factors
    assert Plan.from_json(plan.to_json()) == plan
