"""Losses and gradients that are not finite: what is kept of them, and runs that go on without them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.core.errors import NonFiniteLossError
from plusx.engine import checkpoint, evidence
from plusx.engine.averages.ema import Ema
from plusx.engine.interrupt import Interrupt
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.retracing import alone, largest_weight, passed, wrong_weights
from plusx.engine.skipping import allowed
from plusx.engine.train import train

PLAN = Plan(epochs=2, optimizer=SGD(rate=0.1), average=Ema(0.9), seed=3)


def spoilt(tiny: Any, *names: str) -> Any:
    """Images of these names become NaN where they are prepared."""

    def prepare(batch: Any, generator: torch.Generator) -> Any:
        prepared = tiny.mix(batch, generator) if not set(names) & set(batch.names) else tiny.prepare(batch, generator)
        for name in names:
            if name in batch.names:
                prepared.images[batch.names.index(name)] = float("nan")
        return prepared

    return prepare


def go(tiny: Any, directory: Path, *names: str, stop: int | None = None, resume: bool = False, **changes: Any) -> Any:
    interrupt = Interrupt()
    listener = tiny.listener(stop, interrupt)
    task = tiny.seeded(dropout=0.3)
    values = {"prepare": spoilt(tiny, *names), "interrupt": interrupt, "non_finite": "skip", **changes}
    parts = tiny.parts(directory, listener, **values)
    outcome = train(task, tiny.batches(24, 4, shuffle=False), PLAN, tiny.cpu, parts=parts, resume=resume)
    return task, outcome, listener


@pytest.mark.parametrize(("steps", "most"), {1: 0, 2: 1, 4: 3, 100: 3, 1000: 20}.items())
def test_the_budget_of_an_epoch(steps: int, most: int) -> None:
    assert allowed(steps) == most


def test_a_step_is_skipped_as_if_its_batch_had_not_been(tiny: Any, tmp_path: Path) -> None:
    task, outcome, listener = go(tiny, tmp_path, "9.png")
    assert [info.step for info in listener.steps] == [1, 2, 4, 5, 6, 7, 8, 10, 11, 12]
    assert "batches of 4 images" in listener.notes[0]
    assert listener.notes[1] == (
        "Skipped: Loss 'cross_entropy' is nan, 'size' is nan at step 3 (epoch 1), caused by 9.png. 1 of at most 3 "
        f"steps of this epoch. Its batch is kept in {tmp_path / 'non-finite-3.pt'}."
    )
    assert outcome.notes[1] == {"epoch": 1, "step": 3, "text": listener.notes[1]}
    assert outcome.steps_done == 12
    assert all(value.isfinite().all() for value in task.state_dict().values())


def test_a_skipped_step_does_not_change_what_a_resumed_run_ends_with(tiny: Any, tmp_path: Path) -> None:
    whole, _, _ = go(tiny, tmp_path / "whole", "9.png", "20.png")
    go(tiny, tmp_path / "cut", "9.png", "20.png", stop=4)
    continued, outcome, _ = go(tiny, tmp_path / "cut", "9.png", "20.png", resume=True)
    assert all(torch.equal(value, continued.state_dict()[name]) for name, value in whole.state_dict().items())
    assert len([note for note in outcome.notes if note["text"].startswith("Skipped")]) == 4


def test_many_in_a_row_are_not_skipped(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"at step 5 .* It is not skipped: 3 steps before it were skipped"):
        go(tiny, tmp_path, "4.png", "8.png", "12.png", "16.png")
    assert len(evidence.files(tmp_path)) == evidence.MOST


def test_many_of_an_epoch_are_not_skipped(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"at step 6 .* It is not skipped: 3 of the 6 steps of an"):
        go(tiny, tmp_path, "0.png", "4.png", "12.png", "20.png")


def test_stopping_keeps_the_batch_too_and_leaves_the_checkpoint(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"caused by 9.png; .* Its batch is kept in .*non-finite-3.pt\.$"):
        go(tiny, tmp_path, "9.png", non_finite="stop")
    assert checkpoint.read(tmp_path / "last.pt")["state"]["step"] == 0
    _, outcome, _ = go(tiny, tmp_path, "9.png", resume=True)
    go(tiny, tmp_path / "straight", "9.png")
    assert outcome.steps_done == 12
    last = [checkpoint.read(directory / "last.pt")["task"] for directory in (tmp_path, tmp_path / "straight")]
    assert all(torch.equal(value, last[1][name]) for name, value in last[0].items())


def test_gradients_that_are_not_finite_are_skipped_before_they_reach_a_weight(tiny: Any, tmp_path: Path) -> None:
    task, listener = tiny.seeded(batch_norm=False), tiny.listener()
    calls: list[int] = []

    def once(gradient: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return gradient * float("inf") if len(calls) == 2 else gradient

    task.head[3].bias.register_hook(once)
    parts = tiny.parts(tmp_path, listener, non_finite="skip")
    train(task, tiny.batches(12, 4), Plan(epochs=1), tiny.cpu, parts=parts)
    assert listener.notes[0].startswith("Skipped: Gradients at step 2 (epoch 1) hold NaN or infinity")
    assert all(value.isfinite().all() for value in task.state_dict().values())


def test_evidence_is_computed_again_to_the_same_losses(tiny: Any, tmp_path: Path) -> None:
    go(tiny, tmp_path, "9.png")
    (path,) = evidence.files(tmp_path)[:1]
    kept = evidence.read(path)
    batch, position, _ = kept.batches[0]
    assert (position.epoch, position.batch, position.step) == (0, 2, 2)
    assert batch.names == ("8.png", "9.png", "10.png", "11.png")
    assert wrong_weights(kept.weights) == ()
    assert largest_weight(kept.weights)[1] < 10
    task = tiny.seeded(dropout=0.3)
    task.load_state_dict(kept.weights)
    found = passed(task, kept, 0, tiny.cpu)
    assert not found.finite
    assert found.layer is not None
    assert (found.layer.name, found.layer.kind) == ("backbone.conv1.0", "Conv2d")
    assert found.layer.samples == ("9.png",)
    assert found.layer.reached != found.layer.reached  # NaN: the image itself
    task.load_state_dict(kept.weights)
    samples = alone(task, kept, 0, tiny.cpu.device)
    assert [sample.finite for sample in samples] == [False, True, True, True]
    assert samples[0].name == "9.png"
    assert task.training


def test_the_random_states_of_the_step_are_those_of_the_replay(tiny: Any, tmp_path: Path) -> None:
    """A finite batch, kept by hand: its losses come out again, dropout and all, also in another precision."""
    task = tiny.seeded(dropout=0.5)
    losses: list[dict[str, float]] = []
    whole = task.forward

    def forward(images: Any, targets: Any = None) -> Any:
        found = whole(images, targets)
        if task.training and targets is not None:
            losses.append({name: value.item() for name, value in found.items()})
            if len(losses) == 3:
                return {name: value * float("inf") for name, value in found.items()}
        return found

    task.forward = forward
    with pytest.raises(NonFiniteLossError):
        train(task, tiny.batches(12, 4), PLAN, tiny.cpu, parts=tiny.parts(tmp_path, prepare=tiny.mix))
    kept = evidence.read(evidence.file_of(tmp_path, 3))
    again = tiny.seeded(dropout=0.5)
    again.load_state_dict(kept.weights)
    found = passed(again, kept, 0, tiny.cpu)
    assert found.losses == losses[2]
    assert found.finite
    again.load_state_dict(kept.weights)
    reduced = passed(again, kept, 0, Placement(torch.device("cpu"), "bf16"))
    assert reduced.losses == pytest.approx(losses[2], rel=0.05)
