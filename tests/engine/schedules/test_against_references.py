"""Step by step, or epoch by epoch, the values of torch's and timm's own schedulers."""

import warnings
from typing import Any

import pytest
import torch
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.poly_lr import PolyLRScheduler
from timm.scheduler.step_lr import StepLRScheduler
from torch.optim import SGD, AdamW, lr_scheduler

from plusx.engine.momentum import check_movable, move
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.multistep import MultiStep
from plusx.engine.schedules.one_cycle import OneCycle
from plusx.engine.schedules.polynomial import Polynomial
from plusx.engine.schedules.schedule import Schedule
from plusx.engine.schedules.step import Step

RATE = 0.4


def optimizer(**settings: Any) -> torch.optim.Optimizer:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE, momentum=0.9, **settings)


def torchs(make: Any, count: int) -> list[float]:
    """Factors of a torch scheduler, one a step."""
    made = optimizer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR calls its parts as torch warns against
        scheduler = make(made)
        factors = []
        for _ in range(count):
            factors.append(made.param_groups[0]["lr"] / RATE)
            made.step()
            scheduler.step()
    return factors


def timms(kind: Any, count: int, **settings: Any) -> list[float]:
    """Factors of a timm scheduler at each epoch, as its train.py asks for them."""
    made = optimizer()
    scheduler = kind(made, **settings)
    factors = []
    for epoch in range(count):
        scheduler.step(epoch)
        factors.append(made.param_groups[0]["lr"] / RATE)
    return factors


def ours(schedule: Schedule, count: int, epoch: int = 1) -> list[float]:
    return [schedule.factor(step, count, epoch) for step in range(count)]


def test_cosine_with_restarts() -> None:
    once = torchs(lambda made: lr_scheduler.CosineAnnealingLR(made, T_max=90, eta_min=0.1 * RATE), 90)
    assert ours(Cosine(warmup=0, final=0.1), 90) == pytest.approx(once, abs=1e-12)
    thrice = torchs(lambda made: lr_scheduler.CosineAnnealingWarmRestarts(made, T_0=10, T_mult=2), 70)
    assert ours(Cosine(warmup=0, cycles=3, growth=2), 70) == pytest.approx(thrice, abs=1e-12)


