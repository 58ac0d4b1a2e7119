import math

import pytest

from plusx.core.errors import InputError
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.multistep import MultiStep


def test_cosine_is_the_closed_form() -> None:
    curve = [Cosine(warmup=0.1, final=0.01).factor(step, 100) for step in range(100)]
    assert curve[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert curve[10:] == pytest.approx(
        [0.01 + 0.99 * (1 + math.cos(math.pi * (step - 10) / 90)) / 2 for step in range(10, 100)]
    )
    assert curve[10] == 1.0
    assert curve[55] == pytest.approx(0.01 + 0.99 / 2)


def test_beyond_the_end_the_last_value_stays() -> None:
    assert Cosine(final=0.2).factor(10**6, 10) == pytest.approx(0.2)
    assert Constant(0.5).factor(10**6, 10) == 1.0
    assert MultiStep().factor(10**6, 10) == pytest.approx(0.01)


def test_phases_of_no_and_of_one_step() -> None:
    for schedule in (Cosine(), Cosine(warmup=0.5), Constant(), Constant(1.0), MultiStep()):
        assert schedule.factor(0, 1) == 1.0
        assert 0 < schedule.factor(0, 0) <= 1


def test_constant() -> None:
    assert [Constant(0.5).factor(step, 4) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_multistep_is_the_papers() -> None:
    paper = MultiStep()
    assert [paper.factor(step, 64000) for step in (0, 31999)] == [1.0, 1.0]
    assert [paper.factor(step, 64000) for step in (32000, 47999)] == pytest.approx([0.1, 0.1])
    assert [paper.factor(step, 64000) for step in (48000, 63999)] == pytest.approx([0.01, 0.01])
    assert MultiStep(warmup=0.1).factor(0, 100) == pytest.approx(0.1)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"Cosine.warmup is 5; it is a fraction and has to lie between 0 and 0.5"):
        Cosine(warmup=5)
    with pytest.raises(InputError, match=r"Cosine.final is -0.1"):
        Cosine(final=-0.1)
    with pytest.raises(InputError, match=r"Constant.warmup is 2"):
        Constant(warmup=2)
    with pytest.raises(InputError, match=r"MultiStep.milestones \(0.5, 0.3\) have to rise"):
        MultiStep(milestones=(0.5, 0.3))
