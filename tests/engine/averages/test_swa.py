from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import optim
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn

from plusx.core.errors import InputError
from plusx.engine import checkpoint
from plusx.engine.averages.average import average_in
from plusx.engine.averages.reestimate import reestimate
from plusx.engine.averages.swa import Swa
from plusx.engine.evaluate import evaluate
from plusx.engine.interrupt import Interrupt
from plusx.engine.modes import batch_norms
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.schedules.constant import Constant
from plusx.engine.train import train

PLAN = Plan(epochs=6, optimizer=SGD(rate=0.05), average=Swa(start=0.5, rate=0.5), seed=3)


def go(tiny: Any, directory: Path, stop: int | None = None, *, resume: bool = False, plan: Plan = PLAN) -> Any:
    interrupt = Interrupt()
    listener = tiny.listener(stop, interrupt)
    task = tiny.seeded(dropout=0.3)
    judged: list[Any] = []

    def judge(task: Any) -> dict[str, float]:
        judged.append({name: value.clone() for name, value in task.state_dict().items()})
        return evaluate(task, tiny.batches(shuffle=False), tiny.cpu, tiny.prepare)

    parts = tiny.parts(directory, listener, prepare=tiny.mix, evaluate=judge, primary="top-1", interrupt=interrupt)
    train(task, tiny.batches(22, 4), plan, tiny.cpu, parts=parts, resume=resume)
    return task, judged


def same(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_more_epochs_begin_the_mean_anew(tiny: Any, tmp_path: Path) -> None:
    go(tiny, tmp_path, plan=replace(PLAN, epochs=2))
    go(tiny, tmp_path, resume=True, plan=replace(PLAN, epochs=8))
    average = average_in(checkpoint.read(tmp_path / "last.pt"))
    assert average is not None
    assert average["updates"] == 4


def test_the_mean_is_torchs(tiny: Any) -> None:
    task = tiny.seeded()
    average, reference = Swa(start=0.5).begin(task), AveragedModel(task)
    for epoch in range(1, 9):
        with torch.no_grad():
            for parameter in task.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.after_epoch(task, epoch, 8)
        average.after_epoch(task, epoch, 8)  # once more, after an interruption
        assert average.begun == (epoch > 4)
        if epoch > 4:
            reference.update_parameters(task)
    assert average.updates == 4
    for ours, theirs in zip(average.task.parameters(), reference.module.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_statistics_taken_anew_are_torchs(tiny: Any) -> None:
    """Mean and variance over batches, with everything else as it was."""
    images = [torch.randn(4, 3, 8, 8) for _ in range(5)]
    ours, theirs = tiny.seeded(), tiny.seeded()
    update_bn(images, theirs)
    assert reestimate(ours, batch_norms(ours), [*images, torch.randn(1, 3, 8, 8)], tiny.cpu.autocast()) == 20
    assert same(ours.state_dict(), theirs.state_dict())
    assert [vars(norm)["momentum"] for norm in batch_norms(ours)] == [0.1, 0.1]
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    assert reestimate(ours, batch_norms(ours), [torch.randn(1, 3, 8, 8)], tiny.cpu.autocast()) == 0
    assert same(before, ours.state_dict())


def test_the_rate_goes_over_to_a_constant_one_as_torchs() -> None:
    plan = Plan(epochs=12, optimizer=SGD(rate=0.4), schedule=Constant(), average=Swa(start=0.5, rate=0.25, anneal=4))
    made = optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
    reference = SWALR(made, swa_lr=0.1, anneal_epochs=4)
    rates = []
    for _ in range(6):
        made.step()
        rates.append(made.param_groups[0]["lr"])
        reference.step()
    assert [0.4 * plan.factor(epoch, 1) for epoch in range(12)] == pytest.approx([0.4] * 6 + rates)


def test_what_is_judged_has_statistics_of_its_own(tiny: Any, tmp_path: Path) -> None:
    _, judged = go(tiny, tmp_path)
    last = checkpoint.read(tmp_path / "last.pt")
    average = average_in(last)
    assert average is not None
    assert (average["updates"], average["epoch"]) == (3, 6)
    assert same(judged[-1], average["task"])
    name = "backbone.conv1.1.running_mean"
    assert not torch.equal(average["task"][name], last["task"][name])
    assert average["task"]["backbone.conv1.1.num_batches_tracked"] == 6  # batches, from 0
    best = checkpoint.read(tmp_path / "best.pt")
    assert same(best["task"], judged[best["epoch"] - 1])


@pytest.mark.parametrize("stop", [10, 20, 29, 36])
def test_stopped_and_continued_ends_with_the_same_bits(tiny: Any, tmp_path: Path, stop: int) -> None:
    whole, judged = go(tiny, tmp_path / "whole")
    go(tiny, tmp_path / "cut", stop)
    continued, again = go(tiny, tmp_path / "cut", resume=True)
    assert same(whole.state_dict(), continued.state_dict())
    assert same(judged[-1], again[-1])


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"Swa.start is 1; it has to be at least 0 and below 1"):
        Swa(start=1)
    with pytest.raises(InputError, match=r"Swa.rate is 2; it is a fraction"):
        Swa(rate=2)
    assert Swa(start=0.99).before(3) == 2
