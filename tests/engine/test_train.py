import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx.core.errors import InputError, NonFiniteLossError, StorageError, WeightsError
from plusx.engine import checkpoint
from plusx.engine.anchor import Anchor
from plusx.engine.averages.ema import Ema
from plusx.engine.evaluate import evaluate
from plusx.engine.interrupt import Interrupt
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.parts import Outcome
from plusx.engine.placement import Placement
from plusx.engine.plan import Plan
from plusx.engine.schedules.constant import Constant
from plusx.engine.schedules.cosine import Cosine
from plusx.engine.schedules.one_cycle import OneCycle
from plusx.engine.train import train

FULL = Plan(
    epochs=4,
    optimizer=SGD(rate=0.05),
    accumulate=2,
    clip=1.0,
    average=Ema(0.99),
    frozen_epochs=1,
    stage_decay=0.5,
    seed=3,
)


def judge(tiny: Any) -> Any:
    return lambda task: evaluate(task, tiny.batches(shuffle=False), tiny.cpu, tiny.prepare)


def go(tiny: Any, directory: Path, stop: int | None = None, *, resume: bool = False, plan: Plan = FULL) -> Any:
    """A run with everything on: mixing, dropout, BatchNorm, EMA, accumulation, a frozen phase."""
    interrupt = Interrupt()
    listener = tiny.listener(stop, interrupt)
    task = tiny.seeded(dropout=0.3)
    parts = tiny.parts(
        directory, listener, prepare=tiny.mix, evaluate=judge(tiny), primary="top-1", interrupt=interrupt
    )
    outcome = train(task, tiny.batches(22, 4), plan, tiny.cpu, parts=parts, resume=resume)
    return task, outcome, listener


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without_times(outcome: Outcome) -> list[dict[str, float]]:
    timed = ("train/seconds", "train/images_per_second")
    return [{name: value for name, value in epoch.items() if name not in timed} for epoch in outcome.history]


