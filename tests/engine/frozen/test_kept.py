"""A run on kept maps is the run on images, but for the rounding to half precision, and goes on exactly."""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from plusx.core.batch import Batch, Request
from plusx.engine.frozen.kept import Keeping, Kept, Work
from plusx.engine.frozen.prefix import Prefix
from plusx.engine.interrupt import Interrupt
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.train import train

PLAN = Plan(epochs=4, optimizer=SGD(rate=0.05), trained_stages=1)


class Source:
    """The batches of `tiny.batches` one by one; pictures get darker with the epoch whose draws they are made with."""

    def __init__(self, tiny: Any) -> None:
        self.whole = tiny.batches()
        self.read_names: list[str] = []

    def __len__(self) -> int:
        return len(self.whole)

    def requests(self, number: int, start: int = 0) -> list[Request]:
        order = torch.randperm(len(self.whole.images), generator=torch.Generator().manual_seed(number))
        parts = order.split(self.whole.size)[start:]
        return [Request(number, tuple(part.tolist()), (0,) * len(part), len(part)) for part in parts]

    def read(self, requests: Sequence[Request]) -> Iterator[Batch]:
        for request in requests:
            batch = self.without_images(request)
            self.read_names += batch.names
            yield replace(batch, images=self.whole.images[batch.indices] // (1 + request.epoch))

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        return self.read(self.requests(number, start))

    def without_images(self, request: Request) -> Batch:
        indices = torch.tensor(request.indices)
        names = tuple(f"{index}.png" for index in request.indices)
        return Batch(torch.empty(len(indices), 0), self.whole.targets[indices], names, indices)


def run(
    tiny: Any, directory: Path, *, views: int = 1, plan: Plan = PLAN, stop: int | None = None, resume: bool = False
) -> tuple[Any, Source, Work, Any]:
    task, source, work = tiny.seeded(), Source(tiny), Work()
    prefix = Prefix(task, plan, tiny.cpu)
    notes: list[str] = []
    keeping = Keeping(
        lambda key: directory / "maps" / key[:8], 20, (3, 8, 8), views, 0, tiny.prepare, notes.append, work
    )
    interrupt = Interrupt()
    listener = tiny.listener(stop, interrupt)
    parts = tiny.parts(directory / "run", listener, begins=prefix.begin, interrupt=interrupt)
    train(task, Kept(source, source, prefix, keeping), plan, tiny.cpu, parts=parts, resume=resume)
    return task, source, work, (listener, notes)


def weights(task: Any) -> list[torch.Tensor]:
    return list(task.state_dict().values())


def test_each_picture_is_computed_once(tiny: Any, tmp_path: Path) -> None:
    task, source, work, _ = run(tiny, tmp_path)
    assert (work.shown, work.computed) == (80, 20)
    assert sorted(source.read_names) == sorted(f"{index}.png" for index in range(20))
    assert torch.equal(task.backbone.conv1[0].weight, tiny.seeded().backbone.conv1[0].weight)
    assert not torch.equal(task.backbone.conv2[0].weight, tiny.seeded().backbone.conv2[0].weight)
    again, source, work, _ = run_again(tiny, tmp_path)
    assert (work.shown, work.computed, source.read_names) == (80, 0, [])
    assert all(map(torch.equal, weights(again), weights(task)))


def run_again(tiny: Any, directory: Path) -> tuple[Any, Source, Work, Any]:
    """A second run, of the same maps."""
    (directory / "run").rename(directory / "first")
    return run(tiny, directory)


def test_views_follow_each_other(tiny: Any, tmp_path: Path) -> None:
    _, source, work, _ = run(tiny, tmp_path, views=3)
    assert (work.shown, work.computed, len(source.read_names)) == (80, 60, 60)


def test_it_is_the_run_on_images_but_for_the_rounding(tiny: Any, tmp_path: Path) -> None:
    kept, *_ = run(tiny, tmp_path / "kept", views=4)
    task, source = tiny.seeded(), Source(tiny)
    train(task, source, PLAN, tiny.cpu, parts=tiny.parts(tmp_path / "images"))
    assert all(torch.allclose(one, other, atol=2e-3) for one, other in zip(weights(kept), weights(task), strict=True))


@pytest.mark.parametrize("stop", [3, 5, 8])
def test_it_goes_on_with_the_same_bits(tiny: Any, tmp_path: Path, stop: int) -> None:
    straight, *_ = run(tiny, tmp_path / "straight", views=2)
    _, _, first, _ = run(tiny, tmp_path / "parts", views=2, stop=stop)
    parts, _, second, _ = run(tiny, tmp_path / "parts", views=2, resume=True)
    assert all(map(torch.equal, weights(parts), weights(straight)))
    assert first.computed + second.computed == 40 or stop % 5


def test_phases_have_maps_of_their_own_and_none_while_all_learns(tiny: Any, tmp_path: Path) -> None:
    plan = Plan(epochs=6, optimizer=SGD(rate=0.05), frozen_epochs=2)
    _, source, work, _ = run(tiny, tmp_path, plan=plan)
    assert (work.shown, work.computed, len(source.read_names)) == (40, 20, 20 + 4 * 20)
    assert len(list((tmp_path / "maps").iterdir())) == 1


def test_a_full_disk_is_said_once_and_the_run_goes_on(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, *_ = run(tiny, tmp_path / "whole")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("plusx.engine.frozen.store.write_at", full)
    task, source, _, (_, notes) = run(tiny, tmp_path / "full")
    assert len(source.read_names) == 80
    assert len(notes) == 1
    assert notes[0].endswith("No space left on device. What stays as it is is computed in every epoch.")
    assert len(weights(task)) == len(weights(whole))


def test_values_that_half_precision_cannot_hold_are_not_kept(tiny: Any, tmp_path: Path) -> None:
    def large(batch: Batch, generator: torch.Generator) -> Batch:
        return replace(batch, images=batch.images.float() * 1e5)

    task, source = tiny.seeded(batch_norm=False), Source(tiny)
    prefix, notes = Prefix(task, PLAN, tiny.cpu), []
    prefix.begin(0)
    keeping = Keeping(lambda key: tmp_path / key[:8], 20, (3, 8, 8), 1, 0, large, notes.append)
    batches = list(Kept(source, source, prefix, keeping).epoch(0))
    assert [batch.stages for batch in batches] == [0] * 5
    assert all(batch.images.dtype == torch.uint8 for batch in batches)
    assert len(notes) == 1
    assert notes[0].startswith("Maps have values beyond 65504")
