"""A run that goes on inside an epoch, on whatever machine: no sample is lost, and none comes twice."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from plusx.core.card import Input
from plusx.core.sample import Sample
from plusx.core.targets import Label
from plusx.data.batching import Divided
from plusx.data.encode import encoder
from plusx.data.loader import Loader
from plusx.data.sampler import Order, Shuffled, balanced
from plusx.data.transforms import TrainTransform, TrainTransformConfig

COUNT = 41  # batches of 4: the last one has 5
TRANSFORM = TrainTransform(Input(size=(32, 32), resize=32), TrainTransformConfig(brightness=0.2))
CLASSES = [Label(0)] * 30 + [Label(1)] * 11


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("images")
    made = []
    for number, label in enumerate(CLASSES):
        pixels = np.random.default_rng(number).integers(0, 256, (36, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        made.append(Sample(folder / f"{number}.png", label, f"{number}.png"))
    return made


def loader(samples: list[Sample], order: Order, workers: int) -> Loader:
    """As another process makes it anew."""
    return Loader(samples, TRANSFORM, encode=encoder("label", 2), batching=Divided(4, order), workers=workers, seed=5)


@pytest.mark.parametrize("order", [Shuffled(1), balanced(CLASSES, seed=1)])
def test_an_epoch_in_pieces_is_the_epoch(samples: list[Sample], order: Order) -> None:
    whole = [(batch.names, batch.images.numpy().tobytes()) for batch in loader(samples, order, 0).epoch(2)]
    assert len(whole) == 10
    for stops in ([3], [1, 2, 9], [0, 5, 5, 10]):
        pieces, done = [], 0
        for number, stop in enumerate([*stops, len(whole)]):
            source = loader(samples, order, (0, 2, 1)[number % 3]).epoch(2, done)
            for _ in range(stop - done):  # the loader has read ahead: what it read is read again after the stop
                batch = next(source)
                pieces.append((batch.names, batch.images.numpy().tobytes()))
            done = stop
        assert pieces == whole
    if isinstance(order, Shuffled):
        assert Counter(name for names, _ in whole for name in names) == Counter(sample.name for sample in samples)
