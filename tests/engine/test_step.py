import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.errors import WeightsError
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.step import Position, Stepper

START = Position(0, 0, 0)


def stepper(tiny: Any, plan: Plan, task: Any = None, placement: Placement | None = None) -> Stepper:
    return Stepper(task or tiny.seeded(batch_norm=False), plan, placement or tiny.cpu, tiny.prepare)


def weights(made: Stepper) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in made.task.parameters()])


def test_several_small_batches_make_the_step_of_a_large_one(tiny: Any) -> None:
    plan = Plan(optimizer=SGD(rate=0.5), clip=0.1)
    large, small = stepper(tiny, plan), stepper(tiny, plan)
    whole = next(tiny.batches(14, 14, shuffle=False).epoch(0))
    parts = list(tiny.batches(14, 4, shuffle=False).epoch(0))
    assert [len(part) for part in parts] == [4, 4, 4, 2]
    for _ in range(3):
        one, many = large.step([whole], START, 1.0), small.step(parts, START, 1.0)
        assert one == pytest.approx(many, rel=1e-5)
    assert torch.allclose(weights(large), weights(small), atol=1e-6)
    assert not torch.allclose(weights(large), weights(stepper(tiny, plan)), atol=1e-3)


def test_gradients_are_clipped_to_the_norm(tiny: Any) -> None:
    made = stepper(tiny, Plan(optimizer=SGD(rate=1.0, momentum=0, weight_decay=0), clip=0.01))
    before = weights(made)
    made.step(list(tiny.batches(8, 8).epoch(0)), START, 1.0)
    assert (weights(made) - before).norm().item() == pytest.approx(0.01, rel=1e-4)


def test_the_factor_and_the_distance_scale_the_rate(tiny: Any) -> None:
    made = stepper(tiny, Plan(optimizer=SGD(rate=0.4), stage_decay=0.5))
    made.step(list(tiny.batches(8, 8).epoch(0)), START, 0.25)
    assert {group["name"][0]: group["lr"] for group in made.optimizer.param_groups} == {"0": 0.1, "1": 0.05, "2": 0.025}


def test_the_frozen_phase_leaves_the_backbone_untouched(tiny: Any) -> None:
    task = tiny.seeded()
    made = stepper(tiny, Plan(epochs=2, frozen_epochs=1), task)
    before = {name: value.clone() for name, value in task.state_dict().items()}
    for epoch in (0, 1):
        made.begin_epoch(epoch)
        for batch in tiny.batches(12, 4).epoch(0):
            made.step([batch], Position(epoch, 0, 0), 1.0)
        changed = {name for name, value in task.state_dict().items() if not torch.equal(value, before[name])}
        assert changed == ({"head.3.weight", "head.3.bias"} if epoch == 0 else set(before))


def test_augmentation_is_a_function_of_seed_epoch_and_batch(tiny: Any) -> None:
    drawn: list[float] = []

    def draw(batch: Any, generator: torch.Generator) -> Any:
        drawn.append(torch.rand((), generator=generator).item())
        return tiny.prepare(batch, generator)

    batches = list(tiny.batches(8, 4).epoch(0))
    made = Stepper(tiny.seeded(), Plan(), tiny.cpu, draw)
    made.step(batches, START, 1.0)
    made.step(batches[1:], Position(0, 1, 9), 1.0)
    made.step(batches[:1], Position(1, 0, 0), 1.0)
    assert drawn[2] == drawn[1]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("optimizer", [SGD(), AdamW()])
def test_a_state_saved_in_another_memory_format_is_laid_out_anew(tiny: Any, optimizer: Any) -> None:
    batches = list(tiny.batches(8, 8).epoch(0))
    plan = Plan(optimizer=optimizer)
    last = Placement(torch.device("cpu"), channels_last=True)
    first, other = stepper(tiny, plan, placement=last), stepper(tiny, plan)
    first.step(batches, START, 1.0)
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    first.step(batches, START, 1.0)
    other.step(batches, START, 1.0)
    assert torch.allclose(weights(first), weights(other), atol=1e-6)


def test_a_checkpoint_of_another_network_is_refused(tiny: Any) -> None:
    saved = stepper(tiny, Plan(), tiny.seeded()).state_dict()
    with pytest.raises(WeightsError, match="holds another network than the one that is to continue"):
        stepper(tiny, Plan()).load_state_dict(saved)


def test_reduced_precision_trains(tiny: Any) -> None:
    made = stepper(tiny, Plan(), placement=Placement(torch.device("cpu"), "bf16"))
    losses = made.step(list(tiny.batches(8, 8).epoch(0)), START, 1.0)
    assert losses == pytest.approx(stepper(tiny, Plan()).step(list(tiny.batches(8, 8).epoch(0)), START, 1.0), rel=0.05)
    assert all(parameter.dtype == torch.float32 for parameter in made.task.parameters())
