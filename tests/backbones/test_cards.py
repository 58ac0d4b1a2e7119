"""Cards say what the installed libraries say of the same weights: place, digest, input, licence, cost, scores."""

import importlib
import os
import re
from functools import cache
from typing import Any

import pytest
import timm
import torch
import torchvision

from plusx.backbones.catalogue import TOP_1, Architecture, architecture, architectures, card, cards

os.environ["KERAS_BACKEND"] = "torch"
keras = importlib.import_module("keras")
downloads = importlib.import_module("keras.src.utils.file_utils")
keras_mobilenet_v3 = importlib.import_module("keras.src.applications.mobilenet_v3")

OTHER_LICENCE = {"densenet121.tv_in1k", "densenet161.tv_in1k", "densenet169.tv_in1k", "densenet201.tv_in1k"}
"""torchvision's weights, which timm calls apache-2.0: see densenet.toml."""


def of(layout: str, pattern: str = "*") -> list[str]:
    return [name for name in cards(pattern) if card(name).source.layout == layout]


def torchvisions() -> list[str]:
    return [name for name in torchvision.models.list_models(torchvision.models) if name in architectures()]


@pytest.mark.parametrize("name", of("torchvision"))
def test_torchvision_cards_say_what_torchvision_says(name: str) -> None:
    found, (model, tag) = card(name), name.split(".")
    enum = torchvision.models.get_model_weights(model)[f"IMAGENET1K_{tag[-2:].upper()}"]
    transform, metrics = enum.transforms(), enum.meta["_metrics"]["ImageNet-1K"]
    assert found.source.url == enum.url
    assert enum.url.endswith(f"-{found.source.sha256}.pth")
    assert (found.input.size, found.input.resize) == (tuple(transform.crop_size * 2), transform.resize_size[0])
    assert (found.input.mean, found.input.std) == (tuple(transform.mean), tuple(transform.std))
    assert found.input.interpolation == transform.interpolation.value
    assert dict(found.metrics) == {TOP_1: metrics["acc@1"], "imagenet-1k top-5": metrics["acc@5"]}
    assert found.licence == "BSD-3-Clause"


def test_every_torchvision_weight_has_a_card() -> None:
    assert {"resnet18", "wide_resnet50_2", "resnext50_32x4d", "mobilenet_v2", "mobilenet_v3_small"} <= {*torchvisions()}
    for name in torchvisions():
        for weights in torchvision.models.get_model_weights(name):
            assert f"{name}.tv_in1k_{weights.name[-2:].lower()}" in cards()


@pytest.mark.parametrize("name", torchvisions())
def test_networks_cost_what_torchvision_says(name: str) -> None:
    found, meta = architecture(name), next(iter(torchvision.models.get_model_weights(name))).meta
    assert found.parameters == meta["num_params"]
    more = saved_by_pooling_first(found) if found.module == "densenet" else 0
    assert round((found.multiply_adds + more) / 1e9, 3) == meta["_ops"]


def saved_by_pooling_first(densenet: Architecture) -> int:
    """Multiply-adds: torchvision's transitions convolve all points of the map and then take means of four."""
    k, channels, saved = densenet.settings["k"], 2 * densenet.settings["k"], 0
    for i, depth in enumerate(densenet.settings["depths"][:-1]):
        channels += depth * k
        saved += 3 * (channels * channels // 2) * (28 >> i) ** 2
        channels //= 2
    return saved


@cache
def timms() -> dict[str, tuple[str, Any]]:
    """Hub repository or address → timm's name of the weights there, and what timm says of them."""
    found: dict[str, tuple[str, Any]] = {}
    for name in timm.list_pretrained():
        said: Any = timm.models.get_pretrained_cfg(name)
        found |= {place: (name, said) for place in (said.url, said.hf_hub_id) if place}
    return found


@pytest.mark.parametrize("name", of("timm"))
def test_timm_cards_say_what_timm_says(name: str) -> None:
    found = card(name)
    _, theirs = timms()[found.source.repository or found.source.url]
    train = theirs.input_size[1], theirs.crop_pct
    test = (theirs.test_input_size or theirs.input_size)[1], theirs.test_crop_pct or theirs.crop_pct
    assert (found.input.size, found.input.resize) in [((size, size), int(size / crop)) for size, crop in (train, test)]
    assert (found.input.fit, theirs.crop_mode) == ("crop", "center")
    assert (found.input.mean, found.input.std) == (theirs.mean, theirs.std)
    assert found.input.interpolation == theirs.interpolation
    assert (found.licence.lower() == theirs.license) == (name not in OTHER_LICENCE)
    assert f"-{found.source.sha256}." in found.source.filename or found.source.filename == "model.safetensors"


@pytest.mark.parametrize("name", sorted({card(n).architecture for n in of("timm")} - {*torchvisions()}))
def test_networks_have_timms_parameters(name: str) -> None:
    first = card(next(n for n in of("timm") if card(n).architecture == name))
    theirs, _ = timms()[first.source.repository or first.source.url]
    with torch.device("meta"):
        model = timm.create_model(theirs.partition(".")[0])
    assert architecture(name).parameters == sum(part.numel() for part in model.parameters())


class Asked(Exception):  # noqa: N818  # no error: it ends Keras' own download
    """Holds the address."""


def asked(_name: str, origin: str, **_: Any) -> None:
    raise Asked(origin)


def in_keras(ours: Architecture) -> tuple[str, dict[str, Any]]:
    """Keras' name of it, and the settings there."""
    depth, alpha = "".join(re.findall(r"\d+", ours.name)[:1]), {"alpha": ours.settings.get("width")}
    size = "Large" if "large" in ours.name else "Small"
    return {
        "resnet": (f"ResNet{depth}", {}),
        "preact": (f"ResNet{depth}V2", {}),
        "densenet": (f"DenseNet{depth}", {}),
        "xception": ("Xception", {}),
        "mobilenet": ("MobileNet", alpha),
        "mobilenet_v2": ("MobileNetV2", alpha),
        "mobilenet_v3": (f"MobileNetV3{size}", {**alpha, "minimalistic": ours.name.endswith("minimal")}),
    }[ours.module]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("name", of("keras"))
def test_keras_cards_have_the_address_that_keras_asks_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "get_file", asked)
    found = card(name)
    network, settings = in_keras(architecture(found.architecture))
    with pytest.raises(Asked, match=f"^{re.escape(found.source.url)}$"):
        getattr(keras.applications, network)(weights="imagenet", input_shape=(*found.input.size, 3), **settings)
    assert found.source.url.endswith(f"/{found.source.filename}")


@pytest.mark.parametrize("name", of("keras", "mobilenet_v3_*"))
def test_keras_cards_have_the_scores_of_its_table(name: str) -> None:
    table = dict(re.findall(r"\| (\S+) +\|[^|]+\|[^|]+\| +([\d.]+) +\|", keras_mobilenet_v3.BASE_DOCSTRING))
    network = re.sub(r"weights_(.+)_224_(.+)_float\.h5", r"\1_\2_224", card(name).source.filename)
    assert dict(card(name).metrics) == {TOP_1: float(table[network])}
