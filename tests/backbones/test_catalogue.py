import dataclasses
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from plusx.backbones import catalogue
from plusx.backbones.catalogue import TOP_1, architecture, architectures, best_card, card, cards
from plusx.backbones.create import build
from plusx.core.card import Card
from plusx.core.errors import InputError

ARCHITECTURES = """
    resnet18 resnet34 resnet50 resnet101 resnet152 resnet50_v1 resnet101_v1 resnet152_v1
    resnet18_v2 resnet34_v2 resnet50_v2 resnet101_v2 resnet152_v2
    resnet20 resnet32 resnet44 resnet56 resnet110 resnet1202 plain18 plain34 plain20 plain56
    unet wide_resnet50_2 wide_resnet101_2 resnext50_32x4d resnext101_32x8d resnext101_64x4d
    densenet121 densenet161 densenet169 densenet201 densenet_bc100_12 densenet_bc250_24 densenet_bc190_40
    xception xception41 xception65 xception71
    se_resnet50 se_resnet101 se_resnet152
    se_resnext50_32x4d se_resnext101_32x4d se_resnext101_32x8d se_resnext101_64x4d
    resnet18_d resnet26_d resnet34_d resnet50_d resnet101_d resnet152_d resnet200_d
    shufflenet_v1_g1_100 shufflenet_v1_g2_100 shufflenet_v1_g3_100 shufflenet_v1_g4_100 shufflenet_v1_g8_100
    shufflenet_v1_g1_050 shufflenet_v1_g2_050 shufflenet_v1_g3_050 shufflenet_v1_g4_050 shufflenet_v1_g8_050
    shufflenet_v1_g1_025 shufflenet_v1_g2_025 shufflenet_v1_g3_025 shufflenet_v1_g4_025 shufflenet_v1_g8_025
    shufflenet_v1_g3_150 shufflenet_v1_g3_200
    shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0
    mobilenet_v1_025 mobilenet_v1_050 mobilenet_v1_075 mobilenet_v1 mobilenet_v1_125
    mobilenet_v2_035 mobilenet_v2_050 mobilenet_v2_075 mobilenet_v2 mobilenet_v2_130 mobilenet_v2_140
    mobilenet_v2_110d mobilenet_v2_120d
    mobilenet_v3_large mobilenet_v3_large_075 mobilenet_v3_large_minimal
    mobilenet_v3_small mobilenet_v3_small_075 mobilenet_v3_small_050 mobilenet_v3_small_minimal
"""

SIZES = {"cifar": 32, "densenet_cifar": 32, "xception": 299, "aligned_xception": 299, "unet": 64}
"""Paper's file → pixels of a side, where they are not 224."""

FEW: dict[str, dict[str, Any]] = {
    "cifar": {"n": 1},
    "senet": {"depths": (1, 1, 1, 1), "width": 16},
    "xception": {"middle": 1, "width": 0.125},
    "densenet": {"depths": (1, 1, 1, 1), "k": 4},
    "mobilenet": {"width": 0.25},
    "mobilenet_v2": {"width": 0.25},
    "mobilenet_v3": {"width": 0.25},
    "unet": {"width": 8},
}
"""Paper's file → settings of a small network, where they are not those of ResNet."""


def test_the_networks_of_the_papers_are_there() -> None:
    assert architectures() == sorted(ARCHITECTURES.split())
    assert architectures("resnext*") == ["resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"]
    assert architectures("nothing*") == []


def test_an_architecture_says_where_it_comes_from() -> None:
    for name in architectures():
        found = architecture(name)
        assert found.name == name
        assert re.search(r"20\d\d, .+, arXiv \d{4}\.\d{5}$", found.paper)
        assert 5 < len(found.summary) < 80
        assert found.size == SIZES.get(found.module, 224)


def test_unknown_names_get_the_three_nearest() -> None:
    with pytest.raises(InputError, match=r"Unknown model 'resnet_50'. Did you mean resnet50, resnet\d+"):
        architecture("resnet_50")
    with pytest.raises(InputError, match=r"Unknown weights 'resnet50.a1_ink'. Did you mean resnet50.a1_in1k, "):
        card("resnet50.a1_ink")


