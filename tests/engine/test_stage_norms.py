from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.engine.interrupt import Interrupt
from plusx.engine.journal import Journal, read_journal
from plusx.engine.plan import Plan
from plusx.engine.stage_norms import StageNorms, sampled
from plusx.engine.train import train


def test_which_steps_are_measured() -> None:
    assert [step for step in range(1, 31) if sampled(step, 30)] == [1, 5, 10, 15, 20, 25, 30]
    assert sum(sampled(step, 1000) for step in range(1, 1001)) == 41
    assert [step for step in range(1, 201) if sampled(step, 10**6)] == [1, 50, 100, 150, 200]


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_norms_are_those_of_the_definition(tiny: Any, scale: float) -> None:
    task = tiny.seeded()
    norms = StageNorms(task)
    weights = {name: p for name, p in task.named_parameters() if p.ndim > 1}
    for number, p in enumerate(weights.values()):
        p.grad = torch.full_like(p, scale * (number + 1))
    task.backbone.conv2[0].weight.grad[:2] = 0  # of 8 channels
    before = {name: p.detach().clone() for name, p in weights.items()}
    with torch.no_grad(), norms.around(scale):
        task.backbone.conv1[0].weight.mul_(0.9)
    conv1, conv2 = before["backbone.conv1.0.weight"], before["backbone.conv2.0.weight"]
    assert norms.values["weight/conv1"] == pytest.approx(float(conv1.norm()))
    assert norms.values["update/conv1"] == pytest.approx(0.1)
    assert norms.values["gradient/conv1"] == pytest.approx(conv1.numel() ** 0.5)
    assert norms.values["update/conv2"] == 0
    assert norms.values["silent/conv2"] == pytest.approx(0.25)
    assert norms.values["gradient/conv2"] == pytest.approx(2 * (0.75 * conv2.numel()) ** 0.5)
    assert {name.partition("/")[2] for name in norms.values} == {"conv1", "conv2", "head"}


def test_what_does_not_learn_is_left_out(tiny: Any) -> None:
    task = tiny.seeded()
    for p in task.backbone.conv1.parameters():
        p.requires_grad_(False)
    for p in task.parameters():
        p.grad = torch.ones_like(p) if p.requires_grad else None
    norms = StageNorms(task)
    with norms.around(1.0):
        pass
    assert "weight/conv1" not in norms.values
    assert norms.values["update/head"] == 0


def run(tiny: Any, directory: Path, stop: int | None, *, resume: bool = False, measured: bool = True) -> Any:
    interrupt = Interrupt()
    journal = Journal(directory, tensorboard=False)
    extra = {"sampled": lambda step, steps: step % 2 == 0} if measured else {}
    listeners = (journal, tiny.listener(stop, interrupt))
    parts = tiny.parts(directory / "checkpoints", *listeners, interrupt=interrupt, **extra)
    task = tiny.seeded()
    train(task, tiny.batches(), Plan(epochs=3), tiny.cpu, parts=parts, resume=resume)
    entries = [(*entry.values(),) for entry in read_journal(journal.path) if "second" not in entry["name"]]
    return entries, task.state_dict()


def test_a_run_that_was_stopped_has_the_same_norms(tiny: Any, tmp_path: Path) -> None:
    whole, weights = run(tiny, tmp_path / "whole", None)
    run(tiny, tmp_path / "parts", 5)
    parts, _ = run(tiny, tmp_path / "parts", None, resume=True)
    assert parts == whole
    assert sum(entry[2] == "step/update/conv1" for entry in whole) > 2
    _, unmeasured = run(tiny, tmp_path / "plain", None, measured=False)
    assert all(weights[name].equal(value) for name, value in unmeasured.items())
