import math
from typing import Any

import pytest

from plusx.core.errors import InputError
from plusx.engine.plan import SCHEDULES, Plan
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.flat_cosine import FlatCosine
from plusx.engine.schedules.inverse_sqrt import InverseSqrt
from plusx.engine.schedules.multistep import MultiStep
from plusx.engine.schedules.one_cycle import OneCycle
from plusx.engine.schedules.polynomial import Polynomial
from plusx.engine.schedules.step import Step

UNKNOWN: Any = "square"


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
    assert Constant(warmup=0.5).factor(10**6, 10) == 1.0
    assert MultiStep().factor(10**6, 10) == pytest.approx(0.01)


def test_phases_of_no_and_of_one_step() -> None:
    for schedule in (Cosine(), Cosine(warmup=0.5), Constant(), Constant(warmup=1.0), MultiStep()):
        assert schedule.factor(0, 1) == 1.0
        assert 0 < schedule.factor(0, 0) <= 1


def test_constant() -> None:
    assert [Constant(warmup=0.5).factor(step, 4) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


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


def test_more_of_warm_up_and_cool_down_than_there_is() -> None:
    with pytest.raises(InputError, match=r"Step.warmup and .cooldown are 1.1 of the steps together"):
        Step(warmup=0.6, cooldown=0.5)
    with pytest.raises(
        InputError,
        match=r"The schedule Cosine has 5 epochs of warm-up, but only 3 epochs to run in \(those with a frozen "
        r"backbone do not count\)\. Train longer with --epochs, or shorten the warm-up with --warmup-epochs\.",
    ):
        Plan(epochs=4, frozen_epochs=1, schedule=Cosine(warmup_epochs=5))
    with pytest.raises(InputError, match=r"has 1.5 epochs of warm-up and 2 epochs of cool-down, but only 3 epochs"):
        Cosine(warmup=0.5, cooldown_epochs=2).check_fits(3)
    with pytest.raises(InputError, match=r"has 2 epochs of warm-up and 1.5 epochs of cool-down, but only 3 epochs"):
        Plan(epochs=3, schedule=Cosine(warmup_epochs=2, cooldown_epochs=1.5))
    Plan(epochs=3, schedule=Cosine(warmup_epochs=2, cooldown_epochs=1))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Constant(per=UNKNOWN), r"Constant.per is 'square'; expected step or epoch"),
        (lambda: Constant(warmup_epochs=-1), r"Constant.warmup_epochs is -1; it has to be at least 0"),
        (lambda: Constant(warmup_from=2), r"Constant.warmup_from is 2; it is a fraction"),
        (lambda: Cosine(cycles=0), r"Cosine.cycles is 0; it has to be at least 1"),
        (lambda: Cosine(growth=0), r"Cosine.growth is 0; it has to be above 0"),
        (lambda: OneCycle(shape=UNKNOWN), r"OneCycle.shape is 'square'; expected cosine or linear"),
        (
            lambda: OneCycle(warmup=0.1),
            r"OneCycle rises by itself and takes no warm-up: say how long with OneCycle.ri",
        ),
        (lambda: Step(every=0), r"Step.every is 0; it has to be above 0"),
        (lambda: Polynomial(power=0), r"Polynomial.power is 0; it has to be above 0"),
        (lambda: InverseSqrt(warmup=0), r"InverseSqrt without a warm-up needs a timescale, in epochs: give either"),
        (lambda: InverseSqrt(overlaps=True), r"InverseSqrt begins after its warm-up: leave overlaps away"),
        (lambda: FlatCosine(flat=2), r"FlatCosine.flat is 2; it is a fraction"),
    ],
)
def test_what_no_schedule_can_be(make: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make()


def test_the_inverse_square_root_is_the_papers() -> None:
    """Vaswani et al. 2017, equation 3, whose peak is at the last step of the warm-up."""
    curve = [InverseSqrt(warmup=0.04).factor(step, 1000) for step in range(1000)]
    paper = [min((step + 1) ** -0.5, (step + 1) * 40**-1.5) * 40**0.5 for step in range(1000)]
    assert curve[:40] == pytest.approx(paper[:40])
    assert curve[41:] == pytest.approx(paper[40:-1])  # ours stays at the peak for one step
    assert InverseSqrt(warmup=0, timescale=2).factor(60, 1000, 10) == pytest.approx(0.5)


def test_cool_down_stays_at_the_last_value() -> None:
    cooled = Cosine(warmup=0, final=0.1, cooldown_epochs=2)
    assert [cooled.factor(step, 50, 5) for step in range(40)] == [
        Cosine(warmup=0, final=0.1).factor(step, 40, 5) for step in range(40)
    ]
    assert [cooled.factor(step, 50, 5) for step in range(40, 50)] == [0.1] * 10
    assert Polynomial(cooldown=0.2).factor(8, 10) == 0.0


def test_flat_then_cosine_is_fastais() -> None:
    """Its `SchedCos(start, end)(pos) = start + (1 + cos(π(1 − pos)))·(end − start)/2` over the last quarter."""
    curve = [FlatCosine().factor(step, 200) for step in range(200)]
    assert curve[:150] == [1.0] * 150
    assert curve[150:] == pytest.approx(
        [1 + (1 + math.cos(math.pi * (1 - (step - 150) / 50))) * (1e-5 - 1) / 2 for step in range(150, 200)]
    )


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_stays_between_0_and_1_and_ends_where_it_stays(name: str) -> None:
    schedule = SCHEDULES[name]()
    for steps, epoch in ((1, 1), (7, 7), (60, 10), (61, 10)):
        values = [schedule.factor(step, steps, epoch) for step in range(steps)]
        assert all(0 <= value <= 1 for value in values)
    assert schedule.factor(10**6, 60, 10) == schedule.factor(60, 60, 10)


def test_of_an_epoch_all_steps_have_one_value() -> None:
    for schedule in (Cosine(warmup_epochs=2, per="epoch"), Step(per="epoch"), OneCycle(per="epoch")):
        values = [schedule.factor(step, 60, 10) for step in range(60)]
        assert values == [values[10 * (step // 10)] for step in range(60)]
        assert len(set(values)) > 2
