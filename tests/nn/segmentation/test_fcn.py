import pytest
import torch
from torch.nn.functional import interpolate

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
from plusx.core.stage import Stage
from plusx.nn.segmentation.fcn import FCN


def test_scores_are_summed_from_coarse_to_fine(backbone: Backbone) -> None:
    """By hand, on sides that every halving rounds up."""
    features = backbone.eval()(torch.randn(1, 3, 147, 99))
    network = FCN(backbone.stages, 3, stride=8).eval()
    scores = [network.get_submodule(f"score{i}") for i in (1, 2, 3)]
    for layer in scores:
        torch.nn.init.normal_(layer.weight)  # pyrefly: ignore
    expected = scores[0](features["conv5"])
    for layer, name in ((scores[1], "conv4"), (scores[2], "conv3")):
        finer = layer(features[name])
        expected = finer + interpolate(expected, size=finer.shape[2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(features), expected)


def test_training_begins_with_the_coarser_network(backbone: Backbone) -> None:
    features = backbone.eval()(torch.randn(1, 3, 64, 64))
    fine, coarse = FCN(backbone.stages, 3, stride=8).eval(), FCN(backbone.stages, 3, stride=32).eval()
    fine.load_state_dict(coarse.state_dict(), strict=False)
    torch.testing.assert_close(
        fine(features),
        interpolate(
            interpolate(coarse(features), scale_factor=2.0, mode="bilinear"), scale_factor=2.0, mode="bilinear"
        ),
    )


def test_a_stride_that_the_network_has_not() -> None:
    stages = (Stage("conv1", 8, 2), Stage("conv2", 8, 4), Stage("conv3", 8, 8))
    text = "FCN-8s needs a map of stride 8 and coarser ones; the network's strides are 2, 4, 8. Take the head 'fcn'"
    with pytest.raises(InputError, match=text):
        FCN(stages, 3, stride=8)
    assert FCN(stages, 3, stride=32).names == ["conv3"]


def test_of_maps_of_one_stride_the_deepest(backbone: Backbone) -> None:
    stages = tuple(Stage(f"conv{i}", 8, stride) for i, stride in enumerate((8, 8, 16, 32, 32), 1))
    assert FCN(stages, 3, stride=8).names == ["conv5", "conv3", "conv2"]
