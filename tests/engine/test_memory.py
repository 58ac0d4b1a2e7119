"""Memory that runs out: simulated as accelerators report it, and really, in a process with a limit."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from plusx.core.batch import Batch
from plusx.core.errors import OutOfMemoryError
from plusx.engine import checkpoint
from plusx.engine.averages.ema import Ema
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.position import Position
from plusx.engine.step import Stepper
from plusx.engine.train import train

START = Position(0, 0, 0)
PLAN = Plan(epochs=1, optimizer=SGD(rate=0.5), clip=1.0, average=Ema(0.9), seed=2)


def limited(task: Any, most: int, error: BaseException | None = None) -> Any:
    """The task on a device where no more than `most` images fit; some of the work is done before that is found out."""
    whole = task.forward

    def forward(images: Tensor, targets: Tensor | None = None) -> Any:
        losses = whole(images, targets)
        if targets is not None and len(images) > most:
            raise error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return losses

    task.forward = forward
    return task


def made(tiny: Any, most: int = 99, micro_batch: int | None = None, **settings: Any) -> Stepper:
    stepper = Stepper(limited(tiny.seeded(**settings), most), PLAN, tiny.cpu, tiny.mix)
    stepper.micro_batch = micro_batch
    stepper.begin_epoch(0)
    return stepper


def state(stepper: Stepper) -> dict[str, Tensor]:
    return stepper.task.state_dict()


def steps(stepper: Stepper, batches: list[Batch], count: int = 3) -> list[dict[str, float]]:
    torch.manual_seed(7)
    return [stepper.step(batches, Position(0, number, number), 1.0) for number in range(count)]


def test_parts_are_as_few_and_as_equal_as_they_can_be(tiny: Any) -> None:
    batch = next(tiny.batches(33, 33).epoch(0))
    for most, sizes in {40: [33], 33: [33], 17: [16, 17], 16: [11, 11, 11], 32: [16, 17]}.items():
        parts = batch.parts(most)
        assert [len(part) for part in parts] == sizes
        assert torch.equal(torch.cat([part.images for part in parts]), batch.images)
        assert tuple(name for part in parts for name in part.names) == batch.names
        assert all(isinstance(part.targets, Tensor) for part in parts)


def test_the_step_is_that_of_the_whole_batch(tiny: Any) -> None:
    batches = list(tiny.batches(14, 8).epoch(0))
    whole, parts = made(tiny, batch_norm=False), made(tiny, 3, batch_norm=False)
    for one, other in zip(steps(whole, batches), steps(parts, batches), strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    assert parts.micro_batch == 2
    for name, value in state(whole).items():
        assert torch.allclose(value, state(parts)[name], atol=1e-6), name


def test_a_failed_attempt_leaves_no_trace(tiny: Any) -> None:
    """Statistics, dropout, mixing and gradients are those of a stepper that had computed in parts from the first."""
    batches = list(tiny.batches(14, 8).epoch(0))
    failing, straight = made(tiny, 3, dropout=0.3), made(tiny, micro_batch=2, dropout=0.3)
    assert steps(failing, batches) == steps(straight, batches)
    assert all(torch.equal(value, state(straight)[name]) for name, value in state(failing).items())


def test_statistics_move_as_far_as_a_whole_batch_moves_them(tiny: Any) -> None:
    batches = list(tiny.batches(12, 12).epoch(0))
    whole, parts = made(tiny), made(tiny, micro_batch=5)
    steps(whole, batches, 1)
    steps(parts, batches, 1)
    one, other = (cast(nn.BatchNorm2d, stepper.task.backbone.get_submodule("conv1.1")) for stepper in (whole, parts))
    assert one.running_mean is not None
    assert one.running_var is not None
    assert other.running_mean is not None
    assert other.running_var is not None
    assert torch.allclose(one.running_mean, other.running_mean, atol=1e-6)
    assert torch.allclose(one.running_var, other.running_var, rtol=0.05)
    assert other.momentum == one.momentum == 0.1


def test_it_is_noted_once_kept_saved_and_taken_up(tiny: Any, tmp_path: Path) -> None:
    listener = tiny.listener()
    task = limited(tiny.seeded(), 3)
    outcome = train(task, tiny.batches(24, 8), PLAN, tiny.cpu, parts=tiny.parts(tmp_path, listener))
    (note,) = listener.notes
    assert note.startswith(
        "Memory ran out at step 1 (epoch 1) with 8 images at once: batches are now computed in parts of at most 2, "
        "whose gradients are added up to the step of the whole batch. BatchNorm alone cannot be kept the same"
    )
    assert outcome.notes == ({"epoch": 1, "step": 0, "text": note},)
    assert checkpoint.read(tmp_path / "last.pt")["micro_batch"] == 2
    again = tiny.listener()
    longer = Plan(epochs=2, optimizer=SGD(rate=0.5), clip=1.0, average=Ema(0.9), seed=2)
    resumed = train(
        tiny.seeded(), tiny.batches(24, 8), longer, tiny.cpu, parts=tiny.parts(tmp_path, again), resume=True
    )
    assert again.notes == ["Memory had run out before: batches are computed in parts of at most 2 images, as then."]
    assert [one["text"] for one in resumed.notes] == [note, *again.notes]


def test_without_batch_norm_nothing_is_said_of_it(tiny: Any, caplog: pytest.LogCaptureFixture) -> None:
    steps(made(tiny, 3, batch_norm=False), list(tiny.batches(8, 8).epoch(0)), 1)
    assert "BatchNorm" not in caplog.text
    assert "parts of at most 2" in caplog.text


def test_single_images_that_do_not_fit_end_the_run_with_advice(tiny: Any) -> None:
    stepper = made(tiny, 0)
    before = {name: value.clone() for name, value in state(stepper).items()}
    with pytest.raises(
        OutOfMemoryError, match=r"Out of memory on cpu at step 1 \(epoch 1\), although single images .*--image-size"
    ):
        steps(stepper, list(tiny.batches(8, 8).epoch(0)))
    assert all(torch.equal(value, before[name]) for name, value in state(stepper).items())


def test_an_update_that_does_not_fit_is_not_tried_twice(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stepper = made(tiny)

    def fails() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(stepper.optimizer, "step", fails)
    with pytest.raises(OutOfMemoryError, match="while the weights were being updated"):
        steps(stepper, list(tiny.batches(8, 8).epoch(0)))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_the_allocators_of_the_cpu_count_too(tiny: Any, error: Exception) -> None:
    stepper = Stepper(limited(tiny.seeded(), 4, error), PLAN, tiny.cpu, tiny.prepare)
    steps(stepper, list(tiny.batches(8, 8).epoch(0)), 1)
    assert stepper.micro_batch == 4


def test_other_failures_are_none_of_memory(tiny: Any) -> None:
    stepper = Stepper(limited(tiny.seeded(), 4, RuntimeError("shape mismatch")), PLAN, tiny.cpu, tiny.prepare)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        steps(stepper, list(tiny.batches(8, 8).epoch(0)), 1)


LIMITED = """
import resource, sys, torch
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import conftest
from plusx.engine.plan import Plan
from plusx.engine.train import train
from plusx.weights.create import create_model

torch.set_num_threads(1)
torch.manual_seed(1)
out, listener = Path(sys.argv[2]), conftest.Listener()
task = create_model("resnet20", task="classify", classes=("a", "b", "c"))
for size, name in ((2, "warm"), (32, "run")):
    batches = conftest.TinyBatches(2 * size, size)
    batches.images = batches.images.repeat(1, 1, 8, 8)
    train(task, batches, Plan(epochs=1), conftest.CPU, parts=conftest.Tiny.parts(out / name, listener))
    listener.notes = []  # that batches are tiny
    space = next(line for line in open("/proc/self/status") if line.startswith("VmSize"))
    limit = int(space.split()[1]) * 1024 + (120 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
def test_memory_that_really_runs_out(tmp_path: Path) -> None:
    words = [sys.executable, "-c", LIMITED, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    saved = checkpoint.read(tmp_path / "run" / "last.pt")
    assert saved["state"]["step"] == 2
    assert saved["micro_batch"] < 32
    note = saved["state"]["notes"][0]
    assert note["text"].startswith("Memory ran out at step 1 (epoch 1) with 32 images at once")
