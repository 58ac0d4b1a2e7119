from dataclasses import replace
from typing import Any

import pytest
import torch
from timm.utils.agc import adaptive_clip_grad
from torch import nn

from plusx.core.errors import InputError
from plusx.engine.anchor import Anchor
from plusx.engine.gradients.adaptive_clip import adaptive_clip
from plusx.engine.gradients.centralise import centralise
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.step import Stepper

PLAIN = SGD(rate=1.0, momentum=0, weight_decay=0.3)


def with_gradients() -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    parameters = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 3, 3, 3), (5, 6), (7,))]
    parameters.append(nn.Parameter(torch.zeros(3, 2)))
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator) * 0.1
    return [*parameters, nn.Parameter(torch.ones(2))]


def test_adaptive_clipping_is_that_of_timm() -> None:
    own, other = with_gradients(), with_gradients()
    adaptive_clip(own, 0.05)
    adaptive_clip_grad(other[:-1], clip_factor=0.05)
    for one, two, before in zip(own[:-1], other, with_gradients(), strict=False):
        torch.testing.assert_close(one.grad, two.grad)
        assert not torch.equal(one.grad, before.grad)
    assert own[-1].grad is None


def test_centralised_gradients_have_no_mean_in_any_output_channel() -> None:
    own = with_gradients()
    centralise(own)
    for parameter, before in zip(own[:-1], with_gradients(), strict=False):
        if parameter.ndim == 1:
            assert torch.equal(parameter.grad, before.grad)
            continue
        rows = before.grad.flatten(1)
        torch.testing.assert_close(parameter.grad.flatten(1), rows - rows.mean(1, keepdim=True))


def stepped(tiny: Any, plan: Plan) -> Any:
    """The task after one step."""
    made = Stepper(tiny.seeded(), plan, tiny.cpu, tiny.prepare)
    made.step(list(tiny.batches(8, 8).epoch(0)), Position(0, 0, 0), 1.0)
    return made.task


def test_the_anchor_pulls_by_the_gradient_of_its_penalty(tiny: Any) -> None:
    plan = Plan(optimizer=PLAIN, anchor=Anchor(backbone=0.5, head=0.25))
    made = Stepper(tiny.seeded(), plan, tiny.cpu, tiny.prepare)
    slow = tiny.seeded().train()
    start = {name: value.detach().clone() for name, value in slow.backbone.named_parameters()}
    batch = next(tiny.batches(8, 8).epoch(0))
    for step in range(3):
        made.step([batch], Position(0, 0, step), 1.0)
        seen = tiny.prepare(batch, torch.Generator())
        loss = torch.stack([*slow(seen.images, seen.targets).values()]).sum()
        for name, value in slow.backbone.named_parameters():
            loss = loss + 0.25 * (value - start[name]).square().sum() * (value.ndim > 1)
        loss = loss + 0.125 * slow.head[3].weight.square().sum()
        slow.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in slow.parameters():
                parameter.sub_(parameter.grad)
    for own, wanted in zip(made.task.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-5)


def test_adaptive_clipping_spares_the_head_and_centralising_does_not(tiny: Any) -> None:
    plan = Plan(optimizer=SGD(rate=1.0, momentum=0, weight_decay=0))
    plans = (plan, replace(plan, adaptive_clip=1e-4), replace(plan, centralise=True))
    plain, clipped, centred = (stepped(tiny, one) for one in plans)
    assert torch.equal(plain.head[3].weight, clipped.head[3].weight)
    assert not torch.equal(plain.backbone.conv1[0].weight, clipped.backbone.conv1[0].weight)
    assert not torch.equal(plain.head[3].weight, centred.head[3].weight)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"Anchor.backbone is -1; it has to be at least 0"):
        Anchor(backbone=-1)
    with pytest.raises(InputError, match=r"Plan.adaptive_clip is 0; it has to be above 0"):
        Plan(adaptive_clip=0)
    with pytest.raises(InputError, match=r"Unknown set of decayed parameters 'none'"):
        Plan(decays="none")  # type: ignore[bad-argument-type]