def test_cosine_with_falling_cycles_is_timms() -> None:
    settings = {"t_initial": 10, "cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 3, "lr_min": 0.01 * RATE}
    schedule = Cosine(warmup=0, final=0.01, cycles=3, growth=2, decay=0.5, cooldown=5 / 75)
    assert ours(schedule, 75) == pytest.approx(timms(CosineLRScheduler, 75, **settings), abs=1e-12)


@pytest.mark.parametrize("prefix", [True, False])
def test_timms_warm_up_by_epoch(prefix: bool) -> None:
    """A1's cosine (timm's train.py): 5 epochs from 1e-6, changed at the epochs' starts; 10 steps an epoch here."""
    settings = {"warmup_t": 5, "warmup_lr_init": 1e-6, "warmup_prefix": prefix, "lr_min": 1e-6}
    length = 60 if prefix else 65
    reference = timms(CosineLRScheduler, 70, t_initial=length, **settings)
    schedule = Cosine(
        warmup_epochs=5,
        warmup_from=1e-6 / RATE,
        final=1e-6 / RATE,
        overlaps=not prefix,
        cooldown_epochs=5,
        per="epoch",
    )
    assert ours(schedule, 700, 10)[::10] == pytest.approx(reference, abs=1e-12)
    assert ours(schedule, 700, 10)[9::10] == pytest.approx(reference, abs=1e-12)


def test_timms_warm_up_by_step() -> None:
    reference = timms(CosineLRScheduler, 700, t_initial=700, warmup_t=50, warmup_lr_init=1e-6)
    schedule = Cosine(warmup_epochs=5, warmup_from=1e-6 / RATE, overlaps=True)
    assert ours(schedule, 700, 10) == pytest.approx(reference, abs=1e-12)


def test_torchvisions_warm_up() -> None:
    """Its references/classification/train.py: LinearLR from 0.01 over 5 epochs, then the main schedule, by epoch."""

    def reference(made: Any) -> Any:
        warm = lr_scheduler.LinearLR(made, start_factor=0.01, total_iters=5)
        return lr_scheduler.SequentialLR(made, [warm, lr_scheduler.CosineAnnealingLR(made, T_max=85)], milestones=[5])

    schedule = Cosine(warmup_epochs=5, warmup_from=0.01, per="epoch")
    assert ours(schedule, 360, 4)[::4] == pytest.approx(torchs(reference, 90), abs=1e-12)


def test_steps_of_any_length() -> None:
    by_epoch = timms(StepLRScheduler, 450, decay_t=2.4, decay_rate=0.97, warmup_t=3, warmup_prefix=False)
    schedule = Step(every=2.4, gamma=0.97, warmup_epochs=3, warmup_from=0, per="epoch")
    assert ours(schedule, 1800, 4)[::4] == pytest.approx(by_epoch, abs=1e-12)
    each = torchs(lambda made: lr_scheduler.StepLR(made, step_size=30, gamma=0.1), 90)
    assert ours(Step(every=3, gamma=0.1), 90, 10) == pytest.approx(each, abs=1e-12)
    thirds = torchs(lambda made: lr_scheduler.MultiStepLR(made, [30, 60, 80], gamma=0.1), 90)
    assert ours(MultiStep((30 / 90, 60 / 90, 80 / 90)), 90) == pytest.approx(thirds, abs=1e-12)


def test_polynomial() -> None:
    reference = torchs(lambda made: lr_scheduler.PolynomialLR(made, total_iters=70, power=0.9), 70)
    assert ours(Polynomial(), 70) == pytest.approx(reference, abs=1e-9)  # torch multiplies step after step
    floor = timms(PolyLRScheduler, 70, t_initial=70, power=0.5, lr_min=0.1 * RATE)
    assert ours(Polynomial(power=0.5, final=0.1), 70) == pytest.approx(floor, abs=1e-12)


def test_constant_after_a_warm_up() -> None:
    reference = torchs(lambda made: lr_scheduler.LinearLR(made, start_factor=0.2, total_iters=10), 30)
    assert ours(Constant(warmup_epochs=10, warmup_from=0.2), 30) == pytest.approx(reference, abs=1e-12)


@pytest.mark.parametrize(("shape", "torchs_name"), [("cosine", "cos"), ("linear", "linear")])
@pytest.mark.parametrize("kind", ["momentum", "betas"])
def test_one_cycle_with_its_momentum(shape: Any, torchs_name: Any, kind: str) -> None:
    parameter = [torch.nn.Parameter(torch.zeros(1))]
    made = SGD(parameter, lr=1, momentum=0.9) if kind == "momentum" else AdamW(parameter, lr=1)
    mine = SGD(parameter, lr=1, momentum=0.9) if kind == "momentum" else AdamW(parameter, lr=1)
    scheduler = lr_scheduler.OneCycleLR(made, max_lr=RATE, total_steps=80, anneal_strategy=torchs_name)
    schedule = OneCycle(shape=shape)
    for step in range(80):
        group = made.param_groups[0]
        momentum = schedule.momentum(step, 80)
        assert momentum is not None
        move(mine, momentum)
        assert schedule.factor(step, 80) * RATE == pytest.approx(group["lr"], abs=1e-12)
        assert mine.param_groups[0][kind] == pytest.approx(group[kind], abs=1e-12)
        made.step()
        scheduler.step()


def test_a_momentum_that_is_not_there_is_named() -> None:
    made = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    with pytest.raises(Exception, match=r"The schedule one-cycle moves the momentum, and this SGD has none\."):
        check_movable(made)
