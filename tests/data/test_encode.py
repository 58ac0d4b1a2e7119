import pickle

import pytest
import torch

from plusx.core.errors import DataError
from plusx.core.targets import Label, Labels, Target, Value
from plusx.data.encode import encoder


def test_label_is_an_int64_scalar() -> None:
    torch.testing.assert_close(encoder("label", 3)(Label(2)), torch.tensor(2, dtype=torch.int64))


def test_labels_are_zeros_and_ones() -> None:
    encode = encoder("labels", 4)
    torch.testing.assert_close(encode(Labels((0, 3))), torch.tensor([1.0, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(encode(Labels(())), torch.zeros(4))


def test_value_keeps_every_digit() -> None:
    values = (1_600_000_000.01, -2.0)
    assert encoder("value", 2)(Value(values)).tolist() == [*values]


@pytest.mark.parametrize(
    ("kind", "target"),
    [("label", Label(3)), ("labels", Labels((0, 3))), ("value", Value((1.0,))), ("label", Value((1.0, 2.0, 3.0)))],
)
def test_a_target_that_does_not_fit_is_named(kind: str, target: Target) -> None:
    encode = encoder("label" if kind == "label" else "labels" if kind == "labels" else "value", 3)
    with pytest.raises(DataError, match=f"does not fit a data set of kind '{kind}' with 3 outputs"):
        encode(target)


def test_an_encoder_can_be_sent_to_another_process() -> None:
    encode = pickle.loads(pickle.dumps(encoder("label", 3)))
    assert encode(Label(1)).item() == 1
