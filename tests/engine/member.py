"""Teams of processes, one after the other, as test_group.py starts them: member.py JSON. Each leaves a file of what it
found or said."""

import json
import multiprocessing
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # optimizers do at their first step: once here, and not in every copy of this process
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from conftest import Tiny  # type: ignore[missing-import]

from plusx.core.batch import Batch
from plusx.core.errors import InputError, PlusxError
from plusx.core.ranks import Ranks
from plusx.core.task import Task
from plusx.engine.anchor import Anchor
from plusx.engine.averages.ema import Ema
from plusx.engine.evaluate import counted
from plusx.engine.group import joined
from plusx.engine.interrupt import Interrupt
from plusx.engine.observer import StepInfo
from plusx.engine.optimizers.adamw import AdamW
from plusx.engine.optimizers.sgd import SGD
from plusx.engine.plan import Plan
from plusx.engine.schedules.constant import Constant
from plusx.engine.sharpness import Sharpness
from plusx.engine.sync_norm import synchronised
from plusx.engine.team import Team
from plusx.engine.train import train

PLAN = Plan(epochs=2, optimizer=SGD(rate=0.05), schedule=Constant(), accumulate=2, clip=1.0)
PLANS = {
    "plain": PLAN,
    "averaged": replace(PLAN, average=Ema(0.9), accumulate=1),
    "frozen first": replace(PLAN, frozen_epochs=1),
    "sharp": replace(PLAN, sharpness=Sharpness(), anchor=Anchor(), centralise=True, adaptive_clip=0.01),
    "unused": PLAN,
    "synchronised": PLAN,
    "norm": PLAN,
    "error": PLAN,
    "killed": PLAN,
    "interrupted": replace(PLAN, accumulate=1),
    "resumed": replace(PLAN, accumulate=1),
    "whole": replace(PLAN, accumulate=1),
    "lost": replace(PLAN, accumulate=1),
    "again": replace(PLAN, accumulate=1),
}
ADAPTIVE = replace(PLAN, optimizer=AdamW(rate=0.01, eps=1e-3), average=Ema(0.9))
SHARDED = {
    "sharded": ADAPTIVE,
    "sharded, frozen first": replace(ADAPTIVE, frozen_epochs=1),
    "sharded, synchronised": replace(PLAN, accumulate=1),
    "sharded, recomputed": PLAN,
    "sharded, NaN": replace(PLAN, accumulate=1),
    "sharded, whole": replace(ADAPTIVE, accumulate=1),
    "sharded, stopped": replace(ADAPTIVE, accumulate=1),
    "sharded, again": replace(ADAPTIVE, accumulate=1),
    "gone on with": replace(ADAPTIVE, accumulate=1),
}
PLANS |= SHARDED
STOPPED = ("interrupted", "sharded, stopped")
RESUMED = ("resumed", "again", "sharded, again", "gone on with")


class Killed(Tiny.listener):
    """Ends its process in the middle of an epoch."""

    def on_step(self, info: StepInfo) -> None:
        super().on_step(info)
        if info.step == 9:
            os.kill(os.getpid(), signal.SIGKILL)


def spoilt(batch: Batch, generator: torch.Generator) -> Batch:
    """As `prepare`, but for one image."""
    batch = Tiny.prepare(batch, generator)
    batch.images[0] = float("nan")
    return batch


class Sliced:
    """The slices of one rank out of the same batches."""

    def __init__(self, whole: Any, ranks: Ranks) -> None:
        self.whole, self.ranks = whole, ranks

    def __len__(self) -> int:
        return len(self.whole)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        for batch in self.whole.epoch(number, start):
            begin, end = self.ranks.slice_of(0, len(batch))
            part = slice(begin, end)
            names, total = batch.names[part], None if end - begin == len(batch) else len(batch)
            yield Batch(batch.images[part], batch.targets[part], names, batch.indices[part], (), total)


