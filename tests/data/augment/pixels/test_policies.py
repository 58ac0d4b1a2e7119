"""What the policies draw, beside the tables of torchvision and timm."""

import random
from collections import Counter
from typing import Any, cast

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from plusx.core.errors import InputError
from plusx.data.augment.pixels import drawing
from plusx.data.augment.pixels.augmix import AugMix
from plusx.data.augment.pixels.auto_augment import AutoAugment
from plusx.data.augment.pixels.auto_augment_policies import POLICIES
from plusx.data.augment.pixels.magnitudes import AUTO, INCREASING, MIXING, PAPER, WIDE, Drawn, Space
from plusx.data.augment.pixels.pixel_augment import PixelAugment
from plusx.data.augment.pixels.rand_augment import RandAugment, TimmRandAugment
from plusx.data.augment.pixels.three_augment import ThreeAugment
from plusx.data.augment.pixels.trivial_augment import TrivialAugment

POLICY = [RandAugment(), TimmRandAugment(), TrivialAugment(), AutoAugment(), AugMix(), ThreeAugment()]
NAMES = {
    "ShearX": "shear-x",
    "ShearY": "shear-y",
    "TranslateX": "translate-x",
    "TranslateY": "translate-y",
    "TranslateXRel": "translate-x",
    "TranslateYRel": "translate-y",
    "Color": "saturation",
    "AutoContrast": "autocontrast",
    "SolarizeAdd": "solarize-add",
}


def _images(count: int = 24, channels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, 20, 28), generator=generator, dtype=torch.uint8)


def _name(theirs: str) -> str:
    theirs = theirs.removesuffix("Increasing")
    return NAMES.get(theirs, theirs.lower())


@pytest.mark.parametrize(
    ("space", "theirs", "bins"),
    [
        (PAPER, v2.RandAugment, 31),
        (WIDE, v2.TrivialAugmentWide, 31),
        (AUTO, v2.AutoAugment, 10),
        (MIXING, v2.AugMix, 10),
    ],
)
def test_values_are_those_of_torchvision(space: Space, theirs: Any, bins: int) -> None:
    table = theirs._AUGMENTATION_SPACE
    assert {_name(name) for name in table} == set(space)
    for name, (magnitudes, has_sign) in table.items():
        expected = magnitudes(bins, 200, 300)
        for sign in (1.0, -1.0):
            drawn = Drawn(np.arange(bins) / (bins - 1), np.full(bins, sign), 200, 300)
            ours = space[_name(name)](drawn)
            if expected is None:
                assert not ours.any()
                continue
            values = np.array([float(value) for value in expected]) * (sign if has_sign else 1)
            if name.startswith("Translate"):
                values = np.trunc(values)
            if name in ("Brightness", "Color", "Contrast", "Sharpness"):
                values = 1 + values
            if name == "Solarize":
                values = 255 * values
            # a pixel: torchvision's levels are float32, and the part behind the point is cut off
            apart = 1 if name.startswith("Translate") else 1e-5
            np.testing.assert_allclose(ours, values, rtol=1e-5, atol=apart)


def test_values_of_the_other_parameterisation_are_those_of_timm() -> None:
    timm = pytest.importorskip("timm.data.auto_augment")
    assert [_name(name) for name in timm._RAND_INCREASING_TRANSFORMS] == list(INCREASING)
    levels = np.linspace(0, 10, 41)
    random.seed(0)
    for name in timm._RAND_INCREASING_TRANSFORMS:
        level_to_value = timm.LEVEL_TO_ARG[name]
        if level_to_value is None:
            continue
        for level in levels:
            theirs = {round(float(level_to_value(level, {})[0]), 6) for _ in range(30)}
            drawn = Drawn(np.full(2, level / 10), np.array([1.0, -1.0]), 1, 1)
            assert {round(float(value), 6) for value in INCREASING[_name(name)](drawn)} == theirs


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_those_of_torchvision(name: str) -> None:
    theirs = v2.AutoAugment(v2.AutoAugmentPolicy(name))._policies
    expected = tuple(tuple((_name(op), chance, strength or 0) for op, chance, strength in pair) for pair in theirs)
    assert POLICIES[name] == expected