@pytest.mark.parametrize("name", cards())
def test_a_card_is_complete(name: str) -> None:
    found = card(name)
    assert found.name == name
    assert found.architecture in architectures()
    assert set(found.build) <= set(architecture(found.architecture).settings)
    assert found.source.layout in ("torchvision", "timm", "keras", "cifar")
    assert found.source.url.startswith("https://") != found.source.repository.startswith("timm/")
    assert found.source.filename
    assert found.source.url.endswith(found.source.filename) or not found.source.url
    assert found.licence
    assert found.permissive == (found.licence != "CC-BY-NC-4.0")
    assert found.vocabulary in ("imagenet-1k", "cifar-10", "cifar-100")
    assert all(key.startswith(f"{found.vocabulary} top-") and 50 < value < 100 for key, value in found.metrics.items())
    assert Card.from_json(found.to_json()) == found


def test_cards_settings_can_be_built() -> None:
    different = {(card(name).architecture, tuple(card(name).build.items())) for name in cards() if card(name).build}
    for name, settings in different:
        few = FEW.get(architecture(name).module, {"depths": (1, 1, 1, 1), "width": 8})
        assert build(name, **few, **dict(settings)).stages


def test_every_permissive_keras_weight_has_its_form_in_the_card() -> None:
    for depth in (50, 101, 152):
        v1, v2 = card(f"resnet{depth}.keras_in1k"), card(f"resnet{depth}_v2.keras_in1k")
        assert (v1.architecture, v2.architecture) == (f"resnet{depth}_v1", f"resnet{depth}_v2")
        assert dict(v1.build) == {"bias": True, "eps": 1.001e-5, "momentum": 0.01}
        assert dict(v2.build) == {"stride_in": "last", "pool_padding": "zero", **v1.build}
        assert (v1.input.order, v2.input.order) == ("BGR", "RGB")
        assert [255 * value for value in v1.input.mean] == pytest.approx([103.939, 116.779, 123.68])
        assert [255 * value for value in v1.input.std] == pytest.approx([1, 1, 1], rel=1e-6)
        assert v2.input.mean == v2.input.std == (0.5, 0.5, 0.5)


def test_best_card_is_the_best_that_may_be_used() -> None:
    assert best_card("resnet50").name == "resnet50.tv_in1k_v2"
    assert best_card("resnet50_v1").name == "resnet50.keras_in1k"
    assert best_card("resnet18").name == "resnet18.a1_in1k"
    restricted = card("resnet50.fb_swsl_ig1b_ft_in1k")
    assert restricted.metrics[TOP_1] > best_card("resnet50").metrics[TOP_1]
    assert not restricted.permissive


@pytest.mark.parametrize("name", ["plain18", "resnet20"])
def test_no_best_card_without_imagenet_weights(name: str) -> None:
    with pytest.raises(InputError, match=f"No published ImageNet weights of {name} may be used freely. Train it from"):
        best_card(name)


def test_no_card_is_named_twice() -> None:
    groups = [g for path in papers() for g in tomllib.loads(path.read_text(encoding="utf-8")).get("weights", [])]
    assert len(cards()) == sum(len(group["cards"]) for group in groups)


def papers() -> list[Path]:
    return sorted(Path(catalogue.__file__).parent.glob("*.toml"))


def test_every_paper_has_its_file_beside_it() -> None:
    assert {path.stem for path in papers()} == {architecture(name).module for name in architectures()}
    assert all(path.with_suffix(".py").is_file() for path in papers())


def test_reading_is_quick() -> None:
    start = time.process_time()
    for path in papers():
        tomllib.loads(path.read_text(encoding="utf-8"))
    assert time.process_time() - start < 0.1, "30 ms on an idle machine; shell completion waits for it"


def test_needs_no_torch() -> None:
    code = "import sys; from plusx.backbones.catalogue import cards; cards(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        architecture("resnet50").size = 1  # pyrefly: ignore  # what is tested
    with pytest.raises(TypeError):
        architecture("resnet50").settings["eps"] = 1  # pyrefly: ignore  # what is tested


def test_networks_that_are_faster_in_channels_last() -> None:
    assert architecture("mobilenet_v2").channels_last == ("cpu",)
    assert architecture("se_resnext50_32x4d").channels_last == ("cpu",)
    assert architecture("resnet50").channels_last == architecture("se_resnet50").channels_last == ()
    for name in architectures():
        assert set(architecture(name).channels_last) <= {"cpu", "cuda", "mps"}
