import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plusx.core.batch import Batch, Batches
from plusx.core.card import Input
from plusx.core.errors import DataError, InputError, LostProcessError
from plusx.core.ranks import Ranks
from plusx.core.sample import Sample
from plusx.core.targets import Label, Labels, Target
from plusx.data import loader as loader_module
from plusx.data.batching import Dealt, Divided
from plusx.data.encode import encoder
from plusx.data.loader import Loader
from plusx.data.sampler import IN_ORDER, Order, Shuffled, balanced
from plusx.data.transforms import EvalTransform, TrainTransform, TrainTransformConfig

INPUT = Input(size=(32, 32), resize=32)
TRAIN = TrainTransform(INPUT, TrainTransformConfig(brightness=0.2))
LABEL = encoder("label", 3)


def _samples(folder: Path, count: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    samples = []
    for i in range(count):
        path = folder / f"{i}.jpg"
        Image.fromarray(rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)).save(path)
        samples.append(Sample(path, Label(i % 3), path.name))
    return samples


def _loader(samples: Sequence[Sample], workers: int = 0, order: Order = IN_ORDER, batch_size: int = 4) -> Loader:
    return Loader(samples, TRAIN, encode=LABEL, batching=Divided(batch_size, order), workers=workers, seed=5)


def _same(found: list[Batch], expected: list[Batch]) -> None:
    assert [batch.names for batch in found] == [batch.names for batch in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.images, other.images, rtol=0, atol=0)
        torch.testing.assert_close(one.targets, other.targets)
        torch.testing.assert_close(one.indices, other.indices)


def test_no_samples_no_batches() -> None:
    loader = _loader([])
    assert len(loader) == 0
    assert list(loader.epoch(0)) == []


def test_a_batch_has_what_the_engine_needs(tmp_path: Path) -> None:
    loader: Batches = _loader(_samples(tmp_path, 6))
    assert len(loader) == 2
    first, last = loader.epoch(0)
    assert first.images.shape == (4, 3, 32, 32)
    assert first.images.dtype == torch.uint8
    assert first.images.is_contiguous(memory_format=torch.channels_last)
    assert first.targets is not None
    assert first.targets.tolist() == [0, 1, 2, 0]
    assert first.names == ("0.jpg", "1.jpg", "2.jpg", "3.jpg")
    assert last.indices.tolist() == [4, 5]


