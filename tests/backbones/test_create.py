from typing import Any

import numpy as np
import pytest

from plusx.backbones.create import build
from plusx.core.errors import InputError


def test_settings_change_the_variant() -> None:
    backbone = build("resnet50", depths=[1, 1, 1, 1], width=8, eps=1)
    assert [stage.channels for stage in backbone.stages] == [8, 32, 64, 128, 256]
    assert build("resnet20", in_channels=np.int64(4)).stages  # pyrefly: ignore[bad-argument-type]


def test_a_network_knows_the_memory_format_in_which_it_is_faster() -> None:
    assert build("mobilenet_v3_small").channels_last == ("cpu",)
    assert build("resnet18").channels_last == ()


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("resnet51", {}, r"Unknown model 'resnet51'. Did you mean resnet\d+, resnet50, resnet18\?"),
        ("resnet50", {"in_channels": 0}, "in_channels is 0; expected 1 or more"),
        ("resnet50", {"in_channels": "3"}, "in_channels is '3'; expected a whole number, 1 or more"),
        ("resnet50", {"in_channels": 2.5}, "in_channels is 2.5; expected a whole number, 1 or more"),
        (
            "resnet50",
            {"depths": ("a", "b")},
            r"setting depths of resnet50 is \('a', 'b'\); expected numbers of the kind \(3, 4",
        ),
        ("resnet50", {"depths": ()}, "depths is 0; expected 1 or more"),
        ("resnet50", {"eps": -1.0}, "eps is -1.0; expected more than 0, e.g. 1e-05"),
        ("resnet50", {"momentum": 5.0}, "momentum is 5.0; expected more than 0 and at most 1"),
        ("resnet50", {"output_stride": 4}, "output_stride is 4; expected 8, 16 or 32"),
        ("resnet50", {"zero_init": True}, "Unknown setting of resnet50 'zero_init'. Did you mean zero_init_residual"),
        ("resnet50", {"eps": "small"}, "setting eps of resnet50 is 'small'; expected float, e.g. 1e-05"),
        ("resnet50", {"bias": 1}, "setting bias of resnet50 is 1; expected bool, e.g. False"),
        ("resnet50", {"width": 8.0}, "setting width of resnet50 is 8.0; expected int, e.g. 64"),
    ],
)
def test_arguments_that_cannot_be(name: str, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        build(name, **arguments)
