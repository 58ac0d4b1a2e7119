"""Spellings of the parts of a data set."""

import pytest

from plusx.data.formats.splits import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(
            (name, "train")
            for name in ("train", "Training", "TRAIN", "train_set", "train2017", "training-images", "训练集")
        ),
        *((name, "val") for name in ("val", "valid", "Validation", "dev", "validation_set", "val2017", "验证集")),
        *((name, "test") for name in ("test", "Testing", "test_images", "test2017", " test ", "测试")),
        ("train-00000-of-00004", "train"),
        *((name, None) for name in ("trains", "car", "contest", "valley", "tester", "", "1", "train2", "devil")),
    ],
)
def test_spellings(name: str, split: str | None) -> None:
    assert split_of(name) == split
