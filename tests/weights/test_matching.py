"""The four lists."""

import torch

from plusx.weights.matching import Mismatch


def test_nothing_differs() -> None:
    tensors = {"a": torch.zeros(1)}
    assert not Mismatch.between(tensors, tensors)
    assert not Mismatch.between({}, {})


def test_each_list() -> None:
    expected = {"a": torch.zeros(2), "b": torch.zeros(1), "c": torch.zeros(1, dtype=torch.int64)}
    found = {"a": torch.zeros(3), "c": torch.zeros(1), "d": torch.zeros(1)}
    assert str(Mismatch.between(expected, found)).splitlines() == [
        "  missing in the file (1): b",
        "  unexpected in the file (1): d",
        "  shape differs (1): a ((2,) expected, (3,) found)",
        "  dtype differs (1): c (torch.int64 expected, torch.float32 found)",
    ]


def test_long_lists_are_cut() -> None:
    mismatch = Mismatch.between({f"t{number}": torch.zeros(1) for number in range(9)}, {})
    assert str(mismatch).splitlines()[0] == "  missing in the file (9): t0, t1, t2, t3, t4, t5, and 3 more"


def test_which_dtypes_may_differ() -> None:
    def differs(found: torch.dtype, expected: torch.dtype, *, same_dtype: bool = True) -> bool:
        sides = ({"a": torch.zeros(1, dtype=dtype)} for dtype in (expected, found))
        return bool(Mismatch.between(*sides, same_dtype=same_dtype))

    assert not differs(torch.float16, torch.float32)
    assert not differs(torch.bfloat16, torch.float32)
    assert not differs(torch.int32, torch.int64)
    assert differs(torch.float64, torch.float32)
    assert differs(torch.bfloat16, torch.float16)
    assert differs(torch.int64, torch.float32)
    assert not differs(torch.bfloat16, torch.float32, same_dtype=False)
    assert not differs(torch.float64, torch.float32, same_dtype=False)
    assert differs(torch.int64, torch.float32, same_dtype=False)
