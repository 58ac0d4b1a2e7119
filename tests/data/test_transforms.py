import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from plusx.core.card import Input
from plusx.core.errors import InputError
from plusx.core.targets import Label, Target
from plusx.data.transforms import Crop, EvalTransform, TrainTransform, TrainTransformConfig, draw_crop, resize_crop
from plusx.nn.preprocess import fit_to_input

SMALL = Input(size=(32, 48), resize=40)
GREY = Input(size=(32, 32), resize=32, mean=(0.5,), std=(0.5,), order="L")
WHOLE = TrainTransformConfig(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)


def _image(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


class _Recorder(Target):
    """Writes down what was done to it."""

    def __init__(self, done: tuple[tuple[object, ...], ...] = ()) -> None:
        self.done = done

    def flip(self, width: int) -> "_Recorder":
        return _Recorder((*self.done, ("flip", width)))

    def crop(self, top: int, left: int, height: int, width: int) -> "_Recorder":
        return _Recorder((*self.done, ("crop", top, left, height, width)))

    def scale(self, factor_y: float, factor_x: float) -> "_Recorder":
        return _Recorder((*self.done, ("scale", factor_y, factor_x)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (8, 8), (31, 77), (300, 20)])
@pytest.mark.parametrize("network", [SMALL, GREY])
def test_any_size_becomes_the_input_size(shape: tuple[int, int], network: Input) -> None:
    image = _image(*shape, network.channels)
    for transform in (EvalTransform(network), TrainTransform(network)):
        out, target = transform(image, Label(1), np.random.default_rng(0))
        assert out.shape == (network.channels, *network.size)
        assert out.dtype == torch.uint8
        assert target == Label(1)


def test_mode_follows_the_channels() -> None:
    assert EvalTransform(SMALL).mode == "RGB"
    assert TrainTransform(GREY).mode == "L"


def test_evaluation_sees_what_exported_files_see() -> None:
    image = _image(70, 90)
    out, _ = EvalTransform(SMALL)(image, None, np.random.default_rng(0))
    torch.testing.assert_close(out.float(), fit_to_input(torch.from_numpy(image)[None], SMALL)[0])


def test_evaluation_never_decodes_smaller() -> None:
    assert EvalTransform(SMALL).reduction(4000, 6000, None, np.random.default_rng(0)) == 1


def test_images_that_must_not_be_written_to_stay_as_they_are() -> None:
    image = _image(40, 50)
    image.flags.writeable = False
    before = image.copy()
    config = TrainTransformConfig(flip=1.0, brightness=0.5)
    for transform in (EvalTransform(SMALL), TrainTransform(SMALL, config)):
        transform(image, None, np.random.default_rng(0))
    np.testing.assert_array_equal(image, before)


def test_training_pixels_are_a_function_of_the_generator_state() -> None:
    transform = TrainTransform(SMALL, TrainTransformConfig(brightness=0.3, contrast=0.3, saturation=0.3))
    image = _image(70, 90)
    first, _ = transform(image, None, np.random.default_rng(7))
    again, _ = transform(image, None, np.random.default_rng(7))
    other, _ = transform(image, None, np.random.default_rng(8))
    torch.testing.assert_close(first, again)
    assert (first != other).any()


def test_flip_mirrors_the_image() -> None:
    image = _image(60, 60)
    straight, _ = TrainTransform(SMALL, WHOLE)(image, None, np.random.default_rng(0))
    always = TrainTransformConfig(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=1.0)
    mirrored, _ = TrainTransform(SMALL, always)(image, None, np.random.default_rng(0))
    torch.testing.assert_close(mirrored, straight.flip(-1))


def test_the_target_moves_with_the_image() -> None:
    config = TrainTransformConfig(scale=(0.2, 0.5), flip=1.0)
    _, target = TrainTransform(SMALL, config)(_image(60, 80), _Recorder(), np.random.default_rng(3))
    crop = draw_crop(60, 80, config, np.random.default_rng(3))
    assert isinstance(target, _Recorder)
    assert target.done == (("crop", *crop), ("scale", 32 / crop.height, 48 / crop.width), ("flip", 48))


def test_the_whole_image_at_its_own_size_is_unchanged() -> None:
    image = _image(32, 48)
    torch.testing.assert_close(resize_crop(image, Crop(0, 0, 32, 48), SMALL), torch.from_numpy(image).permute(2, 0, 1))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("crop", [Crop(0, 0, 90, 120), Crop(11, 30, 64, 50), Crop(3, 4, 10, 12)])
def test_resize_is_pillows_of_the_cut_out_window(interpolation: str, crop: Crop) -> None:
    image = _image(90, 120) // 2 + 64  # no overshoot of the cubic filter is clamped, which depends on the order of axes
    window = Image.fromarray(image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width])
    bilinear = interpolation == "bilinear"
    expected = window.resize((48, 32), Image.Resampling.BILINEAR if bilinear else Image.Resampling.BICUBIC)
    network = Input(size=(32, 48), resize=40, interpolation="bilinear" if bilinear else "bicubic")
    found = resize_crop(image, crop, network).permute(1, 2, 0).numpy()
    assert np.abs(found.astype(int) - np.array(expected).astype(int)).max() <= 1