@pytest.mark.parametrize("order", [IN_ORDER, Shuffled(1), balanced([Label(0)] * 7 + [Label(1)] * 2, seed=1)])
def test_same_batches_for_any_number_of_workers(tmp_path: Path, order: Order) -> None:
    samples = _samples(tmp_path, 9)
    loaders = [_loader(samples, workers, order, batch_size=2) for workers in (0, 1, 2)]
    for epoch in (0, 3):
        expected, *others = [list(loader.epoch(epoch)) for loader in loaders]
        for found in others:
            _same(found, expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_can_begin_anywhere(tmp_path: Path, workers: int) -> None:
    loader = _loader(_samples(tmp_path, 9), workers, Shuffled(1), batch_size=2)
    whole = list(loader.epoch(2))
    for start in range(len(whole) + 1):
        _same(list(loader.epoch(2, start)), whole[start:])


def test_batches_before_the_start_are_not_decoded(tmp_path: Path) -> None:
    samples = _samples(tmp_path, 8)
    for index in Shuffled(1).indices(8, epoch=0)[:4]:
        (tmp_path / f"{index}.jpg").unlink()
    assert len(list(_loader(samples, order=Shuffled(1)).epoch(0, start=1))) == 1


def test_epochs_differ_in_order_and_pixels(tmp_path: Path) -> None:
    samples = _samples(tmp_path, 8)
    shuffled = _loader(samples, order=Shuffled(1))
    assert [b.names for b in shuffled.epoch(0)] != [b.names for b in shuffled.epoch(1)]
    straight = _loader(samples)
    first, second = next(straight.epoch(0)), next(straight.epoch(1))
    assert first.names == second.names
    assert (first.images != second.images).any()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_epoch_may_be_left_early(tmp_path: Path, workers: int) -> None:
    loader = _loader(_samples(tmp_path, 9), workers, Shuffled(1), batch_size=2)
    expected = list(loader.epoch(1))
    next(loader.epoch(0))
    _same(list(loader.epoch(1)), expected)


def test_an_older_epoch_does_not_go_on_beside_a_newer_one(tmp_path: Path) -> None:
    loader = _loader(_samples(tmp_path, 8))
    older = loader.epoch(0)
    next(older)
    next(loader.epoch(1))
    with pytest.raises(AssertionError, match="another epoch of this loader has begun"):
        next(older)


def test_a_sample_that_is_drawn_twice_is_cropped_anew(tmp_path: Path) -> None:
    samples = _samples(tmp_path, 6)
    order = balanced([*[Label(0)] * 5, Label(1)])
    (batch,) = _loader(samples, order=order, batch_size=6).epoch(0)
    twice = [image for index, image in zip(batch.indices, batch.images, strict=True) if index == 5]
    assert len(twice) == 3
    assert (twice[0] != twice[1]).any()
    assert (twice[1] != twice[2]).any()


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    samples = _samples(tmp_path, 4)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for workers in (0, 1):
        list(_loader(samples, workers, Shuffled(1)).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_workers_live_through_epochs(tmp_path: Path) -> None:
    samples = [Sample(_process_id, Label(0), str(i)) for i in range(4)]
    loader = Loader(samples, EvalTransform(INPUT), encode=LABEL, batching=Dealt(1), workers=2)
    seen = [{int(batch.images.float().mean()) for batch in loader.epoch(number)} for number in range(3)]
    assert seen[0] == seen[1] == seen[2]
    assert len(seen[0]) == 2


def _process_id() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((32, 32, 3), os.getpid() % 256, dtype=np.uint8)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_vanished_is_named_without_a_traceback(tmp_path: Path, workers: int) -> None:
    samples = _samples(tmp_path, 8)
    (tmp_path / "5.jpg").unlink()
    batches = _loader(samples, workers).epoch(0)
    assert len(next(batches)) == 4
    with pytest.raises(DataError, match=r"^Image 5.jpg could not be read: .*5.jpg: there is no such file\.$"):
        next(batches)


@pytest.mark.parametrize("workers", [0, 1])
def test_failing_code_of_the_user_is_named(workers: int) -> None:
    samples = [Sample(_fails, Label(0), "train[0]")]
    with pytest.raises(DataError, match=r"^Image train\[0\] could not be read: 'no such key'$"):
        next(_loader(samples, workers).epoch(0))


def _fails() -> None:
    raise KeyError("no such key")


def test_workers_that_are_killed_again_and_again_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader_module, "MOST_DEATHS", 0)
    samples = [Sample(_killed, Label(0), "train[0]")]
    with pytest.raises(LostProcessError, match=r"ended from outside 1 times in one epoch .*: use fewer workers"):
        next(_loader(samples, workers=1).epoch(0))


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_interrupts_do_not_reach_the_workers() -> None:
    samples = [Sample(_interrupted, Label(0), "train[0]")]
    batch = next(_loader(samples, workers=1).epoch(0))
    assert batch.names == ("train[0]",)


def _interrupted() -> np.ndarray[Any, np.dtype[np.uint8]]:
    os.kill(os.getpid(), signal.SIGINT)
    return np.zeros((8, 8, 3), dtype=np.uint8)


@pytest.mark.usefixtures("interruptible")
def test_the_parent_can_be_interrupted_after_starting_workers(tmp_path: Path) -> None:
    next(_loader(_samples(tmp_path, 2), workers=1).epoch(0))
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_targets_may_be_missing(tmp_path: Path) -> None:
    samples = [Sample(sample.image, None, sample.name) for sample in _samples(tmp_path, 2)]
    assert next(_loader(samples).epoch(0)).targets is None


def test_several_labels_become_rows_of_zeros_and_ones(tmp_path: Path) -> None:
    images = _samples(tmp_path, 2)
    samples = [Sample(images[0].image, Labels((0, 2)), "a"), Sample(images[1].image, Labels(()), "b")]
    loader = Loader(samples, EvalTransform(INPUT), encode=encoder("labels", 3), batching=Dealt(2))
    targets = next(loader.epoch(0)).targets
    assert targets is not None
    assert targets.tolist() == [[1, 0, 1], [0, 0, 0]]


def test_grey_networks_get_one_channel() -> None:
    grey = Input(size=(32, 32), resize=32, mean=(0.5,), std=(0.5,), order="L")
    samples = [Sample(np.zeros((8, 8), dtype=np.uint8), Label(0), "digit")] * 2
    loader = Loader(samples, EvalTransform(grey), encode=LABEL, batching=Dealt(2))
    assert next(loader.epoch(0)).images.shape == (2, 1, 32, 32)


def test_large_photos_are_decoded_smaller_and_their_targets_follow(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (800, 1200, 3), dtype=np.uint8)).save(path)
    scaled: list[tuple[float, float]] = []

    class Place(Target):
        def scale(self, factor_y: float, factor_x: float) -> "Place":
            scaled.append((factor_y, factor_x))
            return self

    config = TrainTransformConfig(scale=(1.0, 1.0), ratio=(1.5, 1.5))
    encode: Callable[[Target], torch.Tensor] = lambda _: torch.tensor(0)  # noqa: E731
    loader = Loader([Sample(path, Place(), "large")], TrainTransform(INPUT, config), encode=encode, batching=Divided(1))
    next(loader.epoch(0))
    assert scaled[0] == (1 / 8, 1 / 8)
    assert scaled[1] == (32 / 100, 32 / 150)


def test_settings_that_make_no_sense_are_named() -> None:
    with pytest.raises(InputError, match="batch size 0 must be at least 1"):
        _loader([], batch_size=0)
    with pytest.raises(InputError, match="workers -1 must be at least 0"):
        _loader([], workers=-1)


@pytest.mark.parametrize("world", [2, 3])
def test_slices_of_all_ranks_are_the_batches_of_one(tmp_path: Path, world: int) -> None:
    samples = _samples(tmp_path, 11)
    order = Shuffled(1)
    alone = list(_loader(samples, order=order, batch_size=4).epoch(2))
    loaders = [
        Loader(samples, TRAIN, encode=LABEL, batching=Divided(4, order, Ranks(rank, world)), seed=5)
        for rank in range(world)
    ]
    assert {len(loader) for loader in loaders} == {3}
    for whole, *parts in zip(alone, *(loader.epoch(2) for loader in loaders), strict=True):
        assert {part.whole for part in parts} == {len(whole)}
        assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
        assert torch.equal(torch.cat([part.indices for part in parts]), whole.indices)


def test_batches_are_dealt_out_whole_and_in_order(tmp_path: Path) -> None:
    samples = _samples(tmp_path, 11)
    loaders = [
        Loader(samples, EvalTransform(INPUT), encode=LABEL, batching=Dealt(2, Ranks(rank, 4))) for rank in range(4)
    ]
    names = [[batch.names for batch in loader.epoch(0)] for loader in loaders]
    assert [len(some) for some in names] == [1, 1, 1, 2]
    assert [name for some in names for batch in some for name in batch] == [sample.name for sample in samples]


@pytest.fixture(autouse=True)
def _single_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
