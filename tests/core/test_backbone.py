import torch
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.stage import Stage


class Two(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 4, 2), Stage("conv2", 8, 4))
        self.conv2 = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1)


def test_features_come_in_the_order_of_the_stages_each_from_the_one_before() -> None:
    net, images = Two(), torch.randn(1, 3, 33, 32)
    features = net(images)
    assert list(features) == ["conv1", "conv2"]
    assert {name: tuple(found.shape) for name, found in features.items()} == {
        "conv1": (1, 4, 17, 16),
        "conv2": (1, 8, 9, 8),
    }
    torch.testing.assert_close(features["conv2"], net.conv2(net.conv1(images)))


def test_parts_are_the_stages_modules_from_input_to_output() -> None:
    net = Two()
    assert net.parts() == [("conv1", net.conv1), ("conv2", net.conv2)]


def test_images_are_brought_into_the_faster_memory_format() -> None:
    net, images = Two(), torch.randn(2, 3, 33, 32)
    plain = net(images)
    assert all(found.is_contiguous() for found in plain.values())
    net.channels_last = ("cpu",)
    last = net(images)
    assert all(found.is_contiguous(memory_format=torch.channels_last) for found in last.values())
    torch.testing.assert_close(last, plain)
    net.channels_last = ("cuda",)
    assert all(found.is_contiguous() for found in net(images).values())
