"""A loss that remembers each training image, in the loop: the authors' formula, parts of a step, resume, refusals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from plusx.core.backbone import Backbone
from plusx.core.batch import Batch
from plusx.core.errors import InputError
from plusx.core.ranks import Ranks
from plusx.core.remembered import Remembered
from plusx.core.stage import Stage
from plusx.engine import checkpoint
from plusx.engine.averages.ema import Ema
from plusx.engine.evidence import NonFiniteStepError
from plusx.engine.interrupt import Interrupt
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.sharpness import Sharpness
from plusx.engine.step import Stepper
from plusx.engine.team import ALONE
from plusx.engine.train import train
from plusx.nn.losses.early_learning import EarlyLearning
from plusx.tasks.classify import Classify, ClassifyConfig

LOSS = EarlyLearning(strength=3.0, momentum=0.7)
PLAN = Plan(epochs=2, optimizer=SGD(rate=0.2), average=Ema(0.9))


class Small(Backbone):
    """One stage, in which nothing depends on the other images of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = (Stage("conv1", 4, 2),)
        self.conv1 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())


def seeded(dropout: float = 0.0) -> Classify:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Classify(Small(), ClassifyConfig(("a", "b", "c"), dropout=dropout, loss=LOSS))


def made(tiny: Any, plan: Plan = PLAN, task: Classify | None = None) -> Stepper:
    stepper = Stepper(task or seeded(), plan, tiny.cpu, tiny.prepare)
    stepper.begin_epoch(0)
    return stepper


def rows(stepper: Stepper) -> Tensor:
    remembered = stepper.task.remembered
    assert remembered is not None
    return remembered.state_dict()["rows"].clone()


def steps(stepper: Stepper, windows: list[list[Batch]], count: int = 3) -> list[float]:
    return [
        stepper.step(window, Position(0, 0, number), 1.0)["early-learning"]
        for number, window in enumerate(windows * count)
    ]


def close(one: Stepper, other: Stepper) -> None:
    torch.testing.assert_close(rows(one), rows(other))
    for mine, its in zip(one.task.parameters(), other.task.parameters(), strict=True):
        torch.testing.assert_close(mine, its)


def test_as_the_authors_write_it(tiny: Any) -> None:
    stepper, batches = made(tiny), list(tiny.batches(10, 4, shuffle=False).epoch(0))
    target = torch.zeros(10, 3)
    for batch in batches * 3:
        p = stepper.task(tiny.prepare(batch, torch.Generator()).images).softmax(1).clamp(1e-4, 1 - 1e-4).detach()
        target[batch.indices] = 0.7 * target[batch.indices] + 0.3 * p / p.sum(1, keepdim=True)
        entropy = -p.gather(1, batch.targets[:, None]).log().mean()
        expected = entropy + 3 * (1 - (target[batch.indices] * p).sum(1)).log().mean()
        assert stepper.step([batch], Position(0, 0, 0), 1.0)["early-learning"] == pytest.approx(expected.item(), 1e-4)
    torch.testing.assert_close(rows(stepper), target)


def test_the_gradient_is_that_of_what_is_remembered_as_a_constant() -> None:
    scores = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).float()
    known, labels = Remembered("early-learning", 3), torch.tensor([0, 1, 2, 0, 1])

    def value(z: Tensor, fixed: Tensor | None = None) -> Tensor:
        if fixed is not None:
            p = z.softmax(1)
            return nn.functional.cross_entropy(z, labels) + 3 * (1 - (fixed * p).sum(1)).log().mean()
        with known.of(torch.arange(5), torch.device("cpu")):
            return LOSS.remembering(z, labels, known)

    one, two = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    value(one).backward()
    value(two, 0.3 * scores.softmax(1)).backward()
    torch.testing.assert_close(one.grad, two.grad)


def test_parts_of_a_step_remember_what_the_whole_one_does(tiny: Any) -> None:
    whole, window, parts = made(tiny), made(tiny), made(tiny)
    parts.micro_batch = 3
    large = list(tiny.batches(12, 12, shuffle=False).epoch(0))
    assert steps(whole, [large]) == pytest.approx(steps(window, [[*tiny.batches(12, 4, shuffle=False).epoch(0)]]), 1e-5)
    steps(parts, [large])
    close(whole, window)
    close(whole, parts)


