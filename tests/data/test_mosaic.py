"""Pictures of several samples: every box and pixel of a mask on its own part, for any number of workers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from painted import COLOURS, painted, seen
from plusx.core.batch import Batch
from plusx.core.card import Input
from plusx.core.errors import DataError, InputError
from plusx.core.masks import VOID, Mask
from plusx.core.sample import Sample
from plusx.core.targets import Boxes
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.jitter import JitterConfig, JitterTransform
from plusx.data.loader import Loader
from plusx.data.mosaic import Mix, MixConfig, Picture, draw_tiles
from plusx.data.sampler import Shuffled
from plusx.data.transforms import Transform

GREY = (0.5, 0.5, 0.5)
INPUT = Input(size=(96, 128), fit="pad", mean=GREY, std=GREY)
JITTER = JitterTransform(INPUT, JitterConfig(scale=(0.5, 1.5)))
BOXES, MASKS = MixConfig("boxes", mosaic=1.0, until=1.0), MixConfig("mask", mosaic=1.0, until=1.0)
EMPTY = Boxes.of([], [])


class Reader:
    """Painted pictures of six sizes, as the loader reads samples; remembers what was asked for."""

    def __init__(self, kind: str = "boxes", empty: frozenset[int] = frozenset()) -> None:
        self.kind, self.empty = kind, empty
        self.asked: list[tuple[int, Any, tuple[int, ...]]] = []

    def __call__(self, index: int, transform: Transform, key: tuple[int, ...]) -> Picture:
        assert isinstance(transform, JitterTransform)
        self.asked.append((index, transform.size, key))
        image, boxes, mask = painted(90 + 20 * index, 150 - 10 * index, seed=index, shift=index)
        target = mask if self.kind == "mask" else EMPTY if index in self.empty else boxes
        return Picture(*transform(image, target, np.random.default_rng(key)))


def picture(mix: Mix, reader: Reader, seed: int, epoch: int = 0) -> Picture:
    return mix.picture(reader, 6, (seed, epoch, 2, 0))


def test_tiles_are_the_picture() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        tiles = draw_tiles(40, 97, rng)
        covered = np.zeros((40, 97), int)
        for tile in tiles:
            covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
            assert tile.height >= 10
            assert tile.width >= 24
        assert (covered == 1).all()


def test_a_mosaic_has_the_sample_and_three_others_each_on_its_tile() -> None:
    partners = set()
    for seed in range(20):
        reader = Reader()
        image, target, view = picture(Mix(BOXES, JITTER, 10), reader, seed)
        assert view is None
        assert image.shape == (3, 96, 128)
        (own, _, _), *others = reader.asked
        assert own == 2
        assert len(others) == 3
        assert len({key for _, _, key in reader.asked}) == 4
        partners |= {index for index, _, _ in others}
        assert isinstance(target, Boxes)
        parts = [Reader()(index, JitterTransform(INPUT, JITTER.config, size), key) for index, size, key in reader.asked]
        (height, width) = reader.asked[0][1]
        rows = [torch.cat((parts[0].image, parts[1].image), 2), torch.cat((parts[2].image, parts[3].image), 2)]
        assert torch.equal(image, torch.cat(rows, 1))
        corners = [
            part.target.corners + np.array([x, y, x, y])
            for part, (y, x) in zip(parts, ((0, 0), (0, width), (height, 0), (height, width)), strict=True)
            if isinstance(part.target, Boxes)
        ]
        np.testing.assert_allclose(target.corners, np.concatenate(corners), atol=1e-4)
    assert partners == set(range(6))


def test_boxes_of_a_mosaic_hold_their_colour() -> None:
    for seed in range(25):
        image, target, _ = picture(Mix(BOXES, JITTER, 10), Reader(), seed)
        assert isinstance(target, Boxes)
        assert len(target) >= 4
        found = seen(image.numpy())
        for label, (x1, y1, x2, y2) in zip(target.labels, target.corners.round().astype(int), strict=True):
            assert (found[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] == label).all()
            for outside in (found[y1:y2, x1 - 2 : x1 - 1], found[y1:y2, x2 + 1 : x2 + 2]):
                assert outside.size == 0 or (outside != label).any()


def test_masks_of_a_mosaic_lie_on_their_colours() -> None:
    for seed in range(25):
        image, target, _ = picture(Mix(MASKS, JITTER, 10), Reader("mask"), seed)
        assert isinstance(target, Mask)
        found = seen(image.numpy())
        certain = (found != VOID) & (target.values != VOID)
        edges = sum((np.diff(target.values.astype(int), axis=axis) != 0).sum() for axis in (0, 1))
        assert ((found != target.values) & certain).sum() <= edges
        assert certain.mean() > 0.2
        assert (image.numpy()[:, target.values == VOID] == 128).all()


def test_mixup_is_the_mean_and_has_the_boxes_of_both() -> None:
    mix = Mix(replace(BOXES, mosaic=0.0, mixup=1.0), JITTER, 10)
    for seed in range(10):
        reader = Reader()
        image, target, _ = picture(mix, reader, seed)
        one, other = (Reader()(index, JITTER, key) for index, _, key in reader.asked)
        assert (image.float() - (one.image.float() + other.image.float()) / 2).abs().max() <= 0.5
        assert isinstance(one.target, Boxes)
        assert isinstance(other.target, Boxes)
        assert target == one.target.joined(other.target)


def test_both_at_once_have_five_parts() -> None:
    reader = Reader()
    _, target, _ = picture(Mix(replace(BOXES, mixup=1.0), JITTER, 10), reader, 0)
    assert [size for _, size, _ in reader.asked][-1] == (96, 128)
    assert len({key for _, _, key in reader.asked}) == len(reader.asked) == 5
    assert isinstance(target, Boxes)


def test_the_last_epochs_have_none_and_show_each_image_as_without() -> None:
    mix = Mix(replace(BOXES, mixup=1.0, until=0.75), JITTER, 8)
    for epoch in range(8):
        reader = Reader()
        shown = picture(mix, reader, 0, epoch)
        assert len(reader.asked) == (5 if epoch < 6 else 1)
        if epoch >= 6:
            alone = Reader()(2, JITTER, (0, epoch, 2, 0))
            assert torch.equal(shown.image, alone.image)
            assert shown.target == alone.target


def test_chances() -> None:
    mix = Mix(MixConfig("boxes", mosaic=0.3, mixup=0.2, until=1.0), JITTER, 1)
    counts = []
    for seed in range(250):
        reader = Reader()
        picture(mix, reader, seed)
        counts.append(len(reader.asked))
    assert np.mean([count >= 4 for count in counts]) == pytest.approx(0.3, abs=0.09)
    assert np.mean([count in (2, 5) for count in counts]) == pytest.approx(0.2, abs=0.08)


def test_images_without_boxes_are_parts_like_others() -> None:
    mix = Mix(replace(BOXES, mixup=1.0), JITTER, 10)
    for seed in range(10):
        _, target, _ = picture(mix, Reader(empty=frozenset(range(6))), seed)
        assert target == EMPTY
        _, target, _ = picture(mix, Reader(empty=frozenset({2})), seed)
        assert isinstance(target, Boxes)


def test_a_target_that_is_not_known_makes_none() -> None:
    def read(index: int, transform: Transform, key: tuple[int, ...]) -> Picture:
        return Reader()(index, transform, key)._replace(target=None)

    image, target, _ = Mix(replace(BOXES, mixup=1.0), JITTER, 10).picture(read, 6, (0, 0, 0, 0))
    assert image.shape == (3, 96, 128)
    assert target is None


def samples(folder: Path, kind: str, count: int = 7) -> list[Sample]:
    made = []
    for number in range(count):
        image, boxes, mask = painted(200 + 30 * number, 300, seed=number)
        noise = np.random.default_rng(number).integers(0, 100, image.shape, dtype=np.uint8)
        Image.fromarray(np.maximum(image, noise)).save(folder / f"{number}.jpg", quality=95)
        made.append(Sample(folder / f"{number}.jpg", boxes if kind == "boxes" else mask, f"{number}.jpg"))
    return made


def batches(found: Sequence[Sample], kind: Any, workers: int, epoch: int, start: int = 0) -> list[Batch]:
    mix = Mix(MixConfig(kind, mosaic=0.5, mixup=0.3 if kind == "boxes" else 0.0), JITTER, 4)
    encode, order = encoder(kind, 7), Shuffled(1)
    loader = Loader(found, JITTER, encode=encode, batching=Divided(3, order), workers=workers, seed=5, mix=mix)
    return list(loader.epoch(epoch, start))


@pytest.mark.parametrize("kind", ["boxes", "mask"])
def test_the_same_batches_for_any_number_of_workers_from_any_start(tmp_path: Path, kind: str) -> None:
    found = samples(tmp_path, kind)
    whole = batches(found, kind, 0, epoch=1)
    for workers, start in ((1, 0), (2, 0), (0, 1)):
        for one, other in zip(batches(found, kind, workers, 1, start), whole[start:], strict=True):
            assert one.names == other.names
            assert torch.equal(one.images, other.images)
            assert one.targets is not None
            assert other.targets is not None
            assert torch.equal(one.targets, other.targets)
    assert all((one.images != two.images).any() for one, two in zip(whole, batches(found, kind, 0, 2), strict=True))


def test_large_photos_are_decoded_smaller_and_boxes_stay_on_their_colours(tmp_path: Path) -> None:
    image, boxes, _ = painted(1200, 1600, seed=3)
    noise = np.random.default_rng(3).integers(0, 60, image.shape, dtype=np.uint8)
    Image.fromarray(np.maximum(image, noise)).save(tmp_path / "large.jpg", quality=95)
    assert (tmp_path / "large.jpg").stat().st_size > 1 << 16
    mix = Mix(BOXES, JitterTransform(INPUT, JitterConfig(scale=(0.8, 1.2))), 1)
    one = [Sample(tmp_path / "large.jpg", boxes, "large.jpg")]
    for epoch_seed in range(5):
        loader = Loader(one, JITTER, encode=encoder("boxes", 6), batching=Divided(1), seed=epoch_seed, mix=mix)
        (batch,) = loader.epoch(0)
        assert batch.targets is not None
        for label, x1, y1, x2, y2, *_ in batch.targets[0].tolist():
            y, x = round((y1 + y2) / 2), round((x1 + x2) / 2)
            difference = batch.images[0, :, y, x].int() - torch.from_numpy(COLOURS[int(label)].astype(int))
            assert x2 - x1 < 4 or y2 - y1 < 4 or difference.abs().max() < 100


def test_a_partner_that_vanished_is_named(tmp_path: Path) -> None:
    found = samples(tmp_path, "boxes", count=2)
    (tmp_path / "1.jpg").unlink()
    loader = Loader(found[:2], JITTER, encode=encoder("boxes", 6), batching=Divided(1), mix=Mix(BOXES, JITTER, 1))
    with pytest.raises(DataError, match=r"^Image 1\.jpg could not be read"):
        list(loader.epoch(0))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"kind": "boxes", "mosaic": 1.5}, "mosaic 1.5 must lie between 0 and 1"),
        ({"kind": "boxes", "until": -1}, "until -1 must lie between 0 and 1"),
        ({"kind": "label", "mosaic": 0.5}, "a mosaic joins boxes or masks; targets of kind 'label' belong to a whole"),
        ({"kind": "mask", "mixup": 0.5}, "mixup of whole images keeps the boxes of both; .* no meaning for 'mask'"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        MixConfig(**wrong)
