import pytest
import torch
from torch import nn

from plusx.core.backbone import Backbone
from plusx.core.errors import InputError
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


@pytest.mark.parametrize(
    ("images", "text"),
    [
        (torch.zeros(2, 1, 32, 32), r"images of shape \(2, 1, 32, 32\) have 1 channels, .* takes 3\. .*in_channels=1$"),
        (
            torch.zeros(2, 32, 32, 3),
            r"images of shape \(2, 32, 32, 3\) have 32 channels, the second size; the network t",
        ),
        (
            torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
            r"images are of torch\.uint8; expected floating point, scaled as",
        ),
        (torch.zeros(2, 3, 3, 32), r"Enlarge them to 4×4 or more$"),  # there is no smaller build of such a network
        (torch.zeros(3, 32, 32), r"images have shape \(3, 32, 32\); expected four sizes"),
    ],
)
def test_images_that_do_not_fit_are_named(images: torch.Tensor, text: str) -> None:
    with pytest.raises(InputError, match=text):
        Two()(images)


def test_a_first_layer_that_is_no_convolution_takes_what_it_likes() -> None:
    net = Two()
    net.conv1 = nn.Upsample(scale_factor=0.5)  # type: ignore[assignment]
    assert net(torch.randn(1, 4, 32, 32))["conv2"].shape == (1, 8, 8, 8)
