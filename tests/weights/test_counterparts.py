"""What another library lacks is named: setting, value here, value there, and what to do."""

from typing import Any

import pytest

from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.weights.counterparts import LayoutName, counterpart, why_not

AS_IT_IS = "To use this network as it is, keep the plusx model file, or export it (plusx export)."


def refused(name: str, settings: dict[str, Any], library: LayoutName, in_channels: int = 3) -> list[str]:
    """The lines of the error."""
    backbone = build(name, in_channels=in_channels, **settings)
    assert counterpart(backbone, library) is None
    return why_not(backbone, library, Card("own", name, settings)).splitlines()


@pytest.mark.parametrize(
    ("name", "settings", "library", "theirs", "told"),
    [
        ("resnet18", {"small_input": True}, "torchvision", "resnet18", ["small_input is True here, False there"]),
        ("resnet18", {"eps": 1e-3}, "timm", "resnet18", ["eps is 0.001 here, 1e-05 there"]),
        ("resnet18", {"width": 32, "depths": [1, 1, 1, 1]}, "timm", "resnet18", [
            "depths is (1, 1, 1, 1) here, (2, 2, 2, 2) there",
            "width is 32 here, 64 there",
        ]),
        ("resnet50_v1", {"zero_init_residual": True, "momentum": 0.01}, "torchvision", "resnet50", [
            "stride_on is '1x1' here, '3x3' there",  # what has no influence on the outputs is not named
        ]),
        ("mobilenet_v2", {"padding": "same", "eps": 1e-3, "momentum": 0.001}, "timm", "mobilenetv2_100", [
            "padding is 'same' here, 'symmetric' there",
            "eps is 0.001 here, 1e-05 there",
        ]),
        ("mobilenet_v3_small", {"eps": 1e-5, "padding": "same"}, "timm", "mobilenetv3_small_100", [
            "padding is 'same' here, 'symmetric' there",  # timm has two: the nearer one is named
        ]),
        ("xception", {}, "timm", "legacy_xception", ["stem_padding is 'symmetric' here, 'valid' there"]),
    ],
)  # fmt: skip
def test_what_differs_is_named(
    name: str, settings: dict[str, Any], library: LayoutName, theirs: str, told: list[str]
) -> None:
    opening, *lines, advice = refused(name, settings, library)
    assert opening == (
        f"{library}'s {theirs} is built otherwise than this network: it would refuse its weights, or answer wrongly "
        "with them. Nothing was written."
    )
    assert sorted(lines) == sorted(f"  {line}" for line in told)
    assert advice.endswith(AS_IT_IS)


def test_what_to_do_is_said() -> None:
    assert refused("resnet18", {"small_input": True}, "torchvision")[-1] == (
        f"For a file that it loads, train resnet18 without small_input (--small-input no). {AS_IT_IS}"
    )
    assert refused("densenet121", {"eps": 1.001e-5}, "timm")[-1] == (
        "For a file that it loads, train densenet121 from timm's own weights (plusx models densenet121) or random "
        f"weights. {AS_IT_IS}"
    )
    assert refused("xception", {"eps": 1e-3}, "timm")[-1] == (  # random weights would not be built as timm's
        f"For a file that it loads, train xception from timm's own weights (plusx models xception). {AS_IT_IS}"
    )


def test_torchvision_takes_three_channels_and_timm_any_number() -> None:
    assert refused("resnet18", {}, "torchvision", in_channels=1)[1:] == [
        "  in_channels is 1 here, 3 there",
        f"timm has it: --to timm. {AS_IT_IS}",
    ]
    found = counterpart(build("resnet18", in_channels=1), "timm")
    assert found is not None
    assert found.name == "resnet18"


def test_networks_that_the_library_has_not() -> None:
    assert refused("plain18", {}, "timm") == [
        "timm has no network built like this plain18; of its family it has resnet18, resnet34, resnet50, resnet101, "
        f"resnet152, wide_resnet50_2, wide_resnet101_2. {AS_IT_IS}"
    ]
    assert refused("resnet18_v2", {}, "torchvision") == [
        "torchvision has no network built like this resnet18_v2; it has none of its family. timm has it: --to timm. "
        f"{AS_IT_IS}"
    ]


def test_a_network_of_unknown_origin() -> None:
    assert why_not(build("resnet18", eps=1e-3), "timm", None) == (
        "timm has no network built like this one; its networks are those with plusx's default settings and output "
        f"stride 32. {AS_IT_IS}"
    )
