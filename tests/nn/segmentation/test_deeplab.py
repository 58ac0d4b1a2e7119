import pytest
import torch
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.segmentation.deeplab import DeepLabV3Plus, ImagePooling, PooledNorm, usual_rates
from plusx.nn.segmentation.lraspp import LRASPP


def test_rates_reach_as_far_in_the_image_at_any_stride() -> None:
    assert usual_rates(16) == (6, 12, 18)
    assert usual_rates(8) == (12, 24, 36)
    assert usual_rates(32) == (3, 6, 9)


def test_one_pooled_image_goes_through_the_running_statistics() -> None:
    norm, x = PooledNorm(3), torch.randn(1, 3, 1, 1)
    nn.init.normal_(norm.weight)
    norm(torch.randn(4, 3, 1, 1))
    before = {key: value.clone() for key, value in norm.state_dict().items()}
    found = norm(x)
    assert all(torch.equal(value, before[key]) for key, value in norm.state_dict().items())
    torch.testing.assert_close(found, norm.eval()(x))
    found.sum().backward()
    assert norm.weight.grad is not None
    assert norm.weight.grad.abs().sum() > 0


def test_several_pooled_images_are_normalised_as_ever() -> None:
    x = torch.randn(3, 4, 1, 1)
    torch.testing.assert_close(PooledNorm(4)(x), nn.BatchNorm2d(4)(x))


def test_the_pooled_image_is_the_same_everywhere() -> None:
    x = torch.randn(2, 4, 3, 5)
    pooled = ImagePooling(4, 6)(x)
    assert pooled.shape == (2, 6, 3, 5)
    assert torch.equal(pooled, pooled[:, :, :1, :1].expand_as(pooled))


def test_one_image_trains(backbone: Backbone) -> None:
    head = DeepLabV3Plus(backbone.stages, 3)
    head(backbone(torch.randn(1, 3, 64, 64))).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize(
    ("strides", "low"),
    [
        ((2, 4, 8, 16, 16), "conv2"),
        ((2, 4, 4, 8, 8), "conv3"),
        ((1, 1, 2, 4, 8), "conv4"),
        ((1, 2, 4), "conv2"),
        ((2, 8, 16), "conv1"),
    ],
)
def test_the_finer_map_of_deeplab(strides: tuple[int, ...], low: str) -> None:
    stages = tuple(Stage(f"conv{i}", 8, stride) for i, stride in enumerate(strides, 1))
    assert DeepLabV3Plus(stages, 3).low.name == low


def test_without_a_finer_map() -> None:
    stages = (Stage("conv1", 8, 8), Stage("conv2", 8, 16))
    text = "DeepLabV3\\+ needs a map finer than the last, of stride 4 or less; the network's strides are 8, 16. Take"
    with pytest.raises(InputError, match=text):
        DeepLabV3Plus(stages, 3)
    with pytest.raises(InputError, match="LR-ASPP needs a map finer than the last, of stride 8 or less; the network's"):
        LRASPP(stages[:1], 3)