def _counted(augment: PixelAugment, count: int, monkeypatch: pytest.MonkeyPatch) -> list[Counter[str]]:
    """The names that are drawn, a counter for each turn."""
    turns: list[Counter[str]] = []

    def note(images: torch.Tensor, names: Any, values: Any, sampling: Any) -> torch.Tensor:
        turns.append(Counter(names))
        return images

    monkeypatch.setattr(drawing, "perform", note)
    augment.apply(_images(1).expand(count, -1, -1, -1), torch.Generator().manual_seed(0))
    return turns


@pytest.mark.parametrize(
    ("augment", "turns", "idle", "names"),
    [(RandAugment(), 2, 1 / 14, 14), (TrivialAugment(), 1, 1 / 14, 14), (TimmRandAugment(magnitude=7), 2, 0.5, 16)],
)
def test_operations_are_equally_likely(
    augment: PixelAugment, turns: int, idle: float, names: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = _counted(augment, 30_000, monkeypatch)
    assert len(counted) == turns
    for turn in counted:
        assert len(turn) == names
        assert turn.pop("identity") / 30_000 == pytest.approx(idle, abs=0.01)
        for count in turn.values():
            assert count / 30_000 == pytest.approx((1 - idle) / (names - 1), abs=0.006)


def test_auto_augment_keeps_its_chances(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = _counted(AutoAugment("cifar10"), 30_000, monkeypatch)
    for place, turn in enumerate(counted):
        expected: Counter[str] = Counter()
        for pair in POLICIES["cifar10"]:
            expected[pair[place][0]] += pair[place][1] / 25  # type: ignore[assignment]
        for name, share in expected.items():
            assert turn[name] / 30_000 == pytest.approx(share, abs=0.012)


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize("augment", POLICY, ids=lambda augment: type(augment).__name__)
def test_a_policy_is_a_function_of_the_generators_state(augment: PixelAugment, channels: int) -> None:
    images = _images(channels=channels)
    before = images.clone()
    first, again = (augment.apply(images, torch.Generator().manual_seed(5)) for _ in range(2))
    other = augment.apply(images, torch.Generator().manual_seed(6))
    assert torch.equal(images, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == images.shape
    assert first.dtype == torch.uint8


def test_augmix_lies_between_the_image_and_its_chains() -> None:
    flat = torch.full((16, 3, 8, 8), 90, dtype=torch.uint8)
    mixed = AugMix(alpha=1e5, width=2).apply(flat, torch.Generator().manual_seed(0))  # m ≈ 1/2
    assert int(mixed.min()) >= 44
    assert torch.allclose(AugMix(alpha=1.0).apply(flat, torch.Generator()).float(), flat.float(), atol=165)


def test_three_augment_does_one_of_three() -> None:
    images = _images(300)
    done = ThreeAugment().apply(images, torch.Generator().manual_seed(0))
    grey = (done[:, 0] == done[:, 1]).flatten(1).all(1)
    solarized = ((done == images) | (done == 255 - images)).flatten(1).all(1)
    assert float(grey.float().mean()) == pytest.approx(1 / 3, abs=0.08)
    assert float(solarized.float().mean()) == pytest.approx(1 / 3, abs=0.08)
    assert not (grey & solarized).any()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: RandAugment(magnitude=31), r"RandAugment magnitude 31 must lie in 0\.\.30"),
        (lambda: RandAugment(count=0), "RandAugment count 0 must be at least 1"),
        (lambda: TimmRandAugment(magnitude=11), r"timm counts from 0 to 10, torchvision \(RandAugment\) from 0 to 30"),
        (lambda: TimmRandAugment(chance=2), "RandAugment chance 2 must lie between 0 and 1"),
        (lambda: AutoAugment(cast(Any, "cifar")), "Unknown policy 'cifar'. Did you mean cifar10"),
        (lambda: AugMix(severity=0), r"AugMix severity 0 must lie in 1\.\.10"),
        (lambda: ThreeAugment(sigma=(2, 1)), "ThreeAugment sigma .* low ≤ high"),
    ],
)
def test_settings_that_make_no_sense_are_named(make: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make()
