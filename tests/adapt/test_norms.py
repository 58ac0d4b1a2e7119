"""The four policies against a slow mean, torch's own layer and timm's ResNet-50 with group normalisation."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from parity import distance, randomise
from plusx.adapt.norms import keep_statistics, take_statistics_anew, to_group_norm
from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError, WeightsError
from plusx.nn.group_norm import grouped, groups_of
from plusx.tasks.create import create
from plusx.weights.create import create_model
from plusx.weights.export_keys import save_as


@pytest.mark.parametrize(
    ("channels", "groups"), [(64, 32), (2048, 32), (16, 8), (24, 12), (30, 15), (3, 1), (1, 1), (34, 17)]
)
def test_groups(channels: int, groups: int) -> None:
    assert groups_of(channels) == groups


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)
    )


def norm_of(model: nn.Sequential, place: int = 1) -> Any:
    return model[place]


def test_statistics_are_kept_and_scales_still_learn() -> None:
    model = small().train()
    assert keep_statistics(model) == 2
    model(torch.randn(4, 3, 8, 8)).sum().backward()
    assert norm_of(model).running_mean.eq(0).all()
    assert norm_of(model).weight.grad is not None


def test_statistics_taken_anew_are_the_plain_mean_over_batches() -> None:
    torch.manual_seed(0)
    model = small().eval()
    batches = [torch.randn(4, 3, 8, 8), 3 * torch.randn(4, 3, 8, 8) + 1, torch.randn(1, 3, 8, 8)]
    assert take_statistics_anew(model, batches) == 8  # a single image has none
    maps = [model[0](batch) for batch in batches[:2]]
    mean = torch.stack([found.mean((0, 2, 3)) for found in maps]).mean(0)
    variance = torch.stack([found.var((0, 2, 3)) for found in maps]).mean(0)
    torch.testing.assert_close(norm_of(model).running_mean, mean)
    torch.testing.assert_close(norm_of(model).running_var, variance)
    assert not norm_of(model).training
    assert norm_of(model).momentum == 0.1


def test_group_norm_keeps_scale_shift_and_epsilon_and_follows_the_formula() -> None:
    torch.manual_seed(0)
    model = small()
    nn.init.normal_(norm_of(model).weight)
    nn.init.normal_(norm_of(model).bias)
    scale, shift = norm_of(model).weight.detach().clone(), norm_of(model).bias.detach().clone()
    assert to_group_norm(model) == 2
    norm = norm_of(model)
    assert isinstance(norm, nn.GroupNorm)
    assert (norm.num_groups, norm.eps) == (4, 1e-3)
    x = torch.randn(2, 8, 5, 5)
    groups = x.reshape(2, 4, -1)
    slow = (groups - groups.mean(2, keepdim=True)) / (groups.var(2, correction=0, keepdim=True) + 1e-3).sqrt()
    slow = slow.reshape(x.shape) * scale[:, None, None] + shift[:, None, None]
    torch.testing.assert_close(norm(x), slow)
    model.eval()
    whole = model(torch.cat([x[:, :3], x[:, :3] * 9]))
    torch.testing.assert_close(whole[:2], model(x[:, :3]))  # the others of a batch have no say


def test_resnet50_with_groups_is_timms(tmp_path: Path) -> None:
    ours = create_model("resnet50", classes=7)
    randomise(ours)
    save_as(tmp_path / "timm.pth", ours, "timm")
    theirs = timm.create_model("resnet50_gn", num_classes=7)
    state = torch.load(tmp_path / "timm.pth", weights_only=True)
    gone = ("running_mean", "running_var", "num_batches_tracked")
    theirs.load_state_dict({name: value for name, value in state.items() if not name.endswith(gone)})
    assert grouped(ours.backbone) == 53
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert distance(ours.eval()(images), theirs.eval()(images)) < 1e-4


def test_a_network_is_built_with_groups() -> None:
    backbone = build("resnet20", group_norm=32)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    twin = create("classify", build("resnet20"), {"classes": ["a"]}).backbone
    grouped(twin)
    assert str(twin) == str(backbone)
    with pytest.raises(InputError, match="group_norm is 0; expected 1 or more"):
        build("resnet20", group_norm=0)


def test_no_library_has_it(tmp_path: Path) -> None:
    model = create_model("resnet18", classes=3, group_norm=32)
    card = Card("mine", "resnet18", {"group_norm": 32})
    with pytest.raises(WeightsError, match=r"resnet18 is built otherwise .*\n  group_norm is 32 here, False th"):
        save_as(tmp_path / "x.pth", model, "timm", card)
