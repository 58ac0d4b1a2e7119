import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.core.card import Card, Input, Source
from plusx.core.errors import InputError

names = st.text(max_size=12)
sizes = st.tuples(st.integers(1, 600), st.integers(1, 600))
shares = st.floats(0.01, 1.0)


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    size, channels = draw(sizes), draw(st.sampled_from([1, 3, 4]))
    return Input(
        size=size,
        resize=draw(st.integers(min(size), 700)),
        fit=draw(st.sampled_from(["crop", "squash", "pad"])),
        interpolation=draw(st.sampled_from(["nearest", "bilinear", "bicubic"])),
        mean=tuple(draw(shares) for _ in range(channels)),
        std=tuple(draw(shares) for _ in range(channels)),
        order=draw(st.sampled_from(["RGB", "BGR", "L"])),
    )


json_values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names
cards = st.builds(
    Card,
    name=names,
    architecture=names,
    build=st.dictionaries(names, json_values, max_size=3),
    input=inputs(),
    classes=st.lists(names, max_size=4).map(tuple),
    vocabulary=names,
    source=st.builds(Source, layout=st.sampled_from(["plusx", "timm", "keras"]), url=names, sha256=names),
    licence=names,
    permissive=st.booleans(),
    metrics=st.dictionaries(names, st.floats(allow_nan=False), max_size=3),
)


@given(cards)
def test_a_card_survives_json(card: Card) -> None:
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card


def test_the_smallest_card_survives_json_with_all_defaults() -> None:
    card = Card("a", "resnet18")
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card
    assert (card.classes, card.permissive, card.input.size) == ((), False, (224, 224))


def test_json_that_is_no_card_is_refused() -> None:
    values: dict[str, Any] = Card("a", "resnet18").to_json()
    with pytest.raises(TypeError, match="colour"):
        Card.from_json({**values, "colour": "red"})
    with pytest.raises(KeyError, match="classes"):
        Card.from_json({"name": "a", "architecture": "resnet18"})


def test_a_card_cannot_be_changed_not_even_inside() -> None:
    build = {"eps": 1e-5}
    card = Card("a", "resnet18", build=build)
    build["eps"] = 1.0
    assert card.build["eps"] == 1e-5
    with pytest.raises(TypeError, match="does not support item assignment"):
        card.metrics["top-1"] = 1.0  # pyrefly: ignore - that this is refused is what is tested


def test_channels_follow_from_the_mean() -> None:
    assert Input().channels == 3
    assert Input(mean=(0.5,), std=(0.2,), order="L").channels == 1


def test_a_crop_must_fit_into_the_resized_image() -> None:
    with pytest.raises(InputError, match=r"input size \(256, 256\) with resize 224: a crop must fit"):
        Input(size=(256, 256), resize=224)
    assert Input(size=(256, 256), resize=224, fit="squash").size == (256, 256)
    assert Input(size=(224, 300), resize=224).size == (224, 300)


@pytest.mark.parametrize("size", [(0, 224), (224, -1)])
def test_a_size_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="input size"):
        Input(size=size, fit="squash")


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.2, 0.2)), ((0.5, 0.5), (0.2, 0.0)), ((0.5,), (-0.1,))])
def test_every_mean_needs_a_positive_std(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="need one positive std per mean"):
        Input(mean=mean, std=std)
