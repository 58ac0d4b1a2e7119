import torch

from plusx.core.backbone import Backbone
from plusx.core.stage import Stage
from plusx.nn.segmentation.unet import UNet, Up


def steps(*strides: int) -> dict[str, tuple[str | None, int]]:
    """The skip of every step of a decoder, and the maps that it gives."""
    network = UNet(tuple(Stage(f"conv{i}", 8, stride) for i, stride in enumerate(strides, 1)), 3)
    found = {}
    for name in network.ups:
        up = network.get_submodule(name)
        assert isinstance(up, Up)
        channels = up.get_submodule("layers.layer2.conv").get_parameter("weight").shape[0]
        found[name] = (None if up.skip is None else up.skip.name, channels)
    return found


def test_a_skip_at_every_stride_that_there_is() -> None:
    assert steps(2, 4, 8, 16, 32) == {
        "up16": ("conv4", 256),
        "up8": ("conv3", 128),
        "up4": ("conv2", 64),
        "up2": ("conv1", 32),
        "up1": (None, 16),
    }


def test_of_one_stride_the_deepest_and_without_one_none() -> None:
    assert steps(4, 4, 16, 16) == {"up8": (None, 128), "up4": ("conv2", 64), "up2": (None, 32), "up1": (None, 16)}


def test_networks_for_small_images_end_on_their_first_map() -> None:
    assert steps(1, 1, 2, 4, 8) == {"up4": ("conv4", 64), "up2": ("conv3", 32), "up1": ("conv2", 16)}


def test_a_map_is_brought_to_the_size_of_its_skip(backbone: Backbone) -> None:
    up = Up(80, backbone.stages[3], 7)
    features = {"conv4": torch.randn(1, 64, 5, 7)}
    assert up(torch.randn(1, 80, 3, 4), features).shape == (1, 7, 5, 7)
