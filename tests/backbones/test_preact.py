"""Against timm's pre-activation networks, with their weights; and the settings that make Keras' form."""

import pytest
import timm
import torch
from torch import Tensor, nn

from plusx.backbones.create import build
from plusx.core.backbone import Backbone

NAMES = [("resnet18_v2", "resnetv2_18"), ("resnet50_v2", "resnetv2_50")]
DEEP = [("resnet34_v2", "resnetv2_34"), ("resnet101_v2", "resnetv2_101"), ("resnet152_v2", "resnetv2_152")]
KERAS = {"stride_in": "last", "pool_padding": "zero", "bias": True, "eps": 1.001e-5}


def in_our_order(reference: nn.Module) -> list[Tensor]:
    """timm's tensors: it keeps a block's projection before its layers and all normalisations between them."""
    kinds = ["norm1.", "conv1.", "norm2.", "conv2.", "norm3.", "conv3.", "downsample."]

    def place(key: str) -> tuple[int, int, int]:
        if key.startswith("stages."):
            _, stage, _, block, rest = key.split(".", 4)
            return int(stage), int(block), next(i for i, kind in enumerate(kinds) if rest.startswith(kind))
        return (-1, 0, 0) if key.startswith("stem.") else (9, 0, 0)

    state = reference.state_dict()
    return [state[key] for key in sorted(state, key=place)]


def pair(name: str, theirs: str) -> tuple[Backbone, nn.Module]:
    torch.manual_seed(0)
    reference = timm.create_model(theirs, num_classes=0)
    for part in reference.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.0)
            nn.init.normal_(part.bias, std=0.1)
    backbone = build(name)
    backbone.load_state_dict(dict(zip(backbone.state_dict(), in_our_order(reference), strict=True)))
    return backbone, reference


@pytest.mark.parametrize(("name", "theirs"), [*NAMES, *(pytest.param(*p, marks=pytest.mark.slow) for p in DEEP)])
def test_same_output_as_timm(name: str, theirs: str) -> None:
    backbone, reference = pair(name, theirs)
    images = torch.randn(2, 3, 97, 65)
    for training in (True, False):
        ours = backbone.train(training)(images)["conv5"].mean((2, 3))
        torch.testing.assert_close(ours, reference.train(training)(images), rtol=1e-4, atol=1e-5)


def test_the_last_map_is_activated_and_those_before_are_sums() -> None:
    features = build("resnet50_v2", width=8)(torch.randn(2, 3, 64, 64))
    assert features["conv5"].min() == 0
    assert all(features[name].min() < 0 for name in ("conv1", "conv2", "conv3", "conv4"))


def test_keras_form_halves_the_map_in_the_last_block_of_a_stage() -> None:
    with torch.device("meta"):
        assert [stage.stride for stage in build("resnet50_v2", **KERAS).stages] == [2, 8, 16, 32, 32]
        assert [stage.stride for stage in build("resnet50_v2", **KERAS, output_stride=16).stages] == [2, 8, 16, 16, 16]
        assert [stage.stride for stage in build("resnet50_v2").stages] == [2, 4, 8, 16, 32]


def test_keras_form_has_a_bias_wherever_no_normalisation_follows() -> None:
    with torch.device("meta"):
        backbone = build("resnet50_v2", **KERAS)
    biased = {key for key, part in backbone.named_modules() if isinstance(part, nn.Conv2d) and part.bias is not None}
    inside = {key for key, part in backbone.named_modules() if isinstance(part, nn.Conv2d)} - biased
    assert all(key.endswith(("F.layer1.conv", "F.layer2.conv")) for key in inside)
    assert all(key.endswith(("conv1.conv", "shortcut.conv", "F.layer3.conv")) for key in biased)


def test_zeros_around_the_pool_count_where_values_are_negative() -> None:
    usual, zero = build("resnet18_v2", width=8), build("resnet18_v2", width=8, pool_padding="zero")
    x = torch.full((1, 8, 8, 8), -1.0)
    pooled = zero.get_submodule("conv2.pool")(x)
    assert usual.get_submodule("conv2.pool")(x).max() == -1
    assert (pooled[..., 0, :] == 0).all()
    assert (pooled[..., 1:, 1:] == -1).all()


def test_zero_init_makes_every_block_its_shortcut() -> None:
    backbone = build("resnet18_v2", zero_init_residual=True, width=8)
    features = backbone(torch.randn(2, 3, 64, 64))
    assert torch.equal(features["conv2"], nn.functional.max_pool2d(features["conv1"], 3, 2, 1))