STEPS_PER_EPOCH = 3  # 22 images: 6 batches, the last of 2 images, 2 batches a step


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The run that was never stopped, and its directory: made once, by the first test that asks."""
    return {"directory": tmp_path_factory.mktemp("whole")}


def uninterrupted(tiny: Any, whole: dict[str, Any]) -> Any:
    if "run" not in whole:
        whole["run"] = go(tiny, whole["directory"])
    return whole["run"]


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 6, 7, 11, 12])
def test_stopped_and_continued_ends_with_the_same_bits(
    tiny: Any, whole: dict[str, Any], tmp_path: Path, stop: int
) -> None:
    task, outcome, uncut = uninterrupted(tiny, whole)
    _, first, begun = go(tiny, tmp_path, stop)
    assert first.stopped == "interrupted"
    assert first.steps_done == stop
    torch.rand(7)  # the surroundings' random state has no say
    continued, second, resumed = go(tiny, tmp_path, resume=True)
    assert second.stopped == outcome.stopped == "finished"
    assert same(task.state_dict(), continued.state_dict())
    last = [checkpoint.read(directory / "last.pt") for directory in (whole["directory"], tmp_path)]
    assert same(last[0]["task"], last[1]["task"])
    assert same(last[0]["average"]["task"], last[1]["average"]["task"])
    assert without_times(outcome) == without_times(second)
    assert (outcome.best_metric, outcome.best_epoch) == (second.best_metric, second.best_epoch)
    assert begun.steps + resumed.steps == uncut.steps


@pytest.mark.parametrize("optimizer", [SGD(rate=0.05), AdamW(rate=0.01)])
def test_a_momentum_that_moves_goes_on_where_it_was(tiny: Any, tmp_path: Path, optimizer: Any) -> None:
    plan = replace(FULL, optimizer=optimizer, schedule=OneCycle())
    task, *_ = go(tiny, tmp_path / "whole", plan=plan)
    go(tiny, tmp_path / "cut", 5, plan=plan)
    continued, *_ = go(tiny, tmp_path / "cut", resume=True, plan=plan)
    assert same(task.state_dict(), continued.state_dict())
    state = checkpoint.read(tmp_path / "cut" / "last.pt")["optimizer"]["param_groups"][0]
    assert state.get("momentum", state.get("betas", [0])[0]) == pytest.approx(0.95)


@pytest.mark.parametrize("changes", [{"gradual": 1}, {"frozen_epochs": 0, "trained_stages": 0}, {"anchor": Anchor()}])
def test_phases_go_on_where_they_were(tiny: Any, tmp_path: Path, changes: Any) -> None:
    plan = replace(FULL, frozen_schedule=Cosine(warmup=0.1), **changes)
    task, *_ = go(tiny, tmp_path / "whole", plan=plan)
    for stop in (2, 4, 8):  # with one more stage: in the head's epoch, the first and the second stage's
        go(tiny, tmp_path / "cut", stop, resume=stop > 2, plan=plan)
    continued, *_ = go(tiny, tmp_path / "cut", resume=True, plan=plan)
    assert same(task.state_dict(), continued.state_dict())
    fresh, trained = tiny.seeded().backbone.state_dict(), task.backbone.state_dict()
    assert same(fresh, trained) == (plan.trained_stages == 0)


def test_a_stage_that_has_not_joined_stays_to_the_bit(tiny: Any, tmp_path: Path) -> None:
    plan = replace(FULL, epochs=2, gradual=1, average=None)
    task, *_ = go(tiny, tmp_path, plan=plan)
    fresh = tiny.seeded().backbone
    assert same(fresh.conv1.state_dict(), task.backbone.conv1.state_dict())
    assert not same(fresh.conv2.state_dict(), task.backbone.conv2.state_dict())


def test_stopped_after_every_single_step(tiny: Any, whole: dict[str, Any], tmp_path: Path) -> None:
    task, outcome, _ = uninterrupted(tiny, whole)
    go(tiny, tmp_path, 1)
    for stop in range(2, outcome.steps_done + 1):
        go(tiny, tmp_path, stop, resume=True)
    continued, again, _ = go(tiny, tmp_path, resume=True)
    assert same(task.state_dict(), continued.state_dict())
    assert without_times(outcome) == without_times(again)


def test_training_learns_and_leaves_everything_else_alone(tiny: Any, tmp_path: Path) -> None:
    task = tiny.seeded()
    task.head.eval()
    task.backbone.conv1[0].weight.requires_grad_(False)
    fixed = task.backbone.conv1[0].weight.clone()
    before = torch.get_rng_state()
    plan = Plan(epochs=8, optimizer=SGD(rate=0.1), schedule=Constant())
    parts = tiny.parts(tmp_path, evaluate=judge(tiny), primary="top-1")
    outcome = train(task, tiny.batches(40), plan, tiny.cpu, parts=parts)
    assert outcome.history[-1]["train/loss"] < 0.7 * outcome.history[0]["train/loss"]
    assert torch.equal(torch.get_rng_state(), before)
    assert not task.head.training
    assert task.backbone.training
    assert torch.equal(task.backbone.conv1[0].weight, fixed)
    assert [parameter.requires_grad for parameter in task.parameters()] == [False] + [True] * 9


def test_history_and_observers(tiny: Any, tmp_path: Path) -> None:
    _, outcome, listener = go(tiny, tmp_path)
    assert [values["epoch"] for values in outcome.history] == [1, 2, 3, 4]
    assert set(outcome.history[0]) == {
        *("epoch", "step", "train/loss", "train/cross_entropy", "train/size", "train/rate"),
        *("train/seconds", "train/images_per_second", "val/top-1", "val/images"),
    }
    assert [info.step for info in listener.steps] == list(range(1, 13))
    assert [info.samples for info in listener.steps[:3]] == [8, 8, 6]
    assert [info.epoch for info in listener.epochs] == [1, 2, 3, 4]
    assert listener.ends == ["finished"]
    assert listener.begins[0].steps_per_epoch == STEPS_PER_EPOCH
    means = sum(info.loss * info.samples for info in listener.steps[:3]) / 22
    assert outcome.history[0]["train/loss"] == pytest.approx(means)


def test_best_weights_end_in_the_task(tiny: Any, tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, float("nan"), 0.9])
    seen: list[dict[str, Tensor]] = []

    def evaluation(task: Any) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in task.state_dict().items()})
        return {"score": next(scores)}

    task = tiny.seeded()
    parts = tiny.parts(tmp_path, evaluate=evaluation, primary="score")
    outcome = train(task, tiny.batches(), Plan(epochs=4, average=Ema(0.9)), tiny.cpu, parts=parts)
    assert (outcome.best_epoch, outcome.best_metric) == (2, 0.9)
    assert same(task.state_dict(), seen[1])
    assert same(checkpoint.read(tmp_path / "best.pt")["task"], seen[1])


def test_of_equally_good_epochs_the_one_with_less_of_the_other_metric_is_kept(tiny: Any, tmp_path: Path) -> None:
    scores = iter([(0.5, 1.0), (0.9, 2.0), (0.9, 1.5), (0.9, 1.5), (0.9, float("nan"))])
    seen: list[dict[str, Tensor]] = []

    def evaluation(task: Any) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in task.state_dict().items()})
        score, nll = next(scores)
        return {"score": score, "nll": nll}

    task = tiny.seeded()
    parts = tiny.parts(tmp_path, evaluate=evaluation, primary="score", tie="nll")
    outcome = train(task, tiny.batches(), Plan(epochs=8, patience=3), tiny.cpu, parts=parts)
    assert (outcome.best_epoch, outcome.best_metric) == (3, 0.9)
    assert (outcome.stopped, outcome.epochs_done) == ("early", 5)  # patience counts from the second
    assert same(task.state_dict(), seen[2])


def test_without_evaluation_the_last_averaged_weights_are_kept(tiny: Any, tmp_path: Path) -> None:
    task = tiny.seeded()
    outcome = train(task, tiny.batches(), Plan(epochs=1, average=Ema(0.9)), tiny.cpu, parts=tiny.parts(tmp_path))
    assert (outcome.best_epoch, outcome.best_metric) == (0, None)
    assert same(task.state_dict(), checkpoint.read(tmp_path / "last.pt")["average"]["task"])


def test_early_stopping_counts_from_the_best_epoch_and_spares_the_frozen_ones(tiny: Any, tmp_path: Path) -> None:
    parts = tiny.parts(tmp_path, evaluate=lambda task: {"error": 1.0}, primary="error", higher_is_better=False)
    plan = Plan(epochs=20, frozen_epochs=3, patience=2)
    outcome = train(tiny.seeded(), tiny.batches(8), plan, tiny.cpu, parts=parts)
    assert (outcome.stopped, outcome.epochs_done, outcome.best_epoch) == ("early", 5, 1)
    assert outcome.notes[-1]["text"] == "Stopped early: error was not better for 2 epochs; epoch 1 is kept."


def test_more_epochs_continue_at_the_same_step(tiny: Any, tmp_path: Path) -> None:
    short = Plan(epochs=2, optimizer=SGD(rate=0.1))
    go(tiny, tmp_path, plan=short)
    _, outcome, listener = go(tiny, tmp_path, resume=True, plan=Plan(epochs=4, optimizer=SGD(rate=0.1)))
    assert outcome.epochs_done == 4
    assert [info.step for info in listener.steps] == list(range(13, 25))
    assert listener.steps[0].rate == pytest.approx(0.1 * Plan(epochs=4).factor(12, 6))


def test_changed_settings_and_data_are_refused_by_name(tiny: Any, tmp_path: Path) -> None:
    go(tiny, tmp_path, 2)
    with pytest.raises(
        InputError, match=r"other settings \(clip: 1.0 → None; optimizer.rate: 0.05 → 0.1; seed: 3 → 0\)"
    ):
        go(
            tiny,
            tmp_path,
            resume=True,
            plan=Plan(epochs=4, optimizer=SGD(), accumulate=2, average=Ema(0.99), frozen_epochs=1, stage_decay=0.5),
        )
    parts = tiny.parts(tmp_path, primary="top-1")
    with pytest.raises(InputError, match="batches in an epoch: 6 → 5"):
        train(tiny.seeded(), tiny.batches(20), FULL, tiny.cpu, parts=parts, resume=True)


def test_a_used_directory_and_a_missing_one(tiny: Any, tmp_path: Path) -> None:
    go(tiny, tmp_path, 1)
    with pytest.raises(InputError, match="holds the checkpoints of another run"):
        go(tiny, tmp_path)
    with pytest.raises(InputError, match="does not exist: expected the checkpoints"):
        go(tiny, tmp_path / "nowhere", resume=True)
    (tmp_path / "empty").mkdir()
    _, outcome, listener = go(tiny, tmp_path / "empty", resume=True)
    assert outcome.stopped == "finished"
    assert listener.notes[0] == "Nothing was saved yet: the run begins anew."


def test_a_torn_checkpoint_is_named_and_skipped(tiny: Any, whole: dict[str, Any], tmp_path: Path) -> None:
    task, _, _ = uninterrupted(tiny, whole)
    go(tiny, tmp_path, 7)
    last = tmp_path / "last.pt"
    last.write_bytes(last.read_bytes()[:-1000])
    continued, _, listener = go(tiny, tmp_path, resume=True)
    assert listener.notes[0].startswith(f"{last} is cut off or damaged")
    assert listener.begins[0].step == 6
    assert same(task.state_dict(), continued.state_dict())


def test_damaged_best_weights_are_sought_again(tiny: Any, tmp_path: Path) -> None:
    _, first, _ = go(tiny, tmp_path, 8)
    assert first.best_epoch > 0
    (tmp_path / "best.pt").write_bytes(b"")
    _, outcome, listener = go(tiny, tmp_path, resume=True)
    assert "best weights are sought among the epochs to come" in listener.notes[0]
    assert outcome.best_epoch >= 3


def test_another_placement_or_code_is_noted(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go(tiny, tmp_path, 2)
    monkeypatch.setattr(checkpoint, "versions", lambda: {"plusx": "99", "torch": str(torch.__version__)})
    listener = tiny.listener()
    other = Placement(torch.device("cpu"), channels_last=True)
    parts = tiny.parts(tmp_path, listener, prepare=tiny.mix, evaluate=judge(tiny), primary="top-1")
    train(tiny.seeded(dropout=0.3), tiny.batches(22), FULL, other, parts=parts, resume=True)
    assert listener.notes[:2] == [
        "The run was begun as fp32 on cpu and goes on as fp32, channels last on cpu: its results may differ slightly.",
        f"The code has changed since (plusx {checkpoint.version('plusx')} → 99): results may differ slightly.",
    ]


def test_nan_is_named_with_part_step_and_sample(tiny: Any, tmp_path: Path) -> None:
    def spoil(batch: Any, generator: torch.Generator) -> Any:
        prepared = tiny.prepare(batch, generator)
        if "7.png" in batch.names and spoilt:
            prepared.images[batch.names.index("7.png")] = float("nan")
        return prepared

    spoilt: list[int] = []
    listener = tiny.listener()
    listener.on_epoch = spoilt.append
    task = tiny.seeded(batch_norm=False)
    parts = tiny.parts(tmp_path, listener, prepare=spoil)
    with pytest.raises(
        NonFiniteLossError, match=r"'cross_entropy' is nan, 'size' is nan at step 7 \(epoch 2\), caused by 7.png;"
    ):
        train(task, tiny.batches(shuffle=False), Plan(epochs=3), tiny.cpu, parts=parts)
    assert listener.ends == [None]
    assert checkpoint.read(tmp_path / "last.pt")["state"]["step"] == 5
    assert all(value.isfinite().all() for value in task.state_dict().values())


def test_weights_that_became_infinite_are_never_saved(tiny: Any, tmp_path: Path) -> None:
    task = tiny.seeded(batch_norm=False)
    task.head[3].bias.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(NonFiniteLossError, match=r"After step 1 the weights head.3.bias hold NaN or infinity"):
        train(task, tiny.batches(4), Plan(epochs=1), tiny.cpu, parts=tiny.parts(tmp_path))
    assert checkpoint.read(tmp_path / "last.pt")["state"]["step"] == 0


def test_an_unwritable_directory_fails_before_the_first_step(tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    listener = tiny.listener()
    with pytest.raises(StorageError, match="cannot hold checkpoints"):
        train(tiny.seeded(), tiny.batches(), Plan(), tiny.cpu, parts=tiny.parts(tmp_path / "file" / "x", listener))
    assert listener.steps == []


def test_no_batches_and_an_unknown_metric(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gives no batches: expected at least one"):
        train(tiny.seeded(), tiny.batches(0), Plan(), tiny.cpu, parts=tiny.parts(tmp_path))
    parts = tiny.parts(tmp_path / "x", evaluate=judge(tiny), primary="top1")
    with pytest.raises(InputError, match=r"Unknown metric 'top1'. Did you mean top-1, images"):
        train(tiny.seeded(), tiny.batches(4), Plan(epochs=1), tiny.cpu, parts=parts)


def test_tiny_batches_are_noted_and_single_images_move_no_statistics(tiny: Any, tmp_path: Path) -> None:
    task, listener = tiny.seeded(), tiny.listener()
    mean = task.backbone.conv1[1].running_mean.clone()
    train(task, tiny.batches(3, 1), Plan(epochs=2), tiny.cpu, parts=tiny.parts(tmp_path, listener))
    assert torch.equal(task.backbone.conv1[1].running_mean, mean)
    assert len(listener.notes) == 1
    assert "batches of one image: BatchNorm uses its running statistics" in listener.notes[0]


def test_saving_by_the_clock(tiny: Any, tmp_path: Path) -> None:
    saved: list[int] = []

    def newest_step() -> int:
        with contextlib.suppress(FileNotFoundError, WeightsError):  # between two renames, before or within `read`
            return checkpoint.read(tmp_path / "last.pt")["state"]["step"]
        return -1

    class Reader(tiny.listener):  # type: ignore[misc]
        def on_step(self, info: Any) -> None:
            """The save of the step before is under way in its thread."""
            deadline = time.monotonic() + 20
            while (step := newest_step()) < info.step - 1:
                assert time.monotonic() < deadline
            saved.append(step)

    parts = tiny.parts(tmp_path, Reader(), checkpoint_minutes=0.0)
    train(tiny.seeded(), tiny.batches(12), Plan(epochs=1), tiny.cpu, parts=parts)
    assert saved == [0, 1, 2]
