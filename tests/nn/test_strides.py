import pytest

from plusx.nn.strides import Step, Strides


def walk(output_stride: int, *strides: int) -> list[Step]:
    way = Strides(output_stride)
    return [way.take(stride) for stride in strides]


def test_nothing_changes_below_the_limit() -> None:
    assert walk(32, 2, 2, 1, 2) == [Step(2), Step(2), Step(1), Step(2)]


def test_a_stride_beyond_the_limit_spreads_the_kernels_after_it() -> None:
    assert walk(4, 2, 2, 2, 1, 2, 1) == [
        Step(2),
        Step(2),
        Step(1, dilation=1, dilation_after=2),
        Step(1, dilation=2, dilation_after=2),
        Step(1, dilation=2, dilation_after=4),
        Step(1, dilation=4, dilation_after=4),
    ]


@pytest.mark.parametrize("output_stride", [1, 8, 16, 32])
def test_the_total_is_counted(output_stride: int) -> None:
    way = Strides(output_stride)
    for _ in range(5):
        way.take(2)
    assert way.reached == output_stride
    assert way.reached * way.dilation == 32


def test_left_out_strides_leave_no_dilation() -> None:
    way = Strides(32, left_out=2)
    assert [way.take(stride) for stride in (1, 2, 2, 2, 2)] == [Step(1), Step(1), Step(1), Step(2), Step(2)]
    assert (way.reached, way.dilation) == (4, 1)
