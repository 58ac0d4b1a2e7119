from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteLossError
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.sharpness import Sharpness
from plusx.engine.step import Stepper

PLAIN = SGD(rate=0.5, momentum=0, weight_decay=0)
RHO = 0.2


def slow_step(task: Any, images: Tensor, targets: Tensor, adaptive: bool) -> None:
    """Algorithm 1 of both papers, one parameter after the other; the second pass leaves the statistics alone."""
    names = [name for name, _ in task.named_parameters()]
    weights = [*task.parameters()]
    gradients = torch.autograd.grad(torch.stack([*task(images, targets).values()]).sum(), weights)
    statistics = {name: value.clone() for name, value in task.named_buffers()}
    t = [
        weight.detach().abs() + 0.01 if adaptive and not name.endswith("bias") else torch.ones_like(weight)
        for name, weight in zip(names, weights, strict=True)
    ]
    norm = torch.cat([(one * gradient).flatten() for one, gradient in zip(t, gradients, strict=True)]).norm()
    start = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight, one, gradient in zip(weights, t, gradients, strict=True):
            weight.add_(RHO * one**2 * gradient / norm)
    above = torch.autograd.grad(torch.stack([*task(images, targets).values()]).sum(), weights)
    with torch.no_grad():
        for weight, before, gradient in zip(weights, start, above, strict=True):
            weight.copy_(before - 0.5 * gradient)
        for name, value in task.named_buffers():
            value.copy_(statistics[name])


@pytest.mark.parametrize("adaptive", [False, True])
def test_steps_equal_the_slow_reference_statistics_too(tiny: Any, adaptive: bool) -> None:
    plan = Plan(optimizer=PLAIN, sharpness=Sharpness(RHO, adaptive))
    made, slow = Stepper(tiny.seeded(), plan, tiny.cpu, tiny.prepare), tiny.seeded().train()
    made.begin_epoch(0)
    for step, batch in enumerate(tiny.batches(20, 8).epoch(0)):
        made.step([batch], Position(0, step, step), 1.0)
        seen = tiny.prepare(batch, torch.Generator())
        slow_step(slow, seen.images, seen.targets, adaptive)
    own, wanted = made.task.state_dict(), slow.state_dict()
    for name, value in wanted.items():
        torch.testing.assert_close(own[name], value, rtol=1e-5, atol=1e-6, msg=name)
    assert not torch.equal(own["backbone.conv1.0.weight"], tiny.seeded().backbone.conv1[0].weight)


def test_parts_and_windows_make_the_step_of_one_large_batch(tiny: Any) -> None:
    plan = Plan(optimizer=PLAIN, sharpness=Sharpness(RHO))
    whole, several, parts = (Stepper(tiny.seeded(batch_norm=False), plan, tiny.cpu, tiny.prepare) for _ in range(3))
    parts.micro_batch = 3
    large = list(tiny.batches(16, 16, shuffle=False).epoch(0))
    for step in range(3):
        at = Position(0, 0, step)
        whole.step(large, at, 1.0)
        parts.step(large, at, 1.0)
        several.step(list(tiny.batches(16, 8, shuffle=False).epoch(0)), at, 1.0)
    for one, two, three in zip(*(made.task.parameters() for made in (whole, several, parts)), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-6)


def test_both_passes_drop_the_same(tiny: Any) -> None:
    drawn: list[Tensor] = []
    made = Stepper(tiny.seeded(dropout=0.5), Plan(sharpness=Sharpness(1e-6)), tiny.cpu, tiny.prepare)
    made.begin_epoch(0)
    dropout: Any = made.task.head
    dropout[2].register_forward_hook(lambda module, inputs, output: drawn.append(output == 0))
    torch.manual_seed(3)
    for step in range(2):
        made.step(list(tiny.batches(8, 8).epoch(0)), Position(0, 0, step), 1.0)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_every_second_step_is_a_plain_one(tiny: Any) -> None:
    plans = [Plan(optimizer=PLAIN, sharpness=Sharpness(RHO, every=2)), Plan(optimizer=PLAIN)]
    batch = list(tiny.batches(8, 8).epoch(0))
    for step, same in ((0, False), (1, True)):
        first, second = (Stepper(tiny.seeded(), plan, tiny.cpu, tiny.prepare) for plan in plans)
        for made in (first, second):
            made.step(batch, Position(0, 0, step), 1.0)
        weights = [made.task.state_dict()["head.3.weight"] for made in (first, second)]
        assert torch.equal(*weights) is same


def test_where_memory_runs_out_in_the_second_pass_the_weights_are_as_they_were(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Stepper(
        tiny.seeded(batch_norm=False), Plan(optimizer=PLAIN, sharpness=Sharpness(RHO)), tiny.cpu, tiny.prepare
    )
    other = Stepper(tiny.seeded(batch_norm=False), made.plan, tiny.cpu, tiny.prepare)
    monkeypatch.setattr(made, "tell", lambda text: None)
    passes, computed = [0], made._gradients

    def gradients(*given: Any) -> dict[str, float]:
        passes[0] += 1
        if passes[0] == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return computed(*given)

    monkeypatch.setattr(made, "_gradients", gradients)
    batch = list(tiny.batches(8, 8).epoch(0))
    for stepper in (made, other):
        stepper.step(batch, Position(0, 0, 0), 1.0)
    assert made.micro_batch == 4
    for one, two in zip(made.task.parameters(), other.task.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_leaves_weights_and_statistics(tiny: Any) -> None:
    made = Stepper(tiny.seeded(), Plan(optimizer=PLAIN, sharpness=Sharpness(rho=1e30)), tiny.cpu, tiny.prepare)
    before = {name: value.clone() for name, value in made.task.state_dict().items()}
    with pytest.raises(NonFiniteLossError, match=r"SAM's second pass, with weights moved by 1e\+30: a smaller radius"):
        made.step(list(tiny.batches(8, 8).epoch(0)), Position(0, 0, 0), 1.0)
    assert all(torch.equal(value, before[name]) for name, value in made.task.state_dict().items())


def test_scaled_gradients_and_divided_tensors_are_refused_by_name(tiny: Any) -> None:
    plan = Plan(sharpness=Sharpness())
    half = Placement(torch.device("cpu"), precision="fp16")
    with pytest.raises(InputError, match=r"SAM with fp16 scaling: .* Take --precision bf16 or fp32, or leave --sam"):
        Stepper(tiny.seeded(), plan, half, tiny.prepare)
    with pytest.raises(InputError, match=r"--shard-model divides every tensor .* and SAM would need whole ones"):
        Stepper(tiny.seeded(), plan, replace(tiny.cpu, sharded=True), tiny.prepare)
    with pytest.raises(InputError, match=r"Sharpness.rho is 0; it has to be above 0"):
        Sharpness(rho=0)