def test_an_image_that_comes_twice_is_remembered_by_the_mean(tiny: Any) -> None:
    batch = next(tiny.batches(6, 6, shuffle=False).epoch(0))
    twice = replace(batch, indices=torch.tensor([0, 1, 2, 0, 1, 2]))
    once, doubled = made(tiny), made(tiny)
    steps(once, [[batch]], 1)
    steps(doubled, [[twice]], 1)
    torch.testing.assert_close(rows(doubled), (rows(once)[:3] + rows(once)[3:]) / 2)


def test_what_did_not_fit_is_not_remembered(tiny: Any) -> None:
    limited, whole = seeded(), made(tiny)
    forward: Callable[..., Any] = limited.forward

    def refusing(images: Tensor, targets: Tensor | None = None) -> Any:
        losses = forward(images, targets)
        if targets is not None and len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return losses

    cast("Any", limited).forward = refusing
    stepper = made(tiny, task=limited)
    batches = list(tiny.batches(12, 6, shuffle=False).epoch(0))
    steps(stepper, [batches])
    steps(whole, [batches])
    assert stepper.micro_batch == 3
    close(whole, stepper)


def test_a_step_that_was_not_applied_is_not_remembered(tiny: Any) -> None:
    stepper = made(tiny)
    first, second = tiny.batches(8, 4, shuffle=False).epoch(0)
    steps(stepper, [[first]])
    before = rows(stepper)
    stepper.prepare = lambda batch, _: replace(batch, images=batch.images.float() * float("nan"))
    with pytest.raises(NonFiniteStepError, match="early-learning"):
        steps(stepper, [[first, second]])
    assert torch.equal(rows(stepper)[:4], before)
    assert not rows(stepper)[4:].any()
    assert stepper.task.remembered is not None
    assert stepper.task.remembered.staged == 0


def test_sam_remembers_what_its_first_pass_said(tiny: Any) -> None:
    plain, sharp = made(tiny), made(tiny, replace(PLAN, sharpness=Sharpness(0.5)))
    for stepper in (plain, sharp):
        steps(stepper, [[*tiny.batches(12, 6, shuffle=False).epoch(0)]], 1)
    assert torch.equal(rows(plain), rows(sharp))


def run(tiny: Any, directory: Path, stop: int | None = None, *, resume: bool = False) -> tuple[Classify, Tensor]:
    interrupt, task = Interrupt(), seeded(dropout=0.3)
    parts = tiny.parts(directory, tiny.listener(stop, interrupt), interrupt=interrupt)
    train(task, tiny.batches(14, 4), replace(PLAN, accumulate=2), tiny.cpu, parts=parts, resume=resume)
    return task, checkpoint.read(directory / "last.pt")["remembered"]["rows"]


def test_stopped_and_continued_ends_with_the_same_bits(tiny: Any, tmp_path: Path) -> None:
    task, known = run(tiny, tmp_path / "whole")
    assert known.shape == (14, 3)
    assert known.all()
    for stop in (1, 2, 3):
        run(tiny, tmp_path / str(stop), stop)
        continued, its = run(tiny, tmp_path / str(stop), resume=True)
        assert torch.equal(known, its)
        assert all(map(torch.equal, task.state_dict().values(), continued.state_dict().values()))


def test_images_are_taken_in_any_order(tiny: Any) -> None:
    known = Remembered("early-learning", 2)
    for index in (3, 0, 9):
        with known.of(torch.tensor([index]), torch.device("cpu")):
            known.said = torch.full((1, 2), float(index + 1))
        known.keep()
    assert known.state_dict()["rows"][:, 0].tolist() == [1, 0, 0, 4, 0, 0, 0, 0, 0, 10]
    known.forget()
    assert known.state_dict()["rows"].shape == (0, 2)


def test_what_it_does_not_go_with(tiny: Any) -> None:
    several = cast("Any", SimpleNamespace(ranks=Ranks(0, 2), network=ALONE.network))
    with pytest.raises(InputError, match="image, and 2 processes would each know a part of it"):
        Stepper(seeded(), PLAN, tiny.cpu, tiny.prepare, several)
    mixing = Stepper(seeded(), PLAN, tiny.cpu, tiny.mix)
    with pytest.raises(InputError, match="these are mixtures of several"):
        steps(mixing, [[*tiny.batches(8, 4).epoch(0)]])


def test_outside_of_a_step_it_is_cross_entropy(tiny: Any) -> None:
    stepper, batch = made(tiny), next(tiny.batches(8, 8).epoch(0))
    steps(stepper, [[batch]])
    images = tiny.prepare(batch, torch.Generator()).images
    expected = nn.functional.cross_entropy(stepper.task(images), batch.targets)
    assert torch.equal(stepper.task(images, batch.targets)["early-learning"], expected)