class Dealt:
    """Whole batches in blocks."""

    def __init__(self, whole: Any, ranks: Ranks) -> None:
        self.own = [batch for n, batch in enumerate(whole.epoch(0)) if n in ranks.block_of(len(whole))]

    def __len__(self) -> int:
        return len(self.own)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        yield from self.own[start:]


def task_of(case: str) -> Task:
    random = case in ("whole", "lost", "again")
    norm = random or case in ("norm", "synchronised", "sharded, synchronised")
    task = Tiny.seeded(batch_norm=norm, dropout=0.2 if random else 0.0)
    task.backbone.recompute = case == "sharded, recomputed"
    if case == "unused":
        task.spare = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.zeros_(task.spare.weight)
    return task


def run(case: str, directory: Path, team: Team) -> dict[str, Any]:
    tiny, task = Tiny(), task_of(case)
    batches = Sliced(tiny.batches(21, 4), team.ranks)  # the last one has a single image
    validation = Dealt(tiny.batches(10, 4, shuffle=False), team.ranks)

    def judge(judged: Task) -> dict[str, float]:
        counter = counted(judged, validation, tiny.cpu, tiny.prepare) if len(validation) else judged.metrics()
        return team.figures(counter)

    if case == "again":
        directory = directory.parent.parent / "lost" / "lost"
    if case == "resumed":
        directory = directory.parent.parent / "two" / "interrupted"
    if case in ("sharded, again", "gone on with"):
        stopped = directory.parent.parent / "stopped" / "sharded, stopped"
        directory = Path(shutil.copytree(stopped, directory)) if team.first else directory
        team.any(flag=False)
    with (
        Interrupt() as interrupt,
        synchronised(task) if "synchronised" in case and team.ranks.world > 1 else nullcontext(),
    ):
        listener = tiny.listener(3 if case in STOPPED and team.ranks.rank == 1 else None, interrupt)
        if case == "lost" and team.ranks.rank == 1:
            listener = Killed()
        way = tiny.mix if case in ("whole", "lost", "again") else tiny.prepare
        if case == "sharded, NaN" and team.ranks.rank == 1:
            way = spoilt
        parts = tiny.parts(directory, listener, prepare=way, evaluate=judge, primary="top-1", interrupt=interrupt)
        if case == "error" and team.ranks.rank == 1:
            raise InputError("No room for ünïcode here.")
        if case == "killed" and team.ranks.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        placement = replace(tiny.cpu, sharded=case.startswith("sharded") and team.ranks.world > 1)
        outcome = train(task, batches, PLANS[case], placement, parts=parts, resume=case in RESUMED, team=team)
    torch.save(task.state_dict(), directory / f"weights-{team.ranks.rank}-of-{team.ranks.world}.pt")
    losses = [info.loss for info in listener.steps]
    told = {"notes": [note["text"] for note in outcome.notes], "history": outcome.history}
    return {"stopped": outcome.stopped, "steps": outcome.steps_done, "losses": losses, **told}


def member(rank: int, world: int, cases: Sequence[str], directory: Path) -> None:
    """Each case has a directory of its own. Leaves figures, or what the error says."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world)}
    try:
        with joined("cpu") as team:
            found = json.dumps({case: run(case, directory / case, team) for case in cases})
    except PlusxError as error:
        found = json.dumps(f"{type(error).__name__}: {error}")
    (directory / f"said-{rank}.json").write_text(found, encoding="utf-8")


def main(world: int, cases: Sequence[str], directory: Path) -> None:
    """Copies of this process, so that torch is imported once."""
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCH_CPP_LOG_LEVEL": "ERROR"}
    fork = multiprocessing.get_context("fork")
    members = [fork.Process(target=member, args=(rank, world, cases, directory)) for rank in range(world)]
    for one in members:
        one.start()
    for one in members:
        one.join()


if __name__ == "__main__":
    for team in json.loads(sys.argv[1]):
        main(team["world"], team["cases"], Path(team["directory"]))