def test_nearest_takes_pixels_as_they_are() -> None:
    image = _image(64, 96)
    found = resize_crop(image, Crop(0, 0, 64, 96), Input(size=(32, 48), resize=40, interpolation="nearest"))
    torch.testing.assert_close(found, torch.from_numpy(image[1::2, 1::2].copy()).permute(2, 0, 1))


def test_crops_have_the_published_distribution() -> None:
    config = TrainTransformConfig(scale=(0.08, 1.0))
    rng = np.random.default_rng(0)
    crops = [draw_crop(400, 500, config, rng) for _ in range(4000)]
    for top, left, height, width in crops:
        assert 0 <= top <= 400 - height
        assert 0 <= left <= 500 - width
        assert 3 / 4 - 0.02 <= width / height <= 4 / 3 + 0.02
    area = np.array([crop.height * crop.width for crop in crops]) / 200_000
    assert area.min() < 0.09
    small = area[area < 0.5]  # crops that never fail to fit: uniform in area, log-uniform in shape
    assert small.mean() == pytest.approx((0.08 + 0.5) / 2, abs=0.01)
    shape = np.log([crop.width / crop.height for crop in crops if crop.height * crop.width < 100_000])
    assert shape.mean() == pytest.approx(0, abs=0.02)
    assert shape.std() == pytest.approx(2 * math.log(4 / 3) / math.sqrt(12), abs=0.01)


@pytest.mark.parametrize(("height", "width", "expected"), [(10, 1000, (10, 13)), (1000, 10, (13, 10))])
def test_where_no_crop_fits_the_middle_is_taken(height: int, width: int, expected: tuple[int, int]) -> None:
    config = TrainTransformConfig(scale=(1.0, 1.0))
    crop = draw_crop(height, width, config, np.random.default_rng(0))
    assert (crop.height, crop.width) == expected
    assert (crop.top, crop.left) == ((height - crop.height) // 2, (width - crop.width) // 2)


def test_the_same_state_crops_the_same_part_at_any_resolution() -> None:
    config = TrainTransformConfig()
    for seed in range(50):
        full = draw_crop(3000, 4000, config, np.random.default_rng(seed))
        quarter = draw_crop(750, 1000, config, np.random.default_rng(seed))
        assert np.abs(np.array(full) / 4 - np.array(quarter)).max() <= 1.5


def test_reduction_leaves_twice_the_pixels_needed() -> None:
    transform = TrainTransform(Input(size=(224, 224)), WHOLE)
    sides = (100, 895, 896, 1792, 3584, 9000)
    factors = [transform.reduction(side, side, None, np.random.default_rng(0)) for side in sides]
    assert factors == [1, 1, 2, 4, 8, 8]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"scale": (0.0, 1.0)}, r"crop scale \(0.0, 1.0\) must be two parts of the image area"),
        ({"scale": (0.5, 1.5)}, "crop scale"),
        ({"ratio": (2.0, 1.0)}, "crop ratio .* low ≤ high"),
        ({"flip": 1.5}, "flip 1.5 must be a probability"),
        ({"contrast": -0.1}, r"contrast -0.1 must lie between 0 \(unchanged\) and 1"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        TrainTransformConfig(**wrong)  # pyrefly: ignore[bad-argument-type] - what a user might write
