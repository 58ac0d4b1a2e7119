from dataclasses import replace
from typing import Any

import pytest
import torch

from plusx.core.errors import InputError
from plusx.engine.evaluate import collect, evaluate
from plusx.engine.placement import Placement


@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_results_do_not_depend_on_the_batch_size(tiny: Any, size: int) -> None:
    task = tiny.seeded(dropout=0.5)
    whole = evaluate(task, tiny.batches(20, 20, shuffle=False), tiny.cpu, tiny.prepare)
    batches = tiny.batches(20, size, shuffle=False)
    assert evaluate(task, batches, tiny.cpu, tiny.prepare) == whole
    assert whole["images"] == 20
    outputs = collect(task, tiny.batches(20, 20, shuffle=False), tiny.cpu, tiny.prepare).outputs
    assert torch.allclose(collect(task, batches, tiny.cpu, tiny.prepare).outputs, outputs, atol=1e-6)


def test_modes_and_weights_are_as_before(tiny: Any) -> None:
    task = tiny.seeded()
    task.backbone.conv2.eval()
    modes = [module.training for module in task.modules()]
    before = {name: value.clone() for name, value in task.state_dict().items()}
    evaluate(task, tiny.batches(), tiny.cpu, tiny.prepare)
    assert [module.training for module in task.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in task.state_dict().items())


def test_modes_come_back_when_a_batch_fails(tiny: Any) -> None:
    def fail(batch: Any, generator: torch.Generator) -> Any:
        raise InputError("broken")

    task = tiny.seeded()
    with pytest.raises(InputError, match="broken"):
        evaluate(task, tiny.batches(), tiny.cpu, fail)
    assert task.training


def test_collected_is_in_order_and_usable(tiny: Any) -> None:
    placement = Placement(torch.device("cpu"), "bf16", channels_last=True)
    collected = collect(tiny.seeded(), tiny.batches(10, 4), placement, tiny.prepare)
    assert collected.names == tuple(f"{index}.png" for index in collected.indices.tolist())
    assert collected.targets is not None
    assert torch.equal(collected.targets, collected.indices % 3)
    assert collected.outputs.dtype == torch.float32
    assert collected.outputs.add_(1).shape == (10, 3)


def test_without_targets(tiny: Any) -> None:
    def drop(batch: Any, generator: torch.Generator) -> Any:
        return replace(tiny.prepare(batch, generator), targets=None)

    assert collect(tiny.seeded(), tiny.batches(), tiny.cpu, drop).targets is None
    with pytest.raises(InputError, match=r"0.png has no label: expected labelled images"):
        evaluate(tiny.seeded(), tiny.batches(shuffle=False), tiny.cpu, drop)


def test_no_images(tiny: Any) -> None:
    with pytest.raises(InputError, match="There are no images to evaluate on"):
        evaluate(tiny.seeded(), tiny.batches(0), tiny.cpu, tiny.prepare)
    with pytest.raises(InputError, match="There are no images to evaluate on"):
        collect(tiny.seeded(), tiny.batches(0), tiny.cpu, tiny.prepare)


def test_batches_that_do_not_fit_are_measured_in_parts(tiny: Any) -> None:
    task, sizes = tiny.seeded(), list[int]()
    whole, expected = task.forward, evaluate(task, tiny.batches(), tiny.cpu, tiny.prepare)

    def forward(images: Any, targets: Any = None) -> Any:
        sizes.append(len(images))
        if len(images) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(images, targets)

    task.forward = forward
    assert evaluate(task, tiny.batches(), tiny.cpu, tiny.prepare) == expected
    assert sizes == [4, 2, *[1] * 20]
    task.forward = lambda images, targets=None: forward(images.repeat(2, 1, 1, 1))
    with pytest.raises(torch.OutOfMemoryError):
        evaluate(task, tiny.batches(), tiny.cpu, tiny.prepare)
